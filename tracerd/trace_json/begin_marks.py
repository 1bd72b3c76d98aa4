"""Begin marks: how a span is known that has begun and never ends, because its process is killed or hangs.

Strategy: a span is one line, written when it ends, as Perfetto wants it; so a span that ended needs nothing else. A
client that may be killed before writes a mark when the span begins, and the line that ends the span names the mark.
What reads a trace takes both out, and what is left at the end are the spans that never ended: see `resolved`.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Annotated, Final

import msgspec

from tracerd.core.own_prefixes import BEGIN_PREFIX, CLOCK_PREFIX

MAX_OPEN: Final = 100_000
"""So many open spans are known; of more, those that began first."""

PROCESS_CAT: Final = "process"
"""The category of what `tracerd exec` says of a process, its name too: one that the process gives itself is better."""

UNFINISHED_CAT: Final = "unfinished"
"""The category of spans that never ended."""

END_KEY: Final = b',"begin":"'
"""How the name of a mark begins in the line that ends its span."""

# Quotes inside a string are escaped, so this is a key, and what follows shows that it is the last one of the line.
_END = re.compile(END_KEY + rb'([0-9a-f]{16})"\}(?=\n|\Z)')
_MARK_TEXT = re.compile(re.escape(BEGIN_PREFIX) + rb"[^\n]*")
_NEWLINE = ord("\n")

PASSED_OVER: Final = CLOCK_PREFIX + b'"args":{}}'
"""A clock line without readings: no reader takes anything from it."""


_Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


class _Args(msgspec.Struct):
    id: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{16}\Z")]
    name: str = ""
    cat: str = ""
    process: str = ""
    parent: _Int64 | None = None


class Mark(msgspec.Struct):
    """A begin mark: where its span began, and of what thread it is."""

    ts: _Int64 | float
    args: _Args
    pid: _Int64 | str = 0
    tid: _Int64 | str = 0

    @property
    def id(self) -> str:
        """Its name, which the line that ends its span repeats."""
        return self.args.id

    def event(self) -> bytes:
        """The event that shows the span as begun: an asynchronous one, which no other event can end."""
        where = {"pid": self.pid, "tid": self.tid, "ts": self.ts, "id2": {"local": f"0x{self.id}"}}
        args = {"cat": self.args.cat} | ({} if self.args.parent is None else {"parent": self.args.parent})
        event = {"ph": "b", "cat": UNFINISHED_CAT, "name": self.args.name, **where, "args": args}
        return msgspec.json.encode(event)

    def process_name(self) -> bytes:
        """The event that names its process; nothing if another line does."""
        if not self.args.process:
            return b""
        where = {"cat": PROCESS_CAT, "pid": self.pid, "tid": self.tid}
        return msgspec.json.encode({"ph": "M", "name": "process_name", **where, "args": {"name": self.args.process}})


_MARK = msgspec.json.Decoder(Mark)


def read_mark(line: bytes) -> Mark | None:
    """The mark that a line of strict JSON is; None if it is none."""
    if not line.startswith(BEGIN_PREFIX):
        return None
    try:
        return _MARK.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def ended_mark(line: bytes) -> str:
    """The id of the mark whose span ends with this line; empty if it names none."""
    found = _END.search(line) if END_KEY in line else None
    return found[1].decode() if found else ""


def without_end(line: bytes) -> bytes:
    """A line without the name of the mark whose span ends with it."""
    return _END.sub(b"}", line) if END_KEY in line else line


def ended_marks(block: bytes) -> Iterator[str]:
    """The ids of the marks whose spans end in these whole lines."""
    if block.rfind(END_KEY) >= 0:
        for found in _END.finditer(block):
            yield found[1].decode()


def open_marks(blocks: Iterable[bytes]) -> list[bytes]:
    """The marks, as lines, of a log's spans that have not ended, in the order of the log."""
    marks: dict[str, bytes] = {}
    for block in blocks:
        if block.rfind(BEGIN_PREFIX) >= 0:
            for found in _MARK_TEXT.finditer(block):
                if (mark := read_mark(found[0])) and (len(marks) < MAX_OPEN or mark.id in marks):
                    marks[mark.id] = found[0]
        for ended in ended_marks(block):
            marks.pop(ended, None)
    return list(marks.values())


def resolved(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """A log as if its clients had written no marks, and had begun at its end what never ended.

    Args:
        blocks: The log, in whole lines; only the very last may lack its newline.

    Returns:
        The same lines, in blocks. In the place of each mark is one that every reader passes over, so that all others
        keep their numbers.
    """
    marks = OpenMarks()
    torn = b""
    for block in blocks:
        taken = marks.taken_out_of(block)
        if taken.endswith(b"\n"):
            yield taken
        else:
            torn = taken
    unfinished = b"".join(marks.unfinished())
    if torn and unfinished:
        torn += b"\n"
    if torn or unfinished:
        yield torn + unfinished


class OpenMarks:
    """The marks of a trace whose spans have not ended."""

    def __init__(self) -> None:
        self._open: dict[str, Mark] = {}

    def taken_out_of(self, block: bytes) -> bytes:
        """The next whole lines of the trace, see `resolved`."""
        # rfind: in Python 3.11 it takes a tenth of what `in` does.
        if block.rfind(BEGIN_PREFIX) >= 0:
            block = _MARK_TEXT.sub(self._begin, block)
        if block.rfind(END_KEY) >= 0:
            block = _END.sub(self._end, block)
        return block

    def _begin(self, found: re.Match[bytes]) -> bytes:
        """A mark with the id of an open one replaces it."""
        start = found.start()
        mark = read_mark(found[0]) if start == 0 or found.string[start - 1] == _NEWLINE else None
        if mark is None:
            return found[0]
        if len(self._open) < MAX_OPEN or mark.id in self._open:
            self._open[mark.id] = mark
        return PASSED_OVER

    def _end(self, found: re.Match[bytes]) -> bytes:
        self._open.pop(found[1].decode(), None)
        return b"}"

    def unfinished(self) -> Iterator[bytes]:
        """The lines of spans that never ended, once all of the trace was taken."""
        for mark in self._open.values():
            if name := mark.process_name():
                yield name + b"\n"
            yield mark.event() + b"\n"
