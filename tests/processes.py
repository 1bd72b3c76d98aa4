"""The marker `processes`: `pytest -m 'not processes'` runs the tests that start none, in less than a minute.

It is not set by hand. A test has it if it uses a fixture that starts something, or if its file, or a helper that the
file imports from, can start something. A test without it fails if it starts a process all the same.
"""

import subprocess
import sys
from collections.abc import Generator
from types import ModuleType

import pytest

from tests import forks, harness
from tracerd.cli import doctor
from tracerd.watch.hook import Hook

STARTERS = (
    subprocess,
    forks,
    doctor,
    harness.Daemon,
    harness.on_a_terminal,
    harness.program,
    harness.serve,
    harness.tracerd,
    Hook,
)
FIXTURES = {"daemon", "shared_daemon", "perfetto", "pytester", "recorded_demo", "sandbox"}

AUDITED = {"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.system"}
"""What Python audits when a process is started."""


def can_start(module: ModuleType) -> bool:
    """Whether a file has a name for what starts processes."""
    return any(thing is starter for thing in vars(module).values() for starter in STARTERS)


def helpers(module: ModuleType) -> set[ModuleType]:
    """The files of the tests from which a file imports a class or a function."""
    names = {str(getattr(thing, "__module__", "")) for thing in vars(module).values()} - {harness.__name__}
    return {sys.modules[name] for name in names if name.startswith("tests.")}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Set the marker."""
    for item in items:
        assert isinstance(item, pytest.Function)
        module = sys.modules[str(getattr(item.obj, "__module__", ""))]
        modules = {module} | helpers(module)
        if FIXTURES & set(item.fixturenames) or any(map(can_start, modules)):
            item.add_marker("processes")


class Watch:
    """Notes each process that is started by a test that should start none."""

    on = False
    started: list[str]

    def __init__(self) -> None:
        self.started = []
        sys.addaudithook(self._audit)

    def _audit(self, what: str, arguments: tuple[object, ...]) -> None:
        if self.on and what in AUDITED:
            self.started.append(f"{what}{arguments!r}")


watch = Watch()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """Fail a test without the marker that starts a process."""
    watch.started.clear()
    watch.on = item.get_closest_marker("processes") is None
    try:
        yield
    finally:
        watch.on = False
    assert not watch.started, f"add what starts it to {__name__}: {watch.started}"
