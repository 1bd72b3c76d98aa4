"""What a reader of a whole trace implements: it gets each event, and each span that Perfetto makes of them."""

from typing import Final, Protocol

from tracerd.replay.events import Event
from tracerd.replay.threads import Thread

NO_PARENT: Final = -1
"""The parent of an outermost span."""


class Record(Protocol):
    """Takes the spans of one track, in the order in which they begin.

    Attributes:
        pid: The process of what begins next.
    """

    pid: int | str | None

    def begun(
        self,
        ts: int,
        dur: int,
        name: int,
        cat: int,
        line_no: int,
        parent: int,
        is_instant: bool,
        is_overlapping: bool,
        /,
    ) -> int:
        """Take a span that begins.

        Args:
            ts: In nanoseconds, as all times here.
            dur: PENDING until its end is known.
            name: Its number in Names.
            cat: The same for its cat.
            line_no: Where it stands.
            parent: What was returned for the span around it; NO_PARENT if there is none.
            is_instant: It is none, but an instant among the spans.
            is_overlapping: It overlaps others, or lies too deep, and so is shown on a row of its own or not at all.

        Returns:
            What this span is called from now on.
        """
        ...

    def ended(self, at: int, dur: int, line_no: int | None, /) -> None:
        """Take the end of a span that was PENDING: by an event, or because the span around it has ended."""
        ...


class Observer(Protocol):
    """Takes what a log holds."""

    def take(self, line_no: int, event: Event, thread: Thread, ts: int, dur: int, /) -> None:
        """Take an event, in the order of the log; one with a negative ts is dropped."""
        ...

    def track(self, pid: int | str | None, tid: int | str | None, /) -> Record:
        """The record for a track: of a thread, of a process (no tid), of async spans or global instants (neither)."""
        ...
