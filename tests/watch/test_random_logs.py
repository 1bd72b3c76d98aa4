"""Random logs: what holds of every alert, however programs write, and whenever the watch is started."""

from collections.abc import Iterable
from pathlib import Path
from random import Random

import pytest

from tests.watch.histories import check_order
from tests.watch.logs import CLOCK, Clocked, error, line, named, span, us
from tracerd.rows.source import find_trace
from tracerd.watch.alerts import Alert
from tracerd.watch.once import alerts_of
from tracerd.watch.rules import DEFAULT_RULES, parse_rules
from tracerd.watch.states import Kind
from tracerd.watch.trace import programs_of

MINUTE = 60.0
HOUR = 60 * MINUTE

TRACKERS, RULES = parse_rules(DEFAULT_RULES, "usual")
PROGRAMS = programs_of(TRACKERS, RULES)


def random_lines(random: Random, minutes: int = 40) -> list[tuple[float, bytes]]:
    """What two services write, with bursts of errors, slow spans and late events, and when it arrives."""
    found: list[tuple[float, bytes]] = []
    for service in ("api", "db"):
        minute = 0
        while minute < minutes:
            count = random.choice([0, 0, 3, 11, 25, 60])
            for _ in range(count):
                at = minute * MINUTE + random.random() * MINUTE
                late = random.choice([0, 0, 0, 0, 30, 100, 250, 500])
                slow = random.choice([0.1, 1.5, 2.5, 4.0, 100.0])
                is_span = random.random() < 0.6
                arrives = at + (slow if is_span else 0) + late
                found.append((arrives, span(at, slow, service) if is_span else error(at, service)))
            minute += random.randint(1, 3)
    return sorted(found, key=lambda pair: pair[0])


def by_key(alerts: Iterable[Alert]) -> dict[tuple[str, str], list[Alert]]:
    """Alerts by their rule and key, in their order."""
    found: dict[tuple[str, str], list[Alert]] = {}
    for alert in alerts:
        found.setdefault((alert.rule, alert.key_text), []).append(alert)
    return found


def once(path: Path, now_s: float) -> list[Alert]:
    """What `watch --once` reports."""
    source = find_trace(path.parent, str(path))
    return alerts_of(source, source.blocks, PROGRAMS, RULES, (), us(now_s), lambda _: None)


@pytest.mark.parametrize(
    "count", [pytest.param(20, id="a few"), pytest.param(10_000, id="whole", marks=pytest.mark.long)]
)
def test_every_alert_resolves_after_the_last_event_of_its_log(tmp_path: Path, count: int) -> None:
    """Live, and of a log that is judged once when it has ended: nothing stays open, and none fires twice."""
    fired = 0
    path = tmp_path / "t.jsonl"
    for seed in range(count):
        random = Random(seed)
        arriving = random_lines(random, minutes=random.randint(1, 8))
        watched, live = Clocked(), list[Alert]()
        for at, arrived in arriving:
            watched.feed(at, arrived)
            if random.random() < 0.1:
                live += watched.traces.judge(us(at))
        ended = max([10 * MINUTE, *(at for at, _ in arriving)])  # all that is late has come, and lies before
        live += watched.traces.judge(us(ended + 3 * MINUTE))
        path.write_bytes(CLOCK + b"".join(arrived for _, arrived in arriving))
        judged = once(path, ended + 3 * MINUTE)

        for alerts in (*by_key(live).values(), *by_key(judged).values()):
            check_order(alerts)
        assert by_key(judged).keys() <= by_key(live).keys(), seed
        assert watched.lasting(ended + 3 * MINUTE) == []
        fired += len(judged)
    assert fired > count


@pytest.mark.parametrize("count", [pytest.param(15, id="a few"), pytest.param(200, id="many", marks=pytest.mark.long)])
def test_a_restart_at_any_point_repeats_nothing_and_loses_nothing(count: int) -> None:
    reported = 0
    for seed in range(count):
        random = Random(seed)
        arriving = random_lines(random)
        moments = sorted(random.uniform(0, HOUR) for _ in range(60))
        restart = random.randrange(len(moments))
        whole, again = Clocked(), Clocked()
        log = CLOCK
        for number, at in enumerate(moments):
            while arriving and arriving[0][0] <= at:
                _, arrived = arriving.pop(0)
                log += arrived
                whole.feed(at, arrived)
                again.feed(at, arrived)
            expected = whole.judge(at)
            assert again.judge(at) == expected, (seed, number, restart)
            reported += len(expected)
            if number == restart:
                again = Clocked(start_s=at, log=log)
                assert again.lasting(at) == whole.lasting(at)
        assert whole.judge(2 * HOUR) == again.judge(2 * HOUR)
        assert whole.lasting(2 * HOUR) == []
    assert reported > count


SILENCE = "tracker t { watch { silent: silence by process over 5m high } }"


@pytest.mark.parametrize(
    "count", [pytest.param(100, id="a few"), pytest.param(10_000, id="whole", marks=pytest.mark.long)]
)
def test_every_silence_ends_with_an_event_or_with_the_process(count: int) -> None:
    fired = 0
    for seed in range(count):
        random = Random(seed)
        watched, found, at = Clocked(rules=SILENCE), list[Alert](), 0.0
        watched.feed(0, named(7, "api"), line(0, "i", 7))
        for _ in range(random.randint(1, 20)):
            at += random.choice([2, 60, 200, 400])
            if random.random() < 0.3:
                watched.feed(at, line(at - random.choice([0, 0, 10, 400]), "i", 7))
            connected = {"t": [7]} if random.random() < 0.9 else {}
            found += watched.traces.judge_presence(us(at), connected, watched.gone.__contains__)
        found += watched.traces.judge_presence(us(at + 2), {}, watched.gone.__contains__)
        check_order(found)
        fired += any(alert.state == Kind.FIRING for alert in found)
    assert fired > count / 3
