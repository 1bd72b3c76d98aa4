"""What a trace says of itself: its attributes, from metadata events `tracerd_trace`.

Any program may write some, and none knows of the others: of each key the last value counts, and a key that is absent,
or null, erases nothing. Values may be anything, so what is of another type than its key, or large, is passed over.
"""

from typing import Final, cast

import msgspec
import orjson

from tracerd.store.log import lines_with

NAME: Final = "tracerd_trace"

TEXTS: Final = ("name", "session", "user", "version", "release", "environment")
"""Keys whose values are texts. `tags` is a list of texts; other keys may have any value."""

TAGS: Final = "tags"

MAX_KEYS: Final = 100
MAX_VALUE_BYTES: Final = 4096
"""How many keys are taken, and how long their values may be as JSON: they go into headers and listings."""

_MARK: Final = NAME.encode()


class _Event(msgspec.Struct):
    ph: str
    name: str
    args: dict[str, msgspec.Raw]


_EVENT = msgspec.json.Decoder(_Event)


class Attributes:
    """The attributes of a trace.

    Attributes:
        values: By key, in the order in which the keys were met.
    """

    def __init__(self) -> None:
        self.values: dict[str, object] = {}

    def feed(self, block: bytes) -> None:
        """Take the next whole lines."""
        # rfind takes a tenth of the time that `in` takes, in Python 3.11.
        if block.rfind(_MARK) >= 0:
            for _, line in lines_with(block, _MARK):
                self._take(line)

    def _take(self, line: bytes) -> None:
        try:
            event = _EVENT.decode(line)
        except (msgspec.DecodeError, RecursionError):
            return
        if not event.ph.startswith("M") or event.name != NAME:
            return
        for key, raw in event.args.items():
            value = _value(key, bytes(raw))
            if value is not None and (key in self.values or len(self.values) < MAX_KEYS):
                self.values[key] = value


def _value(key: str, text: bytes) -> object:
    """What a key is set to; None if that is nothing."""
    if len(text) > MAX_VALUE_BYTES or len(key) > MAX_VALUE_BYTES:
        return None
    try:
        value: object = orjson.loads(text)
        orjson.dumps(value)  # as it will be printed: that has limits of its own
    except (ValueError, TypeError):
        return None
    if key in TEXTS:
        return value if isinstance(value, str) else None
    if key == TAGS:
        tags = cast("list[object]", value) if isinstance(value, list) else [value]
        return [tag for tag in tags if isinstance(tag, str)] or None
    return value
