"""Work in a thread, which ends by itself when its time is over or the client has gone: a thread cannot be killed."""

import time
from collections.abc import Iterable, Iterator

from tracerd.web.answers import Refusal


class GoneError(Exception):
    """Raised when the client has closed its connection."""


class Work:
    """The work for one request.

    Args:
        limit_s: How long it may take.

    Attributes:
        is_gone: Whether the client has closed its connection.
    """

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._until = float("inf")
        self.is_gone = False

    def start(self) -> None:
        """Begin to count the time: what waits for a thread does not work yet.

        Raises:
            GoneError: The client has gone already.
        """
        self._until = time.monotonic() + self._limit_s
        if self.is_gone:
            raise GoneError

    def tick(self) -> None:
        """Called for each block of a log that is read.

        Raises:
            Refusal: The time is over.
            GoneError: The client has gone.
        """
        if self.is_gone:
            raise GoneError
        if time.monotonic() >= self._until:
            raise Refusal(
                "SERVICE_UNAVAILABLE",
                f"the answer takes more than {self._limit_s:g} s; ask for fewer traces or for less time",
            )

    def ticked(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        """Blocks, with a tick before each."""
        for block in blocks:
            self.tick()
            yield block
