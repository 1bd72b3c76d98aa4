"""The client of one trace: makes a line of each event, and hands it to the outbox."""

from __future__ import annotations

import itertools
import os
from _thread import _local, get_native_id  # pyright: ignore[reportPrivateUsage]  # threading is slow to import
from time import monotonic_ns

from tracerd.client import lifecycle
from tracerd.client.border import keep, kept
from tracerd.client.encode import (
    MAX_LINE_BYTES,
    SURELY_FINE,
    as_text,
    check_long,
    encode,
    labels_text,
    repaired,
    repaired_string,
    string,
)
from tracerd.client.outbox import Outbox
from tracerd.client.spans import Span, Stack
from tracerd.client.values import chosen, flow_id, number_of, program_name
from tracerd.errors import InvalidTraceIdError
from tracerd.trace_id import TraceId

TYPE_CHECKING = False  # typing is slow to import
if TYPE_CHECKING:
    from typing import Literal

    Scope = Literal["thread", "process", "global"]
    FlowPhase = Literal["start", "step", "end"]

_SCOPES = {"thread": '"s":"t"', "process": '"s":"p"', "global": '"s":"g"'}
_FLOW_PHASES = {"step": '"ph":"t"', "start": '"ph":"s"', "end": '"ph":"f","bp":"e"'}
_MAX_UNFINISHED = 100_000
"""Spans never ended are forgotten, and counted as dropped, if there are more: they would fill the memory."""


class _Thread(_local):
    """What each thread has of its own: its open spans that are not asynchronous, the innermost last."""

    def __init__(self) -> None:
        self.stack = Stack(get_native_id())


