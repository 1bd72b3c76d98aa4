"""A client that has sent everything and gone before it is accepted is served as any other is."""

import os
import shutil
import signal
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import cast

import pytest

from tests.core.test_speedups import native
from tests.harness import Client, Daemon, event, short_dir, wait_until
from tracerd.trace_id import new
from tracerd.traces.retention import is_in_use
from tracerd.traces.stored import find_log

GONE = {
    "good": event(1) + event(2),
    "nothing": b"",
    "no newline at the end": event(1) + event(2)[:-1],
    "half a line": event(1) + event(2)[:-5],
    "a bad line": event(1) + b"bad\n" + event(2),
    "to be repaired": event(1) + b'{"ph":"C","ts":nan}\n',
    "a line of the daemon's own": b'{"ph":"M","name":"tracerd_clock","args":{}}\n' + event(1),
    "blank lines, CRLF": b"\n" + event(1)[:-1] + b"\r\n",
    "more than one read": event(1) * 4000,
    "another trace": event(1) + b"OPEN other\n" + event(2),
    "commands": event(1) + b"FLUSH\nSTATUS\n" + event(2),
    "a command that is cut off": event(1) + b"DIE",
}


def in_pieces(daemon: Daemon, trace_id: bytes, data: bytes) -> None:
    """Send as a client does that is there before its data: it is read from by a task of its own."""
    with daemon.connect() as client:
        client.send(b"OPEN %s\n" % trace_id)
        client.flush()
        client.send(data)
        client.finish()


def before_it_is_accepted(daemon: Daemon, trace_id: bytes, data: bytes) -> None:
    os.kill(daemon.process.pid, signal.SIGSTOP)
    with Client(daemon.socket) as client:
        client.send(b"OPEN %s\n" % trace_id + data)
    os.kill(daemon.process.pid, signal.SIGCONT)


def left_by(daemon: Daemon, trace_id: bytes, send: Callable[[Daemon, bytes, bytes], None], data: bytes) -> object:
    """What a daemon has stored, counted and rejected of such a client, beside one that stays."""
    name = trace_id.decode()
    with daemon.connect() as stays:
        stays.send(b"OPEN %s\n" % trace_id + event(0))
        stays.flush()
        send(daemon, trace_id, data)
        stays.send(b"EMIT_TEF %s\n" % bytes(daemon.socket.with_name("out.json")))
        stays.flush()  # so all who had connected before were served
        traces = cast("dict[str, dict[str, object]]", stays.status()["traces"])
        assert len(cast("list[object]", traces[name]["clients"])) == 1
        rejects = [{**entry, "line": 0} for entry in daemon.rejects(name)]
        counts: dict[str, object] = {**traces[name], "clients": []}
        return daemon.events(name), counts, rejects


@pytest.mark.parametrize("data", GONE.values(), ids=GONE)
def test_whether_a_client_is_gone_makes_no_difference(shared_daemon: Daemon, data: bytes) -> None:
    [left, expected] = [
        left_by(shared_daemon, new().encode(), send, data) for send in (before_it_is_accepted, in_pieces)
    ]
    assert left == expected


def one_behind_the_other(daemon: Daemon, trace_id: bytes, blocks: Iterable[bytes]) -> None:
    """As `before_it_is_accepted`, with many clients that all wait when the daemon goes on."""
    os.kill(daemon.process.pid, signal.SIGSTOP)
    for data in blocks:
        with Client(daemon.socket) as client:
            client.send(b"OPEN %s\n" % trace_id + data)
    os.kill(daemon.process.pid, signal.SIGCONT)


@pytest.mark.parametrize("data", GONE.values(), ids=GONE)
def test_whether_a_client_was_there_before_it_makes_no_difference(shared_daemon: Daemon, data: bytes) -> None:
    row = [event(1), event(2), data, event(3), b"", event(4) * 2]

    def in_a_row(daemon: Daemon, trace_id: bytes, _: bytes) -> None:
        one_behind_the_other(daemon, trace_id, row)

    def one_by_one(daemon: Daemon, trace_id: bytes, _: bytes) -> None:
        for each in row:
            in_pieces(daemon, trace_id, each)

    assert left_by(shared_daemon, new().encode(), in_a_row, b"") == left_by(
        shared_daemon, new().encode(), one_by_one, b""
    )


@native
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_after_one_client_of_a_trace_the_next_is_accepted_in_c(tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    with short_dir() as home, Daemon(home, before=["strace", "-o", calls, "-e", "trace=accept4", "--"]) as daemon:
        in_pieces(daemon, b"t", event(1))
        in_pieces(daemon, b"t", event(2))
        assert daemon.numbers_so_far("t") == [1, 2]
        daemon.session(b"DIE\n")  # a signal would be for strace
    assert "NULL, NULL, SOCK_CLOEXEC" in calls.read_text()  # Python asks for the address


def test_more_clients_than_are_accepted_in_a_turn_are_served(daemon: Daemon) -> None:
    one_behind_the_other(daemon, b"many", [event(number) for number in range(200)])
    with daemon.connect() as last:
        last.send(b"OPEN many\n")
        last.flush()
        assert daemon.numbers_so_far("many") == list(range(200))
        assert last.status()["totals"] == {"stored": 200, "repaired": 0, "refused": 0, "lost": 0}


def test_the_first_client_of_a_trace_may_be_gone_and_the_trace_ends(daemon: Daemon) -> None:
    before_it_is_accepted(daemon, b"new", event(1) + event(2))
    with daemon.connect() as other:
        wait_until(lambda: daemon.numbers_so_far("new") == [1, 2], "the events")
        wait_until(lambda: not is_in_use(find_log(daemon.dir, "new")), "the log to be closed")
        assert other.status()["totals"] == {"stored": 2, "repaired": 0, "refused": 0, "lost": 0}


def test_a_client_that_only_names_its_trace_leaves_no_log(daemon: Daemon) -> None:
    before_it_is_accepted(daemon, b"empty", b"")
    before_it_is_accepted(daemon, b"next", event(1))
    wait_until(lambda: daemon.numbers_so_far("next") == [1], "the event of the client behind it")
    assert sorted(path.name for path in daemon.dir.iterdir()) == [".lock", "next.jsonl"]


def test_a_full_trace_takes_nothing_of_a_client_that_is_gone() -> None:
    with short_dir() as home, Daemon(home, "--max-trace-size", "1kB") as daemon, daemon.connect() as stays:
        stays.send(b"OPEN told\n" + event(0) * 40)
        stays.flush()
        size = len(daemon.log("told"))
        before_it_is_accepted(daemon, b"told", event(1) * 3)
        wait_until(lambda: stays.status()["totals"] == {"stored": 40, "repaired": 0, "refused": 3, "lost": 0}, "counts")
        assert len(daemon.log("told")) == size
