"""Playwright's JSON report: a span a try of a test, on the row of its worker."""

from tracerd.importers.fields import fields, nanoseconds, objects, outcome, text, wall_ns, without_empty
from tracerd.importers.head import Head
from tracerd.importers.source import Source
from tracerd.importers.timeline import Clock, Timeline

_MAX_DEPTH = 100


def fits(head: Head) -> bool:
    """Whether a file that begins so is a report of Playwright."""
    return head.has("suites") and (head.has("config") or head.has("errors") or head.has("stats"))


def read(source: Source, timeline: Timeline) -> None:
    """Read a file."""
    timeline.tool = "Playwright"
    timeline.clock = Clock.WALL
    for suite in objects(fields(source.document("results")).get("suites")):
        _suite(suite, [], timeline)


def _suite(suite: dict[str, object], above: list[str], timeline: Timeline) -> None:
    titles = [*above, text(suite.get("title"))]
    for spec in objects(suite.get("specs")):
        name = " > ".join(filter(None, [*titles, text(spec.get("title"))]))
        for test in objects(spec.get("tests")):
            for result in objects(test.get("results")):
                _result(result, name, test, timeline)
    for inner in objects(suite.get("suites")):
        if len(titles) < _MAX_DEPTH:
            _suite(inner, titles, timeline)


def _result(result: dict[str, object], name: str, test: dict[str, object], timeline: Timeline) -> None:
    start_ns, dur_ns = wall_ns(result.get("startTime")), nanoseconds(result.get("duration"), 1_000_000)
    worker = result.get("parallelIndex")
    if start_ns is None or not isinstance(worker, int) or worker < 0:
        timeline.left_out["tests that have not started"] += 1
        return
    # A failed test ends its worker, and another one takes its place: the row is that of the place.
    timeline.process("", "Playwright")
    track = timeline.track("", f"worker {worker}", f"worker {worker}")
    status = result.get("status")
    failed = outcome(status)
    args = without_empty(
        status=status,
        outcome="xfailed" if failed and status == test.get("expectedStatus") else failed,
        retry=result.get("retry"),
        project=text(test.get("projectName")),
        worker=result.get("workerIndex"),
        error=text(fields(result.get("error")).get("message")),
    )
    timeline.span(track, name, start_ns, dur_ns, args, "test")
