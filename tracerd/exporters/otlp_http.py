"""OpenTelemetry's protocol over HTTP, with the standard library only.

A request is repeated as the protocol asks for: after 429, 502, 503 and 504, and if the connection breaks, each time
later than the last, or when `Retry-After` says. Until a server has answered once, one that cannot be reached is an
error at once: it is more likely that there is none. No redirect is followed, so nothing goes to another host.
"""

import gzip
import http.client
import random
import ssl
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final

from tracerd import __version__, redact
from tracerd.errors import ExportError
from tracerd.exporters.otlp import Batch
from tracerd.exporters.otlp_endpoint import Endpoint
from tracerd.exporters.otlp_request import Item, Row, Signal, json_of
from tracerd.exporters.remote import read_body
from tracerd.otlp.values import fields, integer
from tracerd.text import printable

_RETRIED: Final = (429, 502, 503, 504)
_TOO_LARGE: Final = 413
_MAX_BODY: Final = 4 * 1024 * 1024
"""Above this a request is sent in two halves: collectors take 20 MiB."""

_MAX_ANSWER: Final = 64 * 1024
_MAX_TEXT: Final = 200
_SECRET: Final = 6
"""A header's value of so many characters is not shown, if a server repeats it."""

_LEVEL: Final = 1
"""Of gzip: 6 makes a tenth less of it, and takes three times as long."""

_NO_HTTP: Final = (http.client.BadStatusLine, http.client.UnknownProtocol)
_JSON, _PROTOBUF = "application/json", "application/x-protobuf"


@dataclass(frozen=True, slots=True)
class Retries:
    """How long and how often a request is tried.

    Attributes:
        first_s: How long to wait before the second time; each wait is twice as long as the last.
        longest_s: How long a wait may become, unless the server asks for more.
        total_s: How long to go on.
    """

    first_s: float = 1
    longest_s: float = 30
    total_s: float = 300


