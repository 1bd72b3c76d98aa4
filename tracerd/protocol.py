"""The wire protocol, version 1: bytes of one connection to messages, and replies to bytes.

Pure: no sockets, no clock. Any bytes decode to messages; bad input is a `Refused` value, never an exception.

Strategy: consecutive event lines travel as ONE `Events` message, a block of whole lines and a count. The block is
checked at once, by the fast check; one that fails is halved until the line at fault stands alone, so that a bad
line costs its neighbours little.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from tracerd.check import BadLine, check_line, check_run
from tracerd.errors import InvalidTraceIdError
from tracerd.trace_id import TraceId

DEFAULT_MAX_LINE_BYTES = 16 * 1024 * 1024
"""A line longer than this is refused. Perfetto itself reads events of 40 MB; real clients stay below 100 KB."""

KEPT_BYTES = 64 * 1024
"""How much of a refused line is kept to be shown to the client's author."""

FEW_LINES = 4
"""Runs of at most this many lines are checked line by line; longer ones are halved first."""

_BLANKS = b" \t\r"
_EVENT_LINES = re.compile(rb"(?:\{[^\n]*\n)+")


@dataclass(frozen=True, slots=True)
class Open:
    """`OPEN <trace-id>`: what follows on this connection belongs to this trace."""

    trace_id: TraceId


@dataclass(frozen=True, slots=True)
class Events:
    """A run of event lines, checked: `count` strict JSON objects, each ended by a newline."""

    block: bytes
    count: int
    repaired: int = 0
    first_line: int = 1


@dataclass(frozen=True, slots=True)
class EmitTef:
    """`EMIT_TEF <path>`: write the trace so far to this file."""

    path: str
    line_no: int


@dataclass(frozen=True, slots=True)
class EmitTefAtExit:
    """`EMIT_TEF_AT_EXIT <path>`: write the trace to this file when its last client has gone."""

    path: str
    line_no: int


@dataclass(frozen=True, slots=True)
class Flush:
    """`FLUSH`: answer OK when everything before it is done."""


@dataclass(frozen=True, slots=True)
class Status:
    """`STATUS`: answer with one JSON line about the daemon."""


@dataclass(frozen=True, slots=True)
class Die:
    """`DIE`: stop now."""


@dataclass(frozen=True, slots=True)
class DieWhenIdle:
    """`DIE_WHEN_IDLE`: stop when the last client has gone."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A line that could not be taken, and what its author should change.

    Attributes:
        is_command: It was meant as a command, so no event is missing because of it.
    """

    line_no: int
    reason: str
    line: bytes
    is_command: bool = False


Message = Open | Events | EmitTef | EmitTefAtExit | Flush | Status | Die | DieWhenIdle | Refused

_PLAIN: dict[bytes, Message] = {
    b"FLUSH": Flush(),
    b"STATUS": Status(),
    b"DIE": Die(),
    b"DIE_WHEN_IDLE": DieWhenIdle(),
}


