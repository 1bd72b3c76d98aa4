"""Lines to events, with no more of each than a recording needs."""

from typing import Final

import msgspec

from tracerd.core.tef import CLOCK_NAME, COMPLETE, COUNTER, CPU_PROFILE, METADATA
from tracerd.replay.events import UNSET, Unset, exact_event
from tracerd.rows.error_events import ErrorArgs


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
"""Takes lines of which `export_line` may complain only for what `needs_exactness` finds."""

_ARGS: Final = msgspec.json.Decoder(Args)


def needs_exactness(event: Event, has_null: bool | None) -> bool:
    """Whether the line of an event may be one that a trace.json leaves out or alters.

    Args:
        event: The event.
        has_null: Whether there may be a null in its args; counts for a counter only.
    """
    phase = event.ph[:1]
    return (
        phase in ("", CPU_PROFILE)
        or (phase == COMPLETE and event.dur is UNSET)
        or (phase != METADATA and event.ts is UNSET)
        or event.name == CLOCK_NAME
        or (event.ts is not UNSET and abs(event.ts) >= MAX_EXACT)
        or (event.dur is not UNSET and abs(event.dur) >= MAX_EXACT)
        or (phase == COUNTER and bool(has_null))
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
