"""A handler of the module logging: log records become events of the trace."""

import logging
import traceback

import tracerd.client
from tracerd.client.border import keep, kept
from tracerd.client.encode import as_text

MAX_TRACEBACK = 8000
"""Characters of a traceback that are kept: its end, where the exception is."""

_LEVELS = ((50, "critical"), (40, "error"), (30, "warning"), (20, "info"))

_OWN = frozenset((*logging.makeLogRecord({}).__dict__, "asctime", "message", "taskName"))
"""What a record has by itself; all else was given as `extra`."""


class LogHandler(logging.Handler):
    """Writes each record to the trace, and nowhere else.

        logging.getLogger().addHandler(LogHandler())

    `args` have the logger, the file and the line, of an exception `error` and `traceback`, and what is given as
    `extra`; a key that is taken is written `extra.key`.

    Args:
        client: For which trace; by default that of the environment.
        level: What is less important is left out.
    """

    def __init__(self, client: "tracerd.client.Client | None" = None, level: int | str = logging.NOTSET) -> None:
        super().__init__(level)
        self._client = client

    @kept(None)
    def emit(self, record: logging.LogRecord) -> None:
        """Write one record; never raises. One with wrong arguments is written as it is: other handlers report that."""
        client = self._client or tracerd.client.default_client()
        if client is None:
            return
        try:
            message = record.getMessage()
        except BaseException as error:
            keep(error)
            message = record.msg
        args: dict[str, object] = {"logger": record.name, "file": record.filename, "line": record.lineno}
        if record.exc_info and record.exc_info[1] is not None:
            args |= _of_exception(record.exc_info[1])
        for key, value in record.__dict__.items():
            if key not in _OWN:
                args[f"extra.{key}" if key in args or key == "level" else key] = value
        client.log(_level(record.levelno), message, **args)


def _level(number: int) -> str:
    """A level by its number: programs rename levels, and have their own between them."""
    return next((name for least, name in _LEVELS if number >= least), "debug")


def _of_exception(error: BaseException) -> dict[str, object]:
    """An exception as one line, and its traceback."""
    name = type(error).__name__
    text = as_text(error)
    found: dict[str, object] = {"error": f"{name}: {text}" if text else name}
    try:
        found["traceback"] = "".join(traceback.format_exception(error))[-MAX_TRACEBACK:]
    except BaseException as fault:
        keep(fault)
    return found
