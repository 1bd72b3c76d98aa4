"""A server of ClickHouse, over HTTP with the standard library only.

No redirect is followed, so that nothing, and no password, goes to another host.
"""

import http.client
import json
import re
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, unquote, urlencode

from tracerd import __version__
from tracerd.errors import ExportError
from tracerd.exporters.remote import read_body, read_secret, split_url, url_text
from tracerd.text import printable

PASSWORD_VARIABLE: Final = "TRACERD_CLICKHOUSE_PASSWORD"  # noqa: S105  the name of a variable

_PORTS: Final = {"clickhouse": 8123, "http": 8123, "https": 8443}
_TIMEOUT_S: Final = 300.0
_MAX_ANSWER: Final = 256 * 1024 * 1024
_MAX_TEXT: Final = 300
_MAX_PASSWORD: Final = 4096


@dataclass(frozen=True, slots=True)
class Address:
    """A database.

    Attributes:
        is_secure: Whether the server speaks TLS.
        host: Its name or address.
        port: Its port.
        database: The name of the database.
        user: Who asks.
    """

    is_secure: bool
    host: str
    port: int
    database: str
    user: str

    def __str__(self) -> str:
        """For people."""
        return url_text(self.host, self.port, f"/{quote(self.database)}", is_secure=self.is_secure)


def address(url: str) -> Address:
    """The database of a URL such as `http://user@host:8123/tracerd`; `clickhouse://` is `http://`.

    Raises:
        ExportError: It is no such URL, or holds a password.
    """
    parts, host, port = split_url(url)
    if parts.password is not None:
        raise ExportError(
            f"a URL with a password is seen by other users: put it in {PASSWORD_VARIABLE}, or use --password-file"
        )
    database = unquote(parts.path.strip("/"))
    if parts.scheme not in _PORTS or not host or parts.query or parts.fragment or "/" in database:
        raise ExportError("this is no URL of ClickHouse: it is like http://localhost:8123/tracerd")
    return Address(
        parts.scheme == "https",
        host,
        port or _PORTS[parts.scheme],
        database or "default",
        unquote(parts.username or "default"),
    )


def password_of(path: str | None, environ: Mapping[str, str]) -> str:
    """The password: the first line of a file, or a variable; empty without both.

    Raises:
        ExportError: The file cannot be read, or others may read it.
    """
    if path is None:
        return environ.get(PASSWORD_VARIABLE, "")
    try:
        return read_secret(path, _MAX_PASSWORD).partition(b"\n")[0].removesuffix(b"\r").decode()
    except UnicodeDecodeError:
        raise ExportError(f"the password in {printable(path)} is not UTF-8") from None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a query gives.

    Attributes:
        columns: The names of its columns.
        values: The rows.
    """

    columns: list[str]
    values: list[tuple[object, ...]]

    def rows(self) -> Iterator[tuple[object, ...]]:
        """The rows, in order."""
        return iter(self.values)


class Server:
    """A server.

    Args:
        where: Its address.
        password: The password of the user; empty for none.
    """

    def __init__(self, where: Address, password: str) -> None:
        self._where = where
        self._headers = {
            "User-Agent": f"tracerd/{__version__}",
            "X-ClickHouse-User": quote(where.user, safe=" "),
            "X-ClickHouse-Key": password.encode().decode("latin-1"),
        }
        if any(ord(char) < 32 or ord(char) == 127 for char in password):
            raise ExportError("the password has a control character, which HTTP does not carry")
        connection = http.client.HTTPSConnection if where.is_secure else http.client.HTTPConnection
        self._connection = connection(where.host, where.port, timeout=_TIMEOUT_S)

    def __str__(self) -> str:
        """For people."""
        return str(self._where)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def insert(self, table: str, columns: list[str], lines: bytes) -> None:
        """Insert rows, and return when they are stored: all of them, or none.

        Args:
            table: The table.
            columns: Its columns in the rows.
            lines: A JSON object for each row, few enough for one block of the server.

        Raises:
            ExportError: The server does not take them.
        """
        query = f"INSERT INTO {table} ({', '.join(columns)}) FORMAT JSONEachRow"
        self._post({"query": query, "insert_distributed_sync": "1"}, lines)

    def ask(self, query: str) -> Answer:
        """The answer to a query, which may change nothing.

        Raises:
            ExportError: The server does not answer it.
        """
        parameters = {"default_format": "JSONCompact", "readonly": "1", "wait_end_of_query": "1"}
        body = self._post(parameters, query.encode(errors="replace"))
        try:
            found: Any = json.loads(body)  # orjson takes no integers of 128 bits
            columns = [str(column["name"]) for column in found["meta"]]
            types = [str(column["type"]) for column in found["meta"]]
            rows = [
                tuple([_value(value, kind) for value, kind in zip(row, types, strict=True)]) for row in found["data"]
            ]
        except (ValueError, KeyError, TypeError, RecursionError, OverflowError):
            raise ExportError(
                f"{self} answers with something else than rows; write one SELECT without FORMAT"
            ) from None
        return Answer(columns, rows)

    def numbers(self, query: str, count: int) -> list[int | float | None]:
        """The one row of a query, of so many numbers; raises as `ask`."""
        values = [value for row in self.ask(query).values for value in row]
        found = [value for value in values if value is None or isinstance(value, int | float)]
        if len(found) != count or len(values) != count:
            raise ExportError(f"{self} answers with something else than {count} numbers")
        return found

    def _post(self, parameters: Mapping[str, str], body: bytes) -> bytes:
        path = "/?" + urlencode({"database": self._where.database, **parameters})
        try:
            self._connection.request("POST", path, body, self._headers)
            with self._connection.getresponse() as response:
                text = read_body(response, _MAX_ANSWER + 1)
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise ExportError(f"cannot use {self}: {_reason(error)}") from None
        if len(text) > _MAX_ANSWER:
            raise ExportError(f"{self} answers with more than 256 MiB: ask for less")
        if response.status == http.client.OK:
            return text
        self._connection.close()
        if 300 <= response.status < 400:
            location = printable(response.getheader("Location", "nowhere").partition("?")[0][:_MAX_TEXT])
            raise ExportError(f"{self} points to {location}: give that URL if you trust it")
        raise ExportError(f"{self} answers {response.status}: {_shown(text)}")


_NUMBER: Final = re.compile(r"(?:(?:Nullable|LowCardinality)\()*(U?Int|Float)\d+\)*")


def _value(value: object, kind: str) -> object:
    """A value of JSON as its type says: large integers come as texts, and 5.0 as 5."""
    number = _NUMBER.fullmatch(kind)
    if number is None or not isinstance(value, str | int | float):
        return value
    return float(value) if number[1] == "Float" else int(value)


def _shown(text: bytes) -> str:
    """The first line of an error, without what the server is built of."""
    line = text.decode(errors="replace").strip().partition("\n")[0]
    line = line.replace("e.displayText() = ", "").removesuffix(", e.what() = DB::Exception")
    return printable(line[:_MAX_TEXT]) or "nothing"


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "it does not answer"
    if isinstance(error, ssl.SSLError):
        return f"no safe connection: {error.reason or 'TLS failed'}"
    if isinstance(error, OSError):
        return error.strerror or str(error) or "the connection was closed"
    return "it closes the connection, or speaks no HTTP"
