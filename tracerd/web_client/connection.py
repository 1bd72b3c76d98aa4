"""Requests and their answers.

Each request has a connection of its own: on one machine that costs less than what the server does for any answer, a
client may be used by several threads, and no request meets a connection that the server has just closed as idle, after
which it would be unknown whether a write was taken.
"""

import http.client
import json
import socket
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Final, cast
from urllib.parse import urlencode

from tracerd.errors import ApiError
from tracerd.web_client.address import Address

JSON: Final = "application/json"

OK: Final = range(200, 300)
TOO_MANY_REQUESTS: Final = 429

MAX_BODY_BYTES: Final = 20 * 1024 * 1024
"""Of a request, as the server has it: a larger one is not sent, as the server answers it and reads no more."""

MAX_TRIES: Final = 10
"""How often a request is sent that the server is too busy for; it says when to try again."""

Pairs = list[tuple[str, str]]


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Connection:
    """A server that is asked.

    Args:
        address: Where it is.
        token: What it is shown; None for nothing.
        timeout_s: How long it may be silent.
    """

    def __init__(self, address: Address, token: str | None, timeout_s: float) -> None:
        self._address = address
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._timeout_s = timeout_s

    def ask(self, method: str, path: str, pairs: Pairs, body: object = None) -> object:
        """The JSON of an answer.

        Args:
            method: The method.
            path: The path, quoted.
            pairs: The parameters.
            body: What is sent: a text as it is, else JSON; None for nothing.

        Raises:
            ApiError: The server refuses it, or does not answer.
        """
        with self.opened(method, path, pairs, body) as response:
            return _json(response.status, self._read(response))

    @contextmanager
    def opened(self, method: str, path: str, pairs: Pairs, body: object = None) -> Generator[http.client.HTTPResponse]:
        """An answer that is not read yet; its status is good.

        A server that is too busy is asked again after as long as it says.

        Raises:
            ApiError: As of `ask`.
        """
        target = f"{path}?{urlencode(pairs, errors='replace')}" if pairs else path
        content, media_type = _encoded(body)
        if content is not None and len(content) > MAX_BODY_BYTES:
            raise ApiError(f"a body may have {MAX_BODY_BYTES >> 20} MiB", "PAYLOAD_TOO_LARGE", 413)
        headers = self._headers | ({"Content-Type": media_type} if media_type else {})
        for tries_left in reversed(range(MAX_TRIES)):
            connection = self._connection()
            try:
                with self._faults():
                    # A server that refuses a request may answer before it has read all of it, and close.
                    with suppress(BrokenPipeError, ConnectionResetError):
                        connection.request(method, target, content, headers)
                    response = connection.getresponse()
                if response.status in OK:
                    yield response
                    return
                refusal = _refusal(response, self._read(response))
            finally:
                connection.close()
            # Of what is answered so, nothing was done: no write happens twice.
            if refusal.status != TOO_MANY_REQUESTS or refusal.retry_after_s is None or not tries_left:
                raise refusal
            time.sleep(min(refusal.retry_after_s, self._timeout_s))

    def lines(self, response: http.client.HTTPResponse) -> Iterator[bytes]:
        """The lines of an answer, as they come.

        Raises:
            ApiError: It cannot be read.
        """
        with self._faults():
            yield from response

    def _read(self, response: http.client.HTTPResponse) -> bytes:
        with self._faults():
            return response.read()

    @contextmanager
    def _faults(self) -> Generator[None]:
        try:
            yield
        except OSError as error:
            raise ApiError(f"no answer from tracerd web at {self.where}: {_reason(error)}", "NO_CONNECTION") from None
        except (http.client.HTTPException, ValueError) as error:  # the second one of a chunk of a length below 0
            raise ApiError(f"a broken answer from {self.where}: {error!r}", "NO_CONNECTION") from None

    @property
    def where(self) -> str:
        """The address, for people."""
        at = self._address
        return f"unix:{at.path}" if at.path else f"http://{at.host}"

    def _connection(self) -> http.client.HTTPConnection:
        if self._address.path:
            return _UnixConnection(self._address.path, self._timeout_s)
        return http.client.HTTPConnection(self._address.host, timeout=self._timeout_s)


def _encoded(body: object) -> tuple[bytes | None, str]:
    if body is None:
        return None, ""
    if isinstance(body, str):
        return body.encode(errors="replace"), "text/plain"
    try:
        return json.dumps(body, allow_nan=False, separators=(",", ":"), default=_plain).encode(), JSON
    except (TypeError, ValueError, RecursionError) as error:
        raise ApiError(f"what is to be sent is no JSON: {error}", "BAD_REQUEST") from None


def _plain(value: object) -> str:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.isoformat()
    what = "a datetime without a time zone" if isinstance(value, datetime) else type(value).__name__
    raise TypeError(f"it holds {what}")


def _json(status: int, body: bytes) -> object:
    try:
        return json.loads(body) if body else {}
    except (ValueError, RecursionError):
        raise ApiError("the answer is no JSON: is that address one of tracerd web?", "BAD_ANSWER", status) from None


def _refusal(response: http.client.HTTPResponse, body: bytes) -> ApiError:
    status, after = response.status, response.headers.get("Retry-After", "")
    retry_after_s = float(after) if after.isascii() and after.isdigit() else None
    try:
        found = _json(status, body)
    except ApiError as error:
        found = error
    if isinstance(found, dict):
        fields = cast("dict[str, object]", found)  # what JSON makes of an object
        message, code = fields.get("message"), fields.get("code")
        if isinstance(message, str) and isinstance(code, str):
            return ApiError(message, code, status, retry_after_s)
    return ApiError(f"the answer is HTTP {status} {response.reason}", "BAD_ANSWER", status, retry_after_s)


def _reason(error: OSError) -> str:
    return "it took too long" if isinstance(error, TimeoutError) else error.strerror or str(error)
