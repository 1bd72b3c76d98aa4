"""Fixtures that many test files use."""

import gc
import os
import signal
import sys
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.demo.demos import demo_trace, recorded_demo
from tests.harness import Daemon, running_daemon
from tests.perfetto.fixture import perfetto
from tests.processes import pytest_collection_modifyitems, pytest_runtest_call

__all__ = [
    "daemon", "demo_trace", "perfetto", "pytest_collection_modifyitems", "pytest_runtest_call", "recorded_demo",
    "shared_daemon",
]  # fmt: skip

# A suite that is started with nohup, or in the background of a script, would hand its ignored signals down to the
# programs it starts, and those could not be stopped by them.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)

# Where the environment forbids bytecode, as in many containers, each worker would compile all tests anew, and each
# program that they start all of tracerd.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# How long an example takes says more of what else the machine does than of us. The usual run has the same examples each
# time: what it finds is due to a change. New ones are looked for by `just long`.
settings.register_profile("short", deadline=None, max_examples=30, derandomize=True)
settings.register_profile("long", deadline=None, max_examples=1500)
settings.load_profile("short")


def pytest_collection_finish() -> None:
    """Thousands of tests, which live to the end, are none of the garbage that is looked for in each of them."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than the processors: many a test waits for what must happen."""
    return (os.cpu_count() or 1) + 1


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config) -> object:
    """Give the tests of a file to one worker, as far as that can be: what they share is made once."""
    from xdist.scheduler import WorkStealingScheduling  # type: ignore[import-untyped]  # it has no types

    return WorkStealingScheduling(config)


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
