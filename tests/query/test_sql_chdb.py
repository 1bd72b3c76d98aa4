"""Trackers as SQL: ClickHouse gives what Python gives. Its engine is 534 MB, which the gate installs."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.query.chdb_engine import ChdbEngine
from tests.query.random_trackers import Rows, agree
from tracerd.exporters.tables import Tables

pytestmark = [
    pytest.mark.tools,
    pytest.mark.skipif(find_spec("chdb") is None, reason="needs chdb: pip install chdb"),
]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("first", range(1000, 2000, 250))
def test_random_trackers_give_the_same_in_clickhouse(tmp_path: Path, first: int) -> None:
    engine = ChdbEngine(tmp_path)

    def load(trace: Tables) -> Callable[[str], Rows]:
        engine.load([trace])
        return engine.ask

    assert agree(tmp_path, range(first, first + 250), "clickhouse", load) < 0.25
