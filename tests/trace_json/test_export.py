"""trace.json: one strict document from any log, byte for byte."""

import fcntl
import gzip
import io
import itertools
import json
import os
import shutil
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from tests.harness import PATIENCE_S
from tracerd import __version__
from tracerd.core.actions import Export
from tracerd.daemon.export_queue import ExportQueue
from tracerd.errors import ExportError
from tracerd.store.directory import Forbidden
from tracerd.store.log import BLOCK_BYTES
from tracerd.store.own_lines import clock_line
from tracerd.store.snapshot import Snapshot, snapshot
from tracerd.trace_id import TraceId
from tracerd.trace_json.export import Summary, export_to_file, write_tef
from tracerd.trace_json.target import resolve_target

X = b'{"ph":"X","ts":1,"dur":2}\n'
I = b'{"ph":"i","ts":1.50,"args":{"big":123456789012345678901234567890}}\n'  # noqa: E741 (an instant)


def exported(log: bytes, tmp_path: Path) -> tuple[bytes, Summary]:
    path = tmp_path / "t.jsonl"
    path.write_bytes(log)
    sink = io.BytesIO()
    summary = write_tef(snapshot(path, "t"), sink)
    return sink.getvalue(), summary


def metadata(**changed: object) -> bytes:
    entries: dict[str, object] = {
        "trace_id": "t",
        "tracerd_version": __version__,
        "events": 0,
        "left_out": 0,
        "refused": 0,
        "complete": True,
        "clock": None,
    }
    return json.dumps(entries | changed, separators=(",", ":")).encode()


DOCUMENTS = [
    ("empty log", b"", b"", metadata()),
    ("one event", X, b'{"ph":"X","ts":1,"dur":2}', metadata(events=1)),
    ("digits are kept", X + I, X.strip() + b",\n" + I.strip(), metadata(events=2)),
    ("no final newline", X + X.strip(), X.strip() + b",\n" + X.strip(), metadata(events=2)),
    ("torn tail", X + b'{"ph":"X","t', X.strip(), metadata(events=1, left_out=1)),
    ("foreign lines", b"\n" + X + b"[]\n\n" + X, X.strip() + b",\n" + X.strip(), metadata(events=2, left_out=3)),
    (
        "bad dur",
        X + b'{"ph":"X","ts":1,"dur":null}\n' + I,
        X.strip() + b",\n" + I.strip(),
        metadata(events=2, left_out=1),
    ),
    (
        "final backslash",
        b'{"ph":"i","ts":1,"name":"C:\\\\dir\\\\"}\n',
        b'{"ph":"i","ts":1,"name":"C:\\\\dir\\u005c"}',
        metadata(events=1),
    ),
]


@pytest.mark.parametrize(
    ("log", "events", "about"), [case[1:] for case in DOCUMENTS], ids=[case[0] for case in DOCUMENTS]
)
def test_the_document_is_exactly_this(log: bytes, events: bytes, about: bytes, tmp_path: Path) -> None:
    document, _ = exported(log, tmp_path)
    assert document == b'{"displayTimeUnit":"ms","traceEvents":[' + events + b'],"metadata":' + about + b"}"


def test_a_trace_without_a_log_is_empty(tmp_path: Path) -> None:
    sink = io.BytesIO()
    write_tef(Snapshot(tmp_path / "none.jsonl", "none", 0, 0), sink)
    assert json.loads(sink.getvalue())["traceEvents"] == []


def test_clock_lines_are_metadata_and_no_events(tmp_path: Path) -> None:
    clock = clock_line()
    document, summary = exported(clock + X + clock_line() + X, tmp_path)
    assert (summary.events, summary.left_out) == (2, 0)
    assert json.loads(document)["metadata"]["clock"] == json.loads(clock)["args"]


