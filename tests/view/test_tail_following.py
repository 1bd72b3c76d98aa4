"""`tracerd tail -f`: nothing that arrives is missed, whatever happens to the logs."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.commands import invoke
from tests.harness import PATIENCE_S, Daemon, event, events, wait_until
from tests.view.tails import following, numbers
from tests.view.tails import store as store
from tracerd.rows import follow as live_module
from tracerd.rows.follow import Growing, Live
from tracerd.store import log as log_module


def test_last_lines_are_found_wherever_blocks_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [b"\r" * length + b"\n" for length in (0, 3, 15, 16, 17, 40, 1, 0, 7)]
    for content in (b"".join(lines), b"".join(lines) + b"torn", b"", b"torn", b"a\n"):
        path = tmp_path / "t.jsonl"
        path.write_bytes(content)
        *whole, _torn = content.split(b"\n")
        for block_bytes in (1, 2, 7, 16, 1000):
            monkeypatch.setattr(live_module, "BLOCK_BYTES", block_bytes)
            monkeypatch.setattr(log_module, "BLOCK_BYTES", block_bytes)
            for count in range(len(whole) + 2):
                growing = Growing(path, "t", 0)
                growing.start_at_last(count, lambda _: True, growing.size())
                got = b"".join(growing.new_blocks())
                growing.close()
                assert got.split(b"\n") == [*whole[max(0, len(whole) - count) :], b""], (content, block_bytes)


def test_all_traces_are_followed_and_new_ones(daemon: Daemon, tmp_path: Path) -> None:
    daemon.session(b"OPEN before\n" + events(range(3)) + b"FLUSH\n")
    with following(daemon.dir, tmp_path / "out", "-n", "1") as running:
        running.wait_for([2])
        daemon.session(b"OPEN new\n" + event(10) + b"FLUSH\n")
        running.wait_for([2, 10])
        daemon.session(b"OPEN before\n" + event(11) + b"OPEN new\n" + event(12) + b"FLUSH\n")
        wait_until(lambda: len(numbers(running.output.read_bytes())) == 4, "both")
        entries = [json.loads(line) for line in running.output.read_bytes().splitlines()]

    assert [(e["trace_id"], e["event"]["ts"]) for e in entries[:2]] == [("before", 2), ("new", 10)]
    assert sorted((e["trace_id"], e["event"]["ts"]) for e in entries[2:]) == [("before", 11), ("new", 12)]
    assert abs(entries[1]["time_s"] - time.time()) < 10 * 365 * 86400


@pytest.mark.parametrize("name", ["later", "later.jsonl"])
def test_a_named_trace_is_waited_for_and_others_are_not_followed(name: str, daemon: Daemon, tmp_path: Path) -> None:
    with following(daemon.dir, tmp_path / "out", name) as running:
        daemon.session(b"OPEN other\n" + event(1) + b"FLUSH\n")
        daemon.session(b"OPEN later\n" + event(2) + b"FLUSH\n")
        running.wait_for([2])
        daemon.session(b"OPEN later\n" + event(3) + b"FLUSH\n")
        running.wait_for([2, 3])


@pytest.mark.parametrize("arguments", [[], ["t"]])
def test_a_trace_that_is_cleared_is_followed_again(arguments: list[str], daemon: Daemon, tmp_path: Path) -> None:
    daemon.session(b"OPEN t\n" + events(range(3)) + b"FLUSH\n")
    with following(daemon.dir, tmp_path / "out", *arguments) as running:
        running.wait_for([0, 1, 2])
        for number in (10, 20, 30):
            # No pause: what was written, cleared and written anew within a tenth of a second is printed too.
            daemon.session(b"OPEN t\n" + event(number) + b"FLUSH\n")
            wait_until(lambda: invoke("clear", "-d", daemon.dir, "--yes", "t").returncode == 0, "the trace to be idle")
            daemon.session(b"OPEN t\n" + event(number + 1) + b"FLUSH\n")
        running.wait_for([0, 1, 2, 10, 11, 20, 21, 30, 31])


def drain(live: Live) -> list[int]:
    live.list_at = 0
    return [json.loads(line)["ts"] for _, block in live.poll() for line in block.splitlines()]


def test_replaced_cut_and_torn_logs_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(events([1]))
    live = Live(tmp_path)
    assert drain(live) == []  # what was there is not new

    with path.open("ab") as log:
        log.write(event(2) + event(3)[:-5])
    assert drain(live) == [2]
    assert drain(live) == []
    with path.open("ab") as log:
        log.write(event(3)[-5:] + event(4))
    (tmp_path / "new").write_bytes(events([5, 6]))
    os.replace(tmp_path / "new", path)
    assert drain(live) == [3, 4, 5, 6]

    path.write_bytes(event(7))  # shorter than before: in place
    assert drain(live) == [7]
    path.unlink()
    path.write_bytes(events(range(8, 30)))  # the file system may give it the same inode
    assert drain(live) == list(range(8, 30))
    path.unlink()
    assert drain(live) == []
    path.symlink_to("/dev/zero")
    assert drain(live) == []
    live.close()


def test_more_logs_than_are_held_open_lose_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_module, "MAX_OPEN", 3)
    before = len(os.listdir("/proc/self/fd"))
    paths = [tmp_path / f"{number}.jsonl" for number in range(10)]
    for path in paths[:8]:
        path.write_bytes(event(0))
    live = Live(tmp_path)
    for turn in range(1, 4):
        for number, path in enumerate(paths):
            with path.open("ab") as log:
                log.write(event(100 * turn + number))
        assert sorted(drain(live)) == [100 * turn + number for number in range(10)]
        assert drain(live) == []
        assert len(os.listdir("/proc/self/fd")) <= before + 3
    live.close()


def test_closed_pipe_ends_it_at_once_though_nothing_arrives(store: Path) -> None:
    command = f'"{sys.executable}" -m tracerd tail -d "{store}" -f | head -n 1; echo "${{PIPESTATUS[0]}}"'
    done = subprocess.run(["bash", "-c", command], capture_output=True, check=False, timeout=PATIENCE_S)

    assert done.stdout.splitlines()[1:] == [b"1"]
    assert done.stderr == b""


SENDER = """
import socket, sys, time
client = socket.socket(socket.AF_UNIX)
client.connect(sys.argv[1])
client.sendall(b"OPEN fast\\n")
begin = time.monotonic()
for batch in range(BATCHES):
    time.sleep(max(0, begin + batch / 100 - time.monotonic()))
    client.sendall(b"".join(
        b'{"ph":"X","name":"compile main.ml","pid":%d,"tid":1,"ts":%d,"dur":18250,"args":{"file":"a.c","n":1}}\\n'
        % (number % 50, number) for number in range(1000 * batch, 1000 * batch + 1000)))
