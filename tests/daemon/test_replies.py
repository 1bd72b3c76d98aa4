"""What a live daemon answers, and what it does about clients who do not listen."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any, cast

import pytest

from tests.harness import (
    CLOCK_PREFIX,
    Client,
    Daemon,
    event,
    events,
    exported,
    running_daemon,
    short_dir,
    tracerd,
    wait_until,
)
from tracerd import __version__
from tracerd.speedups import implementation

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
    assert replies[0].startswith(b"ERROR 2: 7 events from here on are lost: ")
    assert replies[2].startswith(b"ERROR 10: 1 events from here on are lost: ")


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


# ------------------------------------------------------------------ OPEN


def test_second_open_switches(shared_daemon: Daemon) -> None:
    data = b"OPEN first\n" + event(1) + b"OPEN second\n" + event(2) + b"OPEN first\n" + event(3) + b"FLUSH\n"
    assert shared_daemon.session(data) == b"OK 3 0 0\n"
    assert shared_daemon.numbers("first") == [1, 3]
    assert shared_daemon.numbers("second") == [2]


def test_open_alone_makes_no_log(shared_daemon: Daemon) -> None:
    assert shared_daemon.session(b"OPEN lonely\nFLUSH\n") == b"OK 0 0 0\n"
    assert not list(shared_daemon.dir.glob("lonely*"))


def test_events_before_open_are_refused(shared_daemon: Daemon) -> None:
    replies = shared_daemon.session(events(range(2)) + b"OPEN late\n" + event(2) + b"FLUSH\n").splitlines()
    assert replies == [b"ERROR 1: " + NO_TRACE, b"ERROR 2: " + NO_TRACE, b"OK 1 2 0"]
    assert shared_daemon.numbers("late") == [2]


@pytest.mark.parametrize("word", [b"EMIT_TEF", b"EMIT_TEF_AT_EXIT"])
def test_export_without_open_is_an_error(shared_daemon: Daemon, tmp_path: Path, word: bytes) -> None:
    out = tmp_path / "out.json"
    replies = shared_daemon.session(b"%s %s\nFLUSH\n" % (word, bytes(out)))
    assert replies == b"ERROR 1: %s: OPEN a trace first\nOK 0 0 0\n" % word
    assert not out.exists()


def test_export_of_a_trace_without_a_log_is_the_empty_trace(shared_daemon: Daemon, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    assert shared_daemon.session(b"OPEN empty\nEMIT_TEF %s\nFLUSH\n" % bytes(out)) == b"OK 0 0 0\n"
    document = json.loads(out.read_bytes())
    assert document["traceEvents"] == []
    assert document["metadata"]["events"] == 0
    assert out.read_bytes().endswith(b"}")
    assert not list(shared_daemon.dir.glob("empty*"))


# ------------------------------------------------------------------ lines


def test_blanks_and_carriage_returns_around_a_line_do_not_matter(shared_daemon: Daemon, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    line = event(1).rstrip()
    data = b" \t OPEN crlf \r\n" + b"\r\n \n" + line + b"\r\n \t" + line + b" \t\n" + line + b" \r\n"
    data += b"  EMIT_TEF %s\r\n FLUSH\r\n" % bytes(out)
    assert shared_daemon.session(data) == b"OK 3 0 0\n"
    assert shared_daemon.events("crlf") == [line + b"\n"] * 3
    assert exported(out) == [1, 1, 1]


def test_only_newline_ends_a_line(shared_daemon: Daemon) -> None:
    line = '{"ph":"i","ts":1,"name":"a\u2028b\u0085c\u2029"}\n'.encode()
    assert shared_daemon.session(b"OPEN separators\n" + line + b"FLUSH\n") == b"OK 1 0 0\n"
    assert shared_daemon.events("separators") == [line]


def test_last_event_may_lack_its_newline(shared_daemon: Daemon) -> None:
    assert shared_daemon.session(b"OPEN last\n" + event(1) + event(2).rstrip()) == b""
    assert shared_daemon.numbers("last") == [1, 2]


@pytest.mark.parametrize("tail", [b'{"ph":"i"', b"{", b'{"ph":"i","name":"e","ts":1'])
def test_torn_last_event_is_refused(shared_daemon: Daemon, tail: bytes) -> None:
    name = f"torn-{len(tail)}"
    reply = shared_daemon.session(b"OPEN %s\n" % name.encode() + event(1) + tail)
    assert reply.startswith(b"ERROR 3: the connection ended inside this line")
    assert shared_daemon.numbers(name) == [1]


@pytest.mark.parametrize("word", [b"DIE", b"DIE_WHEN_IDLE", b"FLUSH", b"OPEN other", b"EMIT_TEF /tmp/never.json"])
def test_command_without_its_newline_has_no_effect(shared_daemon: Daemon, word: bytes) -> None:
    reply = shared_daemon.session(b"OPEN torn-command\n" + event(1) + word)
    assert reply.startswith(b"ERROR 3: the connection ended inside this command")
    assert reply.count(b"\n") == 1
    with shared_daemon.connect() as client:
        assert client.flush() == (0, 0, 0)
    assert shared_daemon.process.poll() is None


def test_long_event_is_kept_byte_by_byte(shared_daemon: Daemon, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    line = b'{"ph":"i","name":"%s","ts":1}\n' % (b"0123456789abcdef" * 65_536)
    data = b"OPEN mega\n" + line + event(2) + b"EMIT_TEF %s\nFLUSH\n" % bytes(out)
    assert shared_daemon.session(data) == b"OK 2 0 0\n"
    assert shared_daemon.events("mega") == [line, event(2)]
    assert exported(out) == [1, 2]


def test_line_beyond_16_mib_is_refused_and_the_next_is_fine(shared_daemon: Daemon) -> None:
    line = b'{"ph":"i","name":"%s","ts":1}\n' % (b"x" * (17 * 1024 * 1024))
    error, ok = shared_daemon.session(b"OPEN giga\n" + line + event(2) + b"FLUSH\n").splitlines()
    assert error.startswith(b"ERROR 2: longer than 16777216 bytes")
    assert ok == b"OK 1 1 0"
    assert shared_daemon.events("giga") == [event(2)]
    assert len(shared_daemon.rejects("giga")) >= 1


def test_refused_line_that_is_large_leaves_room_for_the_next(shared_daemon: Daemon) -> None:
    large = b'{"bad":%s}\n' % (b"x" * 1_500_000)
    shared_daemon.session(b"OPEN large-bad\n" + large + b"bad\nFLUSH\n")
    wait_until(lambda: len(shared_daemon.rejects("large-bad")) > 0, "the rejects")
    lines = [entry["line"] for entry in shared_daemon.rejects("large-bad") if "line" in entry]
    assert lines == [2, 3]


def test_max_line_bytes_is_the_longest_line_without_its_newline() -> None:
    with running_daemon("--max-line-bytes", "100") as daemon:
        frame = len(b'{"ph":"i","name":"","ts":1}')
        fits, too_long = (b'{"ph":"i","name":"%s","ts":1}\n' % (b"x" * (size - frame)) for size in (100, 101))
        error, ok = daemon.session(b"OPEN short\n" + fits + too_long + fits + b"FLUSH\n").splitlines()
        assert error.startswith(b"ERROR 3: longer than 100 bytes")
        assert ok == b"OK 2 1 0"
        assert daemon.events("short") == [fits, fits]
        # However it arrives.
        with daemon.connect() as client:
            for byte in b"OPEN slow\n" + too_long + fits:
                client.send(bytes([byte]))
            assert client.line().startswith(b"ERROR 2: longer than 100 bytes")
            assert client.flush() == (1, 1, 0)


# ------------------------------------------------------------------ end of a connection


@pytest.mark.parametrize("data", [b"", b"\n", b"OPEN x\n", b"OPEN x\nFLUSH\n", b"bad"])
def test_half_close_is_answered_by_a_prompt_end(shared_daemon: Daemon, data: bytes) -> None:
    began = time.monotonic()
    for _ in range(20):
        shared_daemon.session(data)
    assert time.monotonic() - began < 5


def test_many_connections_leave_no_descriptors_behind(shared_daemon: Daemon) -> None:
    def descriptors() -> int:
        return len(list(Path(f"/proc/{shared_daemon.process.pid}/fd").iterdir()))

    shared_daemon.session(b"OPEN descriptors\n" + event(1) + b"bad\nFLUSH\n")
    wait_until(lambda: shared_daemon.rejects("descriptors")[-1].get("refused"), "the end of the trace")
    before = descriptors()
    for number in range(300):
        shared_daemon.session(b"OPEN descriptors-%d\n" % (number % 7) + event(1) + b"bad\nFLUSH\n")
    wait_until(lambda: descriptors() <= before, "all descriptors to be closed")


# ------------------------------------------------------------------ STATUS


def test_status_tells_who_is_connected(daemon: Daemon) -> None:
    with daemon.connect() as one, daemon.connect() as two:
        one.send(b"OPEN told\n\n" + events(range(3)) + b"bad\n" + b'{"ph":"C","ts":nan}\n')
        one.line()
        two.send(b"OPEN other\n")
        status = two.status()
    traces, totals = cast("dict[str, Any]", status.pop("traces")), status.pop("totals")
    uptime_s = status.pop("uptime_s")
    assert isinstance(uptime_s, float)
    assert 0 <= uptime_s < 60
    assert status == {
        "version": __version__,
        "pid": daemon.process.pid,
        "directory": str(daemon.dir),
        "clients": 2,
        "implementation": implementation,
    }
    assert totals == {"stored": 4, "repaired": 1, "refused": 1, "lost": 0}
    comm = Path("/proc/self/comm").read_text().rstrip("\n")
    seconds = [client.pop("seconds") for trace in traces.values() for client in trace["clients"]]
    assert all(0 <= value < 60 for value in seconds)
    assert traces == {
        "told": {
            "stored": 4,
            "repaired": 1,
            "refused": 1,
            "lost": 0,
            "waiting": 0,
            "clients": [{"pid": os.getpid(), "comm": comm, "lines": 7}],
        },
        "other": {
            "stored": 0,
            "repaired": 0,
            "refused": 0,
            "lost": 0,
            "waiting": 0,
            "clients": [{"pid": os.getpid(), "comm": comm, "lines": 2}],
        },
    }


def test_status_does_not_name_traces_without_clients(daemon: Daemon) -> None:
    daemon.session(b"OPEN gone\n" + event(1))
    with daemon.connect() as client:
        assert client.status()["traces"] == {}
        assert client.status()["totals"] == {"stored": 1, "repaired": 0, "refused": 0, "lost": 0}


def test_status_of_a_client_whose_process_has_gone_has_no_name(daemon: Daemon) -> None:
    with daemon.connect() as client:
        # A child connects and leaves; we keep its connection.
        ours, theirs = socket.socketpair()
        source = (
            "import socket, sys; connection = socket.socket(socket.AF_UNIX); connection.connect(sys.argv[1]);"
            "connection.sendall(b'OPEN orphan\\n');"
            "socket.send_fds(socket.socket(fileno=int(sys.argv[2])), [b'x'], [connection.fileno()])"
        )
        with ours, theirs:
            command = [
                shutil.which("python3") or "python3",
                "-c",
                source,
                str(daemon.socket),
                str(theirs.fileno()),
            ]
            child = subprocess.Popen(command, pass_fds=[theirs.fileno()])
            assert child.wait(30) == 0
            _, (kept,), _, _ = socket.recv_fds(ours, 1, 1)
        traces = cast("dict[str, Any]", client.status()["traces"])
        os.close(kept)
    (orphan,) = traces["orphan"]["clients"]
    assert (orphan["pid"], orphan["comm"], orphan["lines"]) == (child.pid, None, 1)


# ------------------------------------------------------------------ --into-file


def test_into_file_takes_all_events_and_needs_no_open(tmp_path: Path) -> None:
    path, out = tmp_path / "all.jsonl", tmp_path / "out.json"
    with short_dir() as home:
        for turn in range(2):
            with Daemon(home, "--into-file", str(path)) as daemon:
                assert daemon.session(event(1) + b"FLUSH\n") == b"OK 1 0 0\n"
                assert (
                    daemon.session(b"OPEN ignored\n" + event(2) + b"OPEN a/b\n" + event(3) + b"FLUSH\n")
                    == b"OK 2 0 0\n"
                )
                assert daemon.session(b"EMIT_TEF %s\nFLUSH\n" % bytes(out)) == b"OK 0 0 0\n"
            lines = path.read_bytes().splitlines(keepends=True)
            assert [line for line in lines if not line.startswith(CLOCK_PREFIX)] == [
                event(1),
                event(2),
                event(3),
            ] * (turn + 1)
            assert exported(out) == [1, 2, 3] * (turn + 1)
        assert {entry.name for entry in (home / "logs").iterdir()} == {".lock"}


def test_into_file_exports_at_exit_when_the_last_client_has_gone(tmp_path: Path) -> None:
    path, out = tmp_path / "all.jsonl", tmp_path / "out.json"
    with running_daemon("--into-file", str(path)) as daemon:
        daemon.session(b"EMIT_TEF_AT_EXIT %s\n" % bytes(out) + event(1))
        wait_until(out.exists, "the export at exit")
        assert exported(out) == [1]


@pytest.mark.parametrize("content", [b"hello\n", b"[1]\n", b"\x7fELF\0\0", b"\n", b"{broken\n", b"x"])
def test_into_file_refuses_a_file_that_is_no_log(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "precious"
    path.write_bytes(content)
    with short_dir() as home:
        result = tracerd("serve", "--socket", home / "s", "-d", home / "logs", "--into-file", path)
    assert (result.returncode, result.stdout) == (1, b"")
    assert result.stderr.count(b"\n") == 1
    assert b"it is no log" in result.stderr
    assert path.read_bytes() == content


def test_into_file_refuses_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with short_dir() as home:
        result = tracerd("serve", "--socket", home / "s", "-d", home / "logs", "--into-file", tmp_path / "pipe")
    assert result.returncode == 1


def test_into_file_of_any_name_keeps_its_rejects_beside_it(tmp_path: Path) -> None:
    with running_daemon("--into-file", str(tmp_path / "events.txt")) as daemon:
        daemon.session(event(1) + b"bad\n")
    assert {path.name for path in tmp_path.iterdir()} == {"events.txt", "events.txt.lock", "events.txt.rejected"}


# ------------------------------------------------------------------ the usual tools


def installed(program: str) -> str:
    """The path of a program; skips the test without it."""
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} is not installed")
    return path


@pytest.mark.parametrize("newline", [b"", b"\n"])
def test_netcat_sends_events_and_ends(shared_daemon: Daemon, newline: bytes) -> None:
    netcat = installed("nc")
    if b"OpenBSD" not in subprocess.run([netcat, "-h"], capture_output=True, check=False).stderr:
        pytest.skip("this nc knows no -N and -U")
    name = f"nc-{len(newline)}"
    data = b"OPEN %s\n" % name.encode() + events(range(100)) + event(100).rstrip() + newline
    result = subprocess.run(
        [netcat, "-N", "-U", str(shared_daemon.socket)],
        input=data,
        capture_output=True,
        timeout=20,
        check=False,
    )
    assert (result.returncode, result.stdout) == (0, b"")
    assert shared_daemon.numbers(name) == list(range(101))


def test_netcat_shows_the_acknowledgement(shared_daemon: Daemon, tmp_path: Path) -> None:
    netcat, out = installed("nc"), tmp_path / "out.json"
    data = b"OPEN nc-ok\n" + events(range(3)) + b"EMIT_TEF %s\nFLUSH\n" % bytes(out)
    result = subprocess.run(
        [netcat, "-N", "-U", str(shared_daemon.socket)],
        input=data,
        capture_output=True,
        timeout=20,
        check=False,
    )
    assert result.stdout == b"OK 3 0 0\n"
    assert exported(out) == [0, 1, 2]


def test_socat_sends_events(shared_daemon: Daemon) -> None:
    command = [installed("socat"), "-u", "-", f"UNIX-CONNECT:{shared_daemon.socket}"]
    data = b"OPEN socat\n" + events(range(1000))
    assert subprocess.run(command, input=data, timeout=20, check=False).returncode == 0
    wait_until(lambda: shared_daemon.numbers_so_far("socat") == list(range(1000)), "all events")


def test_socat_shows_the_acknowledgement(shared_daemon: Daemon) -> None:
    command = [installed("socat"), "-t20", "-", f"UNIX-CONNECT:{shared_daemon.socket}"]
    data = b"OPEN socat-ok\n" + events(range(3)) + b"FLUSH\n"
    result = subprocess.run(command, input=data, stdout=subprocess.PIPE, timeout=20, check=False)
    assert (result.returncode, result.stdout) == (0, b"OK 3 0 0\n")


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
