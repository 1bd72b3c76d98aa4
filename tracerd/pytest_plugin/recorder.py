"""`pytest --tracerd=FILE`: spans of the run, each worker, file, test, phase and fixture, all in one FILE."""

import os
import socket
from collections.abc import Generator

import pytest

import tracerd.client
from tracerd import trace_id
from tracerd.client.connection import check_listener
from tracerd.errors import NoDaemonError
from tracerd.launcher import connect_or_start
from tracerd.socket_path import socket_path

EXPORT_S = 30.0
"""How long the daemon may take to write the file."""

_VARIABLES = ("TRACERD_TRACE_ID", "TRACERD_SOCKET")


class Recorder:
    """Records this process: the only one, or one worker of xdist, or the one that controls them.

    Args:
        config: The run.
        path: Which file to write in the end.

    Raises:
        pytest.UsageError: There is no daemon, and none could be started.
    """

    def __init__(self, config: pytest.Config, path: str) -> None:
        workerinput: dict[str, object] = getattr(config, "workerinput", {})
        worker = workerinput.get("workerid")
        self._worker = str(worker) if worker else None
        self._path = path
        self._summary = ""
        self._environ = {name: os.environ.get(name) for name in _VARIABLES}
        if self._worker is None:
            _reach_daemon()
            # Workers and whatever the tests start write to the same trace; so do we, if we are recorded already.
            os.environ.setdefault("TRACERD_TRACE_ID", trace_id.new())
            os.environ["TRACERD_SOCKET"] = os.path.abspath(socket_path())
        context = os.environ["TRACERD_TRACE_ID"], os.environ["TRACERD_SOCKET"]
        self._client = tracerd.client.Client(*context)
        tracerd.client.connect(*context)  # for the tests, which may end it or recontext it
        self._client.process_name(f"pytest {self._worker}" if self._worker else "pytest")
        self._run = self._client.span(f"worker {self._worker}" if self._worker else "run", cat="pytest")
        self._file: tracerd.client.Span | None = None  # that of the tests that run now
        self._test = self._run
        self._phase = self._client.span("setup", cat="phase")
        self._removals: dict[int, tracerd.client.Span] = {}

    # -------------------------------------------------------------- the run

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        """The run begins."""
        self._run.start()

    @pytest.hookimpl(wrapper=True)
    def pytest_collection(self) -> Generator[None, object, object]:
        """Tests are collected."""
        with self._client.span("collect", cat="pytest"):
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(
        self, collector: pytest.Collector
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        """A file is imported and searched for tests."""
        if not isinstance(collector, pytest.File):
            return (yield)
        with self._client.span(f"collect {collector.nodeid}", cat="collect") as span:
            report = yield
            if report.outcome != "passed":
                span.set(outcome=report.outcome)
            return report

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        """The run has ended; when that of the controller has, all workers have gone."""
        self._run.end()
        tracerd.client.flush(EXPORT_S)  # what the tests themselves have written
        if self._worker is not None:
            self._client.flush(EXPORT_S)
        elif self._client.emit_tef(self._path, EXPORT_S):
            self._summary = f"tracerd: wrote {self._path}, of the trace {self._client.trace_id}"
        else:
            reason = self._client.errors[-1] if self._client.errors else "the daemon does not answer"
            self._summary = f"tracerd: no whole trace in {self._path}: {reason}"

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Report what became of the file."""
        if self._summary:
            terminalreporter.write_line(self._summary)

    def pytest_unconfigure(self) -> None:
        """Leave everything as it was."""
        self._client.close()
        own = tracerd.client.default_client()
        if own is not None:
            own.close()
        for name, value in self._environ.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value

    # -------------------------------------------------------------- tests and fixtures

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> Generator[None, object, object]:
        """One test, with all that it needs; the file's span is that of its tests which run one after the other."""
        if self._file is None:
            self._file = self._client.span(_file_of(item), cat="file").start()
        is_last = nextitem is None or _file_of(nextitem) != _file_of(item)
        try:
            with self._client.span(item.nodeid, cat="test") as self._test:
                try:
                    return (yield)
                finally:
                    self._phase.end()  # it was interrupted, and got no report
        except BaseException:
            is_last = True  # the run ends
            raise
        finally:
            if is_last:
                self._file.end()
                self._file = None
            self._client.flush()  # the next test may end the process

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self) -> Generator[None, object, object]:
        """Record the set-up of a test's fixtures as a span."""
        return (yield from self._run_phase("setup"))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self) -> Generator[None, object, object]:
        """Record the test itself as a span."""
        return (yield from self._run_phase("call"))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self) -> Generator[None, object, object]:
        """Record the end of a test's fixtures as a span."""
        return (yield from self._run_phase("teardown"))

    def _run_phase(self, name: str) -> Generator[None, object, object]:
        self._phase = self._client.span(name, cat="phase").start()
        self._client.push()  # a test that ends its process, or hangs, is seen as begun
        try:
            value = yield
        except BaseException as error:
            self._phase.set(error=type(error).__name__)
            raise  # the report ends the span: only that knows whether this was expected
        self._phase.end()
        return value

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """A phase has ended: passed, failed or skipped; the test is what its worst phase is."""
        report = yield
        if report.when == "call" or report.outcome != "passed":
            # pytest calls a test skipped that failed as it was expected to.
            expected = report.outcome == "skipped" and hasattr(report, "wasxfail")
            outcome = "xfailed" if expected else report.outcome
            self._test.set(outcome=outcome)
            self._phase.set(outcome=outcome)
        self._phase.end()
        return report

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: "pytest.FixtureDef[object]") -> Generator[None, object, object]:
        """A fixture is made; when it is removed, what is added last comes first."""
        with self._client.span(f"fixture {fixturedef.argname}", cat="fixture", scope=fixturedef.scope) as span:
            try:
                value = yield
            except pytest.skip.Exception:
                span.set(outcome="skipped")
                raise
        removal = self._client.span(f"remove {fixturedef.argname}", cat="fixture", scope=fixturedef.scope)
        fixturedef.addfinalizer(removal.start)
        self._removals[id(fixturedef)] = removal
        return value

    def pytest_fixture_post_finalizer(self, fixturedef: "pytest.FixtureDef[object]") -> None:
        """A fixture has been removed."""
        removal = self._removals.pop(id(fixturedef), None)
        if removal is not None:
            removal.end()


def _file_of(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]


def _reach_daemon() -> None:
    """Make sure that a daemon runs; start one in the background if not."""
    path = os.path.abspath(socket_path())

    def connect() -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(path)
            check_listener(connection)
        except OSError:
            connection.close()
            raise
        return connection

    try:
        connect_or_start(connect, path, os.environb).close()
    except NoDaemonError as error:
        raise pytest.UsageError(f"--tracerd: {error}") from None
