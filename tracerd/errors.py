"""Errors raised on purpose: each has one line that names the problem and what to do."""


class TracerdError(Exception):
    """Base of all errors that tracerd raises on purpose; `str()` is one line for a person."""


class InvalidTraceIdError(TracerdError):
    """Raised when a text cannot be a trace id."""


class InUseError(TracerdError):
    """Raised when another daemon holds the socket, the directory or a log."""


class UnsafePathError(TracerdError):
    """Raised when a socket, a directory or a log lies where other users could interfere, or is no regular file."""


class NotAFileError(UnsafePathError):
    """Raised when something that is no regular file lies in the place of one of ours."""


class LogFullError(TracerdError):
    """Raised when a log has reached the size that it may have."""


class ExportError(TracerdError):
    """Raised when a trace.json cannot be written."""


class NoSuchTraceError(TracerdError):
    """Raised when no log, or more than one, fits what the user named."""


class NoDaemonError(TracerdError):
    """Raised when no daemon answers on the socket, or none could be started."""


class NoAnswerError(NoDaemonError):
    """Raised when a daemon runs, but does not answer in time."""


class NoProcessTracerError(TracerdError):
    """Raised when strace is missing or may not trace."""


class ShimError(TracerdError):
    """Raised when shims cannot be made."""


class DemoError(TracerdError):
    """Raised when the demo could not be recorded."""


class PassedSocketError(TracerdError):
    """Raised when a service manager passes something that is no listening Unix socket."""


class StartError(TracerdError):
    """Raised when a daemon in the background did not get ready."""


class ViewError(TracerdError):
    """Raised when a trace cannot be shown."""


class ChannelError(TracerdError):
    """Raised when a channel of alerts is not as it should be."""


class ImportFileError(TracerdError):
    """Raised when a file of another tool cannot be imported; the message follows the file's name."""


class QueryError(TracerdError):
    """Raised when the text of an expression or a tracker is wrong.

    Args:
        source: Where the text is from: a file, or an option.
        line: The line of the fault, from 1.
        column: Its column in characters, from 1.
        reason: What is wrong.

    Attributes:
        line: The line.
        column: The column.
    """

    def __init__(self, source: str, line: int, column: int, reason: str) -> None:
        super().__init__(f"{source}:{line}:{column}: {reason}")
        self.line = line
        self.column = column


class InvalidEventError(TracerdError):
    """Raised when an event is not as its tracker declares."""


def reason_of(error: Exception) -> str:
    """Why, for a person: of the system's errors without number and path."""
    return (isinstance(error, OSError) and error.strerror) or str(error)


class WebError(TracerdError):
    """Raised when the web server cannot start."""


class ApiError(TracerdError):
    """Raised when `tracerd web` refuses a request, or does not answer it.

    Args:
        message: Why, in a line for a person.
        code: A word for programs: one of docs/web.md, or one of `tracerd.web_client`.
        status: The status of HTTP; 0 if there was no answer.
        retry_after_s: When to try again, in seconds; None if the server does not say.

    Attributes:
        code: The code.
        status: The status.
        retry_after_s: When to try again.
    """

    def __init__(self, message: str, code: str, status: int = 0, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.retry_after_s = retry_after_s
