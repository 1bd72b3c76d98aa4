"""Who may ask: decided by the headers of a request, before anything else is done with it.

A page in a browser can send requests to any port of this machine. Three things keep it out: a page elsewhere that has
its name resolved to 127.0.0.1 (DNS rebinding) sends its own name as Host; any page of another origin, also of another
port here, sends its Origin, or `Sec-Fetch-Site`; and none of them knows the token, or has the cookie of a session.
"""

import hmac
from collections.abc import Iterable, Mapping
from typing import Final

from tracerd.web.answers import Refusal
from tracerd.web.session import Session

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
"""The names by which this machine may be called."""

MAX_HEADER_BYTES: Final = 16 * 1024
"""Of all headers of a request, as HTTP/1.1 writes them."""

_SEPARATORS: Final = len(": \r\n")

_FOREIGN: Final = ("cross-site", "same-site")


class Headers:
    """The headers of a request; of one that was given twice there is no value.

    Args:
        raw: As they came, with names in lower case.

    Attributes:
        size: How many bytes they have.
    """

    def __init__(self, raw: Iterable[tuple[bytes, bytes]]) -> None:
        self._values: dict[bytes, str | None] = {}
        self.size = 0
        for name, value in raw:
            self.size += len(name) + len(value) + _SEPARATORS
            self._values[name] = None if name in self._values else value.decode("latin-1")

    def has(self, name: bytes) -> bool:
        """Whether it was given."""
        return name in self._values

    def get(self, name: bytes) -> str:
        """The value; empty if there is none, or more than one."""
        return self._values.get(name) or ""


class Guard:
    """Decides about requests.

    Args:
        token: What a request must carry; None if whoever can connect may ask.
        session: Of browsers, whose cookie is as good as the token; None if there is none.

    Attributes:
        session: It.
    """

    def __init__(self, token: str | None, session: Session | None = None) -> None:
        self._token = None if token is None else token.encode()
        self.session = session

    def check(self, headers: Headers, *, needs_token: bool) -> None:
        """Check a request.

        Raises:
            Refusal: HEADERS_TOO_LARGE if there is too much of them, FORBIDDEN if it comes from a foreign page,
                UNAUTHORIZED without the token.
        """
        if headers.size > MAX_HEADER_BYTES:
            limit = MAX_HEADER_BYTES // 1024
            raise Refusal("HEADERS_TOO_LARGE", f"the headers of a request may have {limit} KiB")
        host = headers.get(b"host")
        if self._token is not None and not (self.session and host.lower() == self.session.authority):
            check_host(host)
        check_origin(headers)
        if needs_token and self._token is not None:
            if self.session and self.session.is_open(host, headers.get(b"cookie")):
                return
            self._check_token(headers)

    def _check_token(self, headers: Headers) -> None:
        scheme, _, given = headers.get(b"authorization").partition(" ")
        assert self._token is not None  # noqa: S101 (the caller has asked)
        if scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), self._token):
            return
        what = "wrong token" if headers.has(b"authorization") else "no token"
        raise Refusal(
            "UNAUTHORIZED",
            f"{what}: send the header `Authorization: Bearer TOKEN`, with what is in the token file of `tracerd web`",
            _CHALLENGE,
        )


_CHALLENGE: Final[Mapping[str, str]] = {"WWW-Authenticate": 'Bearer realm="tracerd"'}


def check_host(host: str) -> None:
    """Check that a request calls this machine by a loopback name; the port may be that of a tunnel.

    Raises:
        Refusal: It does not.
    """
    name, colon, port = host.rpartition(":")
    if not colon or host.endswith("]"):
        name, port = host, "80"
    if name.lower() not in LOOPBACK or not (port.isascii() and port.isdigit()):
        raise Refusal("FORBIDDEN", "the Host of a request must be localhost, 127.0.0.1 or [::1]")


def check_origin(headers: Headers) -> None:
    """Check that a request comes from no page of another origin.

    Raises:
        Refusal: It does.
    """
    if headers.has(b"origin") and headers.get(b"origin").lower() != f"http://{headers.get(b'host').lower()}":
        raise Refusal("FORBIDDEN", "pages of another origin may not ask here")
    if headers.get(b"sec-fetch-site") in _FOREIGN and headers.get(b"sec-fetch-mode") != "navigate":
        raise Refusal("FORBIDDEN", "pages of another site may not ask here")
