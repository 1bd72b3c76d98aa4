"""What the daemon answers: errors by line, FLUSH, and clients that do not read."""

import json
import os
import signal
import socket
from pathlib import Path

import pytest

from tests.harness import Client, Daemon, event, events, exported, running_daemon, wait_until
from tracerd import __version__

NO_TRACE = b"OPEN a trace first, by its id"
MANY_ERRORS = 11
"""ERROR lines of a connection at most: 10 and a last word."""

# ------------------------------------------------------------------ line numbers of errors


def test_error_tells_the_lines_number_counting_blank_ones(shared_daemon: Daemon) -> None:
    replies = shared_daemon.session(b"OPEN blank\n\n \t\n\r\n" + event(1) + b"bad\n\n{bad}\nFLUSH\n").splitlines()
    assert [reply.split(b":")[0] for reply in replies] == [b"ERROR 6", b"ERROR 8", b"OK 1 2 0"]


@pytest.mark.parametrize("pieces", [1, 3, 1000])
def test_line_numbers_do_not_depend_on_how_bytes_arrive(shared_daemon: Daemon, pieces: int) -> None:
    data = b"OPEN pieces\n" + (events(range(20)) + b"bad\n\n") * 3 + event(1) + b"FLUSH\n"
    step = len(data) // pieces + 1
    with shared_daemon.connect() as client:
        for at in range(0, len(data), step):
            client.send(data[at : at + step])
        replies = client.finish().splitlines()
    assert [reply.split(b":")[0] for reply in replies] == [
        b"ERROR 22",
        b"ERROR 44",
        b"ERROR 66",
        b"OK 61 3 0",
    ]


def test_errors_are_ten_and_a_last_word(shared_daemon: Daemon) -> None:
    replies = shared_daemon.session(b"OPEN ten\n" + b"bad\n" * 50 + event(1) + b"FLUSH\n").splitlines()
    assert [reply.split(b":")[0] for reply in replies[:-1]] == [b"ERROR %d" % line for line in range(2, 13)]
    assert replies[-2] == b"ERROR 12: further errors on this connection are not reported"
    assert replies[-1] == b"OK 1 50 0"


@pytest.mark.parametrize("count", [9, 10, 11, 12])
def test_last_word_comes_with_the_eleventh_error(shared_daemon: Daemon, count: int) -> None:
    replies = shared_daemon.session(event(1) * count + b"FLUSH\n").splitlines()
    assert replies[-1] == b"OK 0 %d 0" % count
    errors = [b"ERROR %d: %s" % (line, NO_TRACE) for line in range(1, min(count, 10) + 1)]
    last_word = [b"ERROR 11: further errors on this connection are not reported"] * (count > 10)
    assert replies[:-1] == errors + last_word


def test_each_connection_has_its_own_errors(shared_daemon: Daemon) -> None:
    for _ in range(3):
        assert shared_daemon.session(b"bad\n" * 20).count(b"ERROR ") == MANY_ERRORS


# ------------------------------------------------------------------ clients that do not listen


@pytest.mark.parametrize(
    ("bad", "many", "refused"),
    [(b"bad\n", 200_000, 200_000), (b"{}}\n", 50_000, 50_000), (b"EMIT_TEF relative\n", 50_000, 0)],
)
def test_client_that_reads_no_errors_is_read_on(shared_daemon: Daemon, bad: bytes, many: int, refused: int) -> None:
    with shared_daemon.connect() as client, shared_daemon.connect() as other:
        client.send(b"OPEN silent\n" + bad * many + event(1))
        other.send(b"OPEN silent-other\n" + event(2))
        assert other.flush() == (1, 0, 0)
        assert client.flush() == (1, refused, 0)


def test_client_that_reads_no_answers_is_read_on(shared_daemon: Daemon) -> None:
    # The answers are more than a socket's buffer and the daemon's queue hold together.
    rounds, questions = 200, b"FLUSH\n" + b"STATUS\n" * 40
    with shared_daemon.connect() as client:
        for number in range(rounds):
            client.send(b"OPEN deaf\n" + event(number) + questions)
        client.socket.shutdown(socket.SHUT_WR)
        wait_until(lambda: len(shared_daemon.numbers_so_far("deaf")) == rounds, "all events")
        # What it is sent in the end are whole lines, in order, but not all.
        replies = client.socket.makefile("rb").read()
    assert replies.endswith(b"\n")
    answers = replies.splitlines()
    counts = [int(line.split()[1]) for line in answers if line.startswith(b"OK ")]
    assert counts == sorted(counts)
    assert all(json.loads(line)["version"] == __version__ for line in answers if not line.startswith(b"OK "))
    assert replies.count(b"\n") < rounds * questions.count(b"\n")


