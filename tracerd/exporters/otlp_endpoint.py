"""Where OpenTelemetry's protocol is sent to, and with which headers: no secret stands in an argument."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from tracerd.errors import ExportError
from tracerd.exporters.remote import read_secret, split_url, url_text
from tracerd.text import printable

HEADERS_VARIABLE: Final = "OTEL_EXPORTER_OTLP_HEADERS"
TIMEOUT_VARIABLE: Final = "OTEL_EXPORTER_OTLP_TIMEOUT"

_TIMEOUT_MS: Final = 10_000
_MAX_FILE: Final = 1 << 20
_SIGNAL: Final = re.compile(r"/v1/(?:traces|logs|metrics)\Z")
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_OURS: Final = ("content-length", "content-type", "content-encoding", "host", "transfer-encoding", "connection")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server.

    Attributes:
        is_secure: Whether it speaks TLS.
        host: Its name or address.
        port: Its port; None for that of the scheme.
        base: What precedes `/v1/traces` in a path.
        query: What follows the path; empty without a query.
    """

    is_secure: bool
    host: str
    port: int | None
    base: str
    query: str

    def path(self, signal: str) -> str:
        """The path of a signal: `traces`, `logs` or `metrics`."""
        return f"{self.base}/v1/{signal}{self.query}"

    def __str__(self) -> str:
        """For people: without the query, which may hold a secret."""
        return url_text(self.host, self.port, self.base, is_secure=self.is_secure)


def endpoint(url: str) -> Endpoint:
    """The server of a URL: a base, as `OTEL_EXPORTER_OTLP_ENDPOINT` is one, or the whole path of a signal.

    Raises:
        ExportError: It is no such URL, or holds a password.
    """
    parts, host, port = split_url(url)
    if parts.username is not None or parts.password is not None:
        raise ExportError("a URL with a login is seen by other users: put it in a header, by --header-file")
    if not host or parts.fragment:
        raise ExportError("this is no URL of a collector: it is like http://localhost:4318")
    base = _SIGNAL.sub("", parts.path.rstrip("/"))
    return Endpoint(parts.scheme == "https", host, port, base, f"?{parts.query}" if parts.query else "")


def headers_of_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """The headers in OTEL_EXPORTER_OTLP_HEADERS: `name=value,name=value`, encoded as in a URL.

    Raises:
        ExportError: They are not of this form.
    """
    found: dict[str, str] = {}
    for pair in environ.get(HEADERS_VARIABLE, "").split(","):
        if pair.strip():
            name, equals, value = pair.partition("=")
            found |= _header(name.strip(), unquote(value.strip()) if equals else None, HEADERS_VARIABLE)
    return found


def headers_of_file(path: str) -> dict[str, str]:
    """The headers in a file: a line `Name: value` each; blank lines, and those that begin with #, are none.

    Raises:
        ExportError: It cannot be read, others may read it, or a line is no header.
    """
    text = read_secret(path, _MAX_FILE).decode("latin-1")
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            name, colon, value = line.partition(":")
            found |= _header(name.strip(), value.strip() if colon else None, f"{printable(path)}:{number}")
    return found


def _header(name: str, value: str | None, where: str) -> dict[str, str]:
    if value is None or not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
        raise ExportError(f"{where}: this is no header")  # which may be a secret, so it is not shown
    if name.lower() in _OURS:
        raise ExportError(f"{where}: {name} is set by the export itself")
    return {name: value}


def timeout_of_environ(environ: Mapping[str, str]) -> float:
    """How long a server may take to answer, in seconds: OTEL_EXPORTER_OTLP_TIMEOUT, in milliseconds, or 10 s.

    Raises:
        ExportError: It is no such number.
    """
    text = environ.get(TIMEOUT_VARIABLE) or str(_TIMEOUT_MS)
    if not (text.isdecimal() and text.isascii() and int(text[:10]) > 0):
        raise ExportError(f"{TIMEOUT_VARIABLE}: expected milliseconds, not {printable(text)}")
    return int(text[:10]) / 1000
