"""What would have been reported of traces that are there."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final, NamedTuple

from tracerd.query.tracker_tree import PRESENCE
from tracerd.rows.source import Source
from tracerd.watch.alerts import Alert
from tracerd.watch.presence import Pid
from tracerd.watch.processes import is_gone
from tracerd.watch.rules import WatchRule
from tracerd.watch.states import Kind
from tracerd.watch.trace import Program, WatchedTrace
from tracerd.watch.traces import in_order

ALL_TIME: Final = -(2**62)
NO_END: Final = float("inf")


class Replayed(NamedTuple):
    """What was found in a trace.

    Attributes:
        alerts: All alerts, also those of windows that have not begun.
        is_final: Whether they stay the same while the log does: no alert lasts, no process of it is
            connected, or may still vanish.
    """

    alerts: list[Alert]
    is_final: bool


def alerts_of(
    source: Source,
    blocks: Callable[[], Iterable[bytes]],
    programs: Iterable[Program],
    rules: Mapping[str, WatchRule],
    connected: Collection[Pid],
    now_us: int,
    warn: Callable[[str], None],
) -> list[Alert]:
    """All alerts of one trace, in the order of time.

    A window that is not over counts with what it holds, for a run is judged when it has ended; but it ends no alert,
    since more may come. Windows after the last event are good ones: they end what lasted until then.

    Args:
        source: The trace.
        blocks: Reads it once more, from its begin.
        programs: Those of the rules.
        rules: The rules.
        connected: The processes that have a connection for it.
        now_us: The time.
        warn: Is called with what is wrong, in a line.
    """
    source.keep()
    found = replayed(source.trace_id, source.blocks(), blocks, programs, rules, connected, now_us, warn)
    return by(now_us, found.alerts)


def replayed(
    trace: str,
    names: Iterable[bytes],
    blocks: Callable[[], Iterable[bytes]],
    programs: Iterable[Program],
    rules: Mapping[str, WatchRule],
    connected: Collection[Pid],
    now_us: int,
    warn: Callable[[str], None],
) -> Replayed:
    """What is found in a trace.

    Args:
        trace: Its id.
        names: Its blocks, for the names of its processes.
        blocks: Reads it once more; this and the others are as those of `alerts_of`.
        programs: Those of the rules.
        rules: The rules.
        connected: The processes that have a connection for it.
        now_us: The time.
        warn: Is called with what is wrong, in a line.
    """
    presence = [rule for rule in rules.values() if rule.source in PRESENCE]
    watched = WatchedTrace(trace, programs, presence, ALL_TIME, warn)
    watched.names.take(names)
    found: list[Alert] = []
    for block in blocks():
        found += watched.replay(block, NO_END)
    watched.note_gone(lambda pid: pid not in connected and is_gone(pid), None)
    found += [*watched.judge_all(now_us), *watched.judge_presence(now_us, connected, is_gone)]
    return Replayed(found, not (connected or watched.has_open_spans or watched.has_lasting_alerts))


def by(now_us: int, found: Iterable[Alert]) -> list[Alert]:
    """Those of the alerts of one trace that are to be reported by now, in the order of time."""
    return in_order(_by(now_us, found))


def _by(now_us: int, found: Iterable[Alert]) -> Iterator[Alert]:
    """What is to be reported by now. A log whose clock is ahead of ours is judged as it is."""
    for alert in found:
        start_us, end_us = alert.window_us
        if not start_us <= now_us < end_us:
            yield alert
        elif alert.state in (Kind.FIRING, Kind.ESCALATED):
            yield replace(alert, time_us=now_us)


def least_rows(program: Program) -> int:
    """So many rows a trace must have before a rule of a program can fire."""
    return min(max(rule.minimum, int(rule.thresholds[0].above) + 1 if rule.is_count else 1) for rule in program.rules)


def rows_at_most(relation: str, blocks: Iterable[bytes]) -> int:
    """A number of rows that a trace does not exceed: found without decoding one."""
    return sum(_rows_at_most(relation, block) for block in blocks)


def _rows_at_most(relation: str, block: bytes) -> int:
    is_plain = relation == "logs" and block.rfind(b"\\u00") < 0
    return block.count(b'"log"') if is_plain else block.count(b"\n") + 1
