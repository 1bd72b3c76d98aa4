"""The cache answers as if there were none, whatever has become of it and of the logs."""

import os
import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.catalog.answers import answer, fresh_answer
from tests.catalog.logs import log
from tests.harness import needs_root
from tracerd.catalog import database
from tracerd.catalog.store import Catalog
from tracerd.traces.stored import list_logs

DAMAGED_TURNS = 60


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    directory = tmp_path / "logs"
    directory.mkdir()
    for number in range(5):
        (directory / f"t{number}.jsonl").write_bytes(log(number))
    return directory


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "catalog.sqlite"


def kept(cache: Path, logs: Path) -> int:
    """How many logs of a directory a cache knows."""
    with closing(database.Database(cache)) as opened:
        return len(opened.entries(os.fsencode(logs)))


def grow(path: Path, rng: random.Random) -> None:
    with path.open("ab") as file:
        file.write(log(rng.randrange(1000))[: rng.choice([None, rng.randint(1, 300)])])


def cut(path: Path, rng: random.Random) -> None:
    os.truncate(path, rng.randint(0, path.stat().st_size))


def replace(path: Path, rng: random.Random) -> None:
    other = path.with_name("new")
    other.write_bytes(log(rng.randrange(1000)))
    other.rename(path)


def rewrite(path: Path, rng: random.Random) -> None:
    path.write_bytes(log(rng.randrange(1000)))


def remove(path: Path, _rng: random.Random) -> None:
    path.unlink()


@pytest.mark.parametrize("seed", range(40))
def test_logs_that_change_in_any_way(logs: Path, cache: Path, tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(6):
        for _ in range(rng.randint(0, 4)):
            path = logs / f"t{rng.randint(0, 6)}.jsonl"
            change = rng.choice([grow, grow, grow, cut, replace, remove]) if path.exists() else rewrite
            change(path, rng)
            if path.exists() and rng.random() < 0.2:
                rewrite(path, rng)

        assert answer(logs, cache) == fresh_answer(logs, tmp_path)


def test_a_log_that_was_cut_and_has_grown_beyond_its_former_length_is_read_anew(
    logs: Path, cache: Path, tmp_path: Path
) -> None:
    path = logs / "t0.jsonl"
    path.write_bytes(b'{"ph":"i","ts":1,"pid":1}\n' * 1000)
    answer(logs, cache)
    path.write_bytes(b'{"ph":"i","ts":1,"pid":1}\n' * 100 + b'{"ph":"i","ts":2,"pid":2}\n' * 1000)

    assert answer(logs, cache) == fresh_answer(logs, tmp_path)


@pytest.mark.parametrize("renamed", [False, True])
def test_a_log_of_the_same_length_and_time_may_be_another_one(
    logs: Path, cache: Path, tmp_path: Path, renamed: bool
) -> None:
    path = logs / "t0.jsonl"
    path.write_bytes(b'{"ph":"i","ts":1,"pid":1}\n' * 2)
    answer(logs, cache)
    status = path.stat()
    other = tmp_path / "other" if renamed else path
    other.write_bytes(b'{"ph":"X","ts":1,"pid":1}\n' * 2)
    other.replace(path)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))

    assert path.stat().st_size == status.st_size
    assert answer(logs, cache) == fresh_answer(logs, tmp_path)


