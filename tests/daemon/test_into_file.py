"""`serve --into-file`: all events into one log, without OPEN."""

import os
from pathlib import Path

import pytest

from tests.harness import CLOCK_PREFIX, Daemon, event, exported, running_daemon, short_dir, tracerd, wait_until


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
