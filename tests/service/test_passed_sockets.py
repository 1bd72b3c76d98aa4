"""Sockets that a service manager keeps and passes: a restart that no client notices."""

import contextlib
import os
import re
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
from tests.service.services import Service, passing


@pytest.fixture
def service() -> Iterator[Service]:
    with short_dir() as home, contextlib.closing(Service(home)) as made:
        yield made


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
