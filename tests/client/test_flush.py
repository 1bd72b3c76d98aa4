"""What the client library says of the daemon's word: `flush` and `emit_tef` are true only if the daemon said so."""

import os
import signal
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.daemon.small_disk import SmallDisk, needs_mount
from tests.harness import PATIENCE_S, Daemon, short_dir, wait_until
from tracerd.client import Client


def connected(daemon: Daemon) -> Client:
    return Client("t", str(daemon.socket))


@contextmanager
def answering(answer: bytes) -> Generator[Client]:
    """A client of a daemon that has but one answer."""
    with short_dir() as home, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(home / "s"))
        listener.listen()

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                while data := connection.recv(65536):
                    if b"FLUSH\n" in data:
                        connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        client = Client("t", str(home / "s"))
        client.instant("x")
        try:
            yield client
        finally:
            client.close()
            thread.join()


# The client has sent two events: the name of the process, and one instant.
@pytest.mark.parametrize(
    ("answer", "is_true"),
    [
        (b"OK 2 0 0\n", True),
        (b"OK 2 0 0 17\n", True),  # of a later daemon
        (b"LATER\nOK 2 0 0\n", True),
        (b"OK 1 1 0\n", False),
        (b"OK 1 0 1\n", False),
        (b"OK 1 0 0\n", False),  # one waits
        (b"OK \n", False),
    ],
)
def test_flush_is_true_if_every_event_is_stored(answer: bytes, is_true: bool) -> None:
    with answering(answer) as client:
        assert client.flush(PATIENCE_S) is is_true
        assert client.flush(PATIENCE_S) is is_true


def test_flush_is_not_true_when_the_daemon_was_killed(daemon: Daemon) -> None:
    client = connected(daemon)
    client.instant("x")
    assert client.flush(PATIENCE_S)
    daemon.kill()

    assert [client.flush(), client.flush()] == [False, False]
    client.close()


@needs_mount
def test_on_a_full_disk_neither_is_true_until_all_is_stored() -> None:
    with short_dir() as home, SmallDisk(home) as disk:
        client = connected(disk)
        client.instant("before")
        assert client.flush(PATIENCE_S)
        disk.fill()
        for number in range(100):  # more than what is left of the last page
            client.instant("waits", number=number)

        assert not client.flush(PATIENCE_S)
        assert "wait in memory" in client.errors[-1]
        assert not client.emit_tef(str(home / "trace.json"), PATIENCE_S)
        assert "incomplete" in client.errors[-1]

        disk.free()
        wait_until(lambda: client.flush(PATIENCE_S), "the events to be written")
        assert disk.has("t", 102)
        assert client.emit_tef(str(home / "trace.json"), PATIENCE_S)
        client.close()


def test_emit_tef_returns_when_the_file_is_there(daemon: Daemon, tmp_path: Path) -> None:
    client = connected(daemon)
    client.instant("x")

    for name in (b"trace.json", b"\xff.json", b"with blank.json"):
        path = os.fsencode(tmp_path) + b"/" + name
        assert client.emit_tef(os.fsdecode(path), PATIENCE_S)
        assert os.path.exists(path)
    client.close()


def test_emit_tef_is_false_however_often_it_fails(daemon: Daemon, tmp_path: Path) -> None:
    client = connected(daemon)
    client.instant("x")

    # The daemon tells of ten errors on a connection.
    assert not any(client.emit_tef(str(tmp_path / "absent" / "trace.json"), PATIENCE_S) for _ in range(13))
    assert client.emit_tef(str(tmp_path / "trace.json"), PATIENCE_S)
    client.close()


def test_emit_tef_raises_nothing(tmp_path: Path, daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    client = connected(daemon)
    for path in (tmp_path / "with\nnewline.json", "/\0", "/\ud800", "/" + "x" * 100_000, None, 5):
        assert not client.emit_tef(path)  # type: ignore[arg-type]

    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert not client.emit_tef("trace.json")
    client.close()


def test_emit_tef_is_false_while_the_daemon_hangs(daemon: Daemon, tmp_path: Path) -> None:
    client = connected(daemon)
    client.instant("x")
    assert client.flush(PATIENCE_S)
    daemon.process.send_signal(signal.SIGSTOP)
    try:
        while not client.dropped:
            client.instant("x" * 1000)
        assert not client.emit_tef(str(tmp_path / "trace.json"), 0.1)
    finally:
        daemon.process.send_signal(signal.SIGCONT)
    assert client.emit_tef(str(tmp_path / "trace.json"), PATIENCE_S)
    client.close()
