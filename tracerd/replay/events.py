"""Lines to events, as Perfetto's tokenizer takes them.

Two ways, as in `perfetto`: runs of ordinary lines by msgspec, and single lines exactly, value by value.
"""

import json
import math
import re
from typing import Final

import msgspec

from tracerd.core.json_text import NUMBER, mask, outside_strings
from tracerd.replay.order import INT64_MAX, wrapped
from tracerd.trace_json.tef import MAX_EXPONENT, TIME_FIELDS

UNSET: Final = msgspec.UNSET
Unset = msgspec.UnsetType


class Event(msgspec.Struct, gc=False):
    """An event. A field that Perfetto would ignore, as it is of another type, is unset or has its default."""

    ph: str
    ts: int | float | Unset = UNSET
    dur: int | float | Unset = UNSET
    pid: int | str | Unset = UNSET
    tid: int | str | Unset = UNSET
    name: str = ""
    cat: str = ""
    id: int | str | Unset = UNSET
    id2: msgspec.Raw | Unset = UNSET
    bind_id: int | str | Unset = UNSET
    flow_in: bool = False
    flow_out: bool = False
    s: str = ""
    bp: str = ""
    args: msgspec.Raw | Unset = UNSET
    tts: float | Unset = UNSET
    tdur: float | Unset = UNSET


ORDINARY: Final = msgspec.json.Decoder(Event)
"""Takes lines of which `export_line` may complain only for what is missing, or for the phase."""

# ------------------------------------------------------------------ one line, exactly

_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
# An integer of 19 digits fits into 64 bits unless it begins with a 9; nanoseconds since 1970 are such.
LONG_NUMBER: Final = re.compile(rb"[0-9]{20}|\.[0-9]{19}|[0-9]{19}[.eE]|9[0-9]{18}")
_ALL_DIGITS_0 = bytes(ord("0") if byte in b"0123456789" else byte for byte in range(256))
_DIGITS_0 = b"0" * 19
_INTEGER = re.compile(rb"-?[0-9]+")
_DECIMAL = re.compile(rb"-?([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?)([0-9]+))?")