def test_client_that_has_written_all_and_reads_no_answers_is_waited_for_asleep(daemon: Daemon) -> None:
    def is_asleep() -> bool:
        return Path(f"/proc/{daemon.process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "S"

    with daemon.connect() as client, daemon.connect() as other:
        client.send(b"FLUSH\n" * 50_000)
        client.socket.shutdown(socket.SHUT_WR)
        other.flush()
        wait_until(is_asleep, "the daemon to have nothing to do")


def test_client_that_leaves_with_unread_replies_loses_nothing(shared_daemon: Daemon) -> None:
    for number in range(20):
        with shared_daemon.connect() as client:
            client.send(b"OPEN leaves\nbad\nFLUSH\nSTATUS\n")
            # A reply is there, and nobody will read it.
            client.socket.recv(1, socket.MSG_PEEK)
            client.send(event(number))
    wait_until(lambda: sorted(shared_daemon.numbers_so_far("leaves")) == list(range(20)), "all events")
    assert "Traceback" not in shared_daemon.stderr()


def test_client_that_leaves_before_its_export_is_done_gets_the_file(shared_daemon: Daemon, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    with shared_daemon.connect() as client:
        client.send(b"OPEN leaves-early\n" + events(range(1000)) + b"EMIT_TEF %s\nFLUSH\n" % bytes(out))
    wait_until(out.exists, "the export")
    assert exported(out) == list(range(1000))


# ------------------------------------------------------------------ FLUSH


def test_ok_counts_event_lines_and_not_commands(shared_daemon: Daemon) -> None:
    replies = shared_daemon.session(
        event(1)
        + b"EMIT_TEF /tmp/x\nEMIT_TEF_AT_EXIT /tmp/x\nEMIT_TEF relative\nOPEN a/b\nOPEN count\n"
        + events(range(3))
        + b"{bad}\nFLUSH\n"
    ).splitlines()
    assert replies[-1] == b"OK 3 2 0"
    assert len(replies) == 1 + 6


def test_totals_count_every_refusal_and_ok_event_lines_only(shared_daemon: Daemon) -> None:
    with shared_daemon.connect() as client:
        before = client.status()["totals"]
        client.send(b"OPEN count-totals\nEMIT_TEF relative\nEMIT_TEF_AT_EXIT relative\n" + event(1))
        assert client.flush() == (1, 0, 0)
        after = client.status()["totals"]
    assert isinstance(before, dict)
    assert after == {**before, "stored": before["stored"] + 1, "refused": before["refused"] + 2}


def test_counts_are_of_this_connection(shared_daemon: Daemon) -> None:
    with shared_daemon.connect() as one, shared_daemon.connect() as two:
        one.send(b"OPEN own\n" + events(range(5)))
        two.send(b"OPEN own\n" + events(range(2)) + b"bad\n")
        assert two.flush() == (2, 1, 0)
        assert one.flush() == (5, 0, 0)


def test_lost_events_are_counted_as_lost(shared_daemon: Daemon) -> None:
    (shared_daemon.dir / "full.jsonl").symlink_to("/dev/full")
    replies = shared_daemon.session(b"OPEN full\n" + events(range(7)) + b"FLUSH\n" + event(1) + b"FLUSH\n").splitlines()
    assert [replies[1], replies[3]] == [b"OK 0 0 7", b"OK 0 0 8"]
    assert replies[0].startswith(b"ERROR 2: 7 events lost from here on: ")
    assert replies[2].startswith(b"ERROR 10: 1 event lost from here on: ")


def test_pipelined_flushes_are_answered_in_order(shared_daemon: Daemon) -> None:
    data = b"OPEN pipelined\n" + b"".join(event(number) + b"FLUSH\n" for number in range(500))
    assert shared_daemon.session(data) == b"".join(b"OK %d 0 0\n" % count for count in range(1, 501))


def test_what_was_acknowledged_survives_kill_9() -> None:
    with running_daemon() as daemon, daemon.connect() as client:
        client.send(b"OPEN killed\n" + events(range(1000)))
        assert client.flush() == (1000, 0, 0)
        daemon.kill()
        assert daemon.numbers("killed") == list(range(1000))


def test_ok_waits_for_the_exports_before_it_only(shared_daemon: Daemon, tmp_path: Path) -> None:
    outs = [tmp_path / f"{number}.json" for number in range(5)]
    with shared_daemon.connect() as client:
        client.send(b"OPEN waits\n" + events(range(20_000)))
        for out in outs:
            client.send(b"EMIT_TEF %s\n" % bytes(out))
        client.send(b"FLUSH\n")
        assert client.line() == b"OK 20000 0 0"
        assert all(out.exists() for out in outs)
        late = [tmp_path / f"late-{number}.json" for number in range(3)]
        for out in late:
            client.send(b"EMIT_TEF %s\nFLUSH\n" % bytes(out))
        for out in late:
            assert client.line() == b"OK 20000 0 0"
            assert out.exists()


def test_error_of_a_failing_export_names_its_line_and_comes_before_the_ok(
    shared_daemon: Daemon, tmp_path: Path
) -> None:
    out = tmp_path / "out.json"
    data = b"OPEN fails\n\n%sEMIT_TEF /missing/a.json\nEMIT_TEF %s\nEMIT_TEF /missing/b.json\nFLUSH\n"
    *errors, ok = shared_daemon.session(data % (event(1), bytes(out))).splitlines()
    assert sorted(error.split(b":")[:2] for error in errors) == [
        [b"ERROR 4", b" EMIT_TEF"],
        [b"ERROR 6", b" EMIT_TEF"],
    ]
    assert ok == b"OK 1 0 0"
    assert exported(out) == [1]


def test_end_of_the_connection_waits_for_exports_too(shared_daemon: Daemon, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    assert shared_daemon.session(b"OPEN end-waits\n" + events(range(20_000)) + b"EMIT_TEF %s\n" % bytes(out)) == b""
    assert len(exported(out)) == 20_000


# ------------------------------------------------------------------ end of a connection


TURNS = 100
"""A grace of some tens of milliseconds takes more; without one the end comes in the first few."""


def has_ended(client: Client) -> bool:
    """Whether nothing more comes, as far as is known now."""
    try:
        while client.socket.recv(65536):
            pass
    except BlockingIOError:
        return False
    return True


@pytest.mark.parametrize("data", [b"", b"\n", b"OPEN x\n", b"OPEN x\nFLUSH\n", b"bad"])
def test_half_close_is_answered_by_an_end_in_the_next_turns(shared_daemon: Daemon, data: bytes) -> None:
    """A moment's grace would be seen: another client is answered only a few times meanwhile."""
    with shared_daemon.connect() as other:
        for _ in range(20):
            with shared_daemon.connect() as client:
                client.send(data)
                client.socket.shutdown(socket.SHUT_WR)
                client.socket.setblocking(False)
                assert any(has_ended(client) for _ in range(TURNS) if other.status())


def test_many_connections_leave_no_descriptors_behind(shared_daemon: Daemon) -> None:
    def descriptors() -> int:
        return len(list(Path(f"/proc/{shared_daemon.process.pid}/fd").iterdir()))

    shared_daemon.session(b"OPEN descriptors\n" + event(1) + b"bad\nFLUSH\n")
    wait_until(lambda: shared_daemon.rejects("descriptors")[-1].get("refused"), "the end of the trace")
    before = descriptors()
    for number in range(300):
        shared_daemon.session(b"OPEN descriptors-%d\n" % (number % 7) + event(1) + b"bad\nFLUSH\n")
    wait_until(lambda: descriptors() <= before, "all descriptors to be closed")


# ------------------------------------------------------------------ peers


def test_daemon_that_was_suspended_answers_all_who_waited(daemon: Daemon) -> None:
    clients = [daemon.connect() for _ in range(10)]
    os.kill(daemon.process.pid, signal.SIGSTOP)
    clients += [Client(daemon.socket) for _ in range(100)]
    for number, client in enumerate(clients):
        client.send(b"OPEN suspended\n" + event(number) + b"FLUSH\n")
    os.kill(daemon.process.pid, signal.SIGCONT)
    assert [client.line() for client in clients] == [b"OK 1 0 0"] * len(clients)
    for client in clients:
        client.close()
    assert sorted(daemon.numbers("suspended")) == list(range(len(clients)))
