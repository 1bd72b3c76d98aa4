"""The critical path of a build, for people and for scripts."""

from collections.abc import Iterator

from tracerd.builds.critical import Because, PathStep
from tracerd.builds.failures import is_failure
from tracerd.builds.summary import Summary
from tracerd.builds.work import steps_of
from tracerd.text import encodable, plural, printable
from tracerd.view.tables import duration_text, microseconds

WAITED: dict[Because, str] = {
    "clock": "began after the step above",
    "slot": "waited for a slot, which the step above had",
    "file": "names a file of the step above",
    "ninja": "needs the step above, by ninja's files",
    "parent": "began with the command around it",
}
"""What each reason means."""

_NOTEWORTHY = 0.1
"""The part of the build that a wait must have taken to be named."""

_SHORT = 0.01
"""Steps that took a smaller part of the build are folded into the row of the step after them."""

_AT_LEAST = 10
"""So many of the longest steps have a row in any case."""

_ADVICE = 3
"""How many of the longest steps it is about."""


def as_json(trace_id: str, summary: Summary) -> dict[str, object]:
    """The path as docs/builds.md tells."""
    return {
        "trace_id": encodable(trace_id),
        "wall_us": microseconds(summary.wall),
        "steps": [link_json(link) for link in summary.path],
    }


def link_json(link: PathStep) -> dict[str, object]:
    """A step of the path."""
    return {
        "name": link.step.name.encode(errors="replace").decode(),
        "pid": link.step.pid,
        "start_us": microseconds(link.step.start),
        "dur_us": microseconds(link.step.dur),
        "gap_us": microseconds(link.gap),
        "because": link.because,
    }


def as_text(trace_id: str, summary: Summary, *, with_short: bool = False) -> Iterator[str]:
    """The path in lines, the first step first, and what could have run meanwhile.

    Args:
        trace_id: The trace.
        summary: The build.
        with_short: Give short steps a row too.
    """
    build, path = summary.build, summary.path
    took = sum(link.step.dur for link in path)
    yield (
        f"{printable(trace_id)}: {printable(build.name)} took {duration_text(summary.wall)}, "
        f"of which {plural(len(path), 'step')} one after the other took {duration_text(took)}"
    )
    if not path:
        return
    yield ""
    yield _row("start", "gap", "took", "at once", "step")
    shown = set(path) if with_short else _shown(summary)
    end, folded = build.start, list[PathStep]()
    for link in path:
        step = link.step
        if link not in shown:
            folded.append(link)
            continue
        mean = summary.running.mean(step.start, step.end)
        times = [duration_text(time) for time in (step.start - build.start, step.start - end, step.dur)]
        why = WAITED[(folded or [link])[0].because] + (f"; {_short(folded)}" if folded else "")
        yield _row(*times, f"{mean:.1f}", f"{printable(step.title):<32}  {why}")
        end, folded = step.end, []
    after = f"; {_short(folded)}" if folded else ""
    yield _row(duration_text(end - build.start), duration_text(build.end - end), "", "", f"the end{after}")
    yield from _advice(summary)


def _shown(summary: Summary) -> set[PathStep]:
    """The steps that have a row of their own: the long ones, and what failed."""
    longest = sorted(summary.path, key=lambda link: -link.step.dur)
    least = summary.wall * _SHORT
    return {
        link for at, link in enumerate(longest) if at < _AT_LEAST or link.step.dur >= least or is_failure(link.step)
    }


def _short(folded: list[PathStep]) -> str:
    return f"{plural(len(folded), 'short step')} between ({duration_text(sum(link.step.dur for link in folded))})"


def _row(*cells: str) -> str:
    *numbers, what = cells
    return "  ".join(
        [*(f"{number:>{width}}" for number, width in zip(numbers, (9, 8, 8, 7), strict=True)), what]
    ).rstrip()


def _advice(summary: Summary) -> Iterator[str]:
    """What could have run: long steps that waited for no file, and slots that were free meanwhile."""
    least, limit = summary.wall * _NOTEWORTHY, summary.limit
    longest = sorted(summary.path, key=lambda link: -link.step.dur)[:_ADVICE]
    lines: list[str] = []
    for link in longest:
        step, name = link.step, printable(link.step.name)
        if link.because == "slot" and step.start - link.ready > least and step.dur > least:
            waited, ready = duration_text(step.start - link.ready), link.ready - summary.build.start
            when = f"{duration_text(ready)} after the start" if ready else "the start"
            lines.append(f"{name} waited {waited} for a slot; by the files that it names it could have begun at {when}")
        mean = summary.running.mean(step.start, step.end)
        has_followers = any(other.start >= step.end for other in steps_of(summary.build))
        if has_followers and (limit - mean) * step.dur > least * limit:
            lines.append(f"while {name} ran, {mean:.1f} of {limit} slots were used: the other steps waited for it")
    if lines:
        yield ""
        yield from lines
