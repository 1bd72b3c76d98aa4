"""Half a surrogate pair in JSON, which JavaScript writes when it cuts a text, and a decoder rejects."""

import re
from typing import Final

_HEX: Final = rb"[0-9a-fA-F]{2}"
_PAIR: Final = rb"u[dD][89abAB]" + _HEX + rb"\\u[dD][c-fC-F]" + _HEX
_OTHER: Final = rb"[^u]|u(?![dD][89a-fA-F])"
_UP_TO_HALF: Final = re.compile(
    rb"(?:[^\\]++|\\(?:" + _OTHER + rb"|" + _PAIR + rb")|(?!))*+(?=\\u[dD][89a-fA-F]" + _HEX + rb")", re.DOTALL
)
"""Possessive, so that the time is linear; `(?!)` is for Python before 3.11.5, as in redact/rules.py."""

_REPLACEMENT: Final = rb"\ufffd"


def replace_halves(json: bytearray) -> None:
    """Replace each escape of half a pair by that of U+FFFD, which is as long: nothing is copied."""
    end = 0
    while found := _UP_TO_HALF.match(json, end):
        start, end = found.end(), found.end() + len(_REPLACEMENT)
        json[start:end] = _REPLACEMENT
