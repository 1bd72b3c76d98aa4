"""What a column is, of the fields and args that it is made of."""

from collections.abc import Iterator
from typing import Final, cast

import msgspec

from tracerd.rows.columns import Path

WALL_US: Final = 1e15
"""A ts from here on is the time since 1970, as in imports of old files: no machine runs for 32 years."""


def value_of(text: bytes) -> object:
    """The value of some JSON; None if it is a number that no double holds, or has one inside, or is too deep."""
    try:
        value: object = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    return value


def time_value_of(text: bytes) -> object:
    """The value of a `ts` or a `dur`, which may be a string that holds exactly a number, as Perfetto reads it."""
    value = value_of(text)
    if isinstance(value, str) and value.isascii() and value == value.strip():
        number = value_of(value.encode())
        return value if isinstance(number, str) else number
    return value


def at_path(args: object, path: Path) -> object:
    """The value of a path in args; null if there is none.

    A path of several keys is first one key with dots, as OpenTelemetry writes attributes, and else the rest of the
    path inside the first key.
    """
    if not isinstance(args, dict):
        return None
    found = cast("dict[str, object]", args)
    whole = ".".join(path)
    if whole in found:
        return found[whole]
    return at_path(found.get(path[0]), path[1:]) if len(path) > 1 else None


def event_id(trace: object, line: object) -> str:
    """What an event is called."""
    return f"{trace}:{line}"


def time_of(ts: int | float | None, offset_us: int | None) -> int | None:
    """The time in microseconds since 1970; null if it is not known."""
    if ts is None:
        return None
    if ts >= WALL_US:
        return round(ts)
    return None if offset_us is None else round(ts) + offset_us


def service_of(service: object, process: str) -> str:
    """`args.service`, else the name of the process."""
    return service if isinstance(service, str) and service else process


def message_of(message: object, name: str) -> str:
    """`args.message`, else the name."""
    return message if isinstance(message, str) else name


def labels_of(id_: object) -> str:
    """The labels of a counter: its id."""
    return "" if id_ is None else str(id_)


def points_of(name: str, args: object) -> Iterator[tuple[str, int | float]]:
    """The name and the value of each number in the args of a counter."""
    if isinstance(args, dict):
        for key, value in cast("dict[str, object]", args).items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                yield name if key == "value" else f"{name}.{key}", value
