"""What a client sends, as values: one for each command, one for a run of events, one for a line that is refused."""

from dataclasses import dataclass, field

import msgspec

from tracerd.trace_id import TraceId


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

    line_no: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Status:
    """`STATUS`: answer with one JSON line about the daemon."""

    line_no: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Die:
    """`DIE`: stop now."""


@dataclass(frozen=True, slots=True)
class DieWhenIdle:
    """`DIE_WHEN_IDLE`: stop when the last client has gone."""


class Refused(msgspec.Struct, frozen=True, gc=False):
    """A line that could not be taken, and what its author should change.

    No dataclass, because it is made four times as fast: a block may hold tens of thousands.

    Attributes:
        is_command: It was meant as a command, so no event is missing because of it.
    """

    line_no: int
    reason: str
    line: bytes
    is_command: bool = False


Command = EmitTef | EmitTefAtExit | Flush | Status
_WORDS = {EmitTef: "EMIT_TEF", EmitTefAtExit: "EMIT_TEF_AT_EXIT", Flush: "FLUSH", Status: "STATUS"}
"""Commands that are refused because of what came before them, and how they are written."""


def refused_command(command: Command, reason: str) -> Refused:
    """The line of a command that is refused because of what came before it."""
    word = _WORDS[type(command)]
    return Refused(command.line_no, f"{word}: {reason}", word.encode(), is_command=True)


Message = Open | Events | EmitTef | EmitTefAtExit | Flush | Status | Die | DieWhenIdle | Refused
