"""Spans: what begins, ends, and takes time."""

from __future__ import annotations

import functools
import os
from _thread import get_native_id
from time import monotonic_ns

from tracerd.client.border import keep, kept
from tracerd.client.encode import as_text, repaired_string

TYPE_CHECKING = False  # typing is slow to import
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType
    from typing import Protocol, Self, TypeVar

    class Thread(Protocol):
        """What each thread has of its own."""

        stack: Stack
        """Its open spans that are not asynchronous, the innermost last."""

    class Writer(Protocol):
        """What spans need of the client that they belong to."""

        pid: int
        is_idle: bool
        unfinished: dict[Span, None]

        def wake(self) -> None:
            """Called when a span begins while nothing waits to be sent: it is marked as begun if it lasts."""

        @property
        def thread(self) -> Thread:
            """What this thread has of its own."""
            ...

        def next_id(self) -> int:
            """A number for an asynchronous span, not used before."""
            ...

        def write(self, where: str, name: str, cat: str, args: dict[str, object], end: str = ...) -> None:
            """Write one event; `where` is its fields `ph`, `pid`, `tid` and `ts`, `end` the end of its line."""

    _Function = TypeVar("_Function", bound=Callable[..., object])

_COROUTINE, _GENERATOR, _ASYNC_GENERATOR = 0x80, 0x20, 0x200
"""Flags of code objects; the module inspect is slow to import."""


class Stack(list["Span"]):
    """The open spans of a thread that are not asynchronous, the innermost last; `tid` is the thread."""

    __slots__ = ("tid",)

    def __init__(self, tid: int) -> None:
        self.tid = tid


_NO_STACK = Stack(0)
_LINE_END = "}\n"


