"""Lines of a log to the few fields that a line for people needs; and which events a person asked for."""

from typing import Final

import msgspec

from tracerd.rows.levels import level_of
from tracerd.rows.table_values import time_value_of, value_of

LOG: Final = "log"
"""The category of events that have a level."""

NO_ARGS: Final = msgspec.Raw(b"")


class Event(msgspec.Struct, gc=False):
    """An event; a field of a type that means nothing has its default."""

    ph: str = ""
    ts: int | float | None = None
    dur: int | float | None = None
    pid: int | float | str | None = None
    tid: int | float | str | None = None
    name: str = ""
    cat: str = ""
    args: msgspec.Raw = NO_ARGS


_EVENT = msgspec.json.Decoder(Event)
_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_STRINGS = ("ph", "name", "cat")
_NUMBERS = ("ts", "dur")


def decode_lines(block: bytes) -> list[tuple[bytes, Event | None]]:
    """The lines of a block, each without its newline, and the event it is; None if it is no JSON object."""
    block = _utf8(block)
    lines = block.removesuffix(b"\n").split(b"\n")
    try:
        # Of all lines at once it takes a third less; but it skips blank ones.
        events = _EVENT.decode_lines(block)
    except (msgspec.DecodeError, RecursionError):
        events = []
    if len(events) == len(lines):
        return list(zip(lines, events, strict=True))
    return [(line, decode_line(line)) for line in lines]


def _utf8(text: bytes) -> bytes:
    """Text of a file from elsewhere, as JSON must be: decoders do not check all that they skip."""
    try:
        text.decode()
    except UnicodeDecodeError:
        return text.decode(errors="replace").encode()
    return text


def decode_line(line: bytes) -> Event | None:
    """The event of a line; None if it is no JSON object."""
    line = _utf8(line)
    try:
        return _EVENT.decode(line)
    except (msgspec.DecodeError, RecursionError):
        return _lenient(line)


def _lenient(line: bytes) -> Event | None:
    """An event of which some field has an unusual type."""
    try:
        fields = _FIELDS.decode(line)
    except (msgspec.DecodeError, RecursionError):
        return None
    event = Event(args=fields.get("args", NO_ARGS))
    for names, types in ((_STRINGS, str), (_NUMBERS, int | float), (("pid", "tid"), int | float | str)):
        for name in names:
            value = (time_value_of if name in _NUMBERS else value_of)(fields.get(name, b"null"))
            if isinstance(value, types) and not isinstance(value, bool):
                setattr(event, name, value)
    return event


class _Args(msgspec.Struct):
    level: object = None
    name: object = None


_ARGS = msgspec.json.Decoder(_Args)


def _args(event: Event) -> _Args:
    try:
        return _ARGS.decode(event.args)
    except (msgspec.DecodeError, RecursionError):  # none, or no object
        return _Args()


def log_level(event: Event) -> str | None:
    """The level of a log event, one of LEVELS; None for other events."""
    return level_of(_args(event).level) if event.cat == LOG else None


def given_name(event: Event) -> str:
    """What a metadata event calls its process or thread; empty if it does not."""
    name = _args(event).name
    return name if isinstance(name, str) else ""
