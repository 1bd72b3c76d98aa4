"""Damaged lines in bulk, and any order of what clients and people do to a daemon; fuzz.py has the long run."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.faults.fuzz import CORPUS, check, run


@pytest.mark.parametrize("file", sorted(CORPUS.glob("*.bin")), ids=lambda file: file.name)
def test_corpus(file: Path, tmp_path: Path) -> None:
    sent = file.read_bytes()
    check(sent, list(range(0, len(sent), 7)), tmp_path)
    check(sent, list(range(min(len(sent), 2000))), tmp_path)


@pytest.mark.parametrize("lines", [5_000, pytest.param(50_000, marks=pytest.mark.long)])
def test_damaged_lines(lines: int) -> None:
    assert run(1, lines) >= lines


@given(sent=st.binary(max_size=200), cut=st.integers(min_value=0, max_value=200))
def test_any_bytes(sent: bytes, cut: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    check(sent, [min(cut, len(sent))], tmp_path_factory.getbasetemp())
