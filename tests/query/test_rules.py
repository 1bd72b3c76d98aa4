"""The section `watch` of trackers, and texts of several trackers."""

from random import Random

import pytest

from tests.query.test_tracker_errors import check_place
from tests.query.trees import mutated
from tracerd.errors import QueryError
from tracerd.query import Tracker
from tracerd.query.lexer import Text
from tracerd.query.rules import minimum
from tracerd.query.tracker_grammar import parse_tracker
from tracerd.query.tracker_tree import PRESENCE, SEVERITIES, Rule, Threshold
from tracerd.query.tree import Args, Name

TEXT = """tracker "logs" v1 {
  from logs where level == "error"
  metrics { errors = count(), slow = p95(args.ms), grouped = count() by name }
  watch {
    spike: errors by service, args.zone over 60s > 10 medium, > 20 high min 5 for 2 clear 3
    late: slow by service over 5m > -1.5 low
    silent: silence by process over 5m high
    vanished: unfinished by process, pid medium
  }
}
"""

SPIKE, LATE, SILENT, VANISHED = (
    Rule(
        "spike", "errors", (Name(("service",)), Args(("zone",))), 60,
        (Threshold(10, "medium"), Threshold(20, "high")), 5, 2, 3,
    ),
    Rule("late", "slow", (Name(("service",)),), 300, (Threshold(-1.5, "low"),), None, 1, 2),
    Rule("silent", "silence", (Name(("process",)),), 300, (Threshold(0, "high"),), None, 1, 2),
    Rule("vanished", "unfinished", (Name(("process",)), Name(("pid",))), None, (Threshold(0, "medium"),), None, 1, 2),
)  # fmt: skip


def test_rules_are_read() -> None:
    tracker = Tracker.parse(TEXT)

    assert tracker.tree.rules == (SPIKE, LATE, SILENT, VANISHED)
    assert [minimum(rule, tracker.tree) for rule in tracker.tree.rules] == [5, 20, 1, 1]


ERRORS = [
    ("spike: errors", "spike = errors", '5:11: expected ":", not "="'),
    ("spike: errors", "spike: error", '5:12: there is no metric "error" in this tracker; did you mean "errors"?'),
    ("spike: errors", "spike: grouped", '5:12: "grouped" has keys or windows of its own'),
    ("by service, args", "bye service, args", '5:19: expected "by", not "bye"; did you mean "by"?'),
    ("by service, args", "by servce, args", '5:22: "servce" is no field, derived value or column'),
    ("over 60s", "ovr 60s", '5:41: expected "over" and the length of a window, such as over 60s, not "ovr"'),
    ("over 60s", "over 60x", "5:46: expected a length such as 30s, 5m, 1h or 7d"),
    ("over 60s", "over week", "5:41: a window is between 1s and 1d long"),
    ("over 60s", "over 2d", "5:41: a window is between 1s and 1d long"),
    ("> 10 medium", "10 medium", '5:50: expected ">", not "10"'),
    ("> 10 medium", "> ten medium", '5:52: expected a number, not "ten"'),
    ("> 10 medium", "> 10 medum", '5:55: expected a severity: low, medium, high or critical, not "medum"; did'),
    ("> 20 high", "> 10 high", "5:63: each threshold is higher, and more severe, than the one before"),
    ("> 20 high", "> 20 low", "5:63: each threshold is higher, and more severe, than the one before"),
    ("min 5", "min 0", '5:77: after "min" comes a whole number between 1 and 1,000,000,000'),
    ("for 2", "for 2.5", '5:83: after "for" comes a whole number between 1 and 1,000'),
    ("clear 3", "clera 3", '5:85: expected the end of the line, not "clera"; did you mean "clear"?'),
    ("clear 3", "min 3", '5:85: "min" stands here a second time'),
    ("silence by process", "silence by service", '7:24: the keys of "silence" are process and pid'),
    ("over 5m high", "high", '7:32: expected "over" and the length of a window'),
    ("pid medium", "pid over 60s medium", '8:15: "unfinished" is not in windows: leave out over'),
    ("late:", "spike:", '6:5: a second "spike"; the first is in line 5'),
]  # fmt: skip