def test_only_what_a_log_has_grown_by_is_read(
    logs: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = logs / "t0.jsonl"
    with path.open("wb") as file:
        for number in range(100_000):
            file.write(b'{"ph":"X","name":"a","pid":1,"tid":1,"ts":%d,"dur":1}\n' % number)
    answer(logs, cache)
    grown = b'{"ph":"X","name":"b","pid":2,"tid":1,"ts":5,"dur":1}\n' * 1000
    with path.open("ab") as file:
        file.write(grown)
    counted: list[int] = []
    for name in ("read", "pread"):
        call = getattr(os, name)

        def counting(*args: int, call: object = call) -> bytes:
            data = bytes(call(*args))  # type: ignore[operator]
            counted.append(len(data))
            return data

        monkeypatch.setattr(os, name, counting)

    found = answer(logs, cache)
    assert len(grown) <= sum(counted) <= len(grown) + 4 * 4096
    counted.clear()
    assert answer(logs, cache) == found
    assert counted == []
    assert found == fresh_answer(logs, tmp_path)


def test_what_was_read_before_it_was_interrupted_is_kept(logs: Path, cache: Path, tmp_path: Path) -> None:
    reading = Catalog(logs, cache).described(list_logs(logs))
    next(reading)
    next(reading)
    reading.close()

    assert kept(cache, logs) == 2
    assert answer(logs, cache) == fresh_answer(logs, tmp_path)


# ------------------------------------------------------------------ the file


@pytest.mark.parametrize("seed", range(DAMAGED_TURNS))
def test_a_damaged_cache_is_none(logs: Path, cache: Path, tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    expected = fresh_answer(logs, tmp_path)
    answer(logs, cache)
    data = bytearray(cache.read_bytes())
    match seed % 4:
        case 0:
            data = bytearray(rng.randbytes(rng.randint(0, 20_000)))
        case 1:
            del data[rng.randrange(len(data)) :]
        case _:
            for _ in range(rng.choice([1, 10, 1000])):
                data[rng.randrange(len(data))] = rng.randrange(256)
    cache.write_bytes(data)

    assert answer(logs, cache) == expected
    assert answer(logs, cache) == expected


@pytest.mark.parametrize("damage", [b"TABLE \xf0og", b"\xf0ABLE log", b"TABLE l\x00g"])
def test_a_damage_that_sqlite_repeats_in_its_message_is_none(
    logs: Path, cache: Path, tmp_path: Path, damage: bytes
) -> None:
    expected = fresh_answer(logs, tmp_path)
    answer(logs, cache)
    cache.write_bytes(cache.read_bytes().replace(b"TABLE log", damage))

    assert answer(logs, cache) == expected
    assert kept(cache, logs) == len(expected)


def test_each_byte_of_a_row_counts(logs: Path, cache: Path, tmp_path: Path) -> None:
    expected = fresh_answer(logs, tmp_path)
    answer(logs, cache)
    with sqlite3.connect(cache) as connection:
        connection.execute("UPDATE log SET entry = replace(entry, CAST('1' AS BLOB), CAST('2' AS BLOB))")
    connection.close()

    assert answer(logs, cache) == expected


@pytest.mark.parametrize(
    "statement", ["PRAGMA user_version = 7", "DROP TABLE log", "ALTER TABLE log DROP COLUMN state"]
)
def test_a_cache_of_another_version_is_made_anew(logs: Path, cache: Path, tmp_path: Path, statement: str) -> None:
    expected = fresh_answer(logs, tmp_path)
    answer(logs, cache)
    connection = sqlite3.connect(cache)
    connection.execute(statement)
    connection.close()

    assert answer(logs, cache) == expected
    assert kept(cache, logs) == len(expected)


def test_a_file_of_another_program_stays_as_it_is(logs: Path, cache: Path, tmp_path: Path) -> None:
    cache.parent.mkdir()
    connection = sqlite3.connect(cache)
    connection.execute("CREATE TABLE bookmarks (url TEXT)")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.close()
    before = cache.read_bytes()

    assert answer(logs, cache) == fresh_answer(logs, tmp_path)
    assert cache.read_bytes() == before


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm", ".lock"])
@pytest.mark.parametrize("kind", ["directory", "link", "dangling", "fifo"])
def test_what_is_no_file_of_ours_stays_as_it_is(
    logs: Path, cache: Path, tmp_path: Path, suffix: str, kind: str
) -> None:
    cache.parent.mkdir()
    place, other = Path(f"{cache}{suffix}"), tmp_path / "other"
    match kind:
        case "directory":
            place.mkdir()
        case "fifo":
            os.mkfifo(place)
        case _:
            if kind == "link":
                other.write_bytes(b"precious")
            place.symlink_to(other)

    assert answer(logs, cache) == fresh_answer(logs, tmp_path)
    assert kind != "link" or other.read_bytes() == b"precious"
    assert kind != "dangling" or not other.exists()


def test_without_a_place_for_it_there_is_no_cache(logs: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")

    assert answer(logs, tmp_path / "file" / "catalog.sqlite") == fresh_answer(logs, tmp_path)


@needs_root
def test_a_cache_of_another_user_is_not_used(logs: Path, cache: Path, tmp_path: Path) -> None:
    answer(logs, cache)
    before = cache.read_bytes()
    os.chown(cache, 12345, 12345)
    (logs / "t0.jsonl").unlink()

    assert answer(logs, cache) == fresh_answer(logs, tmp_path)
    assert cache.read_bytes() == before


def test_a_damaged_cache_is_not_removed_from_under_another_process(logs: Path, cache: Path, tmp_path: Path) -> None:
    answer(logs, cache)
    other = database.Database(cache)
    inode = cache.stat().st_ino
    cache.write_bytes(b"garbage" * 1000)

    assert answer(logs, cache) == fresh_answer(logs, tmp_path)
    assert cache.stat().st_ino == inode
    other.close()
    assert answer(logs, cache) == fresh_answer(logs, tmp_path)
    assert kept(cache, logs) == 5


def test_others_cannot_read_it(logs: Path, cache: Path) -> None:
    answer(logs, cache)

    assert cache.stat().st_mode & 0o077 == 0
    assert cache.parent.stat().st_mode & 0o077 == 0
