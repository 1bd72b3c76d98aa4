"""`tracerd web`: where it listens, its token, and what it says when it cannot start."""

import os
import signal
import socket
import stat
import subprocess
import sys
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.commands import invoke
from tests.harness import PATIENCE_S, running_daemon, short_dir
from tests.web.conftest import write_logs
from tests.web.servers import Server, UnixConnection, serving
from tracerd.web.sockets import PORT, Address, parse_address


def test_a_unix_socket_is_ours_and_asks_for_no_token(tmp_path: Path) -> None:
    with short_dir() as home:
        path = home / "w"
        with serving(write_logs(tmp_path / "logs"), "--unix", path) as server:
            assert stat.S_IMODE(path.lstat().st_mode) == 0o600
            assert server.ask("/api/public/traces", token=None).status == 200
            assert server.ask("/api/public/traces", token=None, headers={"Origin": "http://evil.example"}).status == 403
        assert not path.exists()


def test_a_socket_of_a_service_manager(tmp_path: Path) -> None:
    source = (
        "import os, socket, sys\n"
        "listening = socket.socket(socket.AF_UNIX)\n"
        "listening.bind(sys.argv[1]); listening.listen(); os.dup2(listening.fileno(), 3); os.set_inheritable(3, True)\n"
        "os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1')\n"
        "os.execv(sys.executable, [sys.executable, '-m', 'tracerd', 'web', '-d', sys.argv[2]])"
    )
    with short_dir() as home:
        path = home / "w"
        command = [sys.executable, "-c", source, str(path), str(write_logs(tmp_path / "logs"))]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            try:
                assert process.stdout.readline() == f"unix:{path}\n".encode()
                connection = UnixConnection(path)
                connection.request("GET", "/api/public/traces")
                assert connection.getresponse().status == 200
                connection.close()
                process.send_signal(signal.SIGTERM)
                assert process.wait(PATIENCE_S) == 0
            finally:
                process.kill()
        assert path.exists()


def test_a_token_is_made_for_us_alone(tmp_path: Path) -> None:
    with short_dir() as home:
        token_file = home / "run" / "token"
        with serving(write_logs(tmp_path / "logs"), "--token-file", token_file) as server:
            token = token_file.read_text().strip()
            assert stat.S_IMODE(token_file.stat().st_mode) == 0o600
            assert len(token) >= 43
            assert server.ask("/api/public/traces", token=token).status == 200
            assert token not in server.stderr()
        with serving(tmp_path / "logs", "--token-file", token_file) as server:
            assert server.ask("/api/public/traces", token=token).status == 200


@pytest.mark.parametrize(
    ("content", "mode", "message"),
    [
        ("a-token-for-tests-only", 0o644, "may be read by others: run chmod 600 on it"),
        ("short", 0o600, "must have 16 characters or more"),
        ("two words in the token file", 0o600, "must have 16 characters"),
        ("\u00e4" * 20, 0o600, "holds something else than a token"),
    ],
)
def test_a_token_file_that_is_not_safe(tmp_path: Path, content: str, mode: int, message: str) -> None:
    path = tmp_path / "token"
    path.write_text(content)
    path.chmod(mode)
    done = invoke("web", "-d", tmp_path, "--port", "0", "--token-file", path)

    assert done.returncode == 1
    assert message in done.stderr.decode()
    assert content not in done.stderr.decode()


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = invoke("web", "-d", tmp_path, "--port", str(port), "--token-file", tmp_path / "token")

    assert done.returncode == 1
    assert done.stderr.decode() == (
        f"Error: cannot listen at port {port}: Address already in use; --port 0 takes a free one\n"
    )


