"""One log to one trace.json: streamed in blocks, everything checked, never seen half written.

The log is read as it is: a line that Perfetto could not read, a torn tail, a line that no daemon of ours wrote are left
out, counted and reported.
"""

import contextlib
import gzip
import os
import stat
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Protocol

import msgspec

from tracerd import __version__
from tracerd.core.lines import BadLine, check_line
from tracerd.core.own_prefixes import CLOCK_PREFIX
from tracerd.errors import ExportError, UnsafePathError
from tracerd.speedups import plain_elements
from tracerd.store.log import BLOCK_BYTES
from tracerd.store.own_lines import ClockReadings, decode_clock
from tracerd.store.packed import parts
from tracerd.store.rejects import read_rejects, rejects_path
from tracerd.store.snapshot import Snapshot
from tracerd.store.temporary import replacing
from tracerd.trace_json.ahead import checked
from tracerd.trace_json.begin_marks import PASSED_OVER, OpenMarks
from tracerd.trace_json.perfetto import PROCESS_TEXT, export_elements, export_line, export_run, join_events
from tracerd.trace_json.tef import HEAD, SEPARATOR, tail

EXPORT_BLOCK_BYTES = 8 * BLOCK_BYTES if plain_elements else BLOCK_BYTES
"""With the extension the interpreter is free for others while a block is scanned: then fewer turns cost them less. Of
twice as much malloc gives the memory back to the system each time."""

FIRST_LEFT_OUT = 5
"""How many of the lines left out are reported one by one."""

_PASSED_OVER_LINE = PASSED_OVER + b"\n"

Progress = Callable[[int], None]
"""Called after each block with its size in bytes; it may raise to give the export up."""


class ProcessShownError(Exception):
    """See `refuses_processes` of `write_tef`."""


