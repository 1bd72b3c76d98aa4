"""Logs as watched programs write them, and a watch whose clock is an argument."""

import json
from collections.abc import Collection, Mapping

from tracerd.core.own_prefixes import CLOCK_PREFIX
from tracerd.watch.alerts import Alert
from tracerd.watch.presence import Pid
from tracerd.watch.rules import DEFAULT_RULES, US, parse_rules
from tracerd.watch.traces import WatchedTraces

T0_US = 1_768_464_000 * US
"""2026-01-15T08:00:00Z: a multiple of all windows and cooldowns."""

BOOT_US = T0_US - 1000 * US
"""When the clock of `ts` was 0."""

CLOCK = CLOCK_PREFIX + b'"args":{"monotonic_us":%d,"boottime_us":0,"realtime_us":%d}}\n' % (0, BOOT_US)


def line(at_s: float, ph: str, pid: Pid = 1, **fields: object) -> bytes:
    """An event so many seconds after T0."""
    event = {"ph": ph, "name": "x", "ts": round((at_s + 1000) * US), "pid": pid, "tid": 1} | fields
    return json.dumps(event).encode() + b"\n"


def named(pid: Pid, name: str) -> bytes:
    return line(-1, "M", pid, name="process_name", args={"name": name})


def error(at_s: float, service: str = "api", pid: Pid = 1) -> bytes:
    return line(at_s, "i", pid, cat="log", args={"level": "error", "message": "no", "service": service})


def span(at_s: float, dur_s: float, service: str = "api", pid: Pid = 1) -> bytes:
    return line(at_s, "X", pid, dur=round(dur_s * US), args={"service": service})


def us(at_s: float) -> int:
    return T0_US + round(at_s * US)


class Clocked:
    """A watch of trace `t`, with the time in seconds after T0.

    Args:
        start_s: When it starts.
        log: What is in the log by then.
        rules: Its rules.
        connected: Who has a connection.
    """

    def __init__(
        self, start_s: float = 0, log: bytes = CLOCK, rules: str = DEFAULT_RULES, connected: Collection[Pid] = ()
    ) -> None:
        self.warnings: list[str] = []
        self.gone: set[Pid] = set()
        self.traces = WatchedTraces(*parse_rules(rules, "rules"), self.warnings.append)
        if log:
            self.traces.feed("t", log, us(start_s))
        self.traces.end_replay(us(start_s), self._clients(connected), self.gone.__contains__)

    def _clients(self, connected: Collection[Pid]) -> Mapping[str, Collection[Pid]]:
        return {"t": connected} if connected else {}

    def feed(self, at_s: float, *lines: bytes) -> None:
        self.traces.feed("t", b"".join(lines), us(at_s))

    def judge(self, at_s: float, connected: Collection[Pid] = ()) -> list[str]:
        """What is reported then."""
        found = self.traces.judge(us(at_s))
        found += self.traces.judge_presence(us(at_s), self._clients(connected), self.gone.__contains__)
        return [shown(alert) for alert in found]

    def lasting(self, at_s: float) -> list[str]:
        return [shown(alert) for alert in self.traces.lasting(us(at_s))]


def shown(alert: Alert) -> str:
    """An alert in short: seconds after T0, what happened, where, and the message."""
    at_s = (alert.time_us - T0_US) / US
    return f"{at_s:g} {alert.state} {alert.severity} {alert.rule} {alert.key_text}: {alert.message}"
