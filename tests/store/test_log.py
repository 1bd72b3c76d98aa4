"""Logs and the accounts beside them: whole lines in, whole lines out, whatever was there before."""

import base64
import errno
import json
import os
import resource
import stat
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracerd.core.counts import Totals
from tracerd.errors import NoSuchTraceError, UnsafePathError
from tracerd.store.log import BLOCK_BYTES, LogWriter, read_blocks
from tracerd.store.own_lines import clock_line
from tracerd.store.rejects import MAX_REJECTS_BYTES, RejectsFile, read_rejects, rejects_path
from tracerd.store.traces import find_log, list_logs, start_s, totals

LINE = b'{"ph":"i"}\n'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "t.jsonl"


def test_appended_lines_are_in_the_file_at_once(path: Path) -> None:
    log = LogWriter(path)
    log.append(LINE)
    log.append(LINE * 2)
    assert path.read_bytes() == LINE * 3
    assert log.size == 3 * len(LINE)
    log.close()


@pytest.mark.parametrize(
    ("found", "kept", "moved"),
    [
        (b"", b"", b""),
        (LINE, LINE, b""),
        (LINE + b'{"a":1}', LINE + b'{"a":1}\n', b""),
        (b'{"a":1}', b'{"a":1}\n', b""),
        (LINE + b'{"a":', LINE, b'{"a":'),
        (LINE + b'{"a":nan}', LINE, b'{"a":nan}'),
        (LINE + b"\xff" * (2 * BLOCK_BYTES), LINE, b"\xff" * (2 * BLOCK_BYTES)),
        (b"torn", b"", b"torn"),
    ],
)
def test_a_torn_tail_is_completed_or_cut(path: Path, found: bytes, kept: bytes, moved: bytes) -> None:
    path.write_bytes(found)
    log = LogWriter(path)
    given: list[bytes] = []
    log.cut_torn_tail(given.append)
    assert given == ([moved] if moved else [])
    log.append(LINE)
    log.close()
    assert path.read_bytes() == kept + LINE


def test_a_log_that_is_no_regular_file_is_not_opened(path: Path) -> None:
    os.mkfifo(path)
    with pytest.raises(UnsafePathError):
        LogWriter(path)
    path.unlink()
    path.symlink_to("elsewhere")
    with pytest.raises(UnsafePathError):
        LogWriter(path)
    assert not (path.parent / "elsewhere").exists()


def test_a_failed_write_leaves_no_part_of_a_line(path: Path) -> None:
    """The file may grow by half of the second block, then the kernel refuses: that half is undone."""
    import resource
    import signal

    log = LogWriter(path)
    log.append(LINE)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(LINE) + 5, hard))
        with pytest.raises(OSError, match="File too large"):
            log.append(LINE)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ignored)
    assert path.read_bytes() == LINE
    log.append(LINE)
    log.close()
    assert path.read_bytes() == LINE * 2


@given(
    lines=st.lists(st.integers(min_value=0, max_value=BLOCK_BYTES * 2), max_size=12),
    rest=st.integers(min_value=0, max_value=100),
    cut=st.integers(min_value=0, max_value=100_000) | st.none(),
)
def test_blocks_are_the_log_cut_at_newlines(
    tmp_path_factory: pytest.TempPathFactory, lines: list[int], rest: int, cut: int | None
) -> None:
    path = tmp_path_factory.mktemp("blocks") / "log"
    content = b"".join(b"x" * length + b"\n" for length in lines) + b"x" * rest
    path.write_bytes(content)
    with path.open("rb") as file:
        blocks = list(read_blocks(file.fileno(), cut))
    assert b"".join(blocks) == content[:cut]
    assert all(block.endswith(b"\n") for block in blocks[:-1])
    assert all(blocks)


def test_the_account_keeps_refused_lines_up_to_its_limit_and_every_total(tmp_path: Path) -> None:
    path = tmp_path / "t.rejected"
    account = RejectsFile(path)
    account.add(3, 77, "why", b"\xff{")
    for number in range(100):
        account.add(number, 77, "large", b"x" * 64 * 1024)
    assert path.stat().st_size <= MAX_REJECTS_BYTES
    account.record(Totals(1, 2, 3, 4), 0, 100)
    account.record(Totals(10, 20, 30, 40), 100, 200)
    account.close()
    first = json.loads(path.read_bytes().splitlines()[0])
    assert first == {"line": 3, "client_pid": 77, "reason": "why", "base64": base64.b64encode(b"\xff{").decode()}
    assert read_rejects(path).totals == Totals(11, 22, 33, 44)
    assert read_rejects(path).log_bytes == 200
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_half_an_entry_in_the_account_costs_no_other(tmp_path: Path) -> None:
    path = tmp_path / "t.rejected"
    path.write_bytes(b'{"stored":1,"repaired":0,"refu')
    account = RejectsFile(path)
    account.record(Totals(stored=5), 0, 10)
    account.close()
    assert read_rejects(path).totals == Totals(stored=5)