class Sink(Protocol):
    """Where the bytes of a trace.json go."""

    def write(self, data: bytes, /) -> object:
        """Take all of these bytes."""
        ...


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A line of the log that trace.json does not hold."""

    line_no: int
    reason: str


@dataclass(slots=True)
class Summary:
    """The result of an export.

    Attributes:
        events: Events in the file.
        left_out: Lines of the log that are not in the file.
        first_left_out: The first few of them.
        clock: The readings of the first clock line.
    """

    events: int = 0
    left_out: int = 0
    first_left_out: list[LeftOut] = field(default_factory=list[LeftOut])
    clock: ClockReadings | None = None


Verify = Callable[[Summary], str]
"""Called when all is read: why events may be missing, empty if none are; it may raise to give the export up."""


def write_tef(
    source: Snapshot,
    sink: Sink,
    progress: Progress = lambda _: None,
    blocks: Iterable[bytes] | None = None,
    verify: Verify = lambda _: "",
    *,
    is_ahead: bool = False,
    refuses_processes: bool = False,
) -> Summary:
    """Write a trace as one JSON document.

    Args:
        source: Which log, and how much of it.
        sink: Where to.
        progress: Called after each block.
        blocks: What to read instead of the log, in blocks of whole lines.
        verify: Called before the document is ended, and begun if there is no event.
        is_ahead: Let a thread check the next block meanwhile, where it can.
        refuses_processes: Give up at the first process of a build.

    Raises:
        ExportError: The log cannot be read.
        ProcessShownError: See `refuses_processes`.
        OSError: The sink cannot be written.
    """
    summary = Summary()
    head = HEAD
    blocks = log_blocks(source) if blocks is None else blocks
    for text in _events(blocks, summary, source, progress, is_ahead=is_ahead, refuses_processes=refuses_processes):
        if head:
            sink.write(head + text.removeprefix(SEPARATOR))
            head = b""
        else:
            sink.write(text)
    missing = verify(summary)
    sink.write(head + tail(metadata(source, summary, missing)))
    return summary


def metadata(source: Snapshot, summary: Summary, missing: str) -> dict[str, object]:
    """What a trace.json says of itself; `missing` as `Verify` returns it."""
    rejects = read_rejects(rejects_path(source.path), source.rejects_length, source.refused)
    return {
        "trace_id": source.trace_id,
        "tracerd_version": __version__,
        "events": summary.events,
        "left_out": summary.left_out,
        "refused": rejects.refused,
        "complete": not (source.missing or missing),
        "clock": msgspec.to_builtins(summary.clock),
    }


def _events(
    blocks: Iterable[bytes],
    summary: Summary,
    source: Snapshot,
    progress: Progress,
    *,
    is_ahead: bool,
    refuses_processes: bool,
) -> Iterator[bytes]:
    """The events of a log as pieces of a JSON array; all have a comma before them, the first one too."""
    marks = OpenMarks()
    line_no = 1
    # The extension stops at what concerns marks: so most blocks need not be searched for them.
    is_searched = not plain_elements or source.transform is not None
    is_ahead = is_ahead and not is_searched
    for stored, found in chain(checked(blocks, is_ahead=is_ahead), checked(marks.unfinished(), is_ahead=False)):
        is_resolved = is_searched
        block = marks.taken_out_of(stored) if is_resolved else stored
        if source.transform:
            block = source.transform(block)
        at, known = 0, found
        while at < len(block):
            begin = at
            count, at, text, doubtful, may_show_process = known or export_elements(block, at)
            known = None
            if refuses_processes and may_show_process and block.rfind(PROCESS_TEXT, begin, doubtful) >= 0:
                raise ProcessShownError
            line_no += count
            summary.events += count
            if text:
                yield text
            if not is_resolved and at < len(block):
                block, at, is_resolved = marks.taken_out_of(block[at:]), 0, True
            elif block.startswith(_PASSED_OVER_LINE, at):
                at += len(_PASSED_OVER_LINE)
                line_no += 1
            elif at < doubtful:
                lines = _pick(block[at:doubtful], line_no, summary)
                good = [line + b"\n" for line in lines if line]
                at = doubtful
                line_no += len(lines)
                summary.events += len(good)
                if good:
                    yield join_events(b"".join(good))
        progress(len(stored))


def readable_lines(block: bytes, line_no: int, summary: Summary) -> list[bytes]:
    """The lines of a block as they may enter a trace.json; an empty one in the place of each that may not.

    Args:
        block: Whole lines.
        line_no: The number of the first one.
        summary: Counts what is left out, and takes the clock.
    """
    if block.rfind(CLOCK_PREFIX) >= 0 or export_run(block) is None:
        return _pick(block, line_no, summary)
    return block.split(b"\n")[:-1]


def log_blocks(source: Snapshot) -> Iterator[bytes]:
    """The blocks of a log; nothing if there is no log."""
    try:
        with parts(source.path) as opened:
            yield from opened.blocks(source.log_length, EXPORT_BLOCK_BYTES)
    except FileNotFoundError:
        if source.log_length:
            raise ExportError(f"the log {source.path} has been removed") from None
    except OSError as error:
        raise ExportError(f"cannot read {source.path}: {error.strerror}") from None
    except UnsafePathError as error:
        raise ExportError(f"cannot read {source.path}: {error}") from None


def _pick(block: bytes, line_no: int, summary: Summary) -> list[bytes]:
    """As `readable_lines`, line by line."""
    lines = block.removesuffix(b"\n").split(b"\n")
    for at, line in enumerate(lines):
        is_clock = line.startswith(CLOCK_PREFIX)
        taken = (check_line if is_clock else export_line)(line.strip(b" \t\r"))
        lines[at] = b""
        if isinstance(taken, BadLine):
            summary.left_out += 1
            if len(summary.first_left_out) < FIRST_LEFT_OUT:
                summary.first_left_out.append(LeftOut(line_no + at, taken.reason if line.strip() else "a blank line"))
        elif not is_clock:
            lines[at] = taken
        elif summary.clock is None:
            summary.clock = decode_clock(taken)
    return lines


# ------------------------------------------------------------------ to a file, atomically


def export_to_file(
    source: Snapshot,
    target: str,
    progress: Progress = lambda _: None,
) -> Summary:
    """Write a trace to a file: readers see the old file or the whole new one. A name ending in `.gz` compresses.

    Args:
        source: Which log, and how much of it.
        target: A path from `resolve_target`.
        progress: See `write_tef`; if it raises, the old file stays.

    Raises:
        ExportError: The file could not be written; nothing is left behind.
    """
    with replaced(target) as sink:
        return write_tef(source, sink, progress)


@contextlib.contextmanager
def replaced(target: str) -> Generator[Sink]:
    """What goes into a new file, which takes the place of `target` at the end, unless an exception is raised.

    Args:
        target: A path from `resolve_target`; what goes into a name ending in `.gz` is compressed.

    Raises:
        ExportError: The file could not be written; nothing is left behind.
    """
    try:
        with replacing(target) as fd, open(fd, "wb", closefd=False) as file:
            _keep_mode(fd, target)
            if target.endswith(".gz"):
                with gzip.GzipFile("", "wb", fileobj=file, mtime=0) as compressed:
                    yield compressed
            else:
                yield file
    except OSError as error:
        raise ExportError(f"cannot write {target}: {error.strerror or error}") from error


def _keep_mode(fd: int, target: str) -> None:
    """Give the new file the mode of the one it replaces; without one the umask has decided already."""
    with contextlib.suppress(FileNotFoundError):
        os.fchmod(fd, stat.S_IMODE(os.stat(target).st_mode))
