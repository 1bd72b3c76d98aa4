"""The fields of a plain trace event, whatever types a tool gives them."""

import json
from typing import Final

import msgspec

_NONE: Final = msgspec.Raw(b"")
_FALSE: Final = (b"", b"false", b"0", b"null")


class Event(msgspec.Struct, gc=False):
    """An event; texts that are only copied stay JSON."""

    ph: str = ""
    ts: int | float | None = None
    dur: int | float | None = None
    pid: int | str | None = None
    tid: int | str | None = None
    name: msgspec.Raw = _NONE
    cat: msgspec.Raw = _NONE
    args: msgspec.Raw = _NONE
    id: msgspec.Raw = _NONE
    id2: msgspec.Raw = _NONE
    scope: msgspec.Raw = _NONE
    s: msgspec.Raw = _NONE


class Bound(Event, gc=False):
    """An event with the fields of arrows between spans that name them; few files have any."""

    bind_id: msgspec.Raw = _NONE
    flow_in: msgspec.Raw = _NONE
    flow_out: msgspec.Raw = _NONE

    @property
    def arrow_phase(self) -> str:
        """The phase of the event that would say the same of the arrow; empty if there is none."""
        goes_in, goes_out = (bytes(field) not in _FALSE for field in (self.flow_in, self.flow_out))
        if goes_in:
            return "t" if goes_out else "f"
        return "s" if goes_out else ""


BOUND_DECODER: Final = msgspec.json.Decoder(Bound)
DECODER: Final = msgspec.json.Decoder(Event)
_FIELDS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])

_MAX_NS = 2.0**62
MAX_NUMBER: Final = 2**63
"""Perfetto reads integers below."""


def lenient(line: bytes, decoder: msgspec.json.Decoder[Event] | msgspec.json.Decoder[Bound]) -> Event | None:
    """An event of which some field has an unusual type; None if it is no object."""
    try:
        return decoder.decode(line)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        pass
    try:
        fields = _FIELDS.decode(line)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    event = Event()
    for name in ("name", "cat", "args", "id", "id2", "scope", "s"):
        setattr(event, name, fields.get(name, _NONE))
    phase = _value(fields.get("ph"))
    event.ph = phase if isinstance(phase, str) else ""
    event.ts, event.dur = number_of(_value(fields.get("ts"))), number_of(_value(fields.get("dur")))
    event.pid, event.tid = _id(fields.get("pid")), _id(fields.get("tid"))
    return event


def _value(field: msgspec.Raw | None) -> object:
    if field is None:
        return None
    try:
        value: object = json.loads(bytes(field))
    except (ValueError, RecursionError):
        return None
    return value


def number_of(value: object) -> int | float | None:
    """A number, which may be written as a text; None if it is none, or one that JSON has no word for."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if abs(value) < MAX_NUMBER else None


def _id(field: msgspec.Raw | None) -> int | str | None:
    value = _value(field)
    if value is None or isinstance(value, int | str):
        return value
    return int(value) if isinstance(value, float) and value.is_integer() else str(value)[:200]


def clean_name(raw: msgspec.Raw) -> bytes:
    """A name as JSON text."""
    name = bytes(raw)
    if name[:1] == b'"':
        return name
    return json.dumps(name.decode(errors="replace")).encode() if name and name != b"null" else b'"?"'


def nanoseconds(us: float) -> int:
    """Microseconds in nanoseconds.

    Raises:
        ValueError: It is no number, or one beyond all times.
    """
    ns = us * 1000
    if not -_MAX_NS < ns < _MAX_NS:
        raise ValueError
    return round(ns)
