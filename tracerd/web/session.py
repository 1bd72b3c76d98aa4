"""How a browser gets in: a code that is valid once, and for it a cookie that lasts as long as the server.

Cookies ignore ports, and all ports of 127.0.0.1 are one site: another server of this machine would be sent a cookie
of ours. So pages live on a host name that nothing else has, `<16 hex>.localhost`, which browsers take to loopback.
"""

import hmac
import secrets
import time
from collections.abc import Callable
from typing import Final

from tracerd.web.answers import Refusal

COOKIE: Final = "tracerd"

CODE_S: Final = 60.0
"""How long a code is valid."""

MAX_CODES: Final = 100
"""So many codes may wait; the oldest goes first."""


class Session:
    """The one session of a server; all browsers with a code share it.

    Args:
        host: The host name of the pages.
        port: Where the server listens.
        clock: Gives the time in seconds.

    Attributes:
        authority: What `Host` must be: the name, and the port if it is not that of HTTP.
    """

    def __init__(self, host: str, port: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.authority = host if port == 80 else f"{host}:{port}"
        self._clock = clock
        self._secret = secrets.token_urlsafe(32)
        self._codes: dict[str, float] = {}

    @property
    def url(self) -> str:
        """The address of the pages, for who is logged in."""
        return f"http://{self.authority}/"

    @property
    def set_cookie(self) -> str:
        """The header that gives a browser its cookie."""
        return f"{COOKIE}={self._secret}; Path=/; HttpOnly; SameSite=Strict"

    def login_url(self) -> str:
        """An address that logs a browser in, once, within CODE_S seconds."""
        code = secrets.token_urlsafe(32)
        if len(self._codes) >= MAX_CODES:
            del self._codes[next(iter(self._codes))]
        self._codes[code] = self._clock() + CODE_S
        return f"{self.url}?code={code}"

    def redeem(self, code: str) -> None:
        """Take a code.

        Raises:
            Refusal: It is wrong, was used, or is too old.
        """
        until = self._codes.pop(code, None)
        if until is None or self._clock() >= until:
            how = "`tracerd web --open` gives a new one"
            raise Refusal("UNAUTHORIZED", f"this code was used, or is older than {CODE_S:.0f} s; {how}")

    def is_open(self, host: str, cookies: str) -> bool:
        """Whether a request is of a browser that is logged in.

        Args:
            host: Its `Host`.
            cookies: Its `Cookie`.
        """
        if host.lower() != self.authority:
            return False
        given = [
            value for name, _, value in (pair.strip().partition("=") for pair in cookies.split(";")) if name == COOKIE
        ]
        return len(given) == 1 and hmac.compare_digest(given[0].encode(), self._secret.encode())
