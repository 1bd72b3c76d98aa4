"""Patterns with `*`, `?` and `[a-z]` as regular expressions of RE2, which both engines have."""

import re
from fnmatch import translate
from typing import Final

_SPECIAL: Final = re.compile(r"[\\.+*?()|\[\]{}^$]")
_OPENING: Final = re.compile(r"(\\.)|\[")
_NOTHING: Final = r"[^\x00-\x{10FFFF}]"


def regex_of(pattern: str) -> str:
    """A regular expression that matches what the pattern matches, from `^` to `$`."""
    found: list[str] = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        end = _class_end(pattern, at) if char == "[" else at
        if char == "[" and end > at:
            found.append(_class(pattern[at : end + 1]))
            at = end
        elif char == "*":
            if found[-1:] != [".*"]:
                found.append(".*")
        else:
            found.append("." if char == "?" else _SPECIAL.sub(r"\\\g<0>", char))
        at += 1
    return f"(?s)^{''.join(found)}$"


def _class_end(pattern: str, at: int) -> int:
    """Where a class ends; `at` if it does not, and is a bracket."""
    start = at + 1
    start += pattern[start : start + 1] == "!"
    start += pattern[start : start + 1] == "]"
    return max(pattern.find("]", start), at)


def _class(text: str) -> str:
    """Python knows what a range with its ends exchanged, or a bracket inside, is."""
    inner = translate(text).removeprefix("(?s:").rpartition(")")[0]
    if not inner.startswith("["):  # an empty range: nothing, or anything
        return "." if inner == "." else _NOTHING
    return "[" + _OPENING.sub(lambda found: found[1] or r"\[", inner[1:-1]) + "]"
