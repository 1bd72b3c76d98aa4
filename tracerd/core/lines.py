r"""The first guarantee: a log holds only strict JSON objects, one on a line.

Strategy: a run of lines is checked as one block, by the scanner in C or, without it, by a few calls of libraries.
Both accept nothing wrong but may refuse what is right. Then each line is checked by itself, which is exact, and can
repair it or find the reason.

msgspec is the judge of grammar. Compared with json.loads on millions of mutated lines, msgspec 0.22 refuses
what RFC 8259 refuses, in values that it skips too, except
- invalid UTF-8 and numbers beyond a double: found here;
- objects that do not sit one on a line (`decode_lines` asks for no newline between them): found here;
and it refuses too much in one case, a lone surrogate escape such as `\ud800`: hidden from it, then repaired.
"""

import math
import re
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from operator import itemgetter
from typing import Final, TypeVar

import msgspec

from tracerd.core.json_text import (
    MAX_DEPTH,
    NUMBER,
    is_too_deep,
    mask,
    may_be_deep,
    may_overflow,
    outside_strings,
    unmask,
    with_outside,
)
from tracerd.core.own_prefixes import has_own_line
from tracerd.speedups import plain_lines

MAX_REPAIRED_BYTES: Final = 1024 * 1024
"""A longer line is taken or refused as it is: a repair takes up to 0.2 us a byte, for which other clients wait."""


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that is refused; the reason, one line of text, is for the client's author."""

    reason: str


TOO_DEEP = BadLine(f"nested deeper than {MAX_DEPTH} levels")

# ------------------------------------------------------------------ runs of lines


class _Object(msgspec.Struct, gc=False):
    """Any JSON object."""


_OBJECTS = msgspec.json.Decoder(_Object)

_Decoded = TypeVar("_Decoded", bound=msgspec.Struct)


def check_run(block: bytes) -> int | None:
    r"""The number of lines in a block, each ended by `\n`, if all are good as they are.

    Returns:
        A number only if `check_line` returns every line unchanged, and none begins as the daemon's own do. None if
        that is not sure: check line by line.
    """
    if plain_lines:
        count, length = plain_lines(block)
        return count if length == len(block) else None
    if has_own_line(block):
        return None
    objects = decode_run(block, _OBJECTS)
    return None if objects is None else len(objects)


def decode_run(block: bytes, decoder: msgspec.json.Decoder[_Decoded]) -> list[_Decoded] | None:
    """The objects of a block, one for each line; None if a line may be bad."""
    if plain_lines:
        try:
            return decoder.decode_lines(block) if plain_lines(block)[1] == len(block) else None
        except (msgspec.DecodeError, RecursionError):  # good JSON, but not what is decoded here
            return None
    if b"\\" in block and (b"\\ud" in block or b"\\uD" in block) and _SURROGATE.search(mask(block)):
        return None
    try:
        if not block.isascii():
            block.decode()
        objects = decoder.decode_lines(block)
    except (UnicodeDecodeError, msgspec.DecodeError, RecursionError):
        return None
    # readlines takes 9 us for 64 KiB, bytes.count(b"\n") takes 30 us in Python 3.11.
    lines = BytesIO(block).readlines()
    if len(lines) != len(objects) or not _all_framed(lines) or may_overflow(block):
        return None
    many = [line for line in lines if len(line) > 2 * MAX_DEPTH and may_be_deep(line)]
    if many and is_too_deep(b"".join(many)):
        return None
    return objects


_OPEN = frozenset(b"{")
_CLOSE = frozenset(b"}")
_NEWLINE = frozenset(b"\n")


def _all_framed(lines: list[bytes]) -> bool:
    """Whether each line goes from `{` to `}`. As many objects as there are lines then sit one on a line.

    For a newline inside an object, made up for by two objects on one line, would need a `}` before it and
    a `{` after it, and within a JSON value there is a comma between these two.
    """
    return (
        _OPEN.issuperset(map(itemgetter(0), lines))
        and _CLOSE.issuperset(map(itemgetter(-2), lines))
        and _NEWLINE.issuperset(line[-1] for line in lines[-1:])
    )


# ------------------------------------------------------------------ one line, exactly

# Python, C and JavaScript write these; glibc's printf writes -nan for 0.0/0.0 on x86.
_BARE_WORD = re.compile(rb"-?(?:nan|NaN|inf|Infinity)")
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_SURROGATES = re.compile(
    r"\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})"
    r"|\\u[dD][89a-fA-F][0-9a-fA-F]{2}"
)


