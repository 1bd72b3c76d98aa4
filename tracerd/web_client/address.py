"""Where the server is, and the token: arguments, else the variables that `tracerd web` itself reads."""

import os
from dataclasses import dataclass
from typing import Final

from tracerd.errors import ApiError
from tracerd.socket_path import socket_path

PORT: Final = 8742

TOKEN_NAME: Final = "tracerd-web.token"  # noqa: S105 (the name of a file)

MAX_TOKEN_BYTES: Final = 4096

_MAX_PORT: Final = 65535
_HOSTS: Final = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server is.

    Attributes:
        host: A name of this machine and the port, as HTTP writes them; empty for a Unix socket.
        path: Of the Unix socket.
    """

    host: str = ""
    path: str = ""


def find_address(text: str | None) -> Address:
    """The address of a server.

    Args:
        text: What `tracerd web` prints, such as `http://localhost:8742/`; `127.0.0.1:8742`, `8742`, or the path of a
            Unix socket. None for `TRACERD_WEB_ADDRESS`, or port 8742.

    Raises:
        ApiError: It is none of this machine, BAD_ADDRESS. A token is sent in clear, so it goes nowhere else.
    """
    given = os.environ.get("TRACERD_WEB_ADDRESS") or str(PORT) if text is None else text
    short = given.removeprefix("http://")
    if "/" in given and short == given and "://" not in given:
        return Address(path=given.removeprefix("unix:"))
    host, _, port = short.removesuffix("/").rpartition(":")
    if host in ("", *_HOSTS) and port.isascii() and port.isdigit() and 0 < int(port[:6]) <= _MAX_PORT:
        return Address(f"{host or _HOSTS[0]}:{port}")
    raise ApiError(
        f"{given!r} is no address of this machine: write http://127.0.0.1:{PORT}, or the path of a Unix socket",
        "BAD_ADDRESS",
    )


def find_token(given: str | None) -> str | None:
    """The token.

    Args:
        given: The token itself; None for that in the file `TRACERD_WEB_TOKEN_FILE`, or in the usual one.

    Returns:
        The token; None if nothing names one and the usual file is not there.

    Raises:
        ApiError: The file cannot be read, or holds something else; BAD_TOKEN.
    """
    if given is not None:
        return _checked(given, "the token")
    named = os.environ.get("TRACERD_WEB_TOKEN_FILE")
    path = named or os.path.join(os.path.dirname(socket_path()), TOKEN_NAME)
    try:
        with open(path, "rb") as file:
            text = file.read(MAX_TOKEN_BYTES).decode("ascii", "replace")
    except FileNotFoundError:
        if not named:
            return None
        raise ApiError(f"the token file {path} is not there: start tracerd web, which makes it", "BAD_TOKEN") from None
    except OSError as error:
        raise ApiError(f"cannot read the token file {path}: {error.strerror}", "BAD_TOKEN") from None
    return _checked(text.strip(), f"the token file {path}")


def _checked(token: str, what: str) -> str:
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise ApiError(f"{what} holds no token", "BAD_TOKEN")
    return token
