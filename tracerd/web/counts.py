"""What the server counts of itself, and `GET /metrics`: it and the daemon's totals, as Prometheus reads them."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from tracerd.daemon.status import DaemonStatus

MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


_Labels = tuple[tuple[str, str], ...]


class Counts:
    """What was answered.

    Attributes:
        in_work: Requests that are not answered yet.
        streams: Streams that are open.
    """

    def __init__(self) -> None:
        self._answers: Counter[tuple[str, int]] = Counter()
        self._seconds: Counter[str] = Counter()
        self.in_work = 0
        self.streams = 0

    def take(self, route: str, status: int, seconds: float) -> None:
        """Count an answer."""
        self._answers[route, status] += 1
        self._seconds[route] += seconds  # type: ignore[assignment]  # a Counter of floats adds as well

    def text(self, daemon: DaemonStatus | None) -> str:
        """The text of `GET /metrics`."""
        return "".join(f"{line}\n" for line in [*self._own(), *_of_daemon(daemon)])

    def _own(self) -> Iterator[str]:
        answers: dict[_Labels, int] = {
            (("route", route), ("status", str(status))): n for (route, status), n in self._answers.items()
        }
        yield from _metric("tracerd_web_requests_total", "counter", "Requests that were answered.", answers)
        seconds: dict[_Labels, float] = {(("route", route),): value for route, value in self._seconds.items()}
        yield from _metric("tracerd_web_request_seconds_total", "counter", "Time that they took.", seconds)
        yield from _metric("tracerd_web_requests_in_work", "gauge", "Requests in work.", {(): self.in_work})
        yield from _metric("tracerd_web_streams", "gauge", "Open streams.", {(): self.streams})


def _of_daemon(daemon: DaemonStatus | None) -> Iterator[str]:
    yield from _metric("tracerd_up", "gauge", "Whether a daemon answers.", {(): int(daemon is not None)})
    if daemon is None:
        return
    totals = daemon.totals
    events: dict[_Labels, int] = {
        (("outcome", name),): count
        for name, count in (
            ("stored", totals.stored), ("repaired", totals.repaired), ("refused", totals.refused), ("lost", totals.lost)
        )
    }  # fmt: skip
    yield from _metric("tracerd_events_total", "counter", "Event lines since the daemon's start.", events)
    yield from _metric("tracerd_clients", "gauge", "Clients of the daemon.", {(): max(daemon.clients - 1, 0)})
    yield from _metric("tracerd_open_traces", "gauge", "Traces with clients.", {(): len(daemon.traces)})
    yield from _metric("tracerd_uptime_seconds", "gauge", "Since the daemon's start.", {(): daemon.uptime_s})


def _metric(name: str, kind: str, meaning: str, values: Mapping[_Labels, int | float]) -> Iterator[str]:
    yield f"# HELP {name} {meaning}"
    yield f"# TYPE {name} {kind}"
    for labels, value in sorted(values.items()):
        written = ",".join(f'{key}="{text}"' for key, text in labels)
        yield f"{name}{{{written}}} {value}" if written else f"{name} {value}"
