"""What `watch --once` makes of a window that is not over yet."""

from pathlib import Path

from tests.watch.logs import CLOCK, Clocked, error, us
from tracerd.rows.source import find_trace
from tracerd.watch.alerts import Alert
from tracerd.watch.once import alerts_of
from tracerd.watch.rules import parse_rules
from tracerd.watch.trace import programs_of

RULES = """tracker t {
  from logs where level == "error"
  metrics { errors = count() }
  watch { spike: errors by service over 1s > 2 high clear 1 }
}"""


def alerts(directory: Path, log: bytes, now_s: float) -> list[Alert]:
    (directory / "t.jsonl").write_bytes(log)
    source = find_trace(directory, str(directory / "t.jsonl"))
    trackers, rules = parse_rules(RULES, "rules")
    return alerts_of(source, source.blocks, programs_of(trackers, rules), rules, (), us(now_s), lambda _: None)


BEFORE = CLOCK + b"".join(error(at / 10) for at in range(3))


def test_a_window_that_is_not_over_resolves_nothing(tmp_path: Path) -> None:
    log = BEFORE + error(1.2)

    assert [alert.state for alert in alerts(tmp_path, log, 1.5)] == ["firing"]
    assert [alert.state for alert in alerts(tmp_path, log, 2)] == ["firing", "resolved"]


def test_what_began_and_ended_while_nothing_watched_is_reported_by_once_only(tmp_path: Path) -> None:
    watched = Clocked(start_s=10, log=BEFORE, rules=RULES)

    assert (watched.lasting(10), watched.judge(10), watched.judge(100)) == ([], [], [])
    assert [alert.state for alert in alerts(tmp_path, BEFORE, 10)] == ["firing", "resolved"]


def test_what_it_holds_already_fires_now(tmp_path: Path) -> None:
    [alert] = alerts(tmp_path, BEFORE, 0.5)

    assert (alert.state, alert.time_us) == ("firing", us(0.5))