client.sendall(b"FLUSH\\n")
assert client.recv(100) == b"OK %d 0 0\\n" % (1000 * BATCHES)
"""
"""100,000 events a second, as far as the machine can."""


def _resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize("batches", [60, pytest.param(300, marks=pytest.mark.long)])
def test_a_fast_trace_is_followed_without_growing(batches: int, daemon: Daemon, tmp_path: Path) -> None:
    daemon.session(b"OPEN fast\n" + event(0) + b"FLUSH\n")
    out = tmp_path / "out"
    command = [sys.executable, "-m", "tracerd", "tail", "-d", str(daemon.dir), "-f"]
    with out.open("wb") as stdout, subprocess.Popen(command, stdout=stdout) as running:

        def printed() -> int:
            return out.read_bytes().count(b"\n")

        def run(batches: int) -> None:
            """Send, and wait until all is printed."""
            before = printed()
            sender = SENDER.replace("BATCHES", str(batches))
            command = [sys.executable, "-c", sender, str(daemon.socket)]
            subprocess.run(command, check=True)
            wait_until(lambda: printed() == before + 1000 * batches, "all of it")

        try:
            wait_until(printed, "the first event")
            run(20)
            resident = _resident_bytes(running.pid)
            run(batches)
            grown = _resident_bytes(running.pid) - resident
        finally:
            running.kill()
    print(f"grown by {grown} bytes")

    assert grown < 25_000 * batches  # a quarter of what was sent
    lines = out.read_bytes().splitlines()[1:]
    assert len(lines) == 20_000 + 1000 * batches
    assert all(b"  fast  " in line and line.endswith(b"}") for line in lines)
