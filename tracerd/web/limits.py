"""How much may be asked at a time: requests in a second, bytes of a body, bytes of all bodies."""

import math
import threading
import zlib
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final

from tracerd.web.answers import Refusal

MIB: Final = 1024 * 1024

MAX_BODY_BYTES: Final = 20 * MIB
MAX_INFLATED_BYTES: Final = 64 * MIB
MAX_ALL_BYTES: Final = MAX_BODY_BYTES + MAX_INFLATED_BYTES
"""Of one body as it is sent, of one when it is inflated, and of all that are in work.

One body alone, which is held in both forms while it is inflated, always fits: that it is too large is final (413), and
that there are too many at the moment is not (429).
"""

RATE: Final = 20.0
BURST: Final = 40
"""Requests in a second that are answered for long, and at once after a pause."""

_GZIP: Final = 16 + zlib.MAX_WBITS

_CHUNK: Final = 4096
"""Bytes that are inflated at a time: zlib copies the rest of them after each member of gzip."""


class Rate:
    """A token bucket: BURST requests at once, RATE in a second for long.

    Args:
        clock: Gives the time in seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._left = float(BURST)
        self._at = clock()

    def take(self) -> None:
        """Take a request.

        Raises:
            Refusal: There were too many; `Retry-After` says when there is room for the next.
        """
        now = self._clock()
        self._left = min(BURST, self._left + (now - self._at) * RATE)
        self._at = now
        if self._left < 1:
            raise _too_many(math.ceil((1 - self._left) / RATE), f"more than {RATE:.0f} requests in a second")
        self._left -= 1


class Budget:
    """Bytes that all bodies in work may take together. Several threads may use it."""

    def __init__(self) -> None:
        self.used = 0
        self._lock = threading.Lock()

    def take(self, count: int) -> None:
        """Take so many bytes; a negative number gives some back.

        Raises:
            Refusal: There are not so many.
        """
        with self._lock:
            if count > 0 and self.used + count > MAX_ALL_BYTES:
                raise _too_many(1, f"the bodies of all requests in work are above {MAX_ALL_BYTES // MIB} MiB")
            self.used += count

    @contextmanager
    def body(self) -> Generator["Body"]:
        """A body; what it has taken is given back at the end."""
        body = Body(self)
        try:
            yield body
        finally:
            self.take(-body.reserved)


class Body:
    """One body, as it arrives.

    Args:
        budget: Of all bodies.

    Attributes:
        reserved: How many bytes it has taken from the budget.
    """

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._data = bytearray()
        self.reserved = 0

    def add(self, data: bytes) -> None:
        """Take the next bytes.

        Raises:
            Refusal: The body is too large, or all bodies together are.
        """
        check_length(len(self._data) + len(data))
        self._reserve(len(data))
        self._data += data

    def _reserve(self, count: int) -> None:
        self._budget.take(count)
        self.reserved += count

    def content(self, encoding: str) -> bytearray:
        """All of it, inflated; it is not copied.

        Args:
            encoding: The header `Content-Encoding`; empty for none.

        Raises:
            Refusal: It is too large when it is inflated, or not what the header says.
        """
        match encoding.strip().lower():
            case "" | "identity":
                return self._data
            case "gzip":
                return self._inflated()
            case _:
                raise Refusal("UNSUPPORTED_MEDIA_TYPE", "Content-Encoding may be gzip or identity")

    def _inflated(self) -> bytearray:
        found = bytearray()  # not pieces that are joined: that would take twice the memory
        member = None
        try:
            for start in range(0, len(self._data), _CHUNK):
                left: bytes | bytearray = self._data[start : start + _CHUNK]
                while left:  # gzip may have several members
                    member = member or zlib.decompressobj(_GZIP)
                    piece = member.decompress(left, MIB)
                    if len(found) + len(piece) > MAX_INFLATED_BYTES:
                        limit = MAX_INFLATED_BYTES // MIB
                        raise Refusal("PAYLOAD_TOO_LARGE", f"the body inflates to more than {limit} MiB")
                    self._reserve(len(piece))
                    found += piece
                    left, member = (member.unused_data, None) if member.eof else (member.unconsumed_tail, member)
            if member:
                raise zlib.error("it is cut off")
        except zlib.error as error:
            raise Refusal("BAD_REQUEST", f"the body is no gzip: {error}") from None
        return found


def check_length(length: int) -> None:
    """Check the length of a body.

    Raises:
        Refusal: It is too large.
    """
    if length > MAX_BODY_BYTES:
        raise Refusal("PAYLOAD_TOO_LARGE", f"a body may have {MAX_BODY_BYTES // MIB} MiB")


def _too_many(seconds: int, why: str) -> Refusal:
    return Refusal("TOO_MANY_REQUESTS", f"{why}; try again in {seconds} s", {"Retry-After": str(seconds)})
