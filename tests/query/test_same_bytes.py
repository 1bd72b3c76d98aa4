"""The same log and tracker give the same bytes: in blocks of any size, in any process."""

import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from tests.query.random_trackers import write_log
from tests.query.same_bytes import results
from tracerd.query import aggregate, computation

LINES = 500


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "t.jsonl"
    write_log(path, Random(7), LINES)
    return path


def test_blocks_of_any_size_give_the_same_bytes(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(computation, "_FOLD_ROWS", 50)  # at other rows for each size
    monkeypatch.setattr(aggregate, "_CHUNK", 20)
    sizes = [1 << power for power in (10, 11, 12, 14, 16, 20)]
    assert log.stat().st_size < sizes[-1]
    assert len({results([log], size) for size in sizes}) == 1


@pytest.mark.parametrize(
    "seeds", [pytest.param(2, id="two seeds"), pytest.param(10, id="ten seeds", marks=pytest.mark.long)]
)
def test_processes_with_other_hashes_give_the_same_bytes(log: Path, seeds: int) -> None:
    expected = results([log])
    for seed in range(seeds):
        done = subprocess.run(
            [sys.executable, "-m", "tests.query.same_bytes", log],
            env=os.environ | {"PYTHONHASHSEED": str(seed)},
            capture_output=True,
            check=True,
        )
        assert done.stdout == expected, seed
