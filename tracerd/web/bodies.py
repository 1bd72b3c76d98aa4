"""The bodies of requests as they arrive, and how many of them wait."""

from collections.abc import Callable
from typing import Final

import anyio
from starlette.requests import Request

from tracerd.web.answers import Refusal
from tracerd.web.limits import check_length

MAX_WAITING: Final = 40
"""Requests that wait for a thread."""

BODY_S: Final = 30.0
"""How long a body may take to arrive."""


def check_queue(threads: anyio.CapacityLimiter) -> None:
    """Check that there is room for one more request that waits for these threads.

    Raises:
        Refusal: There is none.
    """
    if threads.statistics().tasks_waiting >= MAX_WAITING:
        why = f"{MAX_WAITING} requests wait already; try again in 5 s"
        raise Refusal("TOO_MANY_REQUESTS", why, {"Retry-After": "5"})


async def take_body(request: Request, add: Callable[[bytes], None]) -> None:
    """Take a body, in the pieces in which it arrives.

    Raises:
        Refusal: It is too large, or takes too long.
    """
    length = request.headers.get("content-length", "")
    if length.isascii() and length.isdigit():
        check_length(int(length))
    with anyio.move_on_after(BODY_S) as scope:
        async for data in request.stream():
            add(data)
    if scope.cancelled_caught:
        raise Refusal("REQUEST_TIMEOUT", f"the body took more than {BODY_S:.0f} s")


def media_type(request: Request) -> str:
    """What a body is, in lower case, without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()
