"""The one error of telemetry, with a code that does not change."""

from typing import Literal

from tracerd.errors import TracerdError

Code = Literal["tracerd.telemetry.io", "tracerd.telemetry.format"]


class TelemetryError(TracerdError):
    """Raised when an event or a consent file cannot be read or written.

    Args:
        code: What kind it is: of input and output, or of what a file holds.
        message: One line for a person.
    """

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code: Code = code


def io_error(what: str, error: OSError) -> TelemetryError:
    """An error of the system while something was done: `cannot write /x: Permission denied`."""
    return TelemetryError("tracerd.telemetry.io", f"{what}: {error.strerror or error}")
