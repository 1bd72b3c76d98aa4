"""A process of a trace: what its events say of it."""

from dataclasses import dataclass, field

from tracerd.rows.spans import Id


@dataclass(slots=True)
class Process:
    """A process of a trace.

    Attributes:
        pid: As Perfetto takes it: 0 without one; a string is a name.
        name: What its events call it; empty if they do not.
        threads: The names of its threads that have one.
        events: How many events it has written, metadata too.
        errors: How many of them report an error.
        start: When its first event is, in ns; None if it has written nothing but metadata.
        end: When its last event is over.
    """

    pid: Id
    name: str = ""
    threads: dict[Id, str] = field(default_factory=dict[Id, str])
    events: int = 0
    errors: int = 0
    start: int | None = None
    end: int = 0

    @property
    def dur(self) -> int:
        """From its first event to the end of its last one, in ns."""
        return 0 if self.start is None else self.end - self.start

    def reach(self, start: int, end: int) -> None:
        """Take note of an event, or of the first and the last one, in ns."""
        if self.start is None:
            self.start = start
            self.end = end
            return
        if start < self.start:
            self.start = start
        if end > self.end:
            self.end = end
