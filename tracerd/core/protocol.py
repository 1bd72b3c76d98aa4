"""The wire protocol, version 1: bytes of one connection to messages, and replies to bytes.

Pure: no sockets, no clock. Any bytes decode to messages; bad input is a `Refused` value, never an exception.

Strategy: consecutive event lines travel as ONE `Events` message, a block of whole lines and a count. The block is
checked at once, by the fast check; one that fails is halved until the line at fault stands nearly alone, so that a
bad line costs its neighbours little. Where bad lines are many, they are checked one by one.
"""

import os
import re
from collections.abc import Callable, Iterator

import msgspec

from tracerd.core.limits import DEFAULT_MAX_LINE_BYTES
from tracerd.core.lines import BadLine, check_line, check_run
from tracerd.core.messages import (
    Die,
    DieWhenIdle,
    EmitTef,
    EmitTefAtExit,
    Events,
    Flush,
    Message,
    Open,
    Refused,
    Status,
)
from tracerd.core.own_prefixes import CLOCK_NAME, CLOCK_PREFIX, OWN_PREFIXES
from tracerd.errors import InvalidTraceIdError
from tracerd.speedups import MAX_PARTIAL_BYTES
from tracerd.trace_id import TraceId

KEPT_BYTES = 64 * 1024
"""How much of a refused line is kept to be shown to the client's author."""

FEW_LINES = 4
"""Runs of at most this many lines are checked line by line; longer ones are halved first."""

SOME_LINES = 64
"""Runs of at most this many lines are checked line by line too when both of their halves have bad lines."""

MAX_PATH_BYTES = 4095
"""Linux opens no longer path (PATH_MAX counts a NUL)."""

_BLANKS = b" \t\r"
_EVENT_LINES = re.compile(rb"(?:\{[^\n]*\n)+")
_BRACE = ord("{")
_BLANKS_AND_NEWLINE = _BLANKS + b"\n"
_BLANK_LINES = re.compile(rb"[ \t\r\n]*\n")
_OPEN_ATTEMPT = re.compile(rb"OPEN[ \t\r]")


_PLAIN: dict[bytes, Callable[[int], Message]] = {
    b"FLUSH": Flush,
    b"STATUS": Status,
    b"DIE": lambda _: Die(),
    b"DIE_WHEN_IDLE": lambda _: DieWhenIdle(),
}
_COMMANDS = (b"OPEN", b"EMIT_TEF", *_PLAIN)