def middle_of(block: bytes) -> int:
    """Where the line begins at which a block is cut in two, near its middle; 0 if it has no two lines."""
    middle = block.find(b"\n", len(block) // 2) + 1
    return middle if 0 < middle < len(block) else block.rfind(b"\n", 0, -1) + 1


def has_many_digits(text: bytes) -> bool:
    """Whether there may be a number that Perfetto garbles."""
    # Few blocks have 19 digits in a row, and to find that out takes a thirtieth of the search.
    return _DIGITS_0 in text.translate(_ALL_DIGITS_0) and LONG_NUMBER.search(text) is not None


def exact_event(line: bytes) -> Event:
    """The event that Perfetto makes of a line which `export_line` has passed."""
    fields = {key: bytes(raw) for key, raw in _FIELDS.decode(line).items()}
    ph = _string(fields, "ph")
    event = Event(ph if isinstance(ph, str) else "")
    for key in ("ts", "dur"):
        time = _value(fields.get(key))
        if isinstance(time, str):
            time = parse_number(time.encode())
        if isinstance(time, int | float):
            setattr(event, key, time)
    for key in ("pid", "tid"):
        number = _value(fields.get(key))
        if isinstance(number, float):
            number = truncated(number)
        if isinstance(number, int | str):
            setattr(event, key, number)
    for key in ("id", "bind_id"):
        name = _value(fields.get(key))
        if isinstance(name, int | str):
            setattr(event, key, name)
    for key in ("name", "cat", "s", "bp"):
        setattr(event, key, _string(fields, key) or "")
    for key in ("flow_in", "flow_out"):
        setattr(event, key, fields.get(key) == b"true")
    for key in ("id2", "args"):
        if fields.get(key, b"").startswith(b"{"):
            setattr(event, key, msgspec.Raw(fields[key]))
    return event


def _string(fields: dict[str, bytes], key: str) -> str | None:
    value = _value(fields.get(key))
    return value if isinstance(value, str) else None


def _value(raw: bytes | None) -> str | int | float | None:
    """A string or a number; None for everything else."""
    if raw is None:
        return None
    if raw.startswith(b'"'):
        return str(json.loads(raw))
    return parse_number(raw) if raw[:1] in b"-0123456789" else None


def parse_number(text: bytes) -> int | float:
    """What Perfetto's own parser makes of a JSON number: garbage, beyond 64 bits or 18 decimals."""
    if _INTEGER.fullmatch(text) and -INT64_MAX <= int(text) <= INT64_MAX:
        return int(text)
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise ValueError(text)
    decimals = match[2] or b""
    value = float(wrapped(int(match[1])))
    if decimals:
        value += wrapped(int(decimals)) / (pow(10, len(decimals), 2**64) or 1)
    exponent = (match[4] or b"").lstrip(b"0")
    if match[3] == b"-":
        value = value / 10.0 ** int(exponent or 0) if len(exponent) <= 3 and int(exponent or 0) <= MAX_EXPONENT else 0.0
    elif exponent:
        value *= 10.0 ** int(exponent)
    return -value if text.startswith(b"-") else value


def garbled_number(line: bytes) -> str | None:
    """A number of a line that Perfetto reads as another one."""
    if not has_many_digits(line):
        return None
    for match in NUMBER.finditer(outside_strings(mask(line))):
        text = match[0]
        if not has_many_digits(text):
            continue
        got, meant = parse_number(text), float(text)
        if isinstance(got, float) and not math.isclose(got, meant, rel_tol=1e-9, abs_tol=1e-9):
            return f"{text.decode()} is read as {got:g}"
    return None


def garbled_time(line: bytes) -> str | None:
    """The same for the times of an event, which is then shown at another one."""
    fields = _FIELDS.decode(line)
    found = (garbled_number(bytes(fields[key]).strip(b'"')) for key in TIME_FIELDS & fields.keys())
    return next(filter(None, found), None)


# ------------------------------------------------------------------ times and ids


def truncated(number: float) -> int:
    """A double as an int64; beyond its range the nearest there is."""
    return max(-(2**63), min(INT64_MAX, int(number)))


EXACT_US: Final = 2.0**52 / 1000
"""Below, a double of nanoseconds has its fraction, and a whole number of microseconds is one of nanoseconds."""

USUAL_US: Final = 0.001
"""From here up to EXACT_US, half a nanosecond more and no fraction is what rounds as `nanoseconds` does."""

MAX_TIME_US: Final = INT64_MAX // 1000


def nanoseconds(time: int | float) -> int:
    """A ts or dur as Perfetto keeps it."""
    if isinstance(time, int):
        return wrapped(time * 1000)
    if 0 <= time < EXACT_US:
        scaled = time * 1000.0
        whole = int(scaled)
        return whole + (scaled - whole >= 0.5)
    if time.is_integer():
        return wrapped(truncated(time) * 1000)
    scaled = abs(time * 1000.0)
    whole = math.floor(scaled)
    whole += scaled - whole >= 0.5
    return whole if time > 0 else -whole


def async_id(id_: int | str | Unset, id2: msgspec.Raw | Unset) -> tuple[bool, int | str | bytes] | None:
    """Whether the id of an async event is its process's own, and the id; None if it has none.

    A string of `id2` is given as bytes: Perfetto never takes it for the same string in `id`, but of integers it does.
    """
    if not isinstance(id_, Unset):
        return False, id_
    if isinstance(id2, Unset) or not bytes(id2).startswith(b"{"):
        return None
    fields = _FIELDS.decode(id2)
    for key, is_local in (("global", False), ("local", True)):
        if key in fields:
            value = _value(bytes(fields[key]))
            if isinstance(value, str):
                return is_local, value.encode(errors="surrogatepass")
            if isinstance(value, int):
                return is_local, value
    return None


# What strtoull takes with base 16: `0x` is 0, and more than 64 bits become the largest number there is. Of blanks only
# spaces count, here and below, because v52 sees the others as the escapes that JSON has for them.
_HEX = re.compile(r" *([+-]?)(?:(?:0[xX])?([0-9a-fA-F]+)|0[xX])")


def flow_id(value: int | str) -> int | None:
    """The number of a flow; None if Perfetto takes it for no number."""
    if isinstance(value, int):
        return value % 2**64
    match = _HEX.fullmatch(value)
    if match is None:
        return None
    number = int(match[2] or "0", 16)
    if number >= 2**64:
        return 2**64 - 1
    return -number % 2**64 if match[1] == "-" else number


# ------------------------------------------------------------------ args

_NUMBERS = msgspec.json.Decoder(dict[str, float])
_PAIRS = json.JSONDecoder(object_pairs_hook=tuple)
_STRTOD = re.compile(
    r" *[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
    r"|0[xX](?:[0-9a-fA-F]+\.?[0-9a-fA-F]*|\.[0-9a-fA-F]+)(?:[pP][+-]?[0-9]+)?"
    r"|inf(?:inity)?|nan(?:\([0-9A-Za-z_]*\))?)",
    re.IGNORECASE,
)


def object_args(event: Event) -> msgspec.Raw | None:
    """The args of an event; None if there are none, or if they are no object."""
    args = event.args
    return None if isinstance(args, Unset) or not bytes(args).startswith(b"{") else args


def pairs(args: msgspec.Raw) -> tuple[tuple[str, object], ...]:
    """The keys and values of an object, repeated ones too."""
    found: tuple[tuple[str, object], ...] = _PAIRS.decode(bytes(args).decode())
    return found


def bad_counter_values(args: msgspec.Raw) -> list[str] | None:
    """The keys of a counter's values that are no numbers to Perfetto; None if there are no values at all."""
    try:
        return [] if _NUMBERS.decode(args) else None
    except msgspec.ValidationError:
        return [key for key, value in pairs(args) if not _is_counter_value(value)]


def _is_counter_value(value: object) -> bool:
    if isinstance(value, str):
        return _STRTOD.fullmatch(value) is not None
    return isinstance(value, int | float) and not isinstance(value, bool)


def has_ended(event: Event) -> bool:
    """Whether the args of a process's span have how it ended."""
    args = event.args
    return not isinstance(args, Unset) and any(word in bytes(args) for word in (b'"exit_code"', b'"signal"'))
