"""Fixtures that many test files use."""

from collections.abc import Iterator

import pytest

from tests.harness import Daemon, running_daemon
from tests.perfetto.fixture import perfetto

__all__ = ["daemon", "perfetto", "shared_daemon"]


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    """A daemon of the test's own."""
    with running_daemon() as running:
        yield running


@pytest.fixture(scope="module")
def shared_daemon() -> Iterator[Daemon]:
    """One daemon for all tests of a module: each takes a trace id of its own."""
    with running_daemon() as running:
        yield running
