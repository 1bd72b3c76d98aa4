"""What all servers have in common to which an export goes: URLs, answers, and files with what only they may know."""

import http.client
import os
import stat
from urllib.parse import SplitResult, urlsplit

from tracerd.errors import ExportError
from tracerd.text import printable


def split_url(url: str) -> tuple[SplitResult, str, int | None]:
    """The parts of a URL, with its host, empty without one or if it holds what no URL does, and its port.

    Raises:
        ExportError: It is no URL.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise ExportError(f"this is no URL: {error}") from None
    is_plain = url.isascii() and url.isprintable() and " " not in url
    return parts, host if is_plain else "", port


def url_text(host: str, port: int | None, path: str, *, is_secure: bool) -> str:
    """A URL for people: without login and query, which may be secrets."""
    where = f"[{host}]" if ":" in host else host
    return printable(f"{'https' if is_secure else 'http'}://{where}{'' if port is None else f':{port}'}{path}")


def read_secret(path: str, most: int) -> bytes:
    """The first bytes of a file that holds a secret.

    Raises:
        ExportError: It cannot be read, or others may read or write it.
    """
    try:
        with open(path, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if stat.S_ISREG(mode) and mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise ExportError(f"others may read or write {printable(path)}: chmod 600 {printable(path)}")
            return file.read(most)
    except OSError as error:
        raise ExportError(f"cannot read {printable(path)}: {error.strerror}") from None


def read_body(response: http.client.HTTPResponse, most: int) -> bytes:
    """The body of an answer, or so many bytes of it.

    Raises:
        OSError: The connection is broken.
        http.client.HTTPException: It is cut off, or is no HTTP.
    """
    try:
        text = response.read(most)
    except ValueError:  # a chunk of a length below 0
        raise http.client.IncompleteRead(b"") from None
    if response.length and len(text) < most:
        raise http.client.IncompleteRead(text)
    return text
