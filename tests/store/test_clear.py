"""`tracerd clear`: what nobody has open goes, what anybody has open stays, and nothing acknowledged is lost between."""

import fcntl
import json
import os
import pty
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.harness import PATIENCE_S, ROOT, Daemon, event, tracerd, wait_until, words_of
from tracerd.core.counts import Totals
from tracerd.daemon.trace_files import TraceFiles
from tracerd.errors import ExportError
from tracerd.store import files as files_module
from tracerd.store.directory import TraceDirectory
from tracerd.store.export import write_tef
from tracerd.store.log import LogWriter
from tracerd.store.rejects import RejectsFile, rejects_path
from tracerd.store.retention import is_in_use, remove
from tracerd.store.traces import Snapshot, list_traces, stored_trace
from tracerd.trace_id import TraceId

DAY_S = 86400
AGES_D = {"old": 40, "middle": 20, "new": 1}


def put(directory: Path, name: str, age_d: float = 0, content: bytes = event(1)) -> Path:
    path = directory / name
    path.write_bytes(content)
    written_s = time.time() - age_d * DAY_S
    os.utime(path, (written_s, written_s))
    return path


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """The directory of a daemon that has stopped: three traces, one of them with rejects."""
    directory = tmp_path / "store"
    directory.mkdir(mode=0o700)
    (directory / ".lock").touch()
    for name, age_d in AGES_D.items():
        put(directory, f"{name}.jsonl", age_d)
    put(directory, "old.rejected", AGES_D["old"])
    return directory


def names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()} - {".lock"}


def clear(directory: Path, *arguments: str | Path) -> "subprocess.CompletedProcess[bytes]":
    return tracerd("clear", "-d", directory, *arguments, stdin=subprocess.DEVNULL)


# ------------------------------------------------------------------ which traces


@pytest.mark.parametrize(
    ("arguments", "left"),
    [
        ([], set[str]()),
        (["old"], {"middle", "new"}),
        (["old", "ne"], {"middle"}),
        (["old", "old.jsonl"], {"middle", "new"}),
        (["latest"], {"old", "middle"}),
        (["--older-than", "30d"], {"middle", "new"}),
        (["--older-than", "1h"], set[str]()),
        (["--older-than", "1s", "--older-than", "30d"], {"middle", "new"}),
        (["--older-than", "9999w"], {"old", "middle", "new"}),
        (["--keep", "0"], set[str]()),
        (["--keep", "1"], {"new"}),
        (["--keep", "1", "--keep", "2"], {"middle", "new"}),
        (["--keep", "9"], {"old", "middle", "new"}),
        (["--older-than", "10d", "--keep", "2"], {"middle", "new"}),
        (["--older-than", "30d", "--keep", "1"], {"middle", "new"}),
        (["old", "middle", "--keep", "1"], {"middle", "new"}),
        (["new", "--older-than", "10d"], {"old", "middle", "new"}),
    ],
)
def test_what_was_asked_for_goes_and_nothing_else(store: Path, arguments: list[str], left: set[str]) -> None:
    done = clear(store, "--yes", *arguments)

    assert (done.returncode, done.stderr) == (0, b"")
    assert names(store) == {f"{name}.jsonl" for name in left} | ({"old.rejected"} if "old" in left else set())
    gone = len(AGES_D) - len(left)
    size = len(event(1)) * (gone + ("old" not in left))
    said = f"removed {gone} trace{'s' * (gone > 1)}, {size} B\n" if gone else "nothing to remove\n"
    assert done.stdout.decode() == said


def test_a_trace_can_be_named_by_its_path(store: Path) -> None:
    assert clear(store, "--yes", store / "old.jsonl").returncode == 0
    assert names(store) == {"middle.jsonl", "new.jsonl"}


def test_rejects_without_a_log_is_a_trace_too(store: Path) -> None:
    """Every line of its clients was refused: it would stay for ever."""
    put(store, "refused.rejected")
    assert clear(store, "--yes", "refused").returncode == 0
    assert "refused.rejected" not in names(store)
    put(store, "refused.rejected")
    assert clear(store, "--yes").stdout.startswith(b"removed 4 traces, ")
    assert names(store) == set()


