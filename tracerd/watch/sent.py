"""Which alerts were sent to channels and not ended: no log knows that, so it is kept in a file."""

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import msgspec

from tracerd.watch.alerts import Alert, local_time, of_end
from tracerd.watch.rules import WatchRule
from tracerd.watch.states import Kind

Place = tuple[str, str, tuple[tuple[str, str], ...]]
"""Trace, rule, and key."""


class _Begun(msgspec.Struct):
    trace: str
    rule: str
    key: dict[str, str]
    severity: str
    since_us: int


def place_of(alert: Alert) -> Place:
    """What an alert has in common with those that follow it."""
    return alert.trace, alert.rule, tuple(alert.key.items())


class Sent:
    """The alerts that were sent and have not been ended.

    Args:
        path: Where they are kept between runs; there is no file while there are none.
        rules: The rules.
        warn: Is called once if the file cannot be written.
    """

    def __init__(self, path: Path, rules: Mapping[str, WatchRule], warn: Callable[[str], None]) -> None:
        self._path = path
        self._rules = rules
        self._warn: Callable[[str], None] | None = warn
        self._begun: dict[Place, _Begun] = {}
        with suppress(OSError, msgspec.DecodeError):  # without it alerts that last are sent once more
            for one in msgspec.json.decode(path.read_bytes(), type=list[_Begun]):
                self._begun[one.trace, one.rule, tuple(one.key.items())] = one

    def at_start(self, lasting: Iterable[Alert], ended: Mapping[Place, Alert], now_us: int | None) -> list[Alert]:
        """What is to be sent at the start.

        Args:
            lasting: The alerts that last.
            ended: The ends that the logs of the last day tell.
            now_us: The time; None to send no end, because it is not known what has ended.

        Returns:
            What lasts and was not sent, or only as less severe, and the end of what was sent and does not last.
        """
        known = {place_of(alert): alert for alert in lasting}
        found = [alert for place, alert in known.items() if self._is_news(place, alert)]
        if now_us is not None:
            for place, begun in self._begun.items():
                if place not in known:
                    end = ended.get(place)
                    if end is None:
                        end = of_end(begun.trace, begun.rule, begun.key, begun.severity, begun.since_us, now_us)
                    else:
                        end = replace(end, message=f"{end.message}, at {local_time(end.time_us, '%H:%M:%S')}")
                    found.append(end)
        return self.take(found)

    def _is_news(self, place: Place, alert: Alert) -> bool:
        begun = self._begun.get(place)
        return begun is None or begun.severity != alert.severity

    def take(self, alerts: Iterable[Alert]) -> list[Alert]:
        """Those of some alerts that are to be sent: an end only if the begin was."""
        before = dict(self._begun)
        found = [alert for alert in alerts if self._is_to_be_sent(alert)]
        if self._begun != before:
            self._write()
        return found

    def _is_to_be_sent(self, alert: Alert) -> bool:
        place = place_of(alert)
        if alert.state == Kind.RESOLVED:
            return self._begun.pop(place, None) is not None
        if alert.rule in self._rules and self._rules[alert.rule].source != "unfinished":
            since_us = alert.time_us if alert.since_us is None else alert.since_us
            self._begun[place] = _Begun(alert.trace, alert.rule, alert.key, alert.severity, since_us)
        return True

    def _write(self) -> None:
        try:
            if not self._begun:
                self._path.unlink(missing_ok=True)
                return
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft = self._path.with_suffix(f".{os.getpid()}")
            draft.write_bytes(msgspec.json.encode([*self._begun.values()]))
            draft.replace(self._path)
        except OSError as error:
            if self._warn is not None:
                self._warn(f"cannot write {self._path}, so the next run may send alerts again: {error.strerror}")
                self._warn = None
