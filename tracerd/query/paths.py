"""Values in the args of an event: what `args.a.b` reads."""

from collections.abc import Mapping
from typing import cast


def at_path(args: object, path: tuple[str, ...]) -> object:
    """The value of a path; null if there is none.

    A path of several keys is first one key with dots, as OpenTelemetry writes attributes, and else the rest of the
    path inside the first key.

    Args:
        args: Of the event; anything but an object has no values.
        path: The keys.
    """
    if not isinstance(args, dict):
        return None
    found = cast("Mapping[str, object]", args)
    whole = ".".join(path)
    if whole in found:
        return found[whole]
    return at_path(found.get(path[0]), path[1:]) if len(path) > 1 else None