def test_only_the_snapshot_is_exported(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(X * 3)
    source = snapshot(path, "t", 4, "some are missing")
    (tmp_path / "t.rejected").write_bytes(
        b'{"stored":0,"repaired":0,"refused":9,"lost":0,"log_from":0,"log_bytes":0}\n'
    )
    with path.open("ab") as file:
        file.write(X * 3)
    sink = io.BytesIO()
    write_tef(source, sink)
    about = json.loads(sink.getvalue())["metadata"]
    assert (about["events"], about["refused"], about["complete"]) == (3, 4, False)


def test_what_is_left_out_is_named_by_its_line_in_the_log(tmp_path: Path) -> None:
    lines = [X] * 20_000
    for number in (1, 9_000, 20_000):
        lines[number - 1] = b'{"ph":"","ts":1}\n'
    document, summary = exported(b"".join(lines), tmp_path)
    assert [left_out.line_no for left_out in summary.first_left_out] == [1, 9_000, 20_000]
    assert len(json.loads(document)["traceEvents"]) == 19_997


@given(
    lines=st.lists(
        st.sampled_from([X, I, b"\n", b"junk\n", b'{"ph":"X"}\n', clock_line(), b'{"ph":"i","ts":"7"}\n'])
        | st.integers(0, 2 * BLOCK_BYTES).map(lambda n: b'{"ph":"i","ts":1,"name":"' + b"x" * n + b'"}\n')
        | st.binary(max_size=20).map(lambda b: b + b"\n"),
        max_size=20,
    )
)
def test_any_log_gives_a_strict_document(tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]) -> None:
    document, summary = exported(b"".join(lines), tmp_path_factory.mktemp("any"))
    events = json.loads(document, parse_constant=pytest.fail)["traceEvents"]
    assert len(events) == summary.events
    assert sum(line in (X, I) for line in lines) <= len(events)
    assert all(event["ph"] for event in events)


# ------------------------------------------------------------------ to a file


@pytest.fixture
def source(tmp_path: Path) -> Snapshot:
    (tmp_path / "store").mkdir()
    path = tmp_path / "store" / "t.jsonl"
    path.write_bytes(X)
    return snapshot(path, "t")


def names(directory: Path) -> list[str]:
    return sorted(entry.name for entry in directory.iterdir() if entry.is_file())


def test_a_new_file_has_the_mode_of_the_umask_and_an_old_one_keeps_its_own(source: Snapshot, tmp_path: Path) -> None:
    old = tmp_path / "old.json"
    old.write_bytes(b"before")
    old.chmod(0o604)
    umask = os.umask(0o027)
    try:
        for name in ("old.json", "new.json"):
            export_to_file(source, resolve_target(str(tmp_path / name)))
    finally:
        os.umask(umask)
    assert [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("old.json", "new.json")] == [0o604, 0o640]
    assert names(tmp_path) == ["new.json", "old.json"]


def test_a_symbolic_link_stays_and_its_target_is_replaced(source: Snapshot, tmp_path: Path) -> None:
    (tmp_path / "link.json").symlink_to("real.json")
    export_to_file(source, resolve_target(str(tmp_path / "link.json")))
    assert (tmp_path / "link.json").is_symlink()
    assert json.loads((tmp_path / "real.json").read_bytes())["metadata"]["events"] == 1


def test_gz_compresses_and_is_the_same_every_time(source: Snapshot, tmp_path: Path) -> None:
    files = [tmp_path / "a.json.gz", tmp_path / "b.json.gz"]
    for file in files:
        export_to_file(source, str(file))
    assert files[0].read_bytes() == files[1].read_bytes()
    assert gzip.decompress(files[0].read_bytes()).endswith(b"}}")


