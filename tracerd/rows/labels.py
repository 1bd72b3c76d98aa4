"""The labels of a point: the text of the column `labels` as keys and values."""

from typing import Final

ID_KEY: Final = "id"
"""The label that an id is which is no list of labels, as other programs write them."""


def read_labels(text: str) -> dict[str, str]:
    """The labels that a text is: `host=a,zone=1`, with `%2C` for a comma in one and `%25` for a percent sign."""
    if not text:
        return {}
    pairs = [part.partition("=") for part in text.split(",")]
    if not all(equals for _, equals, _ in pairs):
        return {ID_KEY: text}
    return {_plain(key): _plain(value) for key, _, value in pairs}


def _plain(text: str) -> str:
    return text.replace("%2C", ",").replace("%25", "%") if "%" in text else text
