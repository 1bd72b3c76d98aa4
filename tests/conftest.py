"""Fixtures that many test files use."""

import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.harness import Daemon, running_daemon
from tests.perfetto.fixture import perfetto

__all__ = ["daemon", "perfetto", "shared_daemon"]

# A suite that is started with nohup, or in the background of a script, would hand its ignored signals down to the
# programs it starts, and those could not be stopped by them.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes says more of what else the machine does than of us.
settings.register_profile("tracerd", deadline=None)
settings.load_profile("tracerd")


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
