"""A log that is compressed and goes on: one whole set of lines, wherever it was killed."""

import gzip
import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.harness import event, events
from tests.traces.packing import CLOCK, append, free
from tracerd.rows.follow import Live
from tracerd.store.files import pin
from tracerd.store.packed import is_packed, log_length, packed_path, parts
from tracerd.store.snapshot import snapshot
from tracerd.trace_json.export import log_blocks
from tracerd.traces.packing import TAIL_BYTES, pack
from tracerd.traces.retention import Limits, enforce
from tracerd.traces.stored import list_logs, list_traces, totals

KILLED = -9


def in_use(_stack: ExitStack) -> None:
    raise BlockingIOError


def lines_of(path: Path) -> bytes:
    with parts(path) as opened:
        text = b"".join(opened.blocks())
        assert opened.length == len(text) == log_length(path)
    assert b"".join(log_blocks(snapshot(path, "t"))) == text
    return text


@pytest.mark.parametrize("seed", range(60))
def test_a_trace_that_is_packed_and_goes_on_again_and_again(tmp_path: Path, seed: int) -> None:
    rng, path, expected = random.Random(seed), tmp_path / "t.jsonl", b""
    for turn in range(rng.randint(1, 6)):
        text = b"" if path.exists() else CLOCK % turn
        text += b"".join(
            event(number) + b" " * rng.choice([0, 0, 3000]) + b"\n" for number in range(rng.choice([1, 5, 300]))
        )
        append(path, text)
        expected += text
        if rng.random() < 0.7:
            os.utime(path, (turn, turn))
            assert pack(path, free)
            assert not path.exists()
            assert packed_path(path).stat().st_mtime == turn
            assert packed_path(path).stat().st_mode & 0o777 == 0o600
            assert gzip.decompress(packed_path(path).read_bytes()) == expected

        assert lines_of(path) == expected
        with parts(path) as opened:
            for count in (1, 100, TAIL_BYTES):
                assert opened.head(count) == expected[:count]
                assert expected.endswith(opened.tail(count))
                assert opened.tail(count)
            for length in (0, 1, len(expected) // 2, len(expected)):
                assert b"".join(opened.blocks(length)) == expected[:length]


def test_what_the_log_still_holds_is_read_once_and_what_it_has_gained_too(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    before = CLOCK % 1 + events(range(100))
    append(path, before)
    kept = path.read_bytes()
    assert pack(path, free)
    path.write_bytes(kept)  # killed before the log was removed

    assert lines_of(path) == before
    append(path, event(100))
    assert lines_of(path) == before + event(100)
    assert pack(path, free)
    assert not path.exists()
    assert lines_of(path) == before + event(100)
    path.write_bytes(kept + event(100))
    assert pack(path, free)
    assert lines_of(path) == before + event(100)


def test_a_new_log_is_no_log_that_was_taken(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    first, second = CLOCK % 1 + events(range(50)), CLOCK % 2 + events(range(50))
    append(path, first)
    assert pack(path, free)
    append(path, second)  # its inode may be the same

    assert lines_of(path) == first + second


def test_an_export_that_waits_keeps_both_files_from_being_replaced(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    append(path, CLOCK % 1 + event(1))
    enforce(tmp_path, Limits(pack_after_s=-1))
    append(path, CLOCK % 2 + event(2))
    for file in (path, packed_path(path)):
        fd = pin(file)
        assert fd is not None
        enforce(tmp_path, Limits(pack_after_s=-1, max_age_s=-1))
        os.close(fd)
        assert path.exists()
        assert packed_path(path).exists()
    enforce(tmp_path, Limits(pack_after_s=-1))
    assert not path.exists()


def test_who_follows_a_trace_gets_each_line_once(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    append(path, CLOCK % 1 + events(range(10)))
    live = Live(tmp_path)

    def new() -> bytes:
        live.list_at = 0.0  # else it lists only now and then
        return b"".join(block for _, block in live.poll())

    assert new() == b""
    append(path, event(10))
    assert new() == event(10)
    append(path, event(11))
    assert pack(path, free)
    assert new() == event(11)
    assert new() == b""
    append(path, CLOCK % 2 + event(12))
    assert new() == CLOCK % 2 + event(12)
    live.close()


def test_a_trace_in_use_is_not_packed(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    append(path, event(1))

    with pytest.raises(BlockingIOError):
        pack(path, in_use)
    assert os.listdir(tmp_path) == ["t.jsonl"]


@pytest.mark.parametrize("text", [b"", b'{"half', event(1) + b'{"half'])
def test_a_log_whose_last_line_has_no_end_is_not_packed(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(text)

    assert not pack(path, free)
    assert path.read_bytes() == text
    assert not packed_path(path).exists()


def test_a_file_of_another_program_is_no_part_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    packed_path(path).write_bytes(gzip.compress(event(7)))
    assert list_traces(tmp_path) == []
    append(path, event(1))
    before = packed_path(path).read_bytes()

    assert not is_packed(path)
    assert not pack(path, free)
    assert packed_path(path).read_bytes() == before
    assert lines_of(path) == event(1)


def test_a_packed_trace_is_listed_with_its_counts_and_its_age(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    append(path, CLOCK % 1 + events(range(10)))
    os.utime(path, (5, 5))
    [before] = list_logs(tmp_path)
    assert pack(path, free)
    [after] = list_logs(tmp_path)

    assert (after.trace_id, after.last_write_s, after.log_size) == (before.trace_id, before.last_write_s, 0)
    assert after.size == after.packed_size == packed_path(path).stat().st_size
    assert totals(after).stored == 10


@pytest.mark.parametrize("damage", ["cut", "flip"])
def test_a_damaged_packed_part_is_an_error_with_a_reason(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "t.jsonl"
    append(path, CLOCK % 1 + events(range(20_000)))
    assert pack(path, free)
    data = bytearray(packed_path(path).read_bytes())
    if damage == "cut":
        del data[-100:]
    else:
        data[len(data) // 2] ^= 0xFF
    packed_path(path).write_bytes(data)

    with pytest.raises(OSError, match=r"the packed part is (damaged|cut off)"), parts(path) as opened:
        for _ in opened.blocks():
            pass


# ------------------------------------------------------------------ killed


PROGRAM = """
import sys
from pathlib import Path
from tracerd.traces.packing import pack
sys.exit(not pack(Path(sys.argv[1]), lambda _: None))
"""


CALLS = (
    "openat",
    "rename",
    "renameat2",
    "unlink",
    "fsync",
    "write",
    "pwrite64",
    "close",
    "fchmod",
    "utimensat",
    "read",
)


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
@pytest.mark.parametrize("has_packed", [False, True])
def test_killed_at_any_step_and_opened_again(tmp_path: Path, has_packed: bool) -> None:
    directory = tmp_path / "logs"
    path = directory / "t.jsonl"

    def begin() -> bytes:
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir()
        expected = b""
        for turn in range(1 + has_packed):
            text = CLOCK % turn + b"".join(event(number) for number in range(turn, 3000))
            append(path, text)
            expected += text
            if turn < has_packed:
                assert pack(path, free)
        return expected

    begin()
    # All calls of the program, since a temporary file has another name each time.
    program = ["strace", "-o", str(tmp_path / "all"), sys.executable, "-B", "-c", PROGRAM, str(path)]
    assert subprocess.run(program, check=False).returncode == 0
    lines = (tmp_path / "all").read_text().splitlines()
    first = next(at for at, line in enumerate(lines) if str(path) in line and "openat" in line)
    before = Counter(line.partition("(")[0] for line in lines[:first])
    after = Counter(line.partition("(")[0] for line in lines[first:])
    for call in CALLS:
        for number in range(1, min(after[call], 12) + 1):
            expected = begin()
            inject = ["strace", "-o", "/dev/null", "-e", f"inject={call}:signal=KILL:when={before[call] + number}"]
            done = subprocess.run([*inject, *program[3:]], check=False, stderr=subprocess.DEVNULL)

            assert done.returncode == KILLED, (call, number)
            assert lines_of(path) == expected, (call, number)
            more = event(9) if path.exists() else CLOCK % 9 + event(9)
            append(path, more)
            assert lines_of(path) == expected + more, (call, number)
            assert pack(path, free)
            assert lines_of(path) == expected + more, (call, number)
            assert not path.exists()