class _RefusedError(Exception):
    """Raised when the server does not want a request, however often."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Sender:
    """Sends batches, one after the other.

    Args:
        endpoint: Where to.
        headers: What each request has beside our own headers.
        timeout_s: How long the server may be silent.
        encode: Makes the body of a request of this signal.
        warn: Called with what a person should know meanwhile.
        retries: How long and how often a request is tried.

    Attributes:
        sent: How many rows the server has taken, by signal.
        rejected: How many it has not taken, by signal.
        done: How many rows of the last batch were sent, or rejected.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        headers: Mapping[str, str],
        timeout_s: float,
        encode: Callable[[str, Item], bytes] | None,
        warn: Callable[[str], None],
        retries: Retries = Retries(),
    ) -> None:
        self.sent: Counter[Signal] = Counter()
        self.rejected: Counter[Signal] = Counter()
        self.done = 0
        self._endpoint = endpoint
        self._secrets = [value for value in headers.values() if len(value) >= _SECRET]
        self._encode = encode
        self._type = _PROTOBUF if encode else _JSON
        self._headers = {
            "User-Agent": f"tracerd/{__version__}",
            **headers,
            "Content-Type": self._type,
            "Content-Encoding": "gzip",
        }
        self._warn = warn
        self._retries = retries
        self._was_answered = False
        self._reports: set[str] = set()
        self._connection: http.client.HTTPConnection
        if endpoint.is_secure:
            context = ssl.create_default_context()
            self._connection = http.client.HTTPSConnection(
                endpoint.host, endpoint.port, timeout=timeout_s, context=context
            )
        else:
            self._connection = http.client.HTTPConnection(endpoint.host, endpoint.port, timeout=timeout_s)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def send(self, batch: Batch) -> None:
        """Send a batch, in several requests if it is too large for one.

        Raises:
            ExportError: The server cannot be reached, or does not take it.
        """
        self.done = 0
        self._send(batch, batch.rows)

    def _send(self, batch: Batch, rows: Sequence[Row]) -> None:
        request = batch.maker.request(batch.signal, rows)
        body = self._encode(batch.signal.name, request) if self._encode else json_of(request)
        half = len(rows) // 2
        if len(body) <= _MAX_BODY or not half:
            try:
                answer = self._posted(batch.signal.name, gzip.compress(body, _LEVEL, mtime=0))
            except _RefusedError as error:
                if error.status != _TOO_LARGE:
                    raise ExportError(f"{self._endpoint} does not take {batch.signal.many}: {error}") from None
                if not half:
                    self.done += 1
                    self.rejected[batch.signal] += 1
                    self._report(f"{self._endpoint} finds a {batch.signal.one} too large: {error}")
                    return
            else:
                self._count(batch.signal, len(rows), answer)
                return
        self._send(batch, rows[:half])
        self._send(batch, rows[half:])

    def _count(self, signal: Signal, rows: int, answer: Item) -> None:
        partial = fields(answer.get("partialSuccess"))
        rejected = max(0, min(integer(partial.get(signal.rejected, 0)) or 0, rows))
        self.done += rows
        self.sent[signal] += rows - rejected
        self.rejected[signal] += rejected
        message = partial.get("errorMessage")
        if rejected or message:
            text = self._shown(message) if isinstance(message, str) and message else "it gives no reason"
            self._report(f"{self._endpoint} {'rejects ' + signal.many if rejected else 'warns'}: {text}")

    def _report(self, text: str) -> None:
        """Warn, once."""
        if text not in self._reports:
            self._reports.add(text)
            self._warn(text)

    # ---------------------------------------------------------- one request

    def _posted(self, signal: str, body: bytes) -> Item:
        """What the server answers to a request, which is repeated if that may help."""
        retries = self._retries
        end_s = time.monotonic() + retries.total_s
        wait_s = retries.first_s
        while True:
            try:
                answer, fault, after_s = self._post(signal, body)
            except (OSError, http.client.HTTPException) as error:
                self._connection.close()
                if isinstance(error, ssl.SSLError):
                    raise ExportError(f"no safe connection to {self._endpoint}: {self._shown(str(error))}") from None
                if isinstance(error, _NO_HTTP) and not (self._was_answered or isinstance(error, OSError)):
                    raise ExportError(f"{self._endpoint} speaks no HTTP") from None
                answer, fault, after_s = None, _reason(error), None
            if answer is not None:
                return answer
            pause_s = wait_s * random.uniform(0.8, 1.2) if after_s is None else after_s  # noqa: S311 (no secret)
            if time.monotonic() + pause_s > end_s:
                asks = f", and asks to wait {after_s:.0f} s" if after_s else ""
                raise ExportError(f"{self._endpoint} {fault}{asks}")
            self._warn(f"{self._endpoint} {fault}; trying again in {pause_s:.1f} s")
            time.sleep(pause_s)
            wait_s = min(wait_s * 2, retries.longest_s)

    def _post(self, signal: str, body: bytes) -> tuple[Item | None, str, float | None]:
        """The answer; or None, what is wrong for the moment, and how long the server asks to wait."""
        connection = self._connection
        if connection.sock is None:
            try:
                connection.connect()
            except OSError as error:
                if self._was_answered or isinstance(error, ssl.SSLError):
                    raise
                raise ExportError(f"cannot reach {self._endpoint}: {_reason(error)}") from None
        connection.request("POST", self._endpoint.path(signal), body, self._headers)
        response = connection.getresponse()
        text = read_body(response, _MAX_ANSWER)
        self._was_answered = True
        if not response.isclosed() or response.status >= 300:
            connection.close()
        if 200 <= response.status < 300:
            return self._read(signal, response.headers.get_content_type(), text), "", None
        fault = f"answers {response.status} {self._shown(response.reason)}".rstrip()
        if response.status in _RETRIED:
            return None, fault, _seconds(response.getheader("Retry-After"))
        if 300 <= response.status < 400 and (location := response.getheader("Location")):
            raise _RefusedError(
                response.status, f"it points to {self._shown(location.partition('?')[0])}; give that URL"
            )
        detail = "" if response.headers.get_content_type() == _PROTOBUF else self._shown(text.decode(errors="replace"))
        raise _RefusedError(response.status, f"it {fault}{': ' if detail else ''}{detail}")

    def _read(self, signal: str, content_type: str, text: bytes) -> Item:
        """A response; empty if it is none that we read."""
        from tracerd.otlp.responses import response_of

        return response_of(signal, text, is_protobuf=content_type == _PROTOBUF)

    def _shown(self, text: str) -> str:
        """A text of a server for people: short, and without secrets that it may repeat."""
        for secret in self._secrets:
            text = text.replace(secret, redact.HIDDEN)
        return printable(redact.text(" ".join(text.split()))[:_MAX_TEXT])


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "does not answer"
    if isinstance(error, OSError):
        return f"cannot be used: {error.strerror or str(error) or 'the connection was closed'}"
    return "closes the connection in the middle of an answer"


def _seconds(text: str | None) -> float | None:
    """What `Retry-After` asks for: seconds, or a date."""
    if text is None:
        return None
    if text.isdecimal():
        return float(text[:9])
    with suppress(ValueError, OverflowError):
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    return None
