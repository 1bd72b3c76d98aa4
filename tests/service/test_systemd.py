"""As a service: sockets that somebody else keeps, what the manager is told, a restart that no client notices; units."""

import contextlib
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.harness import PATIENCE_S, Client, Daemon, event, exported, short_dir, tracerd, wait_until
from tests.service.services import Manager, Service, passing
from tracerd import __version__

needs_activate = pytest.mark.skipif(
    shutil.which("systemd-socket-activate") is None, reason="systemd-socket-activate is not installed"
)
needs_analyze = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")


@pytest.fixture
def service() -> Iterator[Service]:
    with short_dir() as home, contextlib.closing(Service(home)) as made:
        yield made


# ------------------------------------------------------------------ systemd's own tool


@contextmanager
def activated(home: Path) -> Generator[tuple["subprocess.Popen[bytes]", Path]]:
    """`systemd-socket-activate`, listening: the first connection turns it into a daemon."""
    said = home / "stderr"
    command = [
        "systemd-socket-activate",
        "-l",
        home / "s",
        sys.executable,
        "-m",
        "tracerd",
        "serve",
        "-d",
        home / "logs",
    ]
    with said.open("wb") as stderr:
        process = subprocess.Popen(list(map(str, command)), stderr=stderr)
    try:
        wait_until(lambda: b"Listening on" in said.read_bytes(), "systemd-socket-activate to listen")
        yield process, home / "s"
    finally:
        process.kill()
        process.wait()


def program_of(process: "subprocess.Popen[bytes]") -> bytes:
    return Path(f"/proc/{process.pid}/cmdline").read_bytes().split(b"\0")[0]


@needs_activate
def test_first_client_starts_the_daemon_and_is_recorded() -> None:
    with short_dir() as home, activated(home) as (process, path):
        with Client(path) as client:
            client.send(b"OPEN first\n" + event(1))
            assert client.flush() == (1, 0, 0)
            assert client.status()["pid"] == process.pid
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0
        assert path.is_socket()
        assert event(1) in (home / "logs/first.jsonl").read_bytes()


@needs_activate
def test_status_and_stop_do_not_start_a_daemon_and_find_the_one_that_runs() -> None:
    with short_dir() as home, activated(home) as (process, path):
        for command in ("status", "stop"):
            done = tracerd(command, "--socket", path)
            assert done.returncode == 1
            assert done.stderr.startswith(b"Error: no daemon is running on ")
            assert done.stderr.count(b"\n") == 1
        assert program_of(process).endswith(b"systemd-socket-activate")

        with Client(path) as client:
            client.status()
        assert f"pid {process.pid}," in tracerd("status", "--socket", path).stdout.decode()
        done = tracerd("stop", "--socket", path)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
        assert process.wait(PATIENCE_S) == 0


# ------------------------------------------------------------------ what the manager is told


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_the_manager_is_told_of_the_start_and_of_the_stop(kind: str) -> None:
    with short_dir() as home:
        address = str(home / "notify") if kind == "path" else f"@{home.name}-notify"
        with contextlib.closing(Manager(address)) as manager:
            process = subprocess.Popen(
                [sys.executable, "-m", "tracerd", "serve", "--socket", home / "s", "-d", home / "logs"],
                stderr=subprocess.DEVNULL,
                env=os.environ | {"NOTIFY_SOCKET": address},
            )
            try:
                assert manager.message() == ["READY=1", f"STATUS=logs in {home}/logs"]
                with Client(home / "s") as client:
                    client.send(b"OPEN t\n" + event(1) + b"DIE\n")
                    assert manager.message() == ["STOPPING=1", "STATUS=reading all connections to their end"]
                assert process.wait(PATIENCE_S) == 0
            finally:
                process.kill()
                process.wait()


def test_a_manager_that_has_gone_does_not_disturb_the_daemon() -> None:
    with short_dir() as home, Daemon(home, env=os.environ | {"NOTIFY_SOCKET": str(home / "gone")}) as daemon:
        assert daemon.session(b"OPEN t\n" + event(1) + b"FLUSH\n") == b"OK 1 0 0\n"
        assert "cannot send READY=1 to the service manager" in daemon.stderr()


# ------------------------------------------------------------------ passed sockets, daemon after daemon