@contextmanager
def no_file_longer_than(size: int) -> Generator[None]:
    """A limit of the kernel, which cuts a write short as a full disk does."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_write_that_was_cut_short_is_undone_even_if_somebody_has_emptied_the_log(path: Path) -> None:
    log = LogWriter(path)
    log.append(LINE * 100)
    os.truncate(path, 0)
    log.append(LINE)
    with no_file_longer_than(2 * len(LINE) + 1), pytest.raises(OSError, match="too large"):
        log.append(LINE * 2)
    assert (path.read_bytes(), log.size) == (LINE, len(LINE))
    log.append(LINE)
    assert path.read_bytes() == LINE * 2
    log.close()


def test_a_log_that_was_once_not_brought_to_the_disk_is_not_there(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the kernel does it: a failure is told once, and what was dropped then counts as written."""
    log = LogWriter(path)
    log.append(LINE)
    failures = [OSError(errno.EIO, os.strerror(errno.EIO))]

    def fsync(_: int) -> None:
        if failures:
            raise failures.pop()

    monkeypatch.setattr(os, "fsync", fsync)
    for _ in range(2):
        with pytest.raises(OSError, match="Input/output error"):
            log.sync()
    log.close()


def test_an_account_that_could_not_be_mended_is_mended_by_the_next_entry(tmp_path: Path) -> None:
    path = tmp_path / "t.rejected"
    half = b'{"stored":1,"repaired":0,"refu'
    path.write_bytes(half)
    account = RejectsFile(path)
    with no_file_longer_than(len(half)), pytest.raises(OSError, match="too large"):
        account.record(Totals(stored=5), 0, 10)
    account.record(Totals(stored=5), 0, 10)
    account.close()
    assert read_rejects(path).totals == Totals(stored=5)


def test_totals_count_what_no_record_covers_yet(path: Path) -> None:
    """After kill -9 the last record is missing: the lines of the log since the one before are counted."""
    path.write_bytes(clock_line() + LINE * 3)
    account = RejectsFile(rejects_path(path))
    account.record(Totals(stored=3, repaired=1), 0, path.stat().st_size)
    account.close()
    with path.open("ab") as file:
        file.write(clock_line() + LINE * 2)
    (log,) = list_logs(path.parent)
    assert totals(log) == Totals(stored=5, repaired=1)
    begun_s = start_s(log)
    assert begun_s is not None
    assert abs(begun_s - log.last_write_s) < 60


def test_totals_hold_what_a_killed_daemon_could_not_record(path: Path) -> None:
    """Three daemons: the second was killed; what it stored and refused is neither forgotten nor counted twice."""
    account_path = rejects_path(path)
    sizes = [0]
    for number, killed in enumerate([False, True, False]):
        with path.open("ab") as file:
            file.write(clock_line() + LINE * 10)
        sizes.append(path.stat().st_size)
        account = RejectsFile(account_path)
        for line in range(number + 1):
            account.add(line, 7, "why", b"x")
        if not killed:
            account.record(Totals(stored=10, refused=number + 1), sizes[-2], sizes[-1])
        account.close()
    (log,) = list_logs(path.parent)
    assert totals(log) == Totals(stored=30, refused=6)


def test_totals_of_a_log_begun_anew_leave_out_the_one_before(path: Path) -> None:
    account = RejectsFile(rejects_path(path))
    account.add(1, 7, "why", b"x")
    account.record(Totals(stored=90, refused=1), 0, 5000)
    path.write_bytes(clock_line() + LINE * 3)
    account.record(Totals(stored=3), 0, path.stat().st_size)
    account.close()
    (log,) = list_logs(path.parent)
    assert totals(log) == Totals(stored=3)


def touch(directory: Path, name: str, mtime_s: float) -> None:
    (directory / name).write_bytes(LINE)
    os.utime(directory / name, (mtime_s, mtime_s))


def test_a_trace_is_found_by_what_people_type(tmp_path: Path) -> None:
    for mtime_s, name in enumerate(["tr-1.jsonl", "tr-12.jsonl", "other.jsonl", "x.rejected", ".hidden.jsonl"]):
        touch(tmp_path, name, mtime_s)
    (tmp_path / "link.jsonl").symlink_to("tr-1.jsonl")
    assert [log.trace_id for log in list_logs(tmp_path)] == ["tr-1", "tr-12", "other"]
    for name, expected in [
        ("tr-1", "tr-1"),
        ("tr-1.jsonl", "tr-1"),
        ("tr-12", "tr-12"),
        ("o", "other"),
        ("latest", "other"),
        (str(tmp_path / "tr-12.jsonl"), "tr-12"),
    ]:
        assert find_log(tmp_path, name).trace_id == expected


@pytest.mark.parametrize(
    ("name", "message"),
    [("tr", "fits 2 traces"), ("nothing", "no trace 'nothing'"), ("./no.jsonl", "there is no log ./no.jsonl")],
)
def test_a_trace_that_is_not_clear_is_one_line(tmp_path: Path, name: str, message: str) -> None:
    touch(tmp_path, "tr-1.jsonl", 1)
    touch(tmp_path, "tr-2.jsonl", 2)
    with pytest.raises(NoSuchTraceError, match=message) as caught:
        find_log(tmp_path, name)
    assert "\n" not in str(caught.value)


def test_no_logs_is_no_error(tmp_path: Path) -> None:
    assert list_logs(tmp_path / "missing") == []
    with pytest.raises(NoSuchTraceError, match="no logs"):
        find_log(tmp_path / "missing", "latest")