class Client:
    """This process in one trace. All methods may be called from any thread; none of them raises or waits.

    The connection is made at the first event, and made anew in the child of a fork and when a daemon returns.

    Args:
        trace_id: The trace.
        socket: The daemon's socket; by default where every client looks for it.

    Attributes:
        pid: The process that the events belong to.
        is_idle: Whether nothing is sent until `wake` is called or an event is written.
        repaired: How many events had an argument that could not be written as it is.

    Raises:
        ValueError: The trace id is not valid.
    """

    def __init__(self, trace_id: str, socket: str | None = None) -> None:
        try:
            self.trace_id = TraceId(trace_id)  # anything else could be a command of its own on the wire
        except InvalidTraceIdError as error:
            raise ValueError(f"{error}: {trace_id!r}") from None
        self.pid = os.getpid()
        self.repaired = 0
        self.unfinished: dict[Span, None] = {}  # the one that began last is the last
        self.thread = _Thread()
        self.is_idle = True
        self.next_id = itertools.count(1).__next__
        self._outbox = Outbox(socket, self)
        lifecycle.watch(self)

    @property
    def dropped(self) -> int:
        """How many events were not sent: no daemon took them."""
        return self._outbox.dropped

    @property
    def errors(self) -> list[str]:
        """The `ERROR` lines of the daemon, as far as `flush` has read them."""
        return self._outbox.connection.errors

    # -------------------------------------------------------------- events

    def span(self, name: str, /, cat: str = "", **args: object) -> Span:
        """What takes time: `with`, `async with`, or a decorator."""
        return Span(self, name, cat, args)

    def async_span(self, name: str, /, cat: str = "", **args: object) -> Span:
        """What takes time and may overlap with others of its thread, such as a request or a task."""
        return Span(self, name, cat, args, asynchronous=True)

    def instant(self, name: str, /, cat: str = "", *, scope: Scope = "thread", **args: object) -> None:
        """What happens at one moment of a thread, of the process, or of all."""
        try:  # without `kept`, which costs a fifth of an instant
            self.write(f"{self._where('i')},{chosen(_SCOPES, scope)}", name, cat, args)
        except BaseException as error:
            keep(error)

    @kept(None)
    def counter(self, name: str, value: float | None = None, /, **values: float) -> None:
        """Numbers as they are from now on, drawn as a curve for each."""
        numbers: dict[str, object] = {}
        for key, given in ({"value": value} | values).items():
            text = number_of(given)
            if text is not None:
                numbers[key] = text
        if len(numbers) < len(values) + (value is not None):
            self.repaired += 1
        if numbers:
            self.write(self._where("C"), name, "", numbers)

    @kept(None)
    def metric(self, name: str, value: float, /, **labels: object) -> None:
        """A number as it is from now on, of what the labels name; each set of labels is a curve of its own."""
        text = number_of(value)
        if text is None:
            self.repaired += 1
            return
        where = self._where("C")
        if labels:
            where += f',"id":{repaired_string(labels_text(labels))}'
        self.write(where, name, "", {"value": text})

    @kept(None)
    def attributes(self, /, **attributes: object) -> None:
        """Say what this trace is; later values replace earlier ones of the same keys, from whatever process."""
        if attributes:
            self.write(self._where("M"), "tracerd_trace", "", attributes)

    @kept(None)
    def flow(self, name: str, id: int | str, phase: FlowPhase, /, cat: str = "flow") -> None:  # noqa: A002 (its name in the format)
        """One end of an arrow, in the span that is open here; name, id and category are the same at its other end."""
        self.write(f'{chosen(_FLOW_PHASES, phase)},{self._where("")},"id":{flow_id(id)}', name, cat, {})

    @kept(None)
    def log(self, level: str, message: str, /, **args: object) -> None:
        """A line as a program writes to its log, with its level in small letters."""
        self.write(f'{self._where("i")},"s":"t"', message, "log", {"level": level, **args})

    @kept(None)
    def process_name(self, name: str) -> None:
        """Give this process the name under which it is shown; without it, that is the name of the program."""
        self.write(self._where("M"), "process_name", "", {"name": as_text(name) or "?"})

    @kept(None)
    def thread_name(self, name: str) -> None:
        """Give this thread the name under which it is shown."""
        self.write(self._where("M"), "thread_name", "", {"name": as_text(name) or "?"})

    def _where(self, phase: str) -> str:
        where = f'"pid":{self.pid},"tid":{get_native_id()},"ts":{monotonic_ns() // 1000}'
        return f'"ph":"{phase}",{where}' if phase else where

    def write(self, where: str, name: str, cat: str, args: dict[str, object], end: str = "}\n") -> None:
        """Write one event: its fields `ph`, `pid`, `tid` and `ts` as JSON, any values, and the end of its line."""
        outbox = self._outbox
        if outbox.full and outbox.drops():
            return
        try:
            line = f'{{{where},"name":{string(name)},"cat":{string(cat)},"args":{encode(args) if args else "{}"}{end}'
            if len(line) > SURELY_FINE:
                check_long(line)
        except BaseException as error:  # TypeError, ValueError, RecursionError; what the class of an argument raises
            keep(error)
            line = f'{{{where},"name":{repaired_string(name)},"cat":{repaired_string(cat)},"args":{repaired(args)}{end}'
            self.repaired += 1
        outbox.put(line)

    # -------------------------------------------------------------- flush and end

    @kept(False)
    def flush(self, timeout_s: float | None = None) -> bool:
        """Write what waits, and wait until the daemon has it in the log.

        Args:
            timeout_s: How long to wait in total; by default 0.05 seconds for a daemon that does nothing.

        Returns:
            Whether the daemon acknowledges that everything since the connection was made is in the log. If its disk is
            full that may still happen later: see `errors`.
        """
        return self._outbox.flush(timeout_s)

    @kept(False)
    def emit_tef(self, path: str, timeout_s: float = 10.0) -> bool:
        """Let the daemon write the whole trace so far, of all processes, to a trace.json.

        Returns:
            Whether the daemon acknowledges that it is written, with everything that it was ever sent; if not, `errors`
            may have the reason.
        """
        try:
            line = b"EMIT_TEF " + os.fsencode(os.path.abspath(path))
        except (OSError, TypeError, ValueError):  # no such text, or no current directory
            return False
        if b"\n" in line or line.endswith(b"\r") or len(line) > MAX_LINE_BYTES:
            return False
        return self._outbox.command(line + b"\n", timeout_s)

    @kept(None)
    def close(self) -> None:
        """Write what waits, and leave the trace. What comes later is written at once."""
        lifecycle.forget(self)
        self.at_exit()

    # -------------------------------------------------------------- called by the rest of tracerd

    @kept(None)
    def push(self) -> None:
        """Send what waits, and mark what is open as begun; the daemon is not waited for."""
        self._outbox.push()

    @kept(None)
    def at_exit(self) -> None:
        """The process ends: write what began and did not end, and everything that waits."""
        try:
            for span in list(self.unfinished):
                span.write_unfinished()
            self.unfinished.clear()
        finally:
            self._outbox.end()

    @kept(None)
    def before_fork(self) -> None:
        """End our thread: Python 3.12 warns of a fork in a process that has several."""
        self._outbox.stop_ticker()

    @kept(None)
    def in_child(self) -> None:
        """After a fork, in the new process: nothing of the parent is ours."""
        self.pid = os.getpid()
        self.repaired = 0
        self._forget_unfinished()
        self._outbox.forget()

    def begin(self) -> bool:
        """Called before the first event of this process, and before the first after a pause.

        Returns:
            Whether this is a process of `multiprocessing`, which calls `at_exit` when it ends.
        """
        if len(self.unfinished) > _MAX_UNFINISHED:
            self._outbox.dropped += len(self.unfinished)
            self._forget_unfinished()
        return lifecycle.watch_multiprocessing(self)

    def _forget_unfinished(self) -> None:
        while self.unfinished:
            self.unfinished.popitem()[0].stack.clear()
        self.thread = _Thread()

    def wake(self) -> None:
        """Send within half a second what is written or open then."""
        self._outbox.wake()

    @property
    def has_unmarked(self) -> bool:
        """Whether a span is open that is not marked as begun."""
        return any(not newest.is_marked for newest in list(reversed(self.unfinished))[:1])

    @kept("")
    def marks(self) -> str:
        """The lines that mark open spans as begun, once for each."""
        marks: list[str] = []
        for span in list(reversed(self.unfinished)):  # one step under the interpreter's lock
            if span.is_marked:
                break
            marks.append(span.mark())
        return "".join(reversed(marks))

    def opening(self) -> str:
        """The line that names the trace."""
        return f"OPEN {self.trace_id}\n"

    def greeting(self) -> str:
        """The lines that name the trace, and the process until it is given a name."""
        args = f'"args":{{"name":{repaired_string(program_name() or "python")}}}'
        # Without a time it comes before every other name.
        return f'{self.opening()}{{"ph":"M","pid":{self.pid},"name":"process_name",{args}}}\n'

    def notice(self, dropped: int, lost: bool) -> str:
        """The line that reports what is missing."""
        events = "event" if dropped == 1 else "events"
        text = f"tracerd: {dropped} {events} dropped" if dropped else "tracerd: connection lost"
        args = encode({"dropped": dropped, "connection_lost": lost})
        return f'{{{self._where("i")},"s":"p","name":"{text}","cat":"tracerd","args":{args}}}\n'
