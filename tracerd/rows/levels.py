"""How serious a log event is: its `args.level`."""

from typing import Final

LEVELS: Final = ("debug", "info", "warning", "error", "critical")
"""From the least to the most serious."""

ERROR_LEVELS: Final = ("error", "critical")

USUAL_LEVEL: Final = "info"
"""What an unknown level counts as."""

_OTHER_NAMES: Final = {"warn": "warning", "fatal": "critical"}


def known_level(level: object) -> str | None:
    """Which one of LEVELS a value of `args.level` is, in any case of letters; None if it is none."""
    if not isinstance(level, str):
        return None
    if level in LEVELS:
        return level
    level = level.lower()
    level = _OTHER_NAMES.get(level, level)
    return level if level in LEVELS else None


def level_of(level: object) -> str:
    """The level of a log event with this `args.level`."""
    return known_level(level) or USUAL_LEVEL
