"""The second guarantee: a trace.json holds only events that Perfetto reads.

"v52" is Perfetto 52.0: these facts were found by running it, and holds for later versions by their source.
"""

import json
import math
import re
from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec

from tracerd.core.json_text import MAX_DECIMALS, NUMBER, mask, may_overflow, outside_strings
from tracerd.core.lines import TOO_DEEP, BadLine, check_line, decode_run, shortened
from tracerd.core.own_prefixes import CLOCK_PREFIX
from tracerd.speedups import plain_elements
from tracerd.trace_json.tef import (
    COMPLETE,
    COUNTER,
    CPU_PROFILE,
    MAX_EXPONENT,
    METADATA,
    SEPARATOR,
    TIME_FIELDS,
    Phase,
    perfetto_text,
)

# ------------------------------------------------------------------ runs of lines


class _Event(msgspec.Struct, gc=False):
    """An event in its usual form. Every value of a repeated key is checked; the last counts, as in Perfetto.

    A union of structs tagged by `ph` would need no loop afterwards, but it reads an object twice when `ph`
    comes late, as the OCaml client writes it: 135 us for 64 KiB instead of 95 us, which is all that an early
    `ph` takes either way.
    """

    ph: Phase
    ts: float | msgspec.UnsetType = msgspec.UNSET
    dur: float | msgspec.UnsetType = msgspec.UNSET
    tts: float | msgspec.UnsetType = msgspec.UNSET
    tdur: float | msgspec.UnsetType = msgspec.UNSET


_EVENTS = msgspec.json.Decoder(_Event)


def export_run(block: bytes) -> int | None:
    """As `check_run`, but for what may enter a trace.json, as `export_line` decides.

    Numbers in strings, unusual phases and, with the extension, what concerns clocks and begin marks are left to
    `export_line`.
    """
    if plain_elements:
        count, length, _, _ = plain_elements(block, 0)
        return count if length == len(block) else None
    events = decode_run(block, _EVENTS)
    if events is None:
        return None
    unset = msgspec.UNSET
    for event in events:
        if event.dur is unset and event.ph == COMPLETE:
            return None
        if event.ts is unset and event.ph != METADATA:
            return None
    if any(event.ph == COUNTER for event in events) and b"null" in block:
        return None
    return len(events)


class Elements(NamedTuple):
    """The first lines of a piece of a log, as a trace.json holds them.

    Attributes:
        lines: How many.
        stop: Where the next line begins.
        text: What to write of them: elements of a JSON array, with a comma and a newline before each.
        doubtful: Where the next lines end that have to be checked one by one; `stop` if there are none.
        may_show_process: False if it is known that none of all these lines shows a process of a build.
    """

    lines: int
    stop: int
    text: bytes
    doubtful: int
    may_show_process: bool = True


PROCESS_TEXT: Final = b'"process"'
"""What each line holds that shows a process of a build: it is its category."""


def export_elements(block: bytes, start: int) -> Elements:
    """Of the lines of a block from this place on: the first ones, which are good, and those to be checked.

    No clock line is among the first ones, nor, with the extension, a begin mark or a line that names one.
    """
    if plain_elements:
        count, length, text, may_show_process = plain_elements(block, start)
        end = start + length
        text = join_events(block[start:end]) if text is None else text
        doubtful = block.find(b"\n", end) + 1 or len(block)
        return Elements(count, end, text, doubtful, bool(may_show_process) or doubtful > end)
    stop = _next_clock(block, start)
    if start == stop:
        return Elements(0, start, b"", block.find(b"\n", start) + 1 or len(block))
    run = block[start:stop]
    count = export_run(run) or 0
    return Elements(count, stop, join_events(run), stop) if count else Elements(0, start, b"", stop)


def _next_clock(block: bytes, start: int) -> int:
    """Where the next clock line begins; the block's length if there is none. A line begins at `start`."""
    # rfind: in Python 3.11 it takes a tenth of what `in` and `find` do.
    if block.rfind(CLOCK_PREFIX, start) < 0:
        return len(block)
    if block.startswith(CLOCK_PREFIX, start):
        return start
    return block.find(b"\n" + CLOCK_PREFIX, start) + 1 or len(block)


def join_events(lines: bytes) -> bytes:
    """The text of lines that `export_line` has returned, each with its newline; see `Elements`."""
    # A replace of one byte: in Python 3.11 it takes a tenth of what a longer needle does.
    return SEPARATOR + perfetto_text(lines)[:-1].replace(b"\n", SEPARATOR) if lines else b""


# ------------------------------------------------------------------ one event, exactly