def test_events_that_waited_for_the_daemon_are_recorded(service: Service) -> None:
    many = 300
    with ExitStack() as stack:
        for number in range(many):
            client = stack.enter_context(Client(service.path))
            client.send(b"OPEN early\n" + event(number))
    service.start()
    with Client(service.path) as client:
        client.send(b"OPEN early\nFLUSH\n")
        client.line()
    service.stop()
    assert service.numbers("early") == list(range(many))


def test_not_one_connect_fails_and_nothing_is_lost_while_daemons_take_turns(service: Service) -> None:
    threads, turns = 6, 5
    failed: list[OSError] = []
    written: list[set[int]] = [set() for _ in range(threads)]
    answers: list[list[bytes]] = [[] for _ in range(threads)]
    over = threading.Event()

    def connect_all_the_time(thread: int) -> None:
        first = thread * 10_000_000
        while not over.is_set():
            first += 3
            try:
                client = Client(service.path)
            except OSError as error:
                failed.append(error)
                continue
            with client, contextlib.suppress(BrokenPipeError):  # a daemon that stops turns its clients away
                client.send(b"OPEN turns\n")
                for number in range(first, first + 3):
                    client.send(event(number))
                    written[thread].add(number)
                if first % 2:
                    client.send(b"FLUSH\n")
                    if answer := client.socket.recv(100):
                        answers[thread].append(answer)

    running = [threading.Thread(target=connect_all_the_time, args=(thread,)) for thread in range(threads)]
    for thread in running:
        thread.start()
    try:
        for _ in range(turns):
            service.start()
            enough = sum(map(len, answers)) + 100
            wait_until(lambda enough=enough: sum(map(len, answers)) > enough, "clients to be served")  # type: ignore[misc]
            service.stop()
    finally:
        over.set()
        service.start()  # for those who wait for an answer
        for thread in running:
            thread.join()
    service.stop()

    assert failed == []
    assert {answer for each in answers for answer in each} == {b"OK 3 0 0\n"}
    found = service.numbers("turns")
    assert len(found) == len(set(found))
    assert set().union(*written) <= set(found)
    sys.stderr.write(f"{turns} restarts: {len(found)} events of {len(found) // 3} connections, none lost\n")


# More than the daemon accepts before it looks at its signals.
QUEUE = 1000


@pytest.mark.parametrize("word", [b"", b"DIE\n"], ids=["SIGTERM", "DIE"])
def test_whoever_waits_at_the_stop_is_left_to_the_next_daemon(service: Service, word: bytes) -> None:
    process = service.start()
    with Client(service.path) as control, ExitStack() as stack:
        control.send(b"OPEN queue\n")
        control.flush()
        os.kill(process.pid, signal.SIGSTOP)
        control.send(word)
        if not word:
            process.send_signal(signal.SIGTERM)
        clients = [stack.enter_context(Client(service.path)) for _ in range(QUEUE)]
        for number, client in enumerate(clients):
            client.send(b"OPEN queue\n" + event(number))
        os.kill(process.pid, signal.SIGCONT)
        service.ended()
        assert len(service.numbers("queue") if (service.logs / "queue.jsonl").exists() else []) < QUEUE

        # The last one was not accepted, has not noticed anything, and goes on.
        clients[-1].send(event(QUEUE))
        service.start()
        assert clients[-1].flush() == (2, 0, 0)
    service.stop()
    assert sorted(service.numbers("queue")) == list(range(QUEUE + 1))


def test_exports_at_the_stop_hold_what_waits_in_the_queue(service: Service) -> None:
    out = service.home / "out.json"
    process = service.start()
    with Client(service.path) as parent:
        parent.send(b"OPEN family\nEMIT_TEF_AT_EXIT %s\n" % bytes(out))
        parent.flush()
        os.kill(process.pid, signal.SIGSTOP)
        for number in range(QUEUE):
            with Client(service.path) as child:
                child.send(b"OPEN family\n" + event(number))
        process.send_signal(signal.SIGTERM)
        os.kill(process.pid, signal.SIGCONT)
        service.ended()
    assert sorted(exported(out)) == list(range(QUEUE))


