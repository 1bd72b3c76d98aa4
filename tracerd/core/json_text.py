"""What can be seen of JSON text without decoding it: where its strings are, how deep it is, how large its numbers.

Strategy: `translate`, `replace`, `split` and `find` run in C and take a few microseconds for 64 KiB, where a loop or a
regular expression takes hundreds.
"""

import re
import string
from itertools import accumulate
from typing import Final

MAX_DEPTH: Final = 256
"""Levels of nesting, the object itself being the first. json.loads of Python 3.11 gives up below 1000."""

MAX_DECIMALS: Final = 63
"""Digits after the point that Perfetto 52 reads of a number, whatever its value: more fail the load of a trace."""


def may_be_deep(line: bytes) -> bool:
    """Whether a line has enough brackets to be nested too deep."""
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
_NO_DIGITS = b'+."{}' + string.ascii_letters.replace("e", "").replace("E", "").encode()
_MANY_DIGITS = b"0" * (MAX_DECIMALS + 1)
_LONG_EXPONENT = b"0e000"
# With fewer digits than these before it, an exponent below 200 is harmless.
_LARGE_EXPONENT = re.compile(rb"e(?<=[0-9]e)(?:[2-9][0-9]{2}|[0-9]{4})")
_ONE_E = bytes.maketrans(b"E", b"e")
_BEFORE_NUMBER = b":[, \t\r"
_FEW_DIGITS = 32  # that a number has before its exponent, usually; more are checked exactly
_MANY_EXPONENTS = 1000  # in strings, mostly; more are checked exactly


def may_overflow(block: bytes) -> bool:
    """Whether a number in JSON text may be beyond a double, or more than Perfetto reads."""
    # With most other bytes gone there is less to search; what touches in a number still touches.
    digits = block.translate(_ALIKE, _NO_DIGITS)
    if digits.rfind(_LONG_EXPONENT) < 0 and digits.rfind(_MANY_DIGITS) < 0:
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


NUMBER = re.compile(rb"-?[0-9][0-9.eE+-]*")


def mask(line: bytes) -> bytes:
    """The line with control characters for escaped backslashes and quotes: a `"` left is a string's edge."""
    return line.replace(b"\\\\", b"\0\0").replace(b'\\"', b"\1\1")


def unmask(masked: bytes) -> bytes:
    """The line that was masked."""
    return masked.replace(b"\0\0", b"\\\\").replace(b"\1\1", b'\\"')


def outside_strings(masked: bytes) -> bytes:
    """A masked line with each string collapsed into one `"`."""
    return b'"'.join(masked.split(b'"')[::2])


def with_outside(masked: bytes, outside: bytes) -> bytes:
    """A masked line with its strings as they are, and this around them."""
    pieces = masked.split(b'"')
    pieces[::2] = outside.split(b'"')
    return b'"'.join(pieces)
