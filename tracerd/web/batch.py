"""What a request with items brings: events by trace, and what of it could not be stored."""

from collections.abc import Callable, Generator, Iterable
from contextlib import ExitStack, closing, contextmanager
from typing import Final

import msgspec

from tracerd.errors import InvalidTraceIdError
from tracerd.importers.formats.otlp import pid_of
from tracerd.importers.otlp_requests import digits_of, lines_of, place
from tracerd.importers.timeline import Timeline, text_id
from tracerd.importers.tree import Tree
from tracerd.trace_id import TraceId
from tracerd.web.answers import Refusal, bad_request
from tracerd.web.items import Item, ItemError, read
from tracerd.web.recorder import Recorder

MAX_ERRORS: Final = 100
"""Of the items that were rejected so many are named."""

_SHOWN: Final = 3


class Trace:
    """The events of a request that go to one trace.

    Attributes:
        timeline: The events.
        tree: The spans, which are put into it at the end.
        lines: Lines that have no time.
    """

    def __init__(self) -> None:
        self.timeline = Timeline()
        self.tree = Tree(self.timeline)
        self.lines: list[bytes] = []

    def process(self, name: str) -> str:
        """The key of a process, which has the same pid in all requests."""
        key = str(text_id("process", name))
        self.timeline.process(key, name, number=pid_of(key))
        return key


class Batch:
    """Takes items, and stores what they make.

    Args:
        recorder: Stores it.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._boot_ns = recorder.wall_offset_ns()
        self._traces: dict[str, Trace] = {}
        self._accepted = 0
        self._rejected = 0
        self._errors: list[dict[str, object]] = []

    def take(self, raws: Iterable[msgspec.Raw], add: Callable[[Item], None], name: str = "") -> None:
        """Take items, each of which is added, or rejected with its index."""
        for index, raw in enumerate(raws):
            self.take_one(raw, add, index, f"{name}[{index}]")

    def take_one(
        self, raw: msgspec.Raw | bytearray, add: Callable[[Item], None], index: int | None, name: str = ""
    ) -> None:
        """Take an item; one without an index is none of a list."""
        try:
            add(read(raw))
            self._accepted += 1
        except ItemError as error:
            self._reject(index, f"{name}: {error}" if name and index is None else str(error))

    def _reject(self, index: int | None, why: str, count: int = 1) -> None:
        self._rejected += count
        if len(self._errors) < MAX_ERRORS:
            self._errors.append({"index": index, "error": why})

    def trace(self, service: str, at_ns: int, trace_id: str = "") -> Trace:
        """The trace that something goes to.

        Args:
            service: What it is of.
            at_ns: When it was.
            trace_id: The 32 digits of a trace; it goes there if there is such a log.

        Raises:
            ItemError: It was at a time that no trace has.
        """
        return self._trace(service, at_ns, self._recorder.log_of(digits_of(trace_id)) if trace_id else None)

    def own_trace(self, name: str, trace_id: str, at_ns: int) -> Trace:
        """The trace of an id, which is made if there is none.

        Raises:
            ItemError: No trace is called so, or has such a time.
        """
        try:
            own = self._recorder.log_of(digits_of(trace_id)) or TraceId(trace_id)
        except InvalidTraceIdError as error:
            raise ItemError(f"{name}: {error}") from None
        return self._trace("", at_ns, own)

    def _trace(self, service: str, at_ns: int, own: str | None) -> Trace:
        try:
            name = place(service, at_ns, self._boot_ns, own)
        except ValueError as error:
            raise ItemError(str(error)) from None
        return self._traces.setdefault(name, Trace())

    def store(self) -> dict[str, object]:
        """Store everything.

        Returns:
            How many items were accepted and rejected, and why.

        Raises:
            Refusal: Nothing was stored.
            NoDaemonError: No daemon takes it.
        """
        if self._rejected and not self._accepted:
            some = "; ".join(str(error["error"]) for error in self._errors[:_SHOWN])
            raise bad_request(f"nothing of it can be stored: {some}")
        with self._closing(), self._recorder.sending() as sending:
            for name, trace in self._traces.items():
                trace.tree.put()
                sending.send(name, trace.lines)
                sending.send(name, lines_of(trace.timeline, name, self._boot_ns))
            stored = sending.finish()
        if stored.missing:
            missing = min(stored.missing, self._accepted)
            if missing == self._accepted:
                raise Refusal("INSUFFICIENT_STORAGE", stored.reason)
            self._accepted -= missing
            self._reject(None, stored.reason, missing)
        counts: dict[str, object] = {"accepted": self._accepted, "rejected": self._rejected}
        return {**counts, "errors": self._errors} if self._errors else counts

    @contextmanager
    def _closing(self) -> Generator[None]:
        with ExitStack() as stack:
            for trace in self._traces.values():
                stack.enter_context(closing(trace.timeline.records))
            yield