class Span:
    """What takes time, from `start` to `end`: a context manager, and a decorator.

    With `async with`, and around a coroutine function, it is an asynchronous span: such spans may overlap on their
    thread. So is any other that ends before one that began later, as in generators, or ends in another thread. One that
    is never ended is written when the process ends, as begun and not ended.

    One that is open when events are sent is marked as begun, in case that the process is killed before it ends.

    Attributes:
        stack: The open spans of the thread where it began.
    """

    __slots__ = ("_args", "_cat", "_client", "_end", "_id", "_name", "_start_us", "stack")

    def __init__(
        self, client: Writer, name: str, cat: str, args: dict[str, object], *, asynchronous: bool = False
    ) -> None:
        self._client = client
        self._name = name
        self._cat = cat
        self._args = args
        self._id = client.next_id() if asynchronous else 0
        self._start_us = 0
        self._end = _LINE_END  # of the line that ends it: may name its mark
        self.stack = _NO_STACK

    @kept(None)
    def set(self, **args: object) -> None:
        """Add to what is shown when the span is selected."""
        self._args.update(args)

    def start(self) -> Self:
        """Begin now, if it is used without `with`."""
        try:
            client = self._client
            if self._start_us:
                self._begin_again()
            if not self._id:
                self.stack = client.thread.stack
                self.stack.append(self)
            self._start_us = monotonic_ns() // 1000
            client.unfinished[self] = None  # then `mark` may be called
            if client.is_idle:
                client.wake()
        except BaseException as error:
            keep(error)
        return self

    def end(self) -> None:
        """End now; only the first end counts, and only in the process where it began."""
        try:
            client = self._client
            end_us = monotonic_ns() // 1000
            try:
                del client.unfinished[self]
            except KeyError:
                return
            start_us = self._start_us
            # What ends out of order crosses others, and Perfetto would drop it from the thread.
            number = self._id or (0 if self._leave(client.thread.stack) else client.next_id())
            if number:
                self._write("b", start_us, self._args, number, self._end)
                self._write("e", end_us, {}, number)
                return
            client.write(
                f'"ph":"X","pid":{client.pid},"tid":{get_native_id()},"ts":{start_us},"dur":{end_us - start_us}',
                self._name,
                self._cat,
                self._args,
                self._end,
            )
        except BaseException as error:
            keep(error)

    def _begin_again(self) -> None:
        """Forget what is left of the last time, which may not have ended."""
        if self not in self._client.unfinished:
            self._end = _LINE_END
        self._leave(self.stack)

    def _leave(self, stack: Stack) -> bool:
        """Remove it from the open spans; whether it is the innermost one of this stack."""
        unfinished = self._client.unfinished
        while stack:
            innermost = stack[-1]
            if innermost is self:
                stack.pop()
                return True
            if innermost in unfinished:
                break
            stack.pop()  # a signal handler raised while it ended
        if self in self.stack:
            self.stack.remove(self)
        return False

    def write_unfinished(self) -> None:
        """Write that it began; Perfetto shows that it did not end."""
        self._write("b" if self._id else "B", self._start_us, self._args, self._id, self._end)

    @property
    def is_marked(self) -> bool:
        """Whether it is marked as begun."""
        return self._end is not _LINE_END

    def mark(self) -> str:
        """The line that marks it as begun; nothing if it has ended meanwhile, in another thread."""
        id_ = os.urandom(8).hex()
        client = self._client
        tid = self.stack.tid or get_native_id()
        self._end = f',"begin":"{id_}"}}\n'
        # In this order: if it has not ended by now, its end will find the mark.
        if self not in client.unfinished:
            return ""
        where = f'"pid":{client.pid},"tid":{tid},"ts":{self._start_us}'
        names = f'"name":{repaired_string(self._name)},"cat":{repaired_string(self._cat)}'
        return f'{{"ph":"M","name":"tracerd_begin",{where},"args":{{"id":"{id_}",{names}}}}}\n'

    def _write(self, phase: str, ts_us: int, args: dict[str, object], number: int, end: str = _LINE_END) -> None:
        client = self._client
        where = f'"ph":"{phase}","pid":{client.pid},"tid":{get_native_id()},"ts":{ts_us}'
        if number:
            # The key of asynchronous spans is their category, which must not be empty, and their id in the process.
            client.write(f'{where},"id2":{{"local":{number}}}', self._name, as_text(self._cat) or "async", args, end)
        else:
            client.write(where, self._name, self._cat, args, end)

    __enter__ = start

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        """End, and name the exception that is on its way."""
        if kind is not None:
            self.set(error=kind.__name__)
        self.end()

    async def __aenter__(self) -> Self:
        """Begin, as an asynchronous span."""
        self._id = self._id or self._client.next_id()
        return self.start()

    async def __aexit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        """As `__exit__`."""
        self.__exit__(kind, error, trace)

    def __call__(self, function: _Function) -> _Function:
        """As a decorator: a span for each call. An asynchronous generator stays as it is."""
        try:
            flags = getattr(getattr(function, "__code__", None), "co_flags", 0)
            wrapped = function if flags & _ASYNC_GENERATOR else self._wrapped(function, flags)
        except BaseException as error:  # some objects that can be called have strange attributes
            keep(error)
            wrapped = function
        return wrapped  # type: ignore[return-value]  # it takes what the function takes

    def _another(self, asynchronous: bool) -> Span:
        return Span(self._client, self._name, self._cat, self._args.copy(), asynchronous=asynchronous or bool(self._id))

    def _wrapped(self, function: Callable[..., object], flags: int) -> Callable[..., object]:
        another = self._another

        def call(*args: object, **kwargs: object) -> object:
            with another(False):
                return function(*args, **kwargs)

        async def call_coroutine(*args: object, **kwargs: object) -> object:
            with another(True):
                return await function(*args, **kwargs)  # type: ignore[misc]  # its flag says so

        def call_generator(*args: object, **kwargs: object) -> Iterator[object]:
            with another(True):
                return (yield from function(*args, **kwargs))  # type: ignore[misc, no-any-return]  # its flag says so

        wrapper: Callable[..., object] = call
        if flags & _COROUTINE:
            wrapper = call_coroutine
        elif flags & _GENERATOR:
            wrapper = call_generator
        return functools.wraps(function)(wrapper)


class NullSpan(Span):
    """The span of a program that is not traced: its methods do nothing. One object serves all."""

    __slots__ = ()

    def __init__(self) -> None:
        pass

    def set(self, **args: object) -> None:
        """Do nothing."""

    def start(self) -> Self:
        """Do nothing."""
        return self

    def end(self) -> None:
        """Do nothing."""

    __enter__ = start

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        """Do nothing."""

    async def __aenter__(self) -> Self:
        """Do nothing."""
        return self

    def __call__(self, function: _Function) -> _Function:
        """Return the function itself."""
        return function