def test_all_sockets_are_taken_and_none_reaches_a_child_or_is_removed() -> None:
    with short_dir() as home, ExitStack() as stack:
        paths = [home / "a", home / "b"]
        listeners = [stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in paths]
        for path, listener in zip(paths, listeners, strict=True):
            listener.bind(os.fsencode(path))
            listener.listen()
        process = passing(*listeners, options=["-d", home / "logs"], stderr=subprocess.DEVNULL)
        try:
            for number, path in enumerate(paths):
                with Client(path) as client:
                    client.send(b"OPEN t\n" + event(number))
                    assert client.flush() == (1, 0, 0)
                    assert client.status()["pid"] == process.pid
            for fd in (3, 4):
                (flags,) = re.findall(
                    r"^flags:\s+(\d+)$", Path(f"/proc/{process.pid}/fdinfo/{fd}").read_text(), re.MULTILINE
                )
                assert int(flags, 8) & os.O_CLOEXEC
                assert int(flags, 8) & os.O_NONBLOCK
            assert tracerd("stop", "--socket", paths[1]).returncode == 0
            assert process.wait(PATIENCE_S) == 0
        finally:
            process.kill()
            process.wait()
        assert all(path.is_socket() for path in paths)


def test_second_daemon_on_a_passed_socket_names_the_first(service: Service) -> None:
    first = service.start()
    second = passing(service.listener, options=["-d", service.home / "other"], stderr=subprocess.PIPE)
    _, said = second.communicate(timeout=PATIENCE_S)
    assert second.returncode == 1
    assert said.decode() == f"Error: the socket {service.path} is in use by the tracerd with pid {first.pid}\n"
    service.stop()


def test_sockets_passed_to_another_process_are_not_ours() -> None:
    environ = os.environ | {"LISTEN_PID": "1", "LISTEN_FDS": "1"}
    with short_dir() as home, Daemon(home, env=environ) as daemon:
        assert daemon.session(b"OPEN t\n" + event(1) + b"FLUSH\n") == b"OK 1 0 0\n"


@pytest.mark.parametrize("option", ["--socket=s", "--daemonize"])
def test_some_options_have_no_place_beside_passed_sockets(service: Service, option: str) -> None:
    process = passing(service.listener, options=["-d", service.logs, option], stderr=subprocess.PIPE)
    _, said = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 2
    [error] = [line for line in said.decode().splitlines() if line.startswith("Error: ")]
    assert error.startswith(f"Error: {option.partition('=')[0]} has no place beside sockets passed by LISTEN_FDS")
    assert not service.logs.exists()


@contextmanager
def unusable(kind: str, home: Path) -> Generator[socket.socket]:
    family = socket.AF_INET if kind == "TCP" else socket.AF_UNIX
    with socket.socket(family, socket.SOCK_DGRAM if kind == "datagram" else socket.SOCK_STREAM) as made:
        if kind == "abstract":
            made.bind(f"\0{home.name}")
        elif kind != "TCP":
            made.bind(os.fsencode(home / "s"))
        if kind in ("TCP", "abstract"):
            made.listen()
        yield made


@pytest.mark.parametrize("kind", ["TCP", "datagram", "not listening", "abstract", "file", "number"])
def test_what_cannot_be_used_is_named_in_one_line(kind: str) -> None:
    expected = {
        "abstract": "descriptor 3, passed by LISTEN_FDS, has no path; see ListenStream= of the unit",
        "file": "descriptor 4, passed by LISTEN_FDS, cannot be used: Bad file descriptor",
        "number": "LISTEN_FDS is 'x', which is no number",
    }.get(kind, "descriptor 3, passed by LISTEN_FDS, is no listening Unix stream socket; see ListenStream= of the unit")
    with short_dir() as home, unusable("abstract" if kind in ("file", "number") else kind, home) as passed:
        environ = os.environ | {"LISTEN_FDS": {"file": "2", "number": "x"}.get(kind, "1")}
        process = passing(passed, options=["-d", home / "logs"], stderr=subprocess.PIPE, env=environ)
        _, said = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, said.decode()) == (1, f"Error: {expected}\n")


# ------------------------------------------------------------------ the units


def units(text: str) -> dict[str, str]:
    """What `install-service --print` shows: the text of each unit by its name."""
    _, *parts = re.split(r"^# (tracerd\.\w+)\n", text, flags=re.MULTILINE)
    return {name: unit.rstrip("\n") for name, unit in zip(parts[::2], parts[1::2], strict=True)}


