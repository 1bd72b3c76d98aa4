"""The daemon's log on stderr, written by a thread of its own: no client waits for its reader."""

import logging
import os
import queue
import threading

MAX_WAITING = 1000
"""Lines that may wait for a reader of stderr; later ones are dropped, and counted in the log when it reads again."""

LAST_WORDS_S = 0.5
"""How long the end of the daemon waits for the lines before it."""


class StderrHandler(logging.Handler):
    """Hands log lines to a thread that writes them to a descriptor, whenever that takes them.

    Args:
        fd: Where to.
    """

    def __init__(self, fd: int = 2) -> None:
        super().__init__()
        self._fd = fd
        self._waiting: queue.Queue[str | None] = queue.Queue(MAX_WAITING)
        self._dropped = 0
        self._thread = threading.Thread(target=self._write_all, name="stderr", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Take a record, and never wait."""
        try:
            self._waiting.put_nowait(self.format(record))
        except queue.Full:
            self._dropped += 1

    def close(self) -> None:
        """Write what waits, if it can be written soon."""
        try:
            self._waiting.put_nowait(None)
        except queue.Full:
            return
        self._thread.join(LAST_WORDS_S)
        super().close()

    def _write_all(self) -> None:
        while (line := self._waiting.get()) is not None:
            dropped, self._dropped = self._dropped, 0
            if dropped:
                line += f"\n{dropped} earlier lines were left out: stderr was not being read"
            try:
                rest = line.encode(errors="backslashreplace") + b"\n"
                while rest:
                    rest = rest[os.write(self._fd, rest) :]
            except OSError:  # stderr is closed, or its disk is full: nothing can be reported
                continue