class MessageReader:
    """Turns the bytes of one connection into messages, however they are cut.

    Args:
        max_line_bytes: Longer lines are refused, and skipped up to their newline.
    """

    def __init__(self, max_line_bytes: int = DEFAULT_MAX_LINE_BYTES) -> None:
        self.lines = 0
        """Lines seen so far, blank and refused ones too: a client finds its line by this number."""
        self._max_line_bytes = max_line_bytes
        self.partial = bytearray()
        """What is held of a line that has not ended yet."""
        self._skipping = False  # inside a line that was refused for its length

    def may_be_passed_by(self) -> bool:
        """Whether whole lines that come next may go elsewhere: see `passed`."""
        return not self._skipping and len(self.partial) <= MAX_PARTIAL_BYTES

    def passed(self, lines: int) -> None:
        """Note that so many lines have passed by, with the one that had not ended."""
        self.lines, self.partial = self.lines + lines, bytearray()

    def refuse_unfinished(self, reason: str) -> Message:
        """Refuse the line that has not ended yet, and skip the rest of it."""
        self.lines += 1
        refused = Refused(self.lines, reason, bytes(self.partial[:KEPT_BYTES]))
        self.partial = bytearray()
        self._skipping = True
        return refused

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
            block = b"".join((self.partial, memoryview(data)[:end])) if self.partial else data[:end]
            self.partial = bytearray(memoryview(data)[end:])
            messages.extend(self._decode(block))
        else:
            self.partial += data
        # Not before all that is kept of the line has come, or the line has ended.
        if len(self.partial) > max(self._max_line_bytes, KEPT_BYTES):
            messages.append(self._too_long(self.partial))
            self.partial = bytearray()
            self._skipping = True
        return messages

    def finish(self) -> list[Message]:
        """The messages that the end of the connection completes.

        A last event may lack its newline. A command may not: `DIE` may be half a `DIE_WHEN_IDLE`.
        """
        partial, self.partial = bytes(self.partial), bytearray()
        if len(partial) > self._max_line_bytes:
            return [self._too_long(partial)]
        line = partial.strip(_BLANKS)
        if not line:
            return []
        if not line.startswith(b"{"):
            self.lines += 1
            reason = "the connection ended inside this command: end it with a newline"
            return [_refused_command(self.lines, reason, line)]
        return [
            msgspec.structs.replace(message, reason=f"the connection ended inside this line: {message.reason}")
            if isinstance(message, Refused)
            else message
            for message in self._decode(line + b"\n")
        ]

    def _decode(self, block: bytes) -> Iterator[Message]:
        """The messages in a block of whole lines."""
        limit = self._max_line_bytes
        start = at = 0
        # While a line may be too long: go on from the last newline that is near enough.
        while len(block) - at > limit:
            newline = block.rfind(b"\n", at, at + limit + 1)
            if newline >= 0:
                at = newline + 1
                continue
            yield from self._decode_short(block[start:at])
            start = block.index(b"\n", at) + 1
            yield self._too_long(block[at : min(start - 1, at + KEPT_BYTES)])
            at = start
        if start < len(block):
            yield from self._decode_short(block[start:])

    def _decode_short(self, block: bytes) -> Iterator[Message]:
        """The messages in a block of whole lines, none of them too long."""
        if block.startswith(b"{") and (count := check_run(block)) is not None:
            yield Events(block, count, first_line=self.lines + 1)
            self.lines += count
            return
        at = 0
        while at < len(block):
            first = block[at]
            if first == _BRACE and (match := _EVENT_LINES.match(block, at)):
                yield from self._decode_run(match.group())
                at = match.end()
                continue
            if first in _BLANKS_AND_NEWLINE and (match := _BLANK_LINES.match(block, at)):
                self.lines += block.count(b"\n", at, match.end())
                at = match.end()
                continue
            end = block.index(b"\n", at)
            line = block[at:end].lstrip(_BLANKS)
            at = end + 1
            if line.startswith(b"{"):
                yield from self._decode_run(line + b"\n")
            else:
                self.lines += 1
                yield self._decode_command(line)

    def _decode_run(self, run: bytes) -> Iterator[Message]:
        """The messages in a run of lines that should all be events: neighbours that are good stay together."""
        run = run.replace(b"}\r\n", b"}\n")
        good: list[bytes] = []
        count = repaired = 0
        for piece in _check_pieces(run):
            if isinstance(piece, tuple):
                if good:
                    yield Events(b"".join(good), count, repaired, self.lines - count + 1)
                    good, count, repaired = [], 0, 0
                self.lines += 1
                yield Refused(self.lines, piece[0], piece[1][:KEPT_BYTES])
            else:
                good.append(piece.block)
                count += piece.count
                repaired += piece.repaired
                self.lines += piece.count
        if good:
            yield Events(b"".join(good), count, repaired, self.lines - count + 1)

    def _decode_command(self, line: bytes) -> Message:
        """The message in a line that is not blank and no event, without blanks before it."""
        if not line.startswith(_COMMANDS):
            return _unknown(self.lines, line)
        # The path of EMIT_TEF runs to the end of the line, blanks and all; everything else ends before them.
        if (plain := _PLAIN.get(line.rstrip(_BLANKS))) is not None:
            return plain(self.lines)
        word, _, rest = line.removesuffix(b"\r").partition(b" ")
        match word:
            case b"OPEN":
                try:
                    return Open(TraceId.parse(rest.strip(_BLANKS)))
                except InvalidTraceIdError as error:
                    return _refused_command(self.lines, f"OPEN: {error}", line)
            case b"EMIT_TEF" | b"EMIT_TEF_AT_EXIT":
                if not rest.startswith(b"/") or b"\0" in rest:
                    reason = f"{word.decode()}: give an absolute path after one blank, without NUL"
                    return _refused_command(self.lines, reason, line)
                if len(rest) > MAX_PATH_BYTES:
                    reason = f"{word.decode()}: the path is longer than {MAX_PATH_BYTES} bytes"
                    return _refused_command(self.lines, reason, line)
                kind = EmitTef if word == b"EMIT_TEF" else EmitTefAtExit
                return kind(os.fsdecode(rest), self.lines)
            case _:
                if _OPEN_ATTEMPT.match(line):  # were it unknown, events would go on into the trace before
                    return _refused_command(self.lines, "OPEN: give the trace id after a blank", line)
                return _unknown(self.lines, line)

    def _too_long(self, line: bytes | bytearray) -> Refused:
        self.lines += 1
        reason = f"longer than {self._max_line_bytes} bytes; see the daemon's --max-line-bytes"
        return Refused(self.lines, reason, bytes(line[:KEPT_BYTES]))


