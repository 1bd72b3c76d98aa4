"""A handler of the module logging: log records become events of the trace."""

import logging

import tracerd.client
from tracerd.client.border import keep, kept


class LogHandler(logging.Handler):
    """Writes each record to the trace, and nowhere else.

        logging.getLogger().addHandler(LogHandler())

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
        if record.exc_info and record.exc_info[0] is not None:
            args["error"] = record.exc_info[0].__name__
        client.log(record.levelname.lower(), message, **args)
