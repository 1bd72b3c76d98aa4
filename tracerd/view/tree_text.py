"""The tree of `tracerd show` as lines for people, and as JSON for scripts."""

from collections.abc import Iterator

from tracerd.rows.levels import ERROR_LEVELS
from tracerd.rows.process import Process
from tracerd.rows.spans import Id
from tracerd.text import plural, printable
from tracerd.view.attributes import attribute_lines
from tracerd.view.tables import duration_text, microseconds, process_json, process_label, shortened
from tracerd.view.tree import LogRow, ProcessRow, Row, SpanRow, Tree

_INDENT = "  "

MAX_MESSAGE = 200
"""Characters of a message that are shown."""


Lines = Iterator[tuple[str, bool]]
"""Lines, and of each whether it reports an error."""


def head(tree: Tree, trace_id: str) -> Lines:
    """What stands above the tree."""
    recording = tree.recording
    counted = (plural(len(recording.processes), "process"), plural(recording.events, "event"))
    dur = duration_text(recording.end - recording.start)
    yield f"{printable(trace_id)}: {', '.join([dur, *counted])}", False
    for line in attribute_lines(recording.attributes):
        yield line, False
    yield _line("start", "duration", "self", ""), False


def as_text(tree: Tree) -> Lines:
    """The tree as lines for people, without its head."""
    thread: tuple[Id, Id | None, bool] | None = None
    has_spans = False
    for row in tree.rows():
        if isinstance(row, ProcessRow):
            if has_spans:
                yield "", False
            has_spans = False
            yield _process_line(tree, row), False
            thread = (row.process.pid, row.process.pid, False)  # the main thread needs no line, unless it comes later
            continue
        has_spans = True
        if (row.pid, row.tid, row.is_async) != thread:
            thread = (row.pid, row.tid, row.is_async)
            yield _line("", "", "", _INDENT + _thread_label(tree.recording.processes[row.pid], row)), False
        yield _log_line(tree, row) if isinstance(row, LogRow) else _span_line(tree, row), row.is_error
    if tree.hidden:
        yield "", False
        yield f"{plural(tree.hidden, 'shorter span')} not shown", False


def _line(start: str, dur: str, self_time: str, what: str) -> str:
    return f"{start:>9} {dur:>9} {self_time:>9}  {what}".rstrip()


def _process_line(tree: Tree, row: ProcessRow) -> str:
    process = row.process
    counted = [plural(process.events, "event"), plural(row.spans, "span")]
    if process.errors:
        counted.append(plural(process.errors, "error"))
    what = f"process {printable(process_label(tree.recording, process.pid))}: {', '.join(counted)}"
    if process.start is None:
        return _line("", "", "", what)
    return _line(duration_text(process.start - tree.recording.start), duration_text(process.dur), "", what)


def _thread_label(process: Process, row: SpanRow | LogRow) -> str:
    if row.tid is None:
        return "async" if row.is_async else "of the process"
    name = process.threads.get(row.tid, "")
    return f"thread {printable(f'{name} {row.tid}'.strip())}"


def _span_line(tree: Tree, row: SpanRow) -> str:
    marks = [
        mark
        for mark, is_so in (
            ("error", row.is_error),
            ("unfinished", row.dur is None),
            ("overlaps", row.is_overlapping),
        )
        if is_so
    ]
    name = printable(row.name) or "[No name]"
    what = _INDENT * (row.depth + 2) + name + "".join(f" [{mark}]" for mark in marks)
    start = duration_text(row.start - tree.recording.start)
    if row.is_instant or row.dur is None or row.self_time is None:
        return _line(start, "", "", what)
    return _line(start, duration_text(row.dur), duration_text(row.self_time), what)


def _log_line(tree: Tree, row: LogRow) -> str:
    mark = " [error]" if row.is_error and row.level not in ERROR_LEVELS else ""
    what = f"{_INDENT * (row.depth + 2)}{row.level}: {shortened(printable(row.message), MAX_MESSAGE)}{mark}"
    return _line(duration_text(row.start - tree.recording.start), "", "", what)


def as_json(row: Row) -> dict[str, object]:
    """A row, as in docs/view.md."""
    if isinstance(row, ProcessRow):
        return {"type": "process"} | process_json(row.process, row.spans)
    if isinstance(row, LogRow):
        return {
            "type": "log",
            "pid": row.pid,
            "tid": row.tid,
            "depth": row.depth,
            "level": row.level,
            "message": row.message,
            "start_us": microseconds(row.start),
            "error": row.is_error,
        }
    return {
        "type": "instant" if row.is_instant else "span",
        "pid": row.pid,
        "tid": row.tid,
        "depth": row.depth,
        "name": row.name,
        "cat": row.cat,
        "start_us": microseconds(row.start),
        "dur_us": None if row.dur is None else microseconds(row.dur),
        "self_us": None if row.self_time is None else microseconds(row.self_time),
        "error": row.is_error,
        "overlaps": row.is_overlapping,
    }
