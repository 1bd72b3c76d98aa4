"""Signals that end a program, taken only where nothing is left behind."""

import signal
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Self


class Interrupts:
    """Ctrl-C, SIGTERM and SIGHUP while the demo runs: raised where it waits, and only noted everywhere else.

    So none of them can come between the start of something and the note of how to end it.
    """

    def __init__(self) -> None:
        self._caught = 0
        self._allowed = False
        self._before: dict[int, object] = {}

    def __enter__(self) -> Self:
        """Handle them, except those that are ignored, as `nohup` makes SIGHUP."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) != signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Handle them as before; raise what was noted too late."""
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what signal() has returned
        if self._caught and kind is None:
            self._raise()

    @contextmanager
    def allowed(self) -> Generator[None]:
        """For the time of the body."""
        self._allowed = True
        try:
            if self._caught:
                self._raise()
            yield
        finally:
            self._allowed = False

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        self._caught = self._caught or number
        if self._allowed:
            self._raise()

    def _raise(self) -> None:
        self._allowed = False
        if self._caught == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(128 + self._caught)
