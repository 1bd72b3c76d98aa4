"""What is whole of a JSON document that ends too early."""

import re
from collections.abc import Container
from typing import Final

_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"(\s*:)?)?|[{}\[\]]', re.DOTALL)
"""A string, which may be a key and may have no end, or a bracket."""

_CLOSES: Final = {b"{": b"}", b"[": b"]"}


def without_cut(text: bytes, rows: Container[str]) -> bytes | None:
    """The document as far as the last whole row, with its brackets closed; None if there is no whole row.

    Args:
        text: The document.
        rows: The keys of the arrays whose elements are rows; an array at the top has the key "".
    """
    open_brackets: list[tuple[bytes, str]] = []  # each with the key of its value
    key = ""
    end = 0
    closing = b""
    for token in _TOKEN.finditer(text):
        word = token[0]
        if token[1]:
            key = word[1 : word.index(b'"', 1)].decode(errors="replace")
        elif word in _CLOSES:
            open_brackets.append((word, key))
            key = ""
        elif word in (b"}", b"]"):
            if not open_brackets or _CLOSES[open_brackets.pop()[0]] != word:
                return None
            if open_brackets and open_brackets[-1][0] == b"[" and open_brackets[-1][1] in rows:
                end = token.end()
                closing = b"".join(_CLOSES[bracket] for bracket, _ in reversed(open_brackets))
    return text[:end] + closing if end and open_brackets else None