def test_an_export_given_up_leaves_the_old_file_and_nothing_else(source: Snapshot, tmp_path: Path) -> None:
    target = tmp_path / "t.json"
    target.write_bytes(b"before")

    def give_up(_size: int) -> None:
        raise ExportError("given up")

    with pytest.raises(ExportError):
        export_to_file(source, str(target), give_up)
    assert target.read_bytes() == b"before"
    assert names(tmp_path) == ["t.json"]


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_an_export_is_on_the_disk_before_it_has_its_name(source: Snapshot, tmp_path: Path) -> None:
    calls, out = tmp_path / "calls", tmp_path / "out.json"
    strace = ["strace", "-f", "-y", "-o", str(calls), "-e", "trace=fsync,/rename", "--"]
    # -B: nor is a module's bytecode written, which is renamed too.
    command = [sys.executable, "-B", "-m", "tracerd", "get-tef", str(source.path), "-o", str(out)]
    subprocess.run([*strace, *command], check=True, timeout=PATIENCE_S)
    synced, renamed, _ = calls.read_text().partition("rename")
    assert renamed
    assert f"<{tmp_path}/.tracerd-" in synced


def test_targets_that_are_not_to_be_written(source: Snapshot, tmp_path: Path) -> None:
    store = source.path.parent
    lock = tmp_path / "s.lock"
    lock.touch()
    (tmp_path / "to-log.json").symlink_to(source.path)
    os.mkfifo(tmp_path / "pipe")
    forbidden = Forbidden(str(store), frozenset({str(lock)}))
    for path in (
        store / "new.json",
        store / "deep" / "er.json",
        source.path,
        tmp_path / "to-log.json",
        tmp_path / "x" / ".." / "store" / "t.json",
        lock,
        tmp_path,
        tmp_path / "pipe",
        Path("/dev/null"),
        tmp_path / "missing" / "t.json",
        source.path / "t.json",
        tmp_path / ("n" * 300),
    ):
        with pytest.raises(ExportError) as caught:
            resolve_target(str(path), forbidden)
        assert "\n" not in str(caught.value)
    assert resolve_target(str(tmp_path / "fine.json"), forbidden) == str(tmp_path / "fine.json")


# ------------------------------------------------------------------ many of them


async def test_only_threads_step_back_and_never_the_reader(
    source: Snapshot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[threading.Thread] = []

    def sleep(_seconds: float) -> None:
        slept.append(threading.current_thread())

    monkeypatch.setattr("tracerd.daemon.export_queue.time.sleep", sleep)
    failed: list[str] = []
    async with trio.open_nursery() as nursery:
        reads = itertools.count(1)  # clients are read from all the time
        queue = ExportQueue(
            nursery, Forbidden("/nowhere", frozenset()), lambda _, error: failed.append(error), reads.__next__
        )
        queue.add(Export(1, TraceId("t"), str(tmp_path / "out.json"), None, 0), source)
        await queue.wait_idle()

    assert failed == [""]
    assert slept
    assert threading.main_thread() not in slept


@pytest.mark.parametrize("end", ["/", "/.", "/.."])
def test_a_path_that_names_a_directory_is_refused(tmp_path: Path, end: str) -> None:
    with pytest.raises(ExportError, match="names a directory; give the path of a file"):
        resolve_target(f"{tmp_path}/out.json{end}")


def test_temporary_files_of_killed_exports_are_removed_by_the_next_beside_them(tmp_path: Path) -> None:
    def temporary(name: str, age_s: float) -> Path:
        path = tmp_path / f".tracerd-{name}.tmp"
        path.write_bytes(b"half")
        then = time.time() - age_s
        os.utime(path, (then, then))
        return path

    killed, young, locked = temporary("killed", 1000), temporary("young", 0), temporary("locked", 1000)
    other = tmp_path / ".other.tmp"
    other.touch()
    with locked.open("rb") as running:
        fcntl.flock(running, fcntl.LOCK_SH)
        export_to_file(snapshot(tmp_path / "none.jsonl", "none"), str(tmp_path / "out.json"))
    assert sorted(tmp_path.iterdir()) == sorted([young, locked, other, tmp_path / "out.json"])
    assert not killed.exists()
