"""Logs and the rejects beside them, as the daemon writes them: what is kept where a file is not as it should be."""

import os
from pathlib import Path

import pytest

from tests.harness import event
from tracerd.core.counts import Totals
from tracerd.core.messages import Refused
from tracerd.daemon import trace_files
from tracerd.daemon.trace_files import TraceFiles
from tracerd.store.directory import TraceDirectory
from tracerd.store.rejects import read_rejects
from tracerd.trace_id import TraceId

T = TraceId("t")


def open_files(directory: Path) -> TraceFiles:
    return TraceFiles(TraceDirectory(directory), None, lambda _: None)


def test_totals_that_could_not_be_recorded_come_with_the_next_record(tmp_path: Path) -> None:
    files = open_files(tmp_path)
    in_the_way = tmp_path / "t.rejected"
    os.mkfifo(in_the_way)
    files.end(T, Totals(refused=2, lost=1))
    in_the_way.unlink()
    files.end(T, Totals(refused=1))
    assert read_rejects(in_the_way) == Totals(refused=3, lost=1)


def test_the_rejects_of_a_removed_trace_are_begun_anew_with_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace_files, "REMOVED_CHECK_S", 0.0)
    files = open_files(tmp_path)
    files.append(T, event(1))
    files.reject(T, 7, Refused(2, "why", b"bad"))
    for name in ("t.jsonl", "t.rejected"):
        (tmp_path / name).unlink()
    files.append(T, event(3))
    files.reject(T, 7, Refused(4, "why", b"bad"))
    assert (tmp_path / "t.jsonl").read_bytes().endswith(event(3))
    assert read_rejects(tmp_path / "t.rejected") == Totals(refused=1)
    files.end(T, Totals(stored=2, refused=2))
