"""A directory with a build."""

from pathlib import Path

import pytest

from tests.builds.shown import lua


@pytest.fixture
def store(tmp_path: Path) -> Path:
    (tmp_path / "a.jsonl").write_bytes(lua().block)
    return tmp_path
