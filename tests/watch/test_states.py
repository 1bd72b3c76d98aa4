"""States: windows to alerts."""

from random import Random

import pytest

from tests.watch.histories import MINUTE_US, by_walking, check_order, random_history, reported, rule
from tracerd.watch.rules import COOLDOWN_US, DEFAULT_RULES, MOMENTS, US, WatchRule, parse_rules
from tracerd.watch.states import QUIET, Change, History, Kind, Measure, fold, step

USUAL = parse_rules(DEFAULT_RULES, "usual")[1]

MANY = pytest.mark.parametrize(
    "count", [pytest.param(500, id="a few"), pytest.param(10_000, id="whole", marks=pytest.mark.long)]
)


@pytest.mark.parametrize(
    ("name", "value", "samples", "severity"),
    [
        ("error_spike", 10, 10, None),
        ("error_spike", 11, 11, "medium"),
        ("error_spike", 20, 20, "medium"),
        ("error_spike", 21, 21, "high"),
        ("error_spike", 50, 50, "high"),
        ("error_spike", 51, 51, "critical"),
        ("high_latency", 1000.0, 20, None),
        ("high_latency", 1001.0, 20, "medium"),
        ("high_latency", 1001.0, 19, None),
        ("high_latency", 9000.0, 1, None),
        ("high_latency", 2000.0, 20, "medium"),
        ("high_latency", 2001.0, 20, "high"),
        ("high_latency", 3000.0, 20, "high"),
        ("high_latency", 3001.0, 20, "critical"),
        ("vanished", 1, 1, "medium"),
    ],
)
def test_numbers_of_the_usual_rules(name: str, value: float, samples: int, severity: str | None) -> None:
    state, change = step(USUAL[name], QUIET, 7, Measure(value, samples))

    assert (state.severity, change.severity if change else None) == (severity, severity)


def test_usual_rules_without_an_end_are_those_of_processes_that_are_gone() -> None:
    assert [*MOMENTS] == [name for name, found in USUAL.items() if found.source == "unfinished"]


def test_windows_and_cooldowns_of_the_usual_rules() -> None:
    assert {name: (found.width_us // US, found.bad_windows, found.good_windows) for name, found in USUAL.items()} == {
        "high_latency": (60, 1, 2), "error_spike": (60, 1, 2), "silent": (300, 1, 2), "vanished": (60, 1, 2),
    }  # fmt: skip
    minutes = {severity: cooldown // MINUTE_US for severity, cooldown in COOLDOWN_US.items()}
    assert minutes == {"low": 15, "medium": 10, "high": 5, "critical": 1}


def kinds(watched: WatchRule, values: list[int]) -> list[tuple[str, str, int]]:
    measures = [(window, Measure(value, value)) for window, value in enumerate(values) if value]
    _, changes = fold(watched, QUIET, -1, measures, len(values) - 1)
    return [(change.kind.value, change.severity, change.window) for change in changes]


def test_firing_escalated_and_resolved() -> None:
    values = [0, 11, 5, 12, 60, 11, 0, 0, 0]
    assert [kind for kind in kinds(rule(), values) if kind[0] != "reminder"] == [
        ("firing", "medium", 1), ("escalated", "critical", 4), ("resolved", "critical", 7),
    ]  # fmt: skip


def test_for_asks_for_bad_windows_in_a_row_and_clear_for_good_ones() -> None:
    watched = rule(bad_windows=3, good_windows=1)
    assert kinds(watched, [11, 11, 0, 11, 21, 11, 0]) == [("firing", "medium", 5), ("resolved", "medium", 6)]


def test_reminders_are_on_multiples_of_the_cooldown_since_1970_and_not_before_it_is_over() -> None:
    high = kinds(rule(), [0, 0, 0, 0, *[21] * 14])  # it fires at minute 5
    assert high == [("firing", "high", 4), ("reminder", "high", 9), ("reminder", "high", 14)]
    later = kinds(rule(), [0] * 6 + [21] * 12)  # at minute 7: 10 is too soon
    assert later == [("firing", "high", 6), ("reminder", "high", 14)]


@MANY
def test_windows_without_late_events_give_what_a_walk_gives(count: int) -> None:
    for seed in range(count):
        random = Random(seed)
        watched = rule(random.randint(1, 3), random.randint(1, 3))
        values = [random.choice([0, 0, 5, 11, 21, 51]) for _ in range(random.randint(1, 25))]
        without_reminders = [kind for kind in kinds(watched, values) if kind[0] != "reminder"]
        assert without_reminders == by_walking(watched, values), seed


@MANY
def test_every_alert_resolves_and_none_fires_twice_while_it_lasts(count: int) -> None:
    fired = 0
    for seed in range(count):
        random = Random(seed)
        history = History(rule(random.randint(1, 3), random.randint(1, 3)), -1)
        changes = [change for found in reported(random_history(random), history) for change in found]
        check_order(changes)
        assert history.lasting is None
        fired += any(change.kind == Kind.FIRING for change in changes)
    assert fired > count / 3


@MANY
def test_what_starts_at_any_point_goes_on_as_if_it_had_been_there(count: int) -> None:
    for seed in range(count):
        random = Random(seed)
        watched = rule(random.randint(1, 3), random.randint(1, 3))
        steps = random_history(random)
        at = random.randrange(len(steps))
        whole = reported(steps, History(watched, -1))

        later = History(watched, -1)
        for before in steps[: at + 1]:
            later.measures.update(before.changed)
        later.judge(steps[at].upto)  # in silence

        assert without_measures(reported(steps[at + 1 :], later)) == without_measures(whole[at + 1 :]), seed


def without_measures(steps: list[list[Change]]) -> list[list[tuple[Kind, str, int]]]:
    return [[change.what for change in changes] for changes in steps]


def judged(history: History, upto: int, **windows: int) -> list[tuple[str, str, int]]:
    history.measures.update({int(name[1:]): Measure(value, value) for name, value in windows.items()})
    return [(change.kind.value, change.severity, change.window) for change in history.judge(upto)]


def test_late_events_are_judged_again() -> None:
    history = History(rule(), -1)
    assert judged(history, 3, w1=5) == []
    assert judged(history, 3, w1=11) == [("firing", "medium", 1), ("resolved", "medium", 3)]
    assert judged(history, 3, w1=21) == []  # it is over
    assert judged(history, 4, w4=11) == [("firing", "medium", 4)]
    assert judged(history, 4, w4=51) == [("escalated", "critical", 4)]
    assert judged(history, 4, w3=11) == []  # it began earlier than was known
    assert judged(history, 6) == [("resolved", "critical", 6)]
    assert judged(history, 6, w5=11) == [("firing", "critical", 5)]  # it was not over
    assert history.lasting is not None
    assert history.lasting.since_us == 2 * MINUTE_US  # window 1 is followed by one good window only


def test_a_late_event_may_end_an_alert() -> None:
    history = History(rule(), -1)
    assert judged(history, 1, w1=21) == [("firing", "high", 1)]
    history.measures[1] = Measure(9, 40)  # a mean, say
    assert [change.kind for change in history.judge(1)] == [Kind.RESOLVED]
    assert history.lasting is None


def test_nothing_is_kept_of_what_is_over() -> None:
    history = History(rule(), -1)
    judged(history, 4, w1=11)
    assert not history.is_over
    history.finalize(4)
    assert (history.at, history.is_over, history.measures) == (3, True, {})