# Every object as a tuple of its pairs, so that no repeated key is lost and an object is not a list.
_PAIRS = json.JSONDecoder(object_pairs_hook=tuple)
_NUMBER_TEXT = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")


def export_line(line: bytes) -> bytes | BadLine:
    """A line as it may enter a trace.json; pass it through `perfetto_text` when you write it.

    The line may come from a log that is not ours, so `check_line` looks at it first, and repairs it.
    """
    if export_run(line + b"\n") == 1:
        return line
    checked = check_line(line)
    if isinstance(checked, BadLine):
        return checked
    try:
        pairs: Iterable[tuple[str, object]] = _PAIRS.decode(checked.decode())
    except RecursionError:  # our caller left less room than the depth that is allowed
        return TOO_DEEP
    event: dict[str, object] = {}
    bad = _fill(event, pairs) or _unreadable(event) or _misread_number(checked)
    if bad:
        return bad
    return _without_nulls(checked) if str(event["ph"])[0] == COUNTER else checked


def _fill(event: dict[str, object], pairs: Iterable[tuple[str, object]]) -> BadLine | None:
    """Fill an event with its fields. Every value of a repeated key must be good; the last one counts."""
    for key, value in pairs:
        if key == "ph" and not (isinstance(value, str) and value):
            return BadLine(f"ph must be a non-empty string, not {_shown(value)}")
        if key in TIME_FIELDS and not _is_time(value):
            return BadLine(f"{key} must be a finite number, not {_shown(value)}")
        event[key] = value
    return None


def _unreadable(event: dict[str, object]) -> BadLine | None:
    """Why Perfetto cannot read an event whose fields are good, each by itself."""
    if "ph" not in event:
        return BadLine("ph is missing")
    phase = str(event["ph"])[0]
    if phase == CPU_PROFILE:
        return BadLine(f"ph {CPU_PROFILE}, a sample of a CPU profile, can make Perfetto give up the whole trace")
    if phase != METADATA and "ts" not in event:
        return BadLine("ts is missing")
    if phase == COMPLETE and "dur" not in event:
        return BadLine(f"dur is missing, which ph {COMPLETE} needs")
    return None


_MISREAD = re.compile(rb"\.[0-9]{%d}|[eE]\+?0*(?:30[9]|3[1-9][0-9]|[4-9][0-9]{2}|[1-9][0-9]{3})" % (MAX_DECIMALS + 1))
"""What `_is_readable` rejects, in numbers of good grammar outside of strings."""


def _misread_number(line: bytes) -> BadLine | None:
    """A number that Perfetto cannot read, finite as it is."""
    if may_overflow(line):
        outside = outside_strings(mask(line))
        if misread := _MISREAD.search(outside):
            start = max(outside.rfind(before, 0, misread.start()) for before in (b":", b",", b"["))
            number = NUMBER.search(outside, start)
            text = number[0].decode() if number else ""
            return BadLine(f"number {shortened(text)} is written with more digits than Perfetto reads")
    return None


def _is_readable(number: str) -> bool:
    mantissa, _, exponent = number.lower().partition("e")
    exponent = exponent.lstrip("+0")
    fits = exponent.startswith("-") or (len(exponent) <= 3 and int(exponent or 0) <= MAX_EXPONENT)
    return fits and len(mantissa.partition(".")[2]) <= MAX_DECIMALS


class _Counter(msgspec.Struct):
    args: dict[str, msgspec.Raw]


_ANY_EVENT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_COUNTER = msgspec.json.Decoder(_Counter)


def _without_nulls(line: bytes) -> bytes | BadLine:
    """A counter without its values that are null (nan, mostly): Perfetto counts each as an import problem."""
    try:
        args = _COUNTER.decode(line).args
    except msgspec.ValidationError:  # args is missing or no object
        return line
    kept = {key: value for key, value in args.items() if bytes(value) != b"null"}
    if len(kept) == len(args):
        return line
    if not kept:
        return BadLine("every value of the counter is null")
    event = _ANY_EVENT.decode(line)
    event["args"] = msgspec.Raw(msgspec.json.encode(kept))
    return msgspec.json.encode(event)


def _is_time(value: object) -> bool:
    """Whether Perfetto reads this as a time. Never ask float() alone: it takes `1_000`, ` 12 ` and `nan`."""
    if isinstance(value, str):
        return _NUMBER_TEXT.fullmatch(value) is not None and math.isfinite(float(value)) and _is_readable(value)
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shown(value: object) -> str:
    match value:
        case tuple():
            return "an object"
        case list():
            return "an array"
        case _:
            return shortened(json.dumps(value))
