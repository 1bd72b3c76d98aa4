"""Removal of a trace, one interleaving at a time: what is opened, written or read meanwhile stays."""

import errno
import fcntl
import json
import os
import threading
import time
from pathlib import Path

import pytest

from tests.harness import PATIENCE_S, event, wait_until
from tests.traces.trace_files import put
from tracerd.core.counts import Totals
from tracerd.daemon.trace_files import TraceFiles
from tracerd.errors import ExportError
from tracerd.store import files as files_module
from tracerd.store.directory import TraceDirectory
from tracerd.store.log import LogWriter
from tracerd.store.packed import packed_path
from tracerd.store.rejects import RejectsFile, rejects_path
from tracerd.store.snapshot import Snapshot
from tracerd.trace_id import TraceId
from tracerd.trace_json.export import write_tef
from tracerd.traces.packing import pack
from tracerd.traces.retention import is_in_use, remove
from tracerd.traces.stored import list_traces, stored_trace


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


def test_a_trace_that_was_compressed_since_stays(log: Path) -> None:
    trace = stored_trace(log)
    assert trace
    assert pack(log, lambda _: None)
    assert not remove(trace)
    assert packed_path(log).exists()


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


def test_a_removal_that_fails_half_way_leaves_no_rejects_without_their_log(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trace that begins anew would count them as its own."""
    put(log.parent, "t.rejected", content=b"")
    trace = stored_trace(log)
    assert trace
    unlink = Path.unlink
    removed: list[Path] = []

    def unlink_one(path: Path, missing_ok: bool = False) -> None:
        if removed:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        unlink(path, missing_ok)
        removed.append(path)

    monkeypatch.setattr(Path, "unlink", unlink_one)
    with pytest.raises(OSError, match="Input/output error"):
        remove(trace)
    assert removed == [rejects_path(log)]


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

    def pause(_pause_s: float) -> None:
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
