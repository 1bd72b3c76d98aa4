"""The client library: events of a Python program, for tracerd. Standard library only, and light to import.

    import tracerd.client as trace

    with trace.span("compile", file="main.c"):
        ...

The functions here write to the trace in `$TRACERD_TRACE_ID`; without it they do nothing, at almost no cost. They
never raise, never wait for the daemon longer than 0.05 seconds in all, and never print. Names and arguments may be
anything: what JSON cannot hold is written as text, what is too much is cut.
"""

from __future__ import annotations

import os

from tracerd.client.border import keep
from tracerd.client.client import Client
from tracerd.client.spans import NullSpan, Span

TYPE_CHECKING = False  # typing is slow to import
if TYPE_CHECKING:
    from tracerd.client.client import FlowPhase, Scope

__all__ = [
    "Client",
    "Span",
    "async_span",
    "attributes",
    "connect",
    "counter",
    "default_client",
    "flow",
    "flush",
    "instant",
    "log",
    "metric",
    "process_name",
    "span",
    "thread_name",
]

_NULL_SPAN = NullSpan()


def _from_environment() -> Client | None:
    try:
        return Client(os.environ["TRACERD_TRACE_ID"])
    except BaseException as error:  # KeyError, ValueError: not traced
        keep(error)
        return None


_default = _from_environment()


def connect(trace_id: str, socket: str | None = None) -> Client:
    """Let the functions here write to this trace from now on, whatever the environment says.

    A function that was decorated while tracing was off stays as it is.

    Args:
        trace_id: The trace; for a new one, such as `tracerd.trace_id.new()` makes.
        socket: The daemon's socket; by default where every client looks for it.

    Raises:
        ValueError: The trace id is not valid.
    """
    global _default  # noqa: PLW0603 (what this function is for)
    client = Client(trace_id, socket)
    if _default is not None:
        _default.close()
    _default = client
    return client


def default_client() -> Client | None:
    """The client that the functions here use; None if this program is not traced."""
    return _default


def span(name: str, /, cat: str = "", **args: object) -> Span:
    """What takes time: `with`, `async with`, or a decorator."""
    return _NULL_SPAN if _default is None else Span(_default, name, cat, args)


def async_span(name: str, /, cat: str = "", **args: object) -> Span:
    """What takes time and may overlap with others of its thread, such as a request or a task."""
    return _NULL_SPAN if _default is None else Span(_default, name, cat, args, asynchronous=True)


def instant(name: str, /, cat: str = "", *, scope: Scope = "thread", **args: object) -> None:
    """What happens at one moment of a thread, of the process, or of all."""
    if _default is not None:
        _default.instant(name, cat, scope=scope, **args)


def counter(name: str, value: float | None = None, /, **values: float) -> None:
    """Numbers as they are from now on, drawn as a curve for each."""
    if _default is not None:
        _default.counter(name, value, **values)


def metric(name: str, value: float, /, **labels: object) -> None:
    """A number as it is from now on, of what the labels name; each set of labels is a curve of its own."""
    if _default is not None:
        _default.metric(name, value, **labels)


def attributes(**attributes: object) -> None:
    """Say what this trace is: name, session, user, tags, version, release, environment, and whatever else."""
    if _default is not None:
        _default.attributes(**attributes)


def flow(name: str, id: int | str, phase: FlowPhase, /, cat: str = "flow") -> None:  # noqa: A002 (its name in the format)
    """One end of an arrow, in the span that is open here; name, id and category are the same at its other end."""
    if _default is not None:
        _default.flow(name, id, phase, cat)


def log(level: str, message: str, /, **args: object) -> None:
    """A line as a program writes to its log, with its level in small letters."""
    if _default is not None:
        _default.log(level, message, **args)


def process_name(name: str) -> None:
    """Give this process the name under which it is shown; without it, that is the name of the program."""
    if _default is not None:
        _default.process_name(name)


def thread_name(name: str) -> None:
    """Give this thread the name under which it is shown."""
    if _default is not None:
        _default.thread_name(name)


def flush(timeout_s: float | None = None) -> bool:
    """Write what waits, and wait until the daemon has it: before `os.exec*`, `os._exit`, or to be sure.

    Args:
        timeout_s: How long to wait in total; by default 0.05 seconds for a daemon that does nothing.

    Returns:
        Whether the daemon acknowledges that it has everything; True if this program is not traced.
    """
    return _default is None or _default.flush(timeout_s)