@pytest.mark.parametrize(("part", "wrong", "message"), ERRORS)
def test_errors_have_file_line_and_column(part: str, wrong: str, message: str) -> None:
    assert part in TEXT
    with pytest.raises(QueryError) as caught:
        Tracker.parse(TEXT.replace(part, wrong, 1), "rules")
    assert str(caught.value).startswith(f"rules:{message}")


def printed(rule: Rule) -> str:
    keys = ", ".join(".".join(key.parts) if isinstance(key, Name) else f'args["{key.path[0]}"]' for key in rule.by)
    words = [f"{rule.name}: {rule.source} by {keys}"]
    if rule.seconds is not None:
        words.append(f"over {rule.seconds}s")
    if rule.source in PRESENCE:
        return " ".join([*words, rule.thresholds[0].severity])
    words.append(", ".join(f"> {threshold.above} {threshold.severity}" for threshold in rule.thresholds))
    if rule.minimum is not None:
        words.append(f"min {rule.minimum}")
    return " ".join([*words, f"for {rule.bad_windows} clear {rule.good_windows}"])


def random_rule(random: Random, name: str) -> Rule:
    source = random.choice(["errors", "slow", *PRESENCE])
    if source in PRESENCE:
        seconds = None if source == "unfinished" else random.randint(1, 86400)
        severity = random.choice(SEVERITIES)
        by = (Name((random.choice(["process", "pid"]),)),)
        return Rule(name, source, by, seconds, (Threshold(0, severity),), None, 1, 2)
    names = [Name((word,)) for word in ("service", "process", "name", "level")]
    known: list[Name | Args] = [*names, Args(("a key",))]
    keys = random.sample(known, random.randint(1, 3))
    severities = sorted(random.sample(range(4), random.randint(1, 4)))
    numbers = sorted(random.sample(range(-50, 1000), len(severities)))
    above = [random.choice([number, number + 0.25]) for number in numbers]
    thresholds = tuple(
        Threshold(number, SEVERITIES[severity]) for number, severity in zip(above, severities, strict=True)
    )
    minimum = random.choice([None, random.randint(1, 100)])
    return Rule(
        name, source, tuple(keys), random.randint(1, 86400), thresholds, minimum, random.randint(1, 9),
        random.randint(1, 9),
    )  # fmt: skip


@pytest.mark.parametrize(
    "tenths", [pytest.param(1, id="a tenth"), pytest.param(10, id="whole", marks=pytest.mark.long)]
)
def test_printed_rules_are_read_back(tenths: int) -> None:
    random = Random(1)
    for _ in range(100 * tenths):
        rules = tuple(random_rule(random, f"r{at}") for at in range(10))
        text = random.choice(["\n", "; ", ", "]).join(map(printed, rules))
        tree = parse_tracker(
            Text(f"tracker t {{ metrics {{ errors = count(), slow = p95(dur_us) }} watch {{ {text} }} }}", "t")
        )
        assert tree.rules == rules


@pytest.mark.parametrize(
    "tenths", [pytest.param(1, id="a tenth"), pytest.param(10, id="whole", marks=pytest.mark.long)]
)
def test_mutated_rules_compile_or_have_an_error_with_a_place(tenths: int) -> None:
    compiled = 0
    for seed in range(1_000 * tenths):
        text = mutated(Random(seed), TEXT)
        try:
            Tracker.parse(text)
        except QueryError as error:
            check_place(error, text)
        else:
            compiled += 1
    assert compiled > 10 * tenths


def test_a_file_holds_several_trackers() -> None:
    first, second = Tracker.parse_all(f"// two\n{TEXT}\n\n{TEXT.replace('logs', 'more', 1)}\n")

    assert (first.tree.name, second.tree.name) == ("logs", "more")
    assert first.tree.rules == second.tree.rules


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", '1:1: expected "tracker", not the end of the text'),
        (TEXT + TEXT, '11:9: a second tracker "logs"'),
        (f"{TEXT} more", '11:2: expected "tracker", not "more"'),
    ],
)
def test_what_is_no_list_of_trackers_is_an_error_with_a_place(text: str, message: str) -> None:
    with pytest.raises(QueryError) as caught:
        Tracker.parse_all(text, "rules")
    assert str(caught.value) == f"rules:{message}"
