"""What receives an export over HTTP, and a log to send."""

from collections.abc import Generator
from pathlib import Path

import pytest

from tests.exporters.collector import Collector, collecting
from tests.exporters.test_lines import LOG, TRACE


@pytest.fixture
def collector() -> Generator[Collector]:
    """A server of its own."""
    with collecting() as server:
        yield server


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log of spans, log events and counters."""
    path = tmp_path / f"{TRACE}.jsonl"
    path.write_bytes(LOG)
    return path