class MessageReader:
    """Turns the bytes of one connection into messages, however they are cut.

    Args:
        max_line_bytes: Longer lines are refused, and skipped up to their newline.
    """

    def __init__(self, max_line_bytes: int = DEFAULT_MAX_LINE_BYTES) -> None:
        self.lines = 0
        """Lines seen so far, blank and refused ones too: a client finds its line by this number."""
        self._max_line_bytes = max_line_bytes
        self._partial = bytearray()
        self._skipping = False  # inside a line that was refused for its length

    def feed(self, data: bytes) -> list[Message]:
        """The messages that these bytes complete."""
        if self._skipping:
            rest = data.find(b"\n") + 1
            if not rest:
                return []
            self._skipping = False
            data = data[rest:]
        messages: list[Message] = []
        end = data.rfind(b"\n") + 1
        if end:
            # One join, no bytearray in between: it is the only copy that a block sees.
            block = b"".join((self._partial, memoryview(data)[:end])) if self._partial else data[:end]
            self._partial = bytearray(memoryview(data)[end:])
            messages.extend(self._decode(block))
        else:
            self._partial += data
        if len(self._partial) > self._max_line_bytes:
            messages.append(self._too_long(self._partial))
            self._partial = bytearray()
            self._skipping = True
        return messages

    def finish(self) -> list[Message]:
        """The messages that the end of the connection completes.

        A last event may lack its newline. A command may not: nobody could tell `DIE` from half a `DIE_WHEN_IDLE`.
        """
        line = bytes(self._partial).strip(_BLANKS)
        self._partial = bytearray()
        if not line:
            return []
        if not line.startswith(b"{"):
            self.lines += 1
            reason = "the connection ended inside this command: end it with a newline"
            return [Refused(self.lines, reason, line, is_command=True)]
        return [
            replace(message, reason=f"the connection ended inside this line: {message.reason}")
            if isinstance(message, Refused)
            else message
            for message in self._decode(line + b"\n")
        ]

    def _decode(self, block: bytes) -> Iterator[Message]:
        """The messages in a block of whole lines."""
        all_short = len(block) <= self._max_line_bytes
        if all_short and block.startswith(b"{") and (count := check_run(block)) is not None:
            yield Events(block, count, first_line=self.lines + 1)
            self.lines += count
            return
        at = 0
        while at < len(block):
            match = _EVENT_LINES.match(block, at) if all_short else None
            if match:
                yield from self._decode_run(match.group())
                at = match.end()
                continue
            end = block.index(b"\n", at)
            line = block[at:end]
            at = end + 1
            if len(line) > self._max_line_bytes:
                yield self._too_long(line)
            elif line.lstrip(_BLANKS).startswith(b"{"):
                yield from self._decode_run(line + b"\n")
            else:
                self.lines += 1
                yield from self._decode_command(line.lstrip(_BLANKS))

    def _decode_run(self, run: bytes) -> Iterator[Message]:
        """The messages in a run of lines that should all be events: neighbours that are good stay together."""
        run = run.replace(b"}\r\n", b"}\n")
        good: list[bytes] = []
        count = repaired = 0
        for piece in _check_pieces(run):
            if isinstance(piece, Refused):
                if good:
                    yield Events(b"".join(good), count, repaired, self.lines - count + 1)
                    good, count, repaired = [], 0, 0
                self.lines += 1
                yield Refused(self.lines, piece.reason, piece.line)
            else:
                good.append(piece.block)
                count += piece.count
                repaired += piece.repaired
                self.lines += piece.count
        if good:
            yield Events(b"".join(good), count, repaired, self.lines - count + 1)

    def _decode_command(self, line: bytes) -> Iterator[Message]:
        # The path of EMIT_TEF runs to the end of the line, blanks and all; everything else ends before them.
        bare = line.rstrip(_BLANKS)
        if not bare:
            return
        if (plain := _PLAIN.get(bare)) is not None:
            yield plain
            return
        word, _, rest = line.removesuffix(b"\r").partition(b" ")
        match word:
            case b"OPEN":
                try:
                    yield Open(TraceId.parse(rest.strip(_BLANKS)))
                except InvalidTraceIdError as error:
                    yield Refused(self.lines, f"OPEN: {error}", line, is_command=True)
            case b"EMIT_TEF" | b"EMIT_TEF_AT_EXIT":
                if not rest.startswith(b"/") or b"\0" in rest:
                    reason = f"{word.decode()}: give an absolute path after one blank, without NUL"
                    yield Refused(self.lines, reason, line, is_command=True)
                elif word == b"EMIT_TEF":
                    yield EmitTef(os.fsdecode(rest), self.lines)
                else:
                    yield EmitTefAtExit(os.fsdecode(rest), self.lines)
            case _:
                yield Refused(self.lines, "neither an event, which is one JSON object on one line, nor a command", line)

    def _too_long(self, line: bytes | bytearray) -> Refused:
        self.lines += 1
        reason = f"longer than {self._max_line_bytes} bytes; see the daemon's --max-line-bytes"
        return Refused(self.lines, reason, bytes(line[:KEPT_BYTES]))


def _check_pieces(run: bytes) -> Iterator[Events | Refused]:
    """A run cut into good pieces and refused lines, in order; line numbers are the caller's to set."""
    if (count := check_run(run)) is not None:
        yield Events(run, count)
        return
    middle = run.find(b"\n", len(run) // 2) + 1
    if not 0 < middle < len(run):
        middle = run.rfind(b"\n", 0, len(run) - 1) + 1
    if middle and run.count(b"\n") > FEW_LINES:
        yield from _check_pieces(run[:middle])
        yield from _check_pieces(run[middle:])
        return
    for raw in run.removesuffix(b"\n").split(b"\n"):
        line = raw.strip(_BLANKS)
        checked = check_line(line)
        if isinstance(checked, BadLine):
            yield Refused(0, checked.reason, line[:KEPT_BYTES])
        else:
            yield Events(checked + b"\n", 1, repaired=int(checked is not line))


def encode_error(line_no: int, reason: str) -> bytes:
    """The reply that names what was wrong with a line."""
    return f"ERROR {line_no}: {reason}\n".encode(errors="backslashreplace")


def encode_ok(stored: int, refused: int, lost: int) -> bytes:
    """The reply to FLUSH: event lines of this connection."""
    return b"OK %d %d %d\n" % (stored, refused, lost)