def test_install_service_writes_the_units_once_and_says_what_to_run(tmp_path: Path) -> None:
    environ = os.environ | {"XDG_CONFIG_HOME": str(tmp_path)}
    directory = tmp_path / "systemd/user"

    first = tracerd("install-service", env=environ)
    again = tracerd("install-service", env=environ)
    shown = tracerd("install-service", "--print", env=environ)

    paths = [directory / "tracerd.socket", directory / "tracerd.service"]
    assert (first.returncode, first.stdout.decode().splitlines()) == (0, list(map(str, paths)))
    assert first.stderr.decode() == "now run: systemctl --user enable --now tracerd.socket\n"
    assert again.stdout.decode().splitlines() == [f"{path} is there already" for path in paths]
    assert {path.name: path.read_text().rstrip("\n") for path in paths} == units(shown.stdout.decode())
    assert (shown.returncode, shown.stderr) == (0, b"")


def test_install_service_leaves_a_unit_alone_that_differs(tmp_path: Path) -> None:
    directory = tmp_path / "systemd/user"
    directory.mkdir(parents=True)
    (directory / "tracerd.service").write_text("[Service]\nExecStart=/bin/true\n")

    done = tracerd("install-service", env=os.environ | {"XDG_CONFIG_HOME": str(tmp_path)})

    assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (1, b"", 1)
    assert f"{directory}/tracerd.service differs from what --print shows".encode() in done.stderr
    assert (directory / "tracerd.service").read_text() == "[Service]\nExecStart=/bin/true\n"
    assert not (directory / "tracerd.socket").exists()


def test_install_service_says_in_one_line_where_it_cannot_write(tmp_path: Path) -> None:
    (tmp_path / "systemd").write_text("no directory")
    done = tracerd("install-service", env=os.environ | {"XDG_CONFIG_HOME": str(tmp_path)})
    assert done.returncode == 1
    assert done.stderr.decode() == f"Error: cannot write {tmp_path}/systemd/user: Not a directory\n"


def interpreter_at(path: Path) -> Path:
    """This interpreter by another path, with this installation."""
    path.parent.mkdir()
    path.symlink_to(sys.executable)
    (path.parent.parent / "pyvenv.cfg").write_text((Path(sys.prefix) / "pyvenv.cfg").read_text())
    (path.parent.parent / "lib").symlink_to(Path(sys.prefix) / "lib")
    return path


@needs_analyze
@pytest.mark.parametrize("name", ["bin", "a b % i"])
def test_installed_units_are_such_as_systemd_takes(tmp_path: Path, name: str) -> None:
    python = sys.executable if name == "bin" else interpreter_at(tmp_path / name / "python")
    environ = os.environ | {"XDG_CONFIG_HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}
    subprocess.run([python, "-m", "tracerd", "install-service"], env=environ, check=True, capture_output=True)

    for unit in ("tracerd.socket", "tracerd.service"):
        done = subprocess.run(
            ["systemd-analyze", "verify", "--user", tmp_path / "systemd/user" / unit],
            env=environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
        )
        assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_a_program_name_that_systemd_does_not_take_is_refused(tmp_path: Path) -> None:
    python = interpreter_at(tmp_path / "it's" / "python")
    done = subprocess.run([python, "-m", "tracerd", "install-service", "--print"], capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.decode() == f"Error: systemd starts no program with such a name: {python}\n"


def test_the_installed_package_has_its_units_and_their_command_works() -> None:
    # As installed, not as it lies in the current directory.
    installed = [sys.executable, "-P", "-m", "tracerd"]
    shown = subprocess.run([*installed, "install-service", "--print"], cwd="/", capture_output=True, check=True)

    service = units(shown.stdout.decode())["tracerd.service"]
    [command] = re.findall(r"^ExecStart=(.*)$", service, re.MULTILINE)
    *words, verb = shlex.split(command)
    assert verb == "serve"
    done = subprocess.run([*words, "--version"], cwd="/", capture_output=True, check=True)
    assert done.stdout.decode().startswith(f"tracerd {__version__} (")


def test_the_units_hold_what_was_promised() -> None:
    shown = units(tracerd("install-service", "--print").stdout.decode())
    for line in ("ListenStream=%t/tracerd.socket", "SocketMode=0600"):
        assert f"\n{line}\n" in shown["tracerd.socket"]
    for line in ("Type=notify", "Restart=on-failure", "LimitNOFILE=infinity", "NoNewPrivileges=yes"):
        assert f"\n{line}\n" in shown["tracerd.service"]
    # They would give the daemon other files than its clients see.
    for word in ("PrivateTmp", "ProtectHome", "ProtectSystem", "PrivateUsers", "ReadWritePaths", "RootDirectory"):
        assert word not in shown["tracerd.service"]
