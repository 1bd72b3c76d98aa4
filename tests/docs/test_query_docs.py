"""docs/query.md: what it shows is read, and gives what it says."""

from pathlib import Path

import pytest

from tests.docs.documents import blocks, section
from tracerd.query import Tracker

QUERY = (Path(__file__).parents[2] / "docs" / "query.md").read_text()
TRACKERS = [block for block in blocks(QUERY, "text") if block.startswith("tracker")]


@pytest.mark.parametrize("number", range(2))
def test_its_trackers_are_read(number: int) -> None:
    assert Tracker.parse(TRACKERS[number]).tree.metrics


def test_its_program_computes_the_event_that_it_makes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("cc.tracker").write_text(TRACKERS[1])
    [program] = blocks(section(QUERY, "## Trackers"), "python")
    found: dict[str, dict[str, object]] = {}
    exec(program, found)  # noqa: S102  of the document
    assert found["result"]["metrics"] == {
        "compiles": 1, "errors": {}, "p95": {"null|object": None}, "size": {"2024-01-01T00:00:00Z": 2.0},
    }  # fmt: skip
