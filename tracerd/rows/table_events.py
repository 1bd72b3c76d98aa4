"""Blocks of a log to its events, with no more of each than is asked for.

Strategy: for each set of columns one msgspec struct is made, and a block is decoded at once, in C. A block in which a
line is out of the ordinary is decoded line by line, and what is still none is read leniently, field by field.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, cast

import msgspec

from tracerd.core.own_prefixes import CLOCK_PREFIX, OWN_PREFIXES, has_own_line
from tracerd.rows.document import repaired
from tracerd.rows.table_values import time_value_of, value_of
from tracerd.store.own_lines import decode_clock

_TYPES: Final[dict[str, Any]] = {
    "ph": str,
    "name": str,
    "cat": str,
    "ts": int | float | None,
    "dur": int | float | None,
    "pid": int | str | None,
    "tid": int | str | None,
    "id": object,
    "id2": object,
    "args": object,
}
_DEFAULTS: Final[dict[str, object]] = {"ph": "", "name": "", "cat": ""}
_LENIENT: Final[dict[str, tuple[type, ...]]] = {
    "ph": (str,), "name": (str,), "cat": (str,), "ts": (int, float), "dur": (int, float), "pid": (int, float, str),
    "tid": (int, float, str), "id": (object,), "id2": (object,), "args": (object,),
}  # fmt: skip

FIELDS: Final = tuple(_TYPES)
"""The fields of an event that may be asked for."""

_FAULTS: Final = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)
"""What a decoder raises at a line."""


class TableEvents:
    """The events of a log, and where they stand.

    Args:
        fields: Which FIELDS are wanted.
        keys: Which keys of args, and what a missing one is; None for all of args.
        more: Attributes of each event beside these fields, for the reader; None at first.

    Attributes:
        line: The number of the line before the next block.
        offset_us: What added to a ts is the time since 1970; None without a clock line before.
        bad_lines: How many lines are no JSON objects.
        first_bad_line: Which is the first of them; 0 for none.
        attributes: The attribute of args that has each key; None if args are a whole object.
    """

    def __init__(self, fields: Collection[str], keys: Mapping[str, object] | None, more: Sequence[str] = ()) -> None:
        self.line = 0
        self.offset_us: int | None = None
        self.bad_lines = 0
        self.first_bad_line = 0
        self._fields = [field for field in FIELDS if field in fields]
        self.attributes = None if keys is None else {key: f"a{at}" for at, key in enumerate(keys)}
        members = None if keys is None else tuple(keys.items())
        self._args, self._event, self._decoder = _structs(tuple(self._fields), members, tuple(more))

    def read(self, blocks: Iterable[bytes]) -> Iterator[list[Any]]:
        """The events of each block; None for a line that is none, or the daemon's own."""
        for block in blocks:
            for piece in _pieces(block) if has_own_line(block) else (block,):
                if piece.startswith(CLOCK_PREFIX) and (readings := decode_clock(piece.rstrip(b"\n"))):
                    self.offset_us = readings.realtime_us - readings.monotonic_us
                events = [None] if piece.startswith(OWN_PREFIXES) else self._decoded(piece)
                yield events
                self.line += len(events)

    def _decoded(self, block: bytes) -> list[Any]:
        try:
            events: list[Any] = self._decoder.decode_lines(block)
        except _FAULTS:
            events = []
        if len(events) == block.count(b"\n") + (not block.endswith(b"\n")):
            return events
        lines = block.removesuffix(b"\n").split(b"\n")
        return [self._one(line, self.line + at) for at, line in enumerate(lines, 1)]

    def _one(self, line: bytes, line_no: int) -> Any:
        for text in (line, repaired(line.decode(errors="replace").encode())):
            try:
                return self._decoder.decode(text)
            except _FAULTS:
                pass
            if (event := self._lenient(text)) is not None:
                return event
        self.bad_lines += 1
        self.first_bad_line = self.first_bad_line or line_no
        return None

    def _lenient(self, line: bytes) -> Any:
        """An event of which some field has an unusual type; None if the line is no JSON object."""
        try:
            raw = _OBJECT.decode(line)
        except _FAULTS:
            return None
        found: dict[str, object] = {}
        for field in self._fields:
            read = time_value_of if field in ("ts", "dur") else value_of
            value = read(raw[field]) if field in raw else None
            is_bool = isinstance(value, bool) and field not in ("args", "id2")
            found[field] = value if isinstance(value, _LENIENT[field]) and not is_bool else _DEFAULTS.get(field)
        if self.attributes is not None and "args" in found:
            found["args"] = self._args_of(found["args"])
        return self._event(**found)

    def _args_of(self, args: object) -> Any:
        if self.attributes is None or not isinstance(args, dict):
            return None
        members = cast("dict[str, object]", args)
        return self._args(**{name: members[key] for key, name in self.attributes.items() if key in members})


@lru_cache
def _structs(
    fields: tuple[str, ...], keys: tuple[tuple[str, object], ...] | None, more: tuple[str, ...]
) -> tuple[Any, Any, "msgspec.json.Decoder[Any]"]:
    """The structs of args and of an event, and a decoder of events: the same for each of many traces."""
    types = dict(_TYPES)
    args: Any = None
    if keys is not None:
        names = {f"a{at}": key for at, (key, _) in enumerate(keys)}
        args_members = [(name, object, missing) for name, (_, missing) in zip(names, keys, strict=True)]
        args = msgspec.defstruct("Args", args_members, rename=names, gc=False)
        types["args"] = args | None
    members = [(field, types[field], _DEFAULTS.get(field)) for field in fields]
    # A key of JSON that is like one of these is no harm: who asks for more sets all of them.
    members += [(name, object, None) for name in more]
    event: Any = msgspec.defstruct("Event", members, rename={name: f" {name}" for name in more}, gc=False)
    return args, event, msgspec.json.Decoder(event)


def _pieces(block: bytes) -> Iterator[bytes]:
    """A block cut before and after each of the daemon's own lines."""
    start = 0
    at = 0
    while at < len(block):
        end = block.find(b"\n", at) + 1 or len(block)
        if block.startswith(OWN_PREFIXES, at):
            if start < at:
                yield block[start:at]
            yield block[at:end]
            start = end
        at = end
    if start < len(block):
        yield block[start:]


_OBJECT: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