def _refused_command(line_no: int, reason: str, line: bytes) -> Refused:
    return Refused(line_no, reason, line[:KEPT_BYTES], is_command=True)


_UNKNOWN = "neither an event, which is one JSON object on one line, nor a command"


def _unknown(line_no: int, line: bytes) -> Refused:
    return Refused(line_no, _UNKNOWN, line[:KEPT_BYTES])


def _check_line(line: bytes) -> bytes | BadLine:
    """As `check_line`, but no line of the daemon's own is good: readers believe these."""
    if not line.startswith(OWN_PREFIXES):
        return check_line(line)
    return BadLine(f"{CLOCK_NAME if line.startswith(CLOCK_PREFIX) else 'a mark'} is the daemon's own line")


def _check_pieces(run: bytes) -> Iterator[Events | tuple[str, bytes]]:
    """A run cut into good pieces and refused lines with their reasons before them, in order."""
    if (count := check_run(run)) is not None:
        yield Events(run, count)
        return
    todo: list[bytes | Events] = [run]  # the next piece last; bytes were checked and may have a bad line
    while todo:
        piece = todo.pop()
        if isinstance(piece, Events):
            yield piece
            continue
        lines = piece.count(b"\n")
        if lines <= FEW_LINES:
            yield from _check_lines(piece)
            continue
        middle = piece.find(b"\n", len(piece) // 2) + 1
        if not 0 < middle < len(piece):
            middle = piece.rfind(b"\n", 0, len(piece) - 1) + 1
        left, right = piece[:middle], piece[middle:]
        left_count, right_count = check_run(left), check_run(right)
        if left_count is None and right_count is None and lines <= SOME_LINES:
            yield from _check_lines(piece)
            continue
        todo.append(right if right_count is None else Events(right, right_count))
        todo.append(left if left_count is None else Events(left, left_count))


def _check_lines(piece: bytes) -> Iterator[Events | tuple[str, bytes]]:
    for raw in piece.removesuffix(b"\n").split(b"\n"):
        line = raw.strip(_BLANKS)
        checked = _check_line(line)
        if isinstance(checked, BadLine):
            yield checked.reason, line
        else:
            yield Events(checked + b"\n", 1, repaired=int(checked is not line))


def encode_error(line_no: int, reason: str) -> bytes:
    """The reply that names what was wrong with a line."""
    return f"ERROR {line_no}: {reason}\n".encode(errors="backslashreplace")


def encode_ok(stored: int, refused: int, lost: int) -> bytes:
    """The reply to FLUSH: event lines of this connection."""
    return b"OK %d %d %d\n" % (stored, refused, lost)
