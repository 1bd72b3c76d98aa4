"""Times, numbers, processes and tables as the views write them."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from tracerd.text import printable

if TYPE_CHECKING:  # `tail` needs none of it, and starts at once
    from tracerd.rows.process import Process
    from tracerd.rows.recording import Recording
    from tracerd.rows.spans import Id

_UNITS = (("s", 10**9), ("ms", 10**6), ("us", 10**3))


def microseconds(ns: int) -> int | float:
    """Nanoseconds as JSON has them: in the unit of ts and dur, an integer if it is one."""
    return ns // 1000 if ns % 1000 == 0 else ns / 1000


def duration_text(ns: int) -> str:
    """A time in three digits or more: `999 ns`, `1.50 us`, `20.0 ms`, `1,234 s`."""
    for unit, size in _UNITS:
        if abs(ns) >= size * 0.9995:  # which is shown as 1.00
            value = ns / size
            digits = 2 if abs(value) < 9.995 else 1 if abs(value) < 99.95 else 0
            return f"{value:,.{digits}f} {unit}"
    return f"{ns} ns"


def process_label(recording: "Recording", pid: "Id") -> str:
    """A process as Perfetto calls it: name and pid; the pid alone without a name."""
    name = recording.processes[pid].name
    return f"{name} {pid}" if name else str(pid)


def process_json(process: "Process", spans: int) -> dict[str, object]:
    """A process as JSON has it."""
    return {
        "pid": process.pid,
        "process": process.name,
        "start_us": None if process.start is None else microseconds(process.start),
        "end_us": None if process.start is None else microseconds(process.end),
        "dur_us": microseconds(process.dur),
        "events": process.events,
        "spans": spans,
        "errors": process.errors,
    }


MAX_NAME = 60
"""Characters of a name in a table; longer ones are cut in the middle."""


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Lines of a table: names to the left, numbers to the right. Names may come from a client."""
    cells = [list(head), *([shortened(printable(cell)) for cell in row] for row in rows)]
    for row in cells:
        row.extend("" for _ in range(len(head) - len(row)))
    return aligned(cells, [False, *[True] * (len(head) - 1)])


def aligned(rows: Sequence[Sequence[str]], is_right: Sequence[bool]) -> Iterator[str]:
    """Lines of columns as wide as their widest cell, each to the left or to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = zip(row, widths, is_right, strict=True)
        yield "  ".join(cell.rjust(width) if right else cell.ljust(width) for cell, width, right in cells).rstrip()


def shortened(name: str, most: int = MAX_NAME) -> str:
    """A name of at most so many characters, so that it fits; its end often tells more than its middle."""
    if len(name) <= most:
        return name
    half = (most - 3) // 2
    return f"{name[: most - 3 - half]}...{name[-half:]}"


def more_text(count: int, top: int) -> Iterator[str]:
    """What to say below a table of which only the first rows are shown."""
    if count > top:
        yield f"and {count - top:,} more; --top {count} shows them"
