r"""The first guarantee: a log holds only strict JSON objects, one on a line.

Strategy: a run of lines is checked as one block, by a few C calls that accept nothing wrong but may refuse
what is right. Then each line is looked at by itself, which is exact, and can repair it or say what is wrong.

msgspec is the judge of grammar. Compared with json.loads on millions of mutated lines, msgspec 0.22 refuses
what RFC 8259 refuses, in values that it skips too, except
- invalid UTF-8 and numbers beyond a double: looked for here;
- objects that do not sit one on a line (`decode_lines` asks for no newline between them): looked for here;
and it refuses too much in one case, a lone surrogate escape such as `\ud800`: hidden from it, then repaired.
"""

import math
import re
import string
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from itertools import accumulate
from operator import itemgetter
from typing import Final, TypeVar

import msgspec

from tracerd.core.tef import MAX_DECIMALS

MAX_DEPTH: Final = 256
"""Levels of nesting, the object itself being the first. json.loads of Python 3.11 gives up below 1000."""

MAX_REPAIRED_BYTES: Final = 1024 * 1024
"""A longer line is taken or refused as it is: a repair takes up to 0.2 us a byte, for which other clients wait."""


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that is refused; the reason, one line of text, tells a client's author what to change."""

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
        A number only if `check_line` returns every line unchanged. None if it may not: look line by line.
    """
    objects = decode_run(block, _OBJECTS)
    return None if objects is None else len(objects)


def decode_run(block: bytes, decoder: msgspec.json.Decoder[_Decoded]) -> list[_Decoded] | None:
    """The objects of a block, one for each line; None if a line may be bad."""
    if b"\\" in block and (b"\\ud" in block or b"\\uD" in block):
        return None  # a surrogate escape, or just a path like C:\\udp
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
    many = [line for line in lines if len(line) > 2 * MAX_DEPTH and _may_be_deep(line)]
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


def _may_be_deep(line: bytes) -> bool:
    return line.count(b"{") + line.count(b"[") > MAX_DEPTH


_BRACKETS = b"{[}]"
_ALIKE_BRACKETS = bytes.maketrans(_BRACKETS, b"(())")
_NO_BRACKETS = bytes(set(range(256)).difference(_BRACKETS, b'"'))
_BRACKET_RUN = re.compile(rb"\(+|\)+")


def is_too_deep(text: bytes) -> bool:
    """Whether objects of good grammar are nested too deep, one of them or several in a row.

    Taking out all `()` lowers the depth by one. Where that takes out little, runs of brackets are long and few.
    """
    brackets = mask(text).translate(_ALIKE_BRACKETS, _NO_BRACKETS)
    # Of two quotes with no bracket between them none decides whether another bracket is inside of a string.
    brackets = brackets.replace(b'""', b"")
    if b'"' in brackets:
        brackets = b"".join(brackets.split(b'"')[::2])
    depth = 0
    while brackets and depth <= MAX_DEPTH:
        rest = brackets.replace(b"()", b"")
        if (len(brackets) - len(rest)) * 8 < len(brackets):
            runs: list[bytes] = _BRACKET_RUN.findall(brackets)
            steps = [len(run) if run.startswith(b"(") else -len(run) for run in runs]
            return depth + max(accumulate(steps)) > MAX_DEPTH
        brackets = rest
        depth += 1
    return depth > MAX_DEPTH


# An overflow takes 200 digits in a row or three in the exponent: 199 digits and e99 stay below 1e299. With all
# digits alike two searches find both; they take 75 us for 64 KiB, a regular expression takes 500 us and more.
# Far fewer digits in a row are suspicious here: Perfetto does not read so many after the point.
_ALIKE = bytes.maketrans(b"123456789E", b"000000000e")
_NO_DIGITS = b"+" + string.ascii_letters.replace("e", "").replace("E", "").encode()
_MANY_DIGITS = b"0" * (MAX_DECIMALS + 1)
_LONG_EXPONENT = b"0e000"
# With fewer digits than these before it, an exponent below 200 is harmless.
_LARGE_EXPONENT = re.compile(rb"e(?<=[0-9]e)(?:[2-9][0-9]{2}|[0-9]{4})")
_ONE_E = bytes.maketrans(b"E", b"e")
_BEFORE_NUMBER = b":[, \t\r"
_FEW_DIGITS = 32  # that a number has before its exponent, usually; more are looked at exactly
_MANY_EXPONENTS = 1000  # in strings, mostly; more are looked at exactly


def may_overflow(block: bytes) -> bool:
    """Whether a number in JSON text may be beyond a double, or more than Perfetto reads."""
    # Without the letters there is less to search; what touches in a number still touches.
    digits = block.translate(_ALIKE, _NO_DIGITS)
    if digits.rfind(_LONG_EXPONENT) < 0 and _MANY_DIGITS not in digits:
        return False
    if _MANY_DIGITS in block.translate(_ALIKE, b"+"):
        return True
    text = block.translate(_ONE_E, b"+")
    for count, match in enumerate(_LARGE_EXPONENT.finditer(text)):
        # Hexadecimal ids are full of these; what stands before their digits begins no number.
        before = text[max(0, match.start() - _FEW_DIGITS) : match.start()].rstrip(b"0123456789.-")
        if before[-1:] in _BEFORE_NUMBER or count == _MANY_EXPONENTS:  # so is b"", when there is nothing but digits
            return True
    return False


# ------------------------------------------------------------------ one line, exactly

# Python, C and JavaScript write these; glibc's printf writes -nan for 0.0/0.0 on x86.
_BARE_WORD = re.compile(rb"-?(?:nan|NaN|inf|Infinity)")
NUMBER = re.compile(rb"-?[0-9][0-9.eE+-]*")
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
    legal = _with_outside(_SURROGATE.sub(rb"\\u0000", masked), _BARE_WORD.sub(_stand_in, outside))
    bad = _judge(_unmask(legal)) or _beyond_limits(line)
    if bad:
        return bad
    text = _with_outside(masked, _BARE_WORD.sub(b"null", outside)).decode(errors="replace")
    repaired = _unmask(_SURROGATES.sub(_without_surrogates, text).encode())
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


def mask(line: bytes) -> bytes:
    """The line with control characters for escaped backslashes and quotes: a `"` left is a string's edge."""
    return line.replace(b"\\\\", b"\0\0").replace(b'\\"', b"\1\1")


def _unmask(masked: bytes) -> bytes:
    return masked.replace(b"\0\0", b"\\\\").replace(b"\1\1", b'\\"')


def outside_strings(masked: bytes) -> bytes:
    """A masked line with each string collapsed into one `"`."""
    return b'"'.join(masked.split(b'"')[::2])


def _with_outside(masked: bytes, outside: bytes) -> bytes:
    """A masked line with its strings as they are, and this around them."""
    pieces = masked.split(b'"')
    pieces[::2] = outside.split(b'"')
    return b'"'.join(pieces)


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
    if _may_be_deep(line) and is_too_deep(line):
        return TOO_DEEP
    if may_overflow(line):
        outside = outside_strings(mask(line))
        start = 0
        while start < len(outside):
            # Cut at a comma, which no number has; in most slices nothing has to be looked at.
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
