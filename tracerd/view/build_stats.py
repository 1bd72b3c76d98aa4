"""The figures of a build, for people and for scripts: what `tracerd stats` shows of processes.

A moment of work counts once: a step works while none of its own steps runs.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from tracerd.builds.summary import Summary, Total, totals
from tracerd.text import encodable, plural, printable, size_text
from tracerd.view.concurrency import COLUMNS
from tracerd.view.stats import bars_of
from tracerd.view.summary import build_json, cpu_text, ending_text, rounded_s
from tracerd.view.tables import duration_text, microseconds, more_text, table


def as_text(summary: Summary, trace_id: str, top: int, bars: str) -> Iterator[str]:
    """All of it, in lines.

    Args:
        summary: The build.
        trace_id: Its trace.
        top: Rows of each table at most.
        bars: What to draw with.
    """
    build = summary.build
    yield f"{printable(trace_id)}: {build_text(summary)}"
    yield f"cpu: {cpu_text(summary)}"
    yield ""
    yield from _table("program", totals(summary.steps, by_program=True), top, with_cpu=summary.has_step_cpu)
    yield ""
    yield from _table("step", summary.slowest, top, with_cpu=summary.has_step_cpu)
    yield ""
    found, over_time = summary.running, _over_time(summary)
    yield f"at once, over time ({duration_text((build.end - build.start) // COLUMNS)} a column)"
    mean = found.mean(build.start, build.end)
    yield f"steps  |{bars_of(over_time, found.peak, bars)}|  {mean:,.1f} on average, at most {found.peak:,}"


def build_text(summary: Summary) -> str:
    """A build in one line: `39.4 s for make, ended well; 39 steps, 109 processes`."""
    build = summary.build
    counted = f"{plural(len(summary.steps), 'step')}, {plural(len(build.steps), 'process')}"
    return f"{duration_text(summary.wall)} for {printable(build.name)}, {ending_text(build)}; {counted}"


def _table(what: str, rows: Sequence[Total], top: int, *, with_cpu: bool) -> Iterator[str]:
    head = [what, "count", "work", "longest", "mean", *["cpu", "memory"] * with_cpu, "failed"]
    cells: list[list[str]] = []
    for row in rows[:top]:
        times = [duration_text(time) for time in (row.work, row.longest, round(row.work / row.count))]
        cpu = "" if row.cpu_s is None else duration_text(round(row.cpu_s * 1e9))
        memory = "" if row.peak_bytes is None else size_text(row.peak_bytes)
        failed = str(row.failed) if row.failed else ""
        cells.append([row.name, f"{row.count:,}", *times, *[cpu, memory] * with_cpu, failed])
    yield from table(head, cells)
    yield from more_text(len(rows), top)


def _over_time(summary: Summary) -> list[float]:
    """How many steps worked at once, on average, in each part of the time."""
    start, dur = summary.build.start, summary.wall
    columns = min(COLUMNS, max(dur, 1))
    borders = [start + dur * column // columns for column in range(columns + 1)]
    return [summary.running.mean(since, until) for since, until in pairwise(borders)]


def as_json(summary: Summary, trace_id: str, top: int | None) -> dict[str, object]:
    """All of it, as docs/builds.md has it."""
    build, running = summary.build, summary.running
    return build_json(summary, trace_id) | {
        "programs": [total_json("program", row) for row in totals(summary.steps, by_program=True)[:top]],
        "targets": [total_json("step", row) for row in summary.slowest[:top]],
        "at_once": {
            "peak": running.peak,
            "mean": round(running.mean(build.start, build.end), 3),
            "over_time": [round(mean, 3) for mean in _over_time(summary)],
        },
    }


def total_json(what: str, row: Total) -> dict[str, object]:
    """Steps of one name, or of one program."""
    return {
        what: encodable(row.name),
        "count": row.count,
        "work_us": microseconds(row.work),
        "longest_us": microseconds(row.longest),
        "cpu_s": rounded_s(row.cpu_s),
        "peak_memory_bytes": row.peak_bytes,
        "failed": row.failed,
    }
