"""The daemon's log on stderr, written by a thread of its own: no client waits for its reader."""

import json
import logging
import os
import queue
import threading
from datetime import UTC, datetime

from tracerd.text import encodable, plural

TEXT_FORMAT = "%(asctime)s %(levelname)s %(message)s"

MAX_WAITING = 1000
"""Lines that may wait for a reader of stderr; later ones are dropped, and counted in the log when it reads again."""

LAST_WORDS_S = 0.5
"""How long the end of the daemon waits for the lines before it."""


class JsonFormatter(logging.Formatter):
    """A record as one JSON object in one line: `time`, `level`, `message`, and what else there is of it.

    The attribute `trace` of a record is its trace; `traceback` is that of an exception.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The line, without a newline."""
        time = datetime.fromtimestamp(record.created, UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")
        entry = {"time": f"{time}Z", "level": record.levelname.lower(), "message": record.getMessage()}
        if trace := getattr(record, "trace", ""):
            entry["trace"] = trace
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        # A name of a file may hold bytes that are no UTF-8, which are no JSON either.
        return json.dumps({key: encodable(value) for key, value in entry.items()}, ensure_ascii=False)


class StderrHandler(logging.Handler):
    """Hands log lines to a thread that writes them to a descriptor, whenever that takes them.

    Args:
        fd: Where to.
        as_json: Whether a line is a JSON object.
    """

    def __init__(self, fd: int = 2, *, as_json: bool = False) -> None:
        super().__init__()
        self.setFormatter(JsonFormatter() if as_json else logging.Formatter(TEXT_FORMAT))
        self._as_json = as_json
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

    def _left_out(self, count: int) -> str:
        text = f"{plural(count, 'earlier line')} left out: stderr was not being read"
        record = logging.LogRecord(__name__, logging.WARNING, "", 0, text, None, None)
        return self.format(record) if self._as_json else text

    def _write_all(self) -> None:
        reported = 0
        while (line := self._waiting.get()) is not None:
            dropped = self._dropped  # counted by the other thread, so it is never set here
            if dropped > reported:
                line += f"\n{self._left_out(dropped - reported)}"
                reported = dropped
            try:
                rest = line.encode(errors="backslashreplace") + b"\n"
                while rest:
                    rest = rest[os.write(self._fd, rest) :]
            except OSError:  # stderr is closed, or its disk is full: nothing can be reported
                continue
