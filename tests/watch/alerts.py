"""Alerts as tests make them."""

from tests.watch.logs import T0_US
from tracerd.watch.alerts import Alert
from tracerd.watch.rules import US
from tracerd.watch.states import Kind


def alert(
    service: str = "api", severity: str = "high", state: Kind = Kind.FIRING, message: str = "23 errors in 60 s"
) -> Alert:
    window = (T0_US - 60 * US, T0_US)
    return Alert(
        T0_US, "build-42", "error_spike", {"service": service}, state, severity, 23, 20, window, None, message
    )  # fmt: skip
