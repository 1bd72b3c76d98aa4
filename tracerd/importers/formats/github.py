"""The jobs of a GitHub Actions run, as its API and `gh run view --json jobs` give them: a thread a job."""

import re
from typing import Final

from tracerd.importers.fields import fields, items, objects, outcome, text, wall_ns, without_empty
from tracerd.importers.head import Head
from tracerd.importers.source import Source
from tracerd.importers.timeline import Clock, Timeline

_JOBS: Final = re.compile(rb'"jobs"\s*:\s*\[')


def fits(head: Head) -> bool:
    """Whether a file that begins so is one of jobs, or of pages of them."""
    is_one = head.has("run_id") and head.has("steps")
    return is_one or ((head.has("jobs") or "jobs" in head.first) and _JOBS.search(head.text) is not None)


def read(source: Source, timeline: Timeline) -> None:
    """Read a file."""
    timeline.tool = "GitHub Actions"
    timeline.clock = Clock.WALL
    document = source.document("jobs", "steps")
    for page in objects(items(document)):
        for job in objects(page.get("jobs") or [page]):
            _job(job, timeline)


def _job(job: dict[str, object], timeline: Timeline) -> None:
    name = text(job.get("name")) or "job"
    run = job.get("run_id")
    timeline.process(str(run), " ".join(filter(None, [text(job.get("workflow_name")), f"run {run}" if run else ""])))
    track = timeline.track(str(run), str(job.get("id") or job.get("databaseId")), name)
    start_ns = wall_ns(job.get("started_at") or job.get("startedAt"))
    if start_ns is None:
        timeline.left_out["jobs that have not started"] += 1
        return
    created_ns = wall_ns(job.get("created_at"))
    if created_ns is not None and created_ns < start_ns:
        timeline.span(track, "queued", created_ns, start_ns - created_ns, cat="queue")
    args = without_empty(
        conclusion=job.get("conclusion"),
        outcome=outcome(job.get("conclusion")),
        status=job.get("status"),
        runner=job.get("runner_name"),
        labels=job.get("labels"),
        url=job.get("html_url") or job.get("url"),
    )
    _span(timeline, track, name, job, args, "job")
    for step in objects(job.get("steps")):
        args = without_empty(
            conclusion=step.get("conclusion"),
            outcome=outcome(step.get("conclusion")),
            status=step.get("status"),
            number=step.get("number"),
        )
        if not _span(timeline, track, text(step.get("name")) or "step", step, args, "step"):
            timeline.left_out["steps that have not started"] += 1


def _span(
    timeline: Timeline, track: int, name: str, item: dict[str, object], args: dict[str, object], cat: str
) -> bool:
    """A span of whole seconds; one that has not been completed stays open."""
    item = fields(item)
    start_ns = wall_ns(item.get("started_at") or item.get("startedAt"))
    if start_ns is None:
        return False
    end_ns = wall_ns(item.get("completed_at") or item.get("completedAt"))
    if end_ns is not None and end_ns < 0:  # how `gh` writes that there is none: the year 1
        end_ns = None
    timeline.span(track, name, start_ns, None if end_ns is None else end_ns - start_ns, args, cat)
    return True
