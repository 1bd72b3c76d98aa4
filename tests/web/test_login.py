"""How a browser gets in: a code that is valid once, and the cookie for it."""

import re
import stat
from collections.abc import Mapping
from http.cookies import SimpleCookie
from pathlib import Path

import pytest

from tests.harness import short_dir
from tests.web.conftest import write_logs
from tests.web.servers import Reply, Server, serving
from tracerd.errors import UnsafePathError, WebError
from tracerd.web.answers import Refusal
from tracerd.web.running import login_url
from tracerd.web.session import CODE_S, MAX_CODES, Session
from tracerd.web.tokens import read_host

HOST = "0123456789abcdef.localhost"


def code_of(url: str) -> str:
    return url.partition("?code=")[2]


def test_a_code_is_valid_once_and_for_a_minute() -> None:
    now = [0.0]
    session = Session(HOST, 8742, lambda: now[0])
    used, old = (code_of(session.login_url()) for _ in range(2))

    session.redeem(used)
    now[0] = CODE_S
    for code in (used, old, "", "x"):
        with pytest.raises(Refusal, match="was used, or is older"):
            session.redeem(code)


def test_codes_that_nobody_takes_do_not_pile_up() -> None:
    session = Session(HOST, 8742)
    codes = [code_of(session.login_url()) for _ in range(MAX_CODES + 1)]

    with pytest.raises(Refusal):
        session.redeem(codes[0])
    session.redeem(codes[1])


def test_a_cookie_is_taken_for_just_this_host_and_port() -> None:
    session = Session(HOST, 8742)
    cookie = session.set_cookie.partition(";")[0]

    assert session.is_open(f"{HOST}:8742", f"a=b; {cookie}")
    for host in (HOST, f"{HOST}:8743", "localhost:8742", "127.0.0.1:8742", ""):
        assert not session.is_open(host, cookie)
    for wrong in ("", "tracerd=", "tracerd=x", f"{cookie}; {cookie}", f"{cookie}\xff", f"x{cookie}"):
        assert not session.is_open(f"{HOST}:8742", wrong)
    assert not Session(HOST, 8742).is_open(f"{HOST}:8742", cookie), "each server has a secret of its own"


def test_the_host_name_stays(tmp_path: Path) -> None:
    path = tmp_path / "state" / "web-host"
    host = read_host(path)

    assert re.fullmatch(r"[0-9a-f]{16}\.localhost", host)
    assert (read_host(path), stat.S_IMODE(path.stat().st_mode)) == (host, 0o600)
    path.write_text("evil.example\n")
    with pytest.raises(WebError, match="holds no host name"):
        read_host(path)
    path.chmod(0o644)
    with pytest.raises(UnsafePathError, match="chmod 600"):
        read_host(path)


def visit(server: Server, target: str, headers: Mapping[str, str]) -> Reply:
    return server.ask(target, token=None, headers={"Accept": "text/html", **headers})


def authority(server: Server) -> str:
    return f"{(server.home / 'state/tracerd/web-host').read_text().strip()}:{server.port}"


def test_a_browser_logs_in_and_asks_with_its_cookie(server: Server) -> None:
    login = server.ask("/api/login", method="POST").json()
    host, target = authority(server), f"/?code={code_of(login['url'])}"
    assert login == {"url": f"http://{host}{target}", "directory": str(server.directory)}

    elsewhere = visit(server, target, {"Host": f"localhost:{server.port}"})
    welcome = visit(server, target, {"Host": host})
    again = visit(server, target, {"Host": host})

    assert (elsewhere.status, welcome.status, again.status) == (401, 200, 401)
    assert b'<meta http-equiv="refresh" content="0; url=/">' in welcome.body
    [morsel] = SimpleCookie(welcome.headers["Set-Cookie"]).values()
    assert (morsel["httponly"], morsel["samesite"], morsel["path"]) == (True, "Strict", "/")
    assert (morsel["domain"], morsel["max-age"], morsel["expires"]) == ("", "", "")
    cookie = {"Cookie": f"{morsel.key}={morsel.value}"}
    for path in ("/", "/traces", "/traces/a", "/api/public/traces", "/openapi.json"):
        assert visit(server, path, {"Host": host, **cookie}).status == 200, path
        assert visit(server, path, {"Host": f"127.0.0.1:{server.port}", **cookie}).status == 401, path
        assert visit(server, path, {"Host": host, "Cookie": "tracerd=x"}).status == 401, path
        foreign = {"Host": host, **cookie, "Origin": f"http://127.0.0.1:{server.port}"}
        assert visit(server, path, foreign).status == 403, path
    assert morsel.value not in server.stderr()
    assert code_of(login["url"]) not in server.stderr()


def test_who_is_not_logged_in_is_told_how(server: Server) -> None:
    reply = visit(server, "/traces", {})

    assert (reply.status, reply.headers["Content-Type"]) == (401, "text/html; charset=utf-8")
    assert b"tracerd web --open" in reply.body
    assert b"nightly" not in reply.body
    assert visit(server, "/static/page.css", {}).headers["Content-Type"] == "text/css; charset=utf-8"
    assert visit(server, "/static/../answers.py", {}).status == 404


def test_the_printed_address_logs_in(tmp_path: Path) -> None:
    with serving(write_logs(tmp_path / "logs")) as server:
        assert visit(server, f"/?code={code_of(server.login_url)}", {"Host": authority(server)}).status == 200


def test_a_running_server_gives_an_address(server: Server) -> None:
    token = server.token_file.read_text()

    assert code_of(login_url(server.port, token, server.directory) or "")
    assert login_url(server.port, token, server.directory.parent) is None
    assert login_url(server.port, "wrong", server.directory) is None
    with short_dir() as home, serving(server.directory, "--unix", home / "w") as local:
        reply = local.ask("/api/login", method="POST", token=None)
        assert (reply.status, reply.json()["code"]) == (404, "NOT_FOUND")
    assert login_url(1, token, server.directory) is None