def check_line(line: bytes) -> bytes | BadLine:
    """A line as it may enter a log.

    Args:
        line: Without its newline and without blanks around it.

    Returns:
        The line itself if it is one strict JSON object; a repaired copy; or why it is refused.
    """
    if b"\n" in line:
        return BadLine("a newline inside the line")
    bad = _judge(line)
    if bad is None and _is_plain(line):
        return _beyond_limits(line) or line
    if bad and not _may_be_repaired(line):
        return bad
    if control := _CONTROL.search(line):
        escape = f"\\u{control[0][0]:04x}"
        return BadLine(f"not JSON: control character at byte {control.start()}: write {escape}, in a string")
    if len(line) > MAX_REPAIRED_BYTES:
        return bad or _beyond_limits(line) or _unrepaired(line) or line
    masked = mask(line)
    outside = outside_strings(masked)
    # What will be repaired is hidden from the judge behind something legal of its length: offsets stay true.
    legal = with_outside(_SURROGATE.sub(rb"\\u0000", masked), _BARE_WORD.sub(_stand_in, outside))
    bad = _judge(unmask(legal)) or _beyond_limits(line)
    if bad:
        return bad
    text = with_outside(masked, _BARE_WORD.sub(b"null", outside)).decode(errors="replace")
    repaired = unmask(_SURROGATES.sub(_without_surrogates, text).encode())
    return line if repaired == line else repaired


def _is_plain(line: bytes) -> bool:
    """Whether a line is valid UTF-8 without an escape of a surrogate, or what looks like one."""
    if b"\\ud" in line or b"\\uD" in line:
        return False
    try:
        return line.isascii() or bool(line.decode())
    except UnicodeDecodeError:
        return False


def _may_be_repaired(line: bytes) -> bool:
    """Whether anything in a line of bad grammar could be repaired, or has a reason of its own."""
    return (
        b"nan" in line
        or b"inf" in line
        or b"NaN" in line
        or b"Infinity" in line
        or b"\\ud" in line
        or b"\\uD" in line
        or _CONTROL.search(line) is not None
    )


def _unrepaired(line: bytes) -> BadLine | None:
    """What would need a repair in a line too long for one; a bare nan is no JSON, and was refused already."""
    limit = f"in a line longer than {MAX_REPAIRED_BYTES} bytes"
    if _SURROGATE.search(mask(line)):
        return BadLine(f"a surrogate escape {limit}: write UTF-8")
    try:
        line.decode()
    except UnicodeDecodeError as error:
        return BadLine(f"invalid UTF-8 at byte {error.start} {limit}")
    return None


def _stand_in(word: re.Match[bytes]) -> bytes:
    """A value of the word's length, and one that is illegal as a key and next to any other value."""
    return b"[]".rjust(len(word[0]))


_PLACE = re.compile(r" \(byte (\d+)\)$")


def _judge(line: bytes) -> BadLine | None:
    """What is wrong with the grammar of a line."""
    try:
        _OBJECTS.decode(line)
    except msgspec.ValidationError:
        return BadLine("not a JSON object")
    except msgspec.DecodeError as error:
        return _bad_grammar(str(error))
    except RecursionError:
        return TOO_DEEP
    if not (line.startswith(b"{") and line.endswith(b"}")):
        return BadLine("blanks around the object")
    return None


@lru_cache(maxsize=1024)
def _bad_grammar(error: str) -> BadLine:
    reason = error.removeprefix("JSON is malformed: ")
    reason = reason.replace("Input data was truncated", "the line ends too early")
    return BadLine("not JSON: " + _PLACE.sub(r" at byte \1", reason))


_SLICE = 4096


def _beyond_limits(line: bytes) -> BadLine | None:
    """What is too deep or too large in a line of good grammar; bare words may be in it."""
    if may_be_deep(line) and is_too_deep(line):
        return TOO_DEEP
    if may_overflow(line):
        outside = outside_strings(mask(line))
        start = 0
        while start < len(outside):
            # Cut at a comma, which no number has; in most slices nothing has to be checked.
            end = outside.find(b",", start + _SLICE) + 1 or len(outside)
            part = outside[start:end]
            start = end
            if may_overflow(part) and any(map(math.isinf, map(float, NUMBER.findall(part)))):
                number = next(number for number in NUMBER.findall(part) if math.isinf(float(number)))
                return BadLine(f"number {shortened(number.decode())} does not fit a double")
    return None


def _without_surrogates(escape: re.Match[str]) -> str:
    if not escape[1]:
        return "\N{REPLACEMENT CHARACTER}"
    return bytes.fromhex(escape[1] + escape[2]).decode("utf-16-be")


def shortened(text: str) -> str:
    """A number or a value as a reason shows it."""
    return text if len(text) <= 40 else f"{text[:36]}..."
