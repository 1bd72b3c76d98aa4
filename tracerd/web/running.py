"""A server that runs already, asked for an address that logs a browser in."""

import http.client
import os
from pathlib import Path
from typing import Final

import msgspec

from tracerd.ui.peer import listening_uid

_ANSWER_S: Final = 5.0


class _Login(msgspec.Struct):
    url: str
    directory: str


def login_url(port: int, token: str, directory: Path) -> str | None:
    """What a browser has to open.

    Args:
        port: Where the server may be.
        token: Which it must know.
        directory: Of the traces that it must show.

    Returns:
        The address; None if there is no server of ours, or it shows other traces.
    """
    server = ("127.0.0.1", port)
    connection = http.client.HTTPConnection(*server, timeout=_ANSWER_S)
    try:
        # Another user's program gets no token: it would be let in by it.
        if listening_uid(server) != os.geteuid():
            return None
        connection.connect()
        if listening_uid(server) != os.geteuid():
            return None
        connection.request("POST", "/api/login", headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        body = answer.read()
        login = msgspec.json.decode(body, type=_Login) if answer.status == 200 else None
    except (OSError, http.client.HTTPException, msgspec.DecodeError):
        return None
    finally:
        connection.close()
    return login.url if login and login.directory == f"{directory}" else None
