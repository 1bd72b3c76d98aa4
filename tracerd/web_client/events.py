"""Server-Sent Events to events."""

import json
from collections.abc import Iterable, Iterator
from typing import Final, cast

from tracerd.errors import ApiError
from tracerd.web_client.answers import Event

_DATA: Final = b"data: "


def events(lines: Iterable[bytes]) -> Iterator[Event]:
    """The events of a stream: one for each `data` line; comments are signs of life.

    Raises:
        ApiError: A line holds something else, BAD_ANSWER.
    """
    for line in lines:
        if line.startswith(_DATA):
            try:
                # What the server sends; tests compare it with the type.
                yield cast("Event", json.loads(line.removeprefix(_DATA)))
            except (ValueError, RecursionError):
                raise ApiError("the stream holds something else than events", "BAD_ANSWER") from None
