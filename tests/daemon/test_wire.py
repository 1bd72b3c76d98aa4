"""What the daemon reads: OPEN, and lines of all sizes and ends."""

import json
from pathlib import Path

import pytest

from tests.harness import Daemon, event, events, exported, running_daemon, wait_until

NO_TRACE = b"OPEN a trace first, by its id"


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