def test_only_logs_and_rejects_go(store: Path) -> None:
    others = {"notes.txt", ".hidden.jsonl", "link.jsonl", "pipe.jsonl", "pipe.rejected", "dir.jsonl"}
    for name in ("notes.txt", ".hidden.jsonl", "pipe.rejected"):
        put(store, name)
    (store / "link.jsonl").symlink_to("notes.txt")
    os.mkfifo(store / "pipe.jsonl")
    (store / "dir.jsonl").mkdir()
    assert clear(store, "--yes").returncode == 0
    assert names(store) == others


def test_a_directory_that_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    data = put(tmp_path, "dataset.jsonl")
    done = clear(tmp_path, "--yes")
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.decode() == (
        f"Error: no tracerd has ever kept logs in {tmp_path} (it has no .lock); remove what is there with rm\n"
    )
    assert data.exists()


@pytest.mark.parametrize("name", ["notes.txt", "data.jsonl"])
def test_a_path_elsewhere_is_left_alone(store: Path, name: str) -> None:
    path = put(store.parent, name)
    done = clear(store, "--yes", path)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.decode() == f"Error: {path} is no log in {store}\n"
    assert path.exists()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nothing"], 1, "Error: no trace 'nothing' in "),
        (["old", "nothing"], 1, "Error: no trace 'nothing' in "),
        (["--keep", "-1"], 2, "Error: Invalid value for '--keep': -1 is not in the range x>=0."),
        (["--keep", "few"], 2, "Error: Invalid value for '--keep': 'few' is not a valid integer range."),
        (["--older-than", "7"], 2, "Error: Invalid value for '--older-than': '7' is no duration: write a number and "),
        (
            ["--older-than", "7y"],
            2,
            "Error: Invalid value for '--older-than': '7y' is no duration: write a number and ",
        ),
        (["--older-than", "-7d"], 2, "Error: Invalid value for '--older-than': '-7d' is no duration: "),
        (["--older-than", "0d"], 2, "Error: Invalid value for '--older-than': '0d' is nothing: it must be more"),
    ],
)
def test_what_is_wrong_is_one_line_and_nothing_goes(store: Path, arguments: list[str], code: int, message: str) -> None:
    before = names(store)
    done = clear(store, "--yes", *arguments)
    assert (done.returncode, done.stdout) == (code, b"")
    assert done.stderr.decode().splitlines()[-1].startswith(message)
    assert done.stderr.count(b"Error:") == 1
    assert names(store) == before


def test_a_missing_directory_has_nothing_to_remove(tmp_path: Path) -> None:
    done = clear(tmp_path / "missing", "--yes")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"nothing to remove\n", b"")


# ------------------------------------------------------------------ asking


