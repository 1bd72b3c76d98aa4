"""What a trace says of itself, as lines for people."""

from collections.abc import Iterator, Mapping
from typing import Final, cast

import orjson

from tracerd.rows.attributes import TAGS, TEXTS
from tracerd.text import printable

MAX_SHOWN: Final = 200
"""Characters of a value that a person is shown."""

_FIRST: Final = (*TEXTS, TAGS)


def attribute_lines(attributes: Mapping[str, object]) -> Iterator[str]:
    """A line for each attribute; those that have a meaning first."""
    for key in [*(key for key in _FIRST if key in attributes), *(key for key in attributes if key not in _FIRST)]:
        yield f"{_cut(key)}: {_cut(_text(attributes[key]))}"


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        values = cast("list[object]", value)
        if all(isinstance(one, str) for one in values):
            return ", ".join(map(str, values))
    return orjson.dumps(value).decode()


def _cut(text: str) -> str:
    return printable(text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}...")
