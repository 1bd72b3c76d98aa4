"""Any Python value as JSON that the daemon and Perfetto take. No I/O.

A value may be of any class, so this encoder needs the `json` module, unlike that of `tracerd.exec`; the daemon's needs
msgspec, which a client must not.
"""

from __future__ import annotations

import json
import math
import re

from tracerd.client.border import keep

TYPE_CHECKING = False  # typing is slow to import
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import TypeGuard, TypeVar

    _Value = TypeVar("_Value")

MAX_LINE_BYTES = 32 * 1024 - 1
"""Without its newline. Linux takes a send(2) of so much whole or not at all: who is killed leaves no half line."""

MAX_TEXT = 1000
"""Characters that are kept of a string in arguments that had to be repaired."""

MAX_VALUES = 1000
MAX_LEVELS = 20
"""How many values, and how deep, are kept of arguments that had to be repaired."""

SURELY_FINE = 256
"""A shorter line cannot be nested too deep (256 levels), or hold a number beyond a double (309 digits)."""

string = json.encoder.encode_basestring
"""A `str` as JSON; TypeError for anything else."""


def as_text(value: object) -> str:
    """What stands for a value that JSON does not have."""
    try:
        return _cut(str.__str__(str(value)))  # of the class str itself, whose methods raise nothing
    except BaseException as error:
        keep(error)
        return f"<{type(value).__name__}>"


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}... ({len(text)} characters)"


def _encoder() -> Callable[[object], str]:
    """Like `json.dumps`, which makes a new encoder for each call: that alone takes longer than our arguments."""
    public = json.JSONEncoder(
        ensure_ascii=False, check_circular=False, allow_nan=False, separators=(",", ":"), default=as_text
    )
    make: Callable[..., Callable[[object, int], Iterable[str]]] | None
    make = getattr(json.encoder, "c_make_encoder", None)  # CPython has it; its arguments are documented nowhere
    if make is None:
        return public.encode
    try:
        pieces = make(None, as_text, string, None, ":", ",", False, False, False)
        "".join(pieces({"a": [1, "b", 0.5, None]}, 0))
    except Exception:
        return public.encode
    return lambda value: "".join(pieces(value, 0))


encode = _encoder()
"""A value as JSON, fast.

Raises:
    Exception: ValueError, TypeError, RecursionError or what a strange class raises; `repaired` takes the value then.
"""

_TOO_MANY_DIGITS = re.compile(r"[0-9]{300}")
_MAX_BRACKETS = 256


def check_long(line: str) -> None:
    """Check for what only a long line can have.

    Raises:
        ValueError: It is longer, or may be nested deeper or hold larger numbers, than a daemon takes.
    """
    if len(line) * 4 > MAX_LINE_BYTES and len(line.encode(errors="replace")) > MAX_LINE_BYTES:
        raise ValueError("too long")
    if line.count("{") + line.count("[") > _MAX_BRACKETS:
        raise ValueError("may be nested too deep")
    if _TOO_MANY_DIGITS.search(line):
        raise ValueError("may have a number that is too large")


def repaired(args: Mapping[str, object]) -> str:
    """Arguments as JSON, whatever they are: numbers that are none become null, what is too much is cut."""
    try:
        text = encode(_Repair().value(args, 0))
        if len(text.encode(errors="replace")) <= MAX_LINE_BYTES // 2:
            return text
    except BaseException as error:
        keep(error)
        text = ""
    return '{"tracerd":"arguments left out: too many"}' if text else '{"tracerd":"arguments left out: not readable"}'


def repaired_string(text: object) -> str:
    """A name as JSON, whatever it is."""
    return string(as_text(text))


def labels_text(labels: dict[str, object]) -> str:
    """Labels as one text, `a=1,b=2`; a comma in it would end a label, so it is written as in a URL."""
    texts = (f"{key}={as_text(labels[key])}" for key in sorted(labels))
    return ",".join(text.replace("%", "%25").replace(",", "%2C") for text in texts)


def _has_pairs(value: object) -> TypeGuard[dict[object, object]]:
    return isinstance(value, dict)


def _has_values(value: object) -> TypeGuard[Iterable[object]]:
    return isinstance(value, (list, tuple, set, frozenset))


class _Repair:
    def __init__(self) -> None:
        self._left = MAX_VALUES

    def value(self, value: object, level: int) -> object:
        """A copy that `encode` takes."""
        try:
            return self._value(value, level)
        except BaseException as error:
            keep(error)
            return as_text(value)

    def _value(self, value: object, level: int) -> object:
        self._left -= 1
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, float):
            return float(value) if math.isfinite(value) else None
        if isinstance(value, int):
            # Perfetto shows a larger number as garbage.
            return int(value) if -(2**63) <= value < 2**63 else as_text(value)
        if isinstance(value, str):
            return _cut(str(value))
        if _has_pairs(value):
            return {as_text(key): self.value(one, level + 1) for key, one in self._some(value.items(), level)}
        if _has_values(value):
            return [self.value(one, level + 1) for one in self._some(value, level)]
        return as_text(value)

    def _some(self, values: Iterable[_Value], level: int) -> Iterator[_Value]:
        for value in values if level < MAX_LEVELS else ():
            if self._left <= 0:
                return
            yield value