def on_a_terminal(command: list[str], answer: bytes) -> tuple[int, str]:
    """Run a command on a terminal and answer its question; its exit code, and what was shown."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        try:
            while data := os.read(ours, 65536):
                shown += data
                if b"[y/N]" in shown and answer:
                    os.write(ours, answer)
                    answer = b""
        except OSError:  # EIO: the other end is closed
            pass
    os.close(ours)
    return process.returncode, shown.decode()


@pytest.mark.parametrize(("answer", "goes"), [(b"y\n", True), (b"n\n", False), (b"\n", False), (b"\x04", False)])
def test_on_a_terminal_it_lists_and_asks(store: Path, answer: bytes, goes: bool) -> None:
    put(store, "\x1b[31mred\u202e.jsonl")
    command = [sys.executable, "-m", "tracerd", "clear", "-d", str(store)]
    code, shown = on_a_terminal(command, answer)
    assert "Remove 4 traces, " in shown
    for name in AGES_D:
        assert f"  {name}\r\n" in shown
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert code == (0 if goes else 1)
    assert (names(store) == set()) is goes


def test_elsewhere_it_wants_yes(store: Path) -> None:
    before = names(store)
    done = clear(store)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.decode() == (
        "Error: nothing is removed: there is no terminal to ask for confirmation; "
        f"--yes would remove 3 traces, {4 * len(event(1))} B\n"
    )
    assert names(store) == before


def test_nothing_to_remove_needs_no_yes(store: Path) -> None:
    done = clear(store, "--older-than", "99w")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"nothing to remove\n", b"")


# ------------------------------------------------------------------ beside a daemon


def is_closed(daemon: Daemon, trace_id: str) -> bool:
    trace = stored_trace(daemon.dir / f"{trace_id}.jsonl")
    return trace is not None and not is_in_use(trace)


def test_an_open_trace_stays_and_a_closed_one_goes(daemon: Daemon) -> None:
    daemon.session(b"OPEN closed\n" + event(1))
    with daemon.connect() as client:
        client.send(b"OPEN open\n" + event(1))
        client.flush()
        wait_until(lambda: is_closed(daemon, "closed"), "the trace to end")
        done = clear(daemon.dir, "--yes")
        assert done.returncode == 0
        assert done.stdout.startswith(b"removed 1 trace, ")
        assert done.stderr == b"left alone, because in use: open\n"
        done = clear(daemon.dir, "--yes", "open")
        assert (done.returncode, done.stdout) == (1, b"nothing to remove\n")
        assert done.stderr == b"left alone, because in use: open\n"
        client.send(event(2))
        assert client.flush() == (2, 0, 0)
    assert names(daemon.dir) == {"open.jsonl"}
    assert daemon.numbers("open") == [1, 2]
    wait_until(lambda: is_closed(daemon, "open"), "the trace to end")
    assert clear(daemon.dir, "--yes", "open").returncode == 0
    assert names(daemon.dir) == set()


def test_a_trace_of_refused_lines_only_stays_while_it_has_clients(daemon: Daemon) -> None:
    with daemon.connect() as client:
        client.send(b"OPEN bad\nnonsense\n")
        client.flush()
        assert clear(daemon.dir, "--yes").stderr == b"left alone, because in use: bad\n"
    daemon.stop()
    *_lines, record = daemon.rejects("bad")
    assert record["refused"] == 1
    assert clear(daemon.dir, "--yes").stdout.startswith(b"removed 1 trace, ")


def test_a_cleared_trace_begins_anew(daemon: Daemon) -> None:
    daemon.session(b"OPEN again\n" + event(1) + b"nonsense\n")
    wait_until(lambda: is_closed(daemon, "again"), "the trace to end")
    assert clear(daemon.dir, "--yes").returncode == 0
    daemon.session(b"OPEN again\n" + event(2))
    daemon.stop()
    assert daemon.numbers("again") == [2]
    assert daemon.rejects("again") == []


def test_many_traces_in_use_are_told_in_one_line(daemon: Daemon) -> None:
    with daemon.connect() as client:
        for number in range(8):
            client.send(b"OPEN t%d\n" % number + event(1))
        client.flush()
        clients = [daemon.connect() for _ in range(8)]
        for number, other in enumerate(clients):
            other.send(b"OPEN t%d\n" % number + event(2))
            other.flush()
        done = clear(daemon.dir, "--yes")
    for other in clients:
        other.close()
    assert done.stdout == b"nothing to remove\n"
    assert done.stderr == b"left alone, because in use: t0, t1, t2, t3, t4 and 3 more\n"


# Runs `tracerd clear` again and again, and says which events were in the logs that it removed: whoever has a file open
# can read it after its removal.
CLEARER = """
import json, os, sys
from tracerd import cli
from tracerd.store import retention

def spying(trace):
    try:
        fd = os.open(trace.path, os.O_RDONLY)
    except FileNotFoundError:
        return original(trace)
    with open(fd, "rb") as log:
        done = original(trace)
        if done:
            cleared.extend(json.loads(line)["ts"] for line in log if b"tracerd_clock" not in line)
    return done

original, retention.remove = retention.remove, spying
cleared = []
null = open(os.devnull, "w")
said, sys.stdout, sys.stderr = sys.stdout, null, null
print("ready", file=said, flush=True)
while not os.path.exists(sys.argv[2]):
    cli.main(["clear", "-d", sys.argv[1], "--yes"], standalone_mode=False)
