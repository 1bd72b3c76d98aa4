"""One request and its answer, for hypercorn, which leaves two things to the application."""

from contextlib import suppress
from typing import Final

import trio
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LINGER_S: Final = 2.0
"""How long the rest of a body is read, and dropped, after an answer that did not wait for it."""

_END: Final = {"type": "http.response.body", "body": b"", "more_body": False}


def beside_hypercorn(app: ASGIApp) -> ASGIApp:
    """The application for a server that closes a connection with what a client has sent and nobody has read.

    A client that is still sending then sees a reset in place of the answer; so the rest of its body is read for a
    while. And what hypercorn has read but the application has not is taken from it at the end, for which it waits.
    """

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        exchange = _Exchange(receive, send)
        await app(scope, exchange.receive, exchange.send)
        await exchange.finish()

    return answer


class _Exchange:
    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._is_read = trio.Event()
        self._is_held = False

    async def receive(self) -> Message:
        message = await self._receive()
        if not message.get("more_body"):  # the last of a body, or the client has gone
            self._is_read.set()
        return message

    async def send(self, message: Message) -> None:
        is_last = message["type"] == "http.response.body" and not message.get("more_body")
        if is_last and not self._is_read.is_set():
            self._is_held = True
            message = {**message, "more_body": True}
        await self._sent(message)

    async def _sent(self, message: Message) -> None:
        # Hypercorn gives an answer of its own if a client goes within its request. trio rejects the second of two that
        # send at the same time: the client has gone.
        with suppress(trio.BusyResourceError):
            await self._send(message)

    async def finish(self) -> None:
        """End an answer that came before the end of the body."""
        if not self._is_held:
            return
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._drain)
            with trio.move_on_after(LINGER_S):
                await self._is_read.wait()
            await self._sent(_END)
            nursery.cancel_scope.cancel()

    async def _drain(self) -> None:
        while True:
            await self.receive()
