"""The browser's login: a program with the token asks for an address with a code, and a browser takes it there once."""

from collections.abc import Mapping
from typing import Final

from tracerd.web.answers import HTML, Answer, Refusal
from tracerd.web.forms import Parameter, read
from tracerd.web.guard import Headers
from tracerd.web.routing import Asked, Route
from tracerd.web.session import CODE_S, Session

_CODE: Final = Parameter("code", "What `POST /api/login` gave.", is_required=True)

# A cookie that is SameSite=Strict is not sent after a redirect that began on another page; it is after this one.
_WELCOME: Final = b"""<!doctype html><html lang="en"><meta charset="utf-8"><title>tracerd</title>
<link rel="icon" href="/static/icon.svg" type="image/svg+xml"><meta http-equiv="refresh" content="0; url=/">
<p><a href="/">To the traces</a></p></html>
"""


def is_login(session: Session | None, method: str, path: str, query: bytes, headers: Headers) -> bool:
    """Whether a request brings a code: then nothing else lets it in.

    Only on the host name of the pages: on another one the cookie would be worth nothing, and the code used.
    """
    if session is None or method != "GET" or path != "/" or not query.startswith(b"code="):
        return False
    return headers.get(b"host").lower() == session.authority


def logged_in(session: Session, query: bytes) -> Answer:
    """The answer to a code.

    Raises:
        Refusal: It is not valid.
    """
    session.redeem(read((_CODE,), query).text("code") or "")
    return Answer(_WELCOME, HTML, headers={"Set-Cookie": session.set_cookie})


def _login(asked: Asked) -> Mapping[str, object]:
    if asked.session is None:
        raise Refusal("NOT_FOUND", "on a Unix socket nothing has to log in")
    return {"url": asked.session.login_url(), "directory": f"{asked.store.directory}"}


ROUTES: Final = (
    Route(
        "POST",
        "/api/login",
        f"An address that logs a browser in, once, within {CODE_S:.0f} seconds; and the directory of the traces.",
        _login,
    ),
)