print(*cleared, file=said, flush=True)
"""


def gone_or_due(log: Path, patience_s: float) -> Callable[[], bool]:
    until_s = time.monotonic() + patience_s
    return lambda: not log.exists() or time.monotonic() > until_s


def test_nothing_acknowledged_is_lost_while_clear_runs(daemon: Daemon, tmp_path: Path) -> None:
    rounds, writers = 50, 4
    log = daemon.dir.joinpath
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", CLEARER, str(daemon.dir), str(tmp_path / "end")]

    def write(writer: int) -> list[int]:
        acknowledged: list[int] = []
        for number in range(rounds):
            mine = [writer * 1_000_000 + number * 10 + step for step in range(3)]
            with daemon.connect() as client:
                client.send(b"OPEN race-%d\n" % writer + event(mine[0]))
                assert client.flush() == (1, 0, 0)
                client.send(event(mine[1]) + event(mine[2]))
                assert client.flush() == (3, 0, 0)
            acknowledged += mine
            # The next one comes when the log has just gone, or around the time at which it is about to go.
            wait_until(gone_or_due(log(f"race-{writer}.jsonl"), random.uniform(0.15, 0.3)), "the next round")
        return acknowledged

    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environ) as clearer:
        assert words_of(clearer) == ["ready"]
        with ThreadPoolExecutor(writers) as pool:
            acknowledged = sorted(number for numbers in pool.map(write, range(writers)) for number in numbers)
        (tmp_path / "end").touch()
        cleared = list(map(int, words_of(clearer)))
    daemon.stop()
    left = [
        n for writer in range(writers) if log(f"race-{writer}.jsonl").exists() for n in daemon.numbers(f"race-{writer}")
    ]
    assert sorted(cleared + left) == acknowledged
    assert len(cleared) > rounds, "clear has hardly ever found a closed log"
    assert "was removed or renamed while in use" not in daemon.stderr()


# ------------------------------------------------------------------ one interleaving at a time


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return put(tmp_path, "t.jsonl")


def test_a_trace_written_since_it_was_listed_stays(log: Path) -> None:
    trace = stored_trace(log)
    assert trace
    writer = LogWriter(log)
    writer.append(event(2))
    writer.close()
    assert not remove(trace)
    assert log.read_bytes() == event(1) + event(2)


def test_a_trace_whose_rejects_were_written_since_stays(log: Path) -> None:
    trace = stored_trace(log)
    assert trace
    rejects = RejectsFile(rejects_path(log))
    rejects.record(Totals(refused=1))
    rejects.close()
    assert not remove(trace)


def test_a_trace_that_has_gone_is_no_trouble(log: Path) -> None:
    trace = stored_trace(log)
    assert trace
    assert remove(trace)
    assert not is_in_use(trace)
    assert remove(trace)


@pytest.mark.parametrize("suffix", [".jsonl", ".rejected"])
def test_who_opens_while_it_is_removed_begins_anew(
    log: Path, suffix: str, monkeypatch: pytest.MonkeyPatch, waiting: threading.Event
) -> None:
    """The writer waits for the lock, finds that its file has gone, and makes another: the remover leaves that alone."""
    put(log.parent, "t.rejected", content=b"")
    trace = stored_trace(log)
    assert trace
    threads: list[threading.Thread] = []
    unlink = Path.unlink

    def write() -> None:
        if suffix == ".jsonl":
            writer = LogWriter(log)
            writer.append(event(2))
            writer.close()
        else:
            rejects = RejectsFile(rejects_path(log))
            rejects.record(Totals(refused=2))
            rejects.close()

    def unlink_when_somebody_waits(path: Path, missing_ok: bool = False) -> None:
        if not threads:
            threads.append(threading.Thread(target=write))
            threads[0].start()
            wait_until(waiting.is_set, "the writer to wait for the lock")
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", unlink_when_somebody_waits)
    assert remove(trace)
    threads[0].join(PATIENCE_S)
    if suffix == ".jsonl":
        assert log.read_bytes() == event(2)
        assert not rejects_path(log).exists()
    else:
        assert json.loads(rejects_path(log).read_bytes())["refused"] == 2
        assert not log.exists()


def test_who_begins_anew_between_the_two_removals_keeps_the_new_rejects(
    log: Path, monkeypatch: pytest.MonkeyPatch, waiting: threading.Event
) -> None:
    put(log.parent, "t.rejected", content=b"")
    trace = stored_trace(log)
    assert trace
    unlink = Path.unlink
    threads: list[threading.Thread] = []

    def write() -> None:
        writer = LogWriter(log)
        writer.append(event(2))
        rejects = RejectsFile(rejects_path(log))
        rejects.record(Totals(refused=2))
        rejects.close()
        writer.close()

    def unlink_and_let_others_in(path: Path, missing_ok: bool = False) -> None:
        unlink(path, missing_ok)
        if not threads:
            threads.append(threading.Thread(target=write))
            threads[0].start()
            wait_until(lambda: waiting.is_set() or not threads[0].is_alive(), "the writer to wait, or to be done")

    monkeypatch.setattr(Path, "unlink", unlink_and_let_others_in)
    assert remove(trace)
    threads[0].join(PATIENCE_S)
    assert log.read_bytes() == event(2)
    assert rejects_path(log).exists()


def test_a_log_that_was_replaced_before_it_was_locked_stays(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lock is then on a file that has gone; the one at the path may be in use, even if it looks the same."""
    trace = stored_trace(log)
    assert trace
    lock = fcntl.flock

    def replace_and_lock(fd: int, operation: int) -> None:
        written = log.stat()
        log.rename(log.with_suffix(".aside"))
        log.write_bytes(event(2))
        os.utime(log, ns=(written.st_atime_ns, written.st_mtime_ns))
        lock(fd, operation)

    monkeypatch.setattr(fcntl, "flock", replace_and_lock)
    assert stored_trace(log) == trace
    assert not remove(trace)
    assert log.read_bytes() == event(2)


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set when a writer has found a lock taken; it then waits as long as it takes."""
    event = threading.Event()

    def pause() -> None:
        event.set()
        time.sleep(0.001)

    monkeypatch.setattr(files_module, "LOCK_TRIES", 100_000)
    monkeypatch.setattr(files_module, "pause", pause)
    return event


def test_a_log_stays_until_its_exports_have_ended(tmp_path: Path) -> None:
    """An export reads in a thread of its own, maybe long after the trace has ended: it must not find an empty place."""
    forgotten: list[TraceId] = []
    recorder = TraceFiles(TraceDirectory(tmp_path), None, forgotten.append)
    trace_id = TraceId("t")
    recorder.append(trace_id, event(1))
    for _ in range(2):
        recorder.begin_export(trace_id, 0, "")
    recorder.end(trace_id, Totals(stored=1))
    removable: list[bool] = []
    for _ in range(2):
        (trace,) = list_traces(tmp_path)
        removable.append(remove(trace))
        recorder.end_export(trace_id)
    assert removable == [False, False]
    (trace,) = list_traces(tmp_path)
    assert remove(trace)


def test_an_export_of_a_log_that_has_gone_fails_and_says_so(tmp_path: Path) -> None:
    source = Snapshot(tmp_path / "t.jsonl", "t", log_length=100, rejects_length=0)
    with (tmp_path / "out").open("wb") as out, pytest.raises(ExportError, match="has been removed"):
        write_tef(source, out)


def test_clear_says_what_it_could_not_remove(store: Path) -> None:
    """The traces after it are removed all the same."""
    source = """
import errno, pathlib, sys
from tracerd import cli
unlink = pathlib.Path.unlink

def failing(path, missing_ok=False):
    if path.name == "middle.jsonl":
        raise OSError(errno.EROFS, "Read-only file system")
    unlink(path, missing_ok)

pathlib.Path.unlink = failing
cli.main(["clear", "--yes", "-d", sys.argv[1]])
"""
    done = subprocess.run([sys.executable, "-c", source, store], capture_output=True, check=False, timeout=PATIENCE_S)
    assert done.returncode == 1
    assert done.stdout.startswith(b"removed 2 traces, ")
    assert done.stderr == b"cannot remove middle: Read-only file system\n"
    assert names(store) == {"middle.jsonl"}
