"""Logs and the rejects beside them: whole lines in, whole lines out, whatever was there before."""

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
from tracerd.errors import UnsafePathError
from tracerd.store.log import BLOCK_BYTES, MAX_TAIL_BYTES, LogWriter, read_blocks
from tracerd.store.rejects import MAX_REJECTS_BYTES, RejectsFile, read_rejects

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


def test_rejects_keep_refused_lines_up_to_their_limit_and_every_record(tmp_path: Path) -> None:
    path = tmp_path / "t.rejected"
    rejects = RejectsFile(path)
    rejects.add(3, 77, "why", b"\xff{")
    for number in range(100):
        rejects.add(number, 77, "large", b"x" * 64 * 1024)
    assert path.stat().st_size <= MAX_REJECTS_BYTES
    rejects.record(Totals(1, 2, 103, 4))
    rejects.record(Totals(10, 20, 30, 40))
    rejects.close()
    first = json.loads(path.read_bytes().splitlines()[0])
    assert first == {"line": 3, "client_pid": 77, "reason": "why", "base64": base64.b64encode(b"\xff{").decode()}
    assert read_rejects(path) == Totals(0, 22, 133, 44)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_half_an_entry_in_the_rejects_costs_no_other(tmp_path: Path) -> None:
    path = tmp_path / "t.rejected"
    path.write_bytes(b'{"repaired":1,"refu')
    rejects = RejectsFile(path)
    rejects.record(Totals(repaired=5))
    rejects.close()
    assert read_rejects(path) == Totals(repaired=5)


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


def test_half_an_entry_that_could_not_be_ended_is_ended_before_the_next_entry(tmp_path: Path) -> None:
    path = tmp_path / "t.rejected"
    half = b'{"repaired":1,"refu'
    path.write_bytes(half)
    rejects = RejectsFile(path)
    with no_file_longer_than(len(half)), pytest.raises(OSError, match="too large"):
        rejects.record(Totals(lost=5))
    rejects.record(Totals(lost=5))
    rejects.close()
    assert read_rejects(path) == Totals(lost=5)


def test_half_a_record_is_an_error_and_is_ended_before_the_next_entry(tmp_path: Path) -> None:
    path = tmp_path / "t.rejected"
    rejects = RejectsFile(path)
    rejects.record(Totals(refused=1))
    with no_file_longer_than(path.stat().st_size + 10), pytest.raises(OSError, match="No space left"):
        rejects.record(Totals(lost=5))
    rejects.record(Totals(lost=5))
    rejects.close()
    assert read_rejects(path) == Totals(refused=1, lost=5)


def test_of_a_torn_line_of_any_size_only_the_begin_is_read(path: Path) -> None:
    path.write_bytes(b"{}\n")
    os.truncate(path, MAX_TAIL_BYTES * 4)
    kept: list[bytes] = []
    log = LogWriter(path)
    log.cut_torn_tail(kept.append)
    log.close()
    assert [len(tail) for tail in kept] == [MAX_TAIL_BYTES + 1]
    assert path.read_bytes() == b"{}\n"
