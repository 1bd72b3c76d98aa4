"""A part of a trace as a trace.json, or as several."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack

from tracerd.errors import ExportError
from tracerd.exporters.extract import Extract
from tracerd.exporters.parts import MAX_PARTS, Parts
from tracerd.exporters.selection import METADATA, Selection
from tracerd.trace_json.export import Sink, Summary
from tracerd.trace_json.tef import HEAD, SEPARATOR, perfetto_text, tail

Sinks = Callable[[int], AbstractContextManager[Sink]]
"""Opens the file of this number, from 1; it is whole when its context ends."""

_COMMA = len(SEPARATOR)


class _Document:
    """A trace.json that is being written."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._before = HEAD
        self.events = 0

    def add(self, lines: Sequence[bytes]) -> None:
        if lines:
            self._sink.write(self._before + perfetto_text(b"\n".join(lines)).replace(b"\n", SEPARATOR))
            self._before = SEPARATOR
            self.events += len(lines)

    def finish(self, metadata: dict[str, object]) -> None:
        self._sink.write((b"" if self.events else HEAD) + tail(metadata | {"events": self.events}))


class _Ends:
    """The ends that the spans of a file lack, until its end."""

    def __init__(self, selection: Selection) -> None:
        self._selection = selection
        self._lines: list[tuple[int, int, int, bytes]] = []

    def add(self, line_no: int, end: bytes) -> None:
        # Of spans that end at one time the inner one ends first.
        order = (self._selection.closing[line_no], -self._selection.ts[line_no], -line_no)
        self._lines.append((*order, end))

    def in_order(self) -> list[bytes]:
        return [line for *_, line in sorted(self._lines)]


def write_extract(extract: Extract, sinks: Sinks) -> Summary:
    """Write the files of an extract.

    Returns:
        A summary of all of them.

    Raises:
        TracerdError: The trace cannot be read, or cannot be split so.
        OSError: A file cannot be written.
    """
    if extract.max_bytes is None:
        return _write_one(extract, sinks)
    parts, total, metadata = _measured(extract, extract.max_bytes)
    _write_parts(extract, parts, metadata, sinks)
    return total


def _write_one(extract: Extract, sinks: Sinks) -> Summary:
    summary = Summary()
    ends = _Ends(extract.selection)
    closing = extract.selection.closing
    with sinks(1) as sink:
        document = _Document(sink)
        for lines in extract.lines(summary):
            document.add([text for _, text in lines])
            summary.events += len(lines)
            for line_no, text in lines if closing else ():
                if line_no in closing:
                    ends.add(line_no, extract.end_line(line_no, text))
        document.add(ends.in_order())
        document.finish(extract.metadata(summary))
    summary.events = document.events
    return summary


def _measured(extract: Extract, max_bytes: int) -> tuple[Parts, Summary, dict[str, object]]:
    """Read the trace to find what goes into which file, and what all of them say of it."""
    selection = extract.selection
    parts = Parts(selection)
    total = Summary()
    for lines in extract.lines(total):
        for line_no, text in lines:
            extra = _COMMA
            if line_no in selection.closing:
                extra += len(perfetto_text(extract.end_line(line_no, text))) + _COMMA
            parts.measure(line_no, text, len(perfetto_text(text)) + extra)
        total.events += len(lines)
    metadata = extract.metadata(total)
    most = {"events": total.events + len(selection.closing), "part": MAX_PARTS, "parts": MAX_PARTS}
    frame = len(HEAD) + len(tail(metadata | most))
    frame += sum(len(perfetto_text(line)) + _COMMA for line in parts.metadata)
    if frame > max_bytes:
        raise ExportError(f"each file needs {frame:,} bytes for metadata alone; choose a larger size")
    parts.assign(max_bytes - frame, max_bytes)
    return parts, total, metadata


def _write_parts(extract: Extract, parts: Parts, metadata: dict[str, object], sinks: Sinks) -> None:
    selection = extract.selection
    held: list[list[bytes]] = [[] for _ in range(parts.count)]
    ends = [_Ends(selection) for _ in range(parts.count)]
    with ExitStack() as stack:

        def begin(part: int) -> _Document:
            document = _Document(stack.enter_context(sinks(part + 1)))
            document.add(parts.metadata)
            document.add(held[part])
            held[part].clear()
            return document

        def finish(document: _Document, part: int) -> None:
            document.add(ends[part].in_order())
            document.finish(metadata | {"part": part + 1, "parts": parts.count})

        part = 0
        document = begin(part)
        for lines in extract.lines(Summary()):
            now: list[bytes] = []
            for line_no, text in lines:
                if selection.kinds[line_no] == METADATA:
                    continue
                while part + 1 < parts.count and line_no >= parts.starts[part]:
                    document.add(now)
                    now = []
                    finish(document, part)
                    part += 1
                    document = begin(part)
                own = parts.part_of(line_no)
                (now if own == part else held[own]).append(text)
                if line_no in selection.closing:
                    ends[own].add(line_no, extract.end_line(line_no, text))
            document.add(now)
        finish(document, part)