def test_the_usual_port_is_taken(tmp_path: Path) -> None:
    """By this test, or by something else here."""
    command = [sys.executable, "-m", "tracerd", "web", "-d", str(tmp_path), "--token-file", str(tmp_path / "token")]
    with ExitStack() as stack:
        with suppress(OSError):
            stack.enter_context(socket.create_server(("127.0.0.1", PORT)))
        environ = {name: value for name, value in os.environ.items() if name != "TRACERD_WEB_ADDRESS"}
        environ |= {"XDG_STATE_HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
        process = stack.enter_context(subprocess.Popen(command, stdout=-1, stderr=-1, env=environ))
        assert process.stdout
        assert process.stderr
        try:
            assert process.stderr.readline().startswith(b"port 8742 is taken, so this server is at another")
            assert b":8742" not in process.stdout.readline()
        finally:
            process.kill()


def test_a_browser_that_does_not_open(server: Server) -> None:
    where = ("--port", str(server.port), "--token-file", server.token_file)
    done = invoke("web", "-d", server.directory, *where, "--open", BROWSER="false %s", SSH_CONNECTION="")

    assert (done.returncode, done.stdout[:7]) == (0, b"http://")
    assert done.stderr == b"no browser could be opened: open the address above in one\n"


def test_a_port_that_a_stranger_has_on_the_other_address(tmp_path: Path) -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as taken:
        port = taken.getsockname()[1]
        done = invoke("web", "-d", tmp_path, "--port", str(port), "--token-file", tmp_path / "token")

    assert (done.returncode, b"already in use" in done.stderr) == (1, True)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("8742", Address(8742)),
        ("127.0.0.1:1", Address(1)),
        ("localhost:1", Address(1)),
        ("[::1]:1", Address(1)),
        ("/run/w", Address(path=Path("/run/w"))),
        ("unix:/run/w", Address(path=Path("/run/w"))),
    ],
)
def test_addresses(text: str, address: Address) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize("address", ["0.0.0.0:8742", "example.org:80", "localhost", "127.0.0.1:65536", ":x"])
def test_an_address_beyond_this_machine_is_misuse(tmp_path: Path, address: str) -> None:
    done = invoke("web", "-d", tmp_path, TRACERD_WEB_ADDRESS=address)

    assert done.returncode == 2
    assert "tracerd web serves this machine only" in done.stderr.decode()


@pytest.mark.parametrize("package", ["starlette", "hypercorn", "anyio"])
def test_without_the_extra_one_line_says_what_to_install(tmp_path: Path, package: str) -> None:
    source = f"import sys; sys.modules[{package!r}] = None; from tracerd.cli import main; main()"
    command = [sys.executable, "-c", source, "web", "-d", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, check=False, timeout=PATIENCE_S)

    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.decode() == f"Error: tracerd web needs {package}: pip install 'tracerd[web]'\n"


def test_help_imports_nothing_of_the_extra() -> None:
    source = (
        "import sys; from tracerd.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "print(*{'starlette', 'hypercorn', 'anyio', 'tracerd.web'} & {*sys.modules}, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, check=True, timeout=PATIENCE_S)

    assert done.stderr == b"\n"


def test_ctrl_c_ends_it(tmp_path: Path) -> None:
    with serving(write_logs(tmp_path / "logs")) as server:
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(PATIENCE_S) == 0
        assert "Traceback" not in server.stderr()


def test_a_directory_that_cannot_be_read_is_not_ready(tmp_path: Path) -> None:
    file = tmp_path / "file"
    with serving(file) as server:
        assert server.ask("/readyz", token=None).json() == {"status": "ready"}
        file.write_bytes(b"")
        reply = server.ask("/readyz", token=None)
        assert (reply.status, reply.json()) == (503, {"status": "not_ready"})
        assert server.ask("/api/public/traces").json()["code"] == "NOT_FOUND"


def test_the_totals_of_the_daemon(tmp_path: Path) -> None:
    directory = write_logs(tmp_path / "logs")
    with serving(directory) as server:
        assert "\ntracerd_up 0\n" in server.ask("/metrics").body.decode()
    with running_daemon() as daemon:
        daemon.session(b'OPEN t\n{"ph":"i","name":"e","ts":1}\nx\n')
        with short_dir() as home:
            server = Server(home, directory, "--socket", daemon.socket)
            try:
                reply = server.ask("/metrics")
            finally:
                server.kill()

    assert reply.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    lines = reply.body.decode().splitlines()
    assert {
        "tracerd_up 1",
        'tracerd_events_total{outcome="stored"} 1',
        'tracerd_events_total{outcome="refused"} 1',
    } <= {*lines}
    for line in lines:
        assert line.startswith("# ") or len(line.rsplit(" ", 1)) == 2
