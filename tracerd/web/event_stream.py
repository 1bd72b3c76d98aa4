"""The response of a stream: messages as they come, counted while they are sent."""

import contextlib

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from tracerd.web import stream
from tracerd.web.counts import Counts


class EventStream(StreamingResponse):
    """Messages as they come; they end with the response.

    Args:
        counts: Where it is counted while it is open.
        follower: What it sends.
    """

    def __init__(self, counts: Counts, follower: stream.Messages) -> None:
        self._counts = counts
        self._messages = stream.messages(follower)
        super().__init__(self._messages, media_type=stream.MEDIA_TYPE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, as ASGI asks for it."""
        self._counts.streams += 1
        try:
            async with contextlib.aclosing(self._messages):
                await super().__call__(scope, receive, send)
        finally:
            self._counts.streams -= 1
