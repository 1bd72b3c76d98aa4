"""Lines to events, with no more of each than a recording needs."""

from functools import cached_property
from typing import Final

import msgspec

from tracerd.core.own_prefixes import CLOCK_NAME
from tracerd.replay.events import UNSET, Unset, exact_event
from tracerd.rows.error_events import ErrorArgs
from tracerd.trace_json.tef import COMPLETE, COUNTER, CPU_PROFILE, METADATA


class Args(ErrorArgs, gc=False):
    """The args that decide whether it is an error, and the one that names."""

    name: object = None


class Event(msgspec.Struct, gc=False):
    """An event as `replay` takes it, without what concerns no span; times from MAX_EXACT on are exact in their line."""

    ph: str
    ts: float | Unset = UNSET
    dur: float | Unset = UNSET
    pid: int | str | Unset = UNSET
    tid: int | str | Unset = UNSET
    name: str = ""
    cat: str = ""
    id: int | str | Unset = UNSET
    id2: msgspec.Raw | Unset = UNSET
    s: str = ""
    args: Args | Unset | None = UNSET
    tts: float | Unset = UNSET
    tdur: float | Unset = UNSET


MAX_EXACT: Final = 2.0**53
"""From here on a float may be another number than the integer it was."""

DECODER: Final = msgspec.json.Decoder(Event)
"""Takes lines of which `export_line` may complain only for what `Block.needs_exactness` finds."""

_ARGS: Final = msgspec.json.Decoder(Args)


class Block:
    """The text of some events, whole lines from a number on, for what their decoded fields do not have."""

    def __init__(self, text: bytes, line_no: int) -> None:
        self._text = text
        self._line_no = line_no

    @cached_property
    def _lines(self) -> list[bytes]:
        return self._text.split(b"\n")

    @cached_property
    def _has_null(self) -> bool:
        return self._text.rfind(b"null") >= 0  # a tenth of the time of `in`, in Python 3.11

    def line(self, line_no: int) -> bytes:
        """A line."""
        return self._lines[line_no - self._line_no]

    def needs_exactness(self, event: Event) -> bool:
        """Whether the line of one of its events may be one that a trace.json leaves out or alters."""
        phase = event.ph[:1]
        return (
            phase in ("", CPU_PROFILE)
            or (phase == COMPLETE and event.dur is UNSET)
            or (phase != METADATA and event.ts is UNSET)
            or event.name == CLOCK_NAME
            or (event.ts is not UNSET and abs(event.ts) >= MAX_EXACT)
            or (event.dur is not UNSET and abs(event.dur) >= MAX_EXACT)
            or (phase == COUNTER and self._has_null)
        )


def event_of(line: bytes) -> Event:
    """The event of a line which `export_line` has passed."""
    exact = exact_event(line)
    args = None if isinstance(exact.args, Unset) else _args(exact.args)
    return Event(
        ph=exact.ph,
        ts=exact.ts,
        dur=exact.dur,
        pid=exact.pid,
        tid=exact.tid,
        name=exact.name,
        cat=exact.cat,
        id=exact.id,
        id2=exact.id2,
        s=exact.s,
        args=args,
    )


def _args(text: msgspec.Raw) -> Args | None:
    try:
        return _ARGS.decode(text)
    except (msgspec.DecodeError, RecursionError):  # no object, or too deep for us
        return None
