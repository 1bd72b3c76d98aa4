"""No exception of the client library, or of a value that it is given, reaches the program; the program's own do."""

import os
import signal
import socket
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import FrameType
from typing import NoReturn

import pytest

from tests.client.client_programs import events, named, run
from tests.client.test_client_lines import CALLS, Writes, assert_good
from tests.client.test_client_lines import writes as writes
from tests.harness import Daemon, needs_root, short_dir
from tracerd.client import Client

NOBODY = 65534


class Odd(BaseException):
    """Caught by no `except Exception`."""


ERRORS = [RuntimeError, KeyError, MemoryError, StopIteration, GeneratorExit, SystemExit, Odd]


def hostile(error: type[BaseException]) -> dict[str, object]:
    """Values of which each kind of access raises."""

    def fail(*_: object) -> NoReturn:
        raise error("no")

    methods = (
        "__str__",
        "__iter__",
        "__len__",
        "items",
        "__float__",
        "__int__",
        "__abs__",
        "__hash__",
        "__eq__",
        "encode",
    )
    made: dict[str, object] = {}
    for base, value in ((object, ()), (str, ("x",)), (int, (1,)), (float, (0.5,)), (list, ([1],)), (dict, ({"a": 1},))):
        kind = type("Hostile", (base,), dict.fromkeys(methods, fail) | {"__class__": property(fail)})
        made[base.__name__] = kind(*value)

    class Shown:
        """Shown as a text that raises."""

        def __str__(self) -> str:
            return made["str"]  # type: ignore[return-value]  # it is one

    made["shown"] = Shown()
    made["inside"] = [{"list": made["list"], "dict": made["dict"]}]
    return made


@pytest.mark.parametrize("error", ERRORS)
def test_a_value_whose_methods_raise_is_written_somehow(error: type[BaseException], writes: Writes) -> None:
    client, lines = writes
    for name, bad in hostile(error).items():
        for what, call in CALLS.items():
            lines.clear()
            call(client, bad)
            assert len(lines) == 1 + (what == "async span"), (name, what)
            for line in lines:
                assert_good(line)


@pytest.mark.parametrize("error", ERRORS)
def test_what_cannot_be_asked_for_its_attributes_is_decorated_or_left(
    error: type[BaseException], writes: Writes
) -> None:
    class Unreadable:
        def __getattr__(self, name: str) -> object:
            raise error(name)

        def __call__(self) -> int:
            return 1

    client, _ = writes
    decorated: Callable[[], int] = client.span("x")(Unreadable())
    assert decorated() == 1


# --------------------------------------------------------------- what programs do to the modules that we use

CHANGES = {
    "eventlet": "import select; del select.poll, select.epoll",
    "no name": "import sys; sys.argv = [None]",
    "no names": "import sys; del sys.argv",
    "odd name": "import sys; sys.argv = [b'\\xff']",
    "no thread": "import _thread; _thread.start_new_thread = fail",
    "multiprocessing": "import multiprocessing.util as util; util.register_after_fork = fail",
}
BLOCKED = {
    "class": "import socket; socket.socket = fail",
    "connect": "import socket; socket.socket.connect = fail",
    "file": "import os; os.fstat = os.lstat = fail",
    "memory": "import tracerd.client.connection as c; c.Connection.send = fail",
}
PROGRAM = """
class Odd(BaseException):
    pass

def fail(*args, **kwargs):
    raise Odd

import tracerd.client as trace
{change}
with trace.span("x", key=1):
    trace.instant("y")
trace.span("never ends").start()
print(trace.flush(5))
"""


@pytest.mark.parametrize("change", CHANGES)
def test_a_program_that_changes_a_module_is_traced(change: str, daemon: Daemon) -> None:
    done = run(PROGRAM.format(change=CHANGES[change]), daemon.socket)

    assert (done.returncode, done.stdout, done.stderr) == (0, "True\n", "")
    found = events(daemon)
    assert [len(named(found, name)) for name in ("x", "y", "never ends")] == [1, 1, 1]


@pytest.mark.parametrize("change", BLOCKED)
def test_a_program_that_blocks_sockets_runs_on(change: str, daemon: Daemon) -> None:
    done = run(PROGRAM.format(change=BLOCKED[change]), daemon.socket)
    assert (done.returncode, done.stdout, done.stderr) == (0, "False\n", "")


# --------------------------------------------------------------- the program's own exceptions


class TimeoutInHandlerError(Exception):
    """As programs raise it in a handler."""


def function(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise TimeoutInHandlerError


def any_arguments(*_: object) -> NoReturn:
    deeper()


def deeper() -> NoReturn:
    raise TimeoutInHandlerError


class Handlers:
    """As methods, and as objects that can be called."""

    def method(self, _signal: int, _frame: FrameType | None) -> NoReturn:
        raise TimeoutInHandlerError

    __call__ = method


@pytest.fixture(
    params=[function, any_arguments, Handlers().method, Handlers(), partial(function)],
    ids=["function", "any arguments", "method", "object", "partial"],
)
def handler(request: pytest.FixtureRequest) -> Iterator[None]:
    before = signal.signal(signal.SIGUSR1, request.param)
    yield
    signal.signal(signal.SIGUSR1, before)


class Signals:
    """Its text takes so long that a signal arrives."""

    def __str__(self) -> str:
        signal.raise_signal(signal.SIGUSR1)
        return ""


@pytest.mark.usefixtures("handler")
@pytest.mark.parametrize("what", ["argument", "name", "message", "flow id", "process name", "span name"])
def test_what_a_signal_handler_raises_is_the_programs(what: str, writes: Writes) -> None:
    client, _ = writes
    with pytest.raises(TimeoutInHandlerError):
        CALLS[what](client, Signals())


@pytest.mark.usefixtures("handler")
def test_a_signal_handler_that_records_is_not_the_border(writes: Writes) -> None:
    client, lines = writes
    lines.clear()

    def record(_signal: int, _frame: FrameType | None) -> None:
        for bad in hostile(RuntimeError).values():
            client.instant("x", bad=bad)

    signal.signal(signal.SIGUSR1, record)
    signal.raise_signal(signal.SIGUSR1)
    assert len(lines) == len(hostile(RuntimeError))


def test_an_interrupt_is_the_programs(writes: Writes) -> None:
    class Interrupted:
        def __str__(self) -> str:
            raise KeyboardInterrupt

    client, _ = writes
    with pytest.raises(KeyboardInterrupt):
        client.instant("x", bad=Interrupted())


# --------------------------------------------------------------- who listens


@needs_root
@pytest.mark.parametrize(("uid", "is_believed"), [(NOBODY, False), (0, True)])
def test_a_socket_of_another_user_gets_nothing(uid: int, is_believed: bool) -> None:
    with short_dir() as home, listener_of(uid, home / "s") as listener:
        client = Client("t", str(home / "s"))
        client.instant("secret")
        client.flush()
        listener.setblocking(False)
        connection, _ = listener.accept()
        with connection:
            client.close()
            sent = connection.recv(65536)
        assert (b"secret" in sent, sent != b"") == (is_believed, is_believed)


def listener_of(uid: int, path: Path) -> socket.socket:
    """A socket on which a process of that user listens."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    os.seteuid(uid)
    try:
        listener.listen()
    finally:
        os.seteuid(0)
    return listener
