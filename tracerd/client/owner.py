"""What an outbox needs of the client that it belongs to; for type checkers only."""

from __future__ import annotations

from typing import Protocol


class Owner(Protocol):
    """What an outbox needs of the client that it belongs to."""

    is_idle: bool

    @property
    def has_unmarked(self) -> bool:
        """Whether `marks` would return lines."""
        ...

    def marks(self) -> str:
        """The lines that mark what is open as begun, if that has not been done."""
        ...

    def begin(self) -> bool:
        """Called before the first line of a process, and again after pauses.

        Returns:
            Whether `end` will be called at an orderly end, though this is the child of a fork.
        """
        ...

    def opening(self) -> str:
        """The line that names the trace."""
        ...

    def greeting(self) -> str:
        """That line, and those that a connection for events begins with."""
        ...

    def notice(self, dropped: int, lost: bool) -> str:
        """The line that reports how many events were dropped, and whether a connection was lost."""
        ...
