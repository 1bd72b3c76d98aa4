"""Lines of logs in, alerts out; the clock is an argument."""

import pytest

from tests.watch.logs import CLOCK, Clocked, error, line, named, span, us

HOUR = 3600.0


def test_a_window_is_judged_two_seconds_after_its_end() -> None:
    watched = Clocked()
    watched.feed(59, *(error(at) for at in range(23)))

    assert watched.judge(61.9) == []
    assert watched.judge(62) == ["60 firing high error_spike api: 23 errors in 60 s (more than 20)"]
    assert watched.judge(62.5) == []
    assert watched.judge(182) == ["180 resolved high error_spike api: after 2 min"]


def test_a_log_is_kept_in_mind_until_its_last_window_is_over() -> None:
    rules = "tracker t { metrics { n = count() } watch { r: n by name over 1h > 1 low } }"
    watched = Clocked(rules=rules)
    watched.feed(1, line(1, "i"), line(1, "i"))
    for at in (HOUR / 2, HOUR - 1, HOUR + 1):
        watched.traces.prune(us(at), {}, watched.gone.__contains__)
        assert watched.judge(at) == []

    assert watched.judge(HOUR + 2) == ["3600 firing low r x: 2 n in 60 min (more than 1)"]
    watched.traces.prune(us(3 * HOUR), {}, watched.gone.__contains__)
    assert len(watched.traces) == 1  # the alert has not ended
    assert watched.judge(3 * HOUR + 2) == ["10800 resolved low r x: after 2 h"]
    watched.traces.prune(us(3 * HOUR + 3), {}, watched.gone.__contains__)
    assert len(watched.traces) == 0


def test_ten_errors_are_no_alert_and_services_have_one_each() -> None:
    watched = Clocked()
    watched.feed(59, *(error(at, "a") for at in range(10)), *(error(at, "b") for at in range(11)))
    watched.feed(59, *(error(at, "c") for at in range(51)))

    assert watched.judge(62) == [
        "60 firing medium error_spike b: 11 errors in 60 s (more than 10)",
        "60 firing critical error_spike c: 51 errors in 60 s (more than 50)",
    ]


def test_p95_of_twenty_spans() -> None:
    watched = Clocked()
    watched.feed(59, *(span(at, 1.001) for at in range(20)), *(span(at, 9, "few") for at in range(19)))

    assert watched.judge(62) == ["60 firing medium high_latency api: latency 1,001 in 60 s (more than 1,000)"]


def test_late_events_count_within_five_windows_of_the_newest() -> None:
    watched = Clocked()
    watched.feed(59, *(error(at) for at in range(10)))
    watched.feed(359, error(301))
    assert watched.judge(362) == []
    watched.feed(363, error(50))

    assert watched.judge(363.5) == [
        "60 firing medium error_spike api: 11 errors in 60 s (more than 10)",
        "180 resolved medium error_spike api: after 2 min",
    ]
    watched.feed(364, error(365), *(error(at) for at in range(59)))  # the newest window is one further
    assert watched.judge(500) == []


def test_a_clock_that_is_wrong_keeps_nothing_from_being_judged() -> None:
    watched = Clocked()
    watched.feed(1, error(1e6))
    watched.feed(59, *(error(at) for at in range(11)))

    assert watched.judge(62) == ["60 firing medium error_spike api: 11 errors in 60 s (more than 10)"]


def test_what_is_there_at_the_start_is_replayed_in_silence_and_what_lasts_is_known_since_when() -> None:
    log = CLOCK + b"".join(error(minute * 60 + at) for minute in range(5) for at in range(11))
    watched = Clocked(start_s=310, log=log)

    assert watched.lasting(310) == [
        "300 firing medium error_spike api: 11 errors in 60 s (more than 10), since 08:01:00"
    ]
    assert watched.judge(362) == []
    assert watched.judge(422) == ["420 resolved medium error_spike api: after 6 min"]


def test_an_alert_that_began_before_is_reported_with_the_next_multiple_of_its_cooldown() -> None:
    log = CLOCK + b"".join(error(at) for at in range(21))
    watched = Clocked(start_s=70, log=log)
    reported: list[str] = []
    for minute in range(1, 12):
        watched.feed(minute * 60 + 59, *(error(minute * 60 + at) for at in range(21)))
        reported += watched.judge(minute * 60 + 62)

    assert reported == [
        "600 reminder high error_spike api: 21 errors in 60 s (more than 20), since 08:01:00",
    ]


def test_a_reminder_reports_the_severity_of_now_beside_the_highest() -> None:
    watched = Clocked()
    reported: list[str] = []
    for minute, count in enumerate((51, 21, 21)):
        watched.feed(minute * 60 + 59, *(error(minute * 60 + at) for at in range(count)))
        reported += watched.judge(minute * 60 + 62)

    assert reported[1] == (
        "120 reminder critical error_spike api: 21 errors in 60 s (more than 20), now high, since 08:01:00"
    )


def test_no_more_than_a_day_is_replayed() -> None:
    old = b"".join(error(at) for at in range(100))
    watched = Clocked(start_s=25 * HOUR, log=CLOCK + old)
    assert watched.lasting(25 * HOUR) == []
    watched.feed(25 * HOUR, *(error(at) for at in range(100)))
    assert watched.judge(26 * HOUR) == []


def test_a_new_log_of_what_was_long_ago_is_no_news() -> None:
    watched = Clocked(start_s=HOUR, log=b"")
    watched.feed(HOUR, CLOCK, *(error(at) for at in range(100)))
    assert watched.judge(HOUR + 62) == []


def test_a_span_that_ends_too_late_for_its_window_is_reported() -> None:
    rules = """tracker t { from spans
      metrics { slowest = max(dur_us) } watch { r: slowest by service over 10s > 500000 low } }"""
    watched = Clocked(rules=rules)
    watched.feed(85, *(span(at, 0.1) for at in range(85)), span(0, 85))

    assert watched.judge(100) == []
    assert watched.warnings == ["t: what began 50 s before the newest is left out of r: write a longer over"]


def test_a_percentile_of_many_reports_no_single_span_that_is_late() -> None:
    watched = Clocked()
    watched.feed(600, span(0, 0.1), span(599, 1), span(0, 599))
    assert watched.warnings == []


SILENCE = """tracker t { watch { silent: silence by process over 5m high } }"""


def test_silence_is_of_connected_processes_only() -> None:
    watched = Clocked(rules=SILENCE)
    watched.feed(1, named(7, "api"), line(1, "i", 7), named(8, "other"), line(1, "i", 8))

    assert watched.judge(300.9, connected=[7]) == []
    assert watched.judge(301, connected=[7]) == ["301 firing high silent api: no event for 5 min"]
    assert watched.judge(400, connected=[7]) == []
    assert watched.judge(900, connected=[7]) == ["900 reminder high silent api: no event for 14 min, since 08:05:01"]
    watched.feed(1000, line(1000, "i", 7))
    assert watched.judge(1001, connected=[7]) == ["1000 resolved high silent api: after 11 min"]


def test_silence_ends_with_the_process() -> None:
    watched = Clocked(rules=SILENCE)
    watched.feed(1, named(7, "api"), line(1, "i", 7))

    assert watched.judge(301, connected=[7]) == ["301 firing high silent api: no event for 5 min"]
    assert watched.judge(302) == ["302 resolved high silent api: after 1 s"]
    assert watched.judge(900) == []


def test_of_processes_with_one_name_it_is_enough_if_one_writes() -> None:
    watched = Clocked(rules=SILENCE)
    watched.feed(1, named(7, "api"), line(1, "i", 7), named(8, "api"), line(200, "i", 8))

    assert watched.judge(301, connected=[7, 8]) == []
    assert watched.judge(500, connected=[7, 8]) == ["500 firing high silent api: no event for 5 min"]


def test_silence_is_known_after_a_restart() -> None:
    log = CLOCK + named(7, "api") + line(1, "i", 7)
    watched = Clocked(start_s=400, log=log, rules=SILENCE, connected=[7])

    assert watched.lasting(400) == ["400 firing high silent api: no event for 6 min, since 08:05:01"]
    assert watched.judge(401, connected=[7]) == []


UNFINISHED = "tracker t { watch { vanished: unfinished by process medium } }"

MARK = (
    b'{"ph":"M","name":"tracerd_begin","ts":1005000000,"pid":7,"tid":1,"args":{"id":"0123456789abcdef","name":"x"}}\n'
)


@pytest.mark.parametrize("open_span", [line(5, "B", 7), line(5, "b", 7, id=3), MARK], ids=["B", "b", "mark"])
def test_a_process_that_is_gone_with_an_open_span(open_span: bytes) -> None:
    watched = Clocked(rules=UNFINISHED)
    watched.feed(5, named(7, "api"), line(1, "i", 7), open_span)
    watched.gone.add(7)

    assert watched.judge(30, connected=[7]) == []
    assert watched.judge(31) == []
    assert watched.judge(62) == ["60 firing medium vanished api: gone, and left 1 span unfinished"]
    assert watched.judge(1000) == []  # it does not come back: there is no end


def test_a_process_that_vanishes_a_minute_after_another_of_its_name_is_reported_too() -> None:
    watched = Clocked(rules=UNFINISHED)
    for number, pid in enumerate((7, 8)):
        watched.feed(60 * number, named(pid, "api"), line(60 * number, "B", pid))
        watched.gone.add(pid)
        assert watched.judge(60 * number + 30) == []
        found = watched.judge(60 * number + 62)
        assert found == [f"{60 * number + 60} firing medium vanished api: gone, and left 1 span unfinished"]


def test_the_end_of_a_span_may_come_seconds_after_its_process_has_gone() -> None:
    watched = Clocked(rules=UNFINISHED)
    watched.feed(5, named(7, "api"), MARK)
    watched.gone.add(7)
    assert watched.judge(50) == []
    assert watched.judge(59.9) == []
    watched.feed(59.9, span(5, 1, pid=7).replace(b"}}\n", b'},"begin":"0123456789abcdef"}\n'))
    assert watched.judge(62) == []
    assert watched.judge(200) == []


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        (line(5, "B", 7), line(6, "E", 7)),
        (line(5, "b", 7, id=3), line(6, "e", 7, id=3)),
        (MARK, span(5, 1, pid=7).replace(b"}}\n", b'},"begin":"0123456789abcdef"}\n')),
        (line(5, "X", 7, dur=5), b""),
    ],
    ids=["E", "e", "mark", "X"],
)
def test_a_process_that_is_gone_and_has_ended_its_spans_is_no_alert(begin: bytes, end: bytes) -> None:
    watched = Clocked(rules=UNFINISHED)
    watched.feed(5, named(7, "api"), begin, end)
    watched.gone.add(7)
    assert watched.judge(31) == []
    assert watched.judge(62) == []


def test_a_process_that_lives_and_has_no_connection_has_not_vanished() -> None:
    watched = Clocked(rules=UNFINISHED)
    watched.feed(5, named(7, "api"), line(5, "B", 7))
    assert watched.judge(31) == []
    assert watched.judge(62) == []


def test_too_many_keys_are_reported_once_and_spoil_nothing() -> None:
    rules = "tracker t { metrics { n = count() } watch { r: n by name over 60s > 1 low } }"
    watched = Clocked(rules=rules)
    watched.feed(1, *(line(1, "i", name=f"n{number}") for number in range(20_010)))
    watched.feed(1, line(1, "i", name="n1"))

    assert watched.judge(62) == ["60 firing low r n1: 2 n in 60 s (more than 1)"]
    assert watched.warnings == ["t: more than 20,000 keys in the windows of r: the rest is left out"]


def test_many_windows_are_no_problem_of_keys() -> None:
    rules = "tracker t { metrics { n = count() } watch { r: n by name over 1s > 1 low clear 1 } }"
    log = CLOCK + b"".join(line(at, "i") for at in range(25_000)) + line(24_999, "i") + line(500, "i")
    watched = Clocked(start_s=25_001, log=log, rules=rules)

    assert watched.warnings == ["t: what began 5 s before the newest is left out of r: write a longer over"]
    assert watched.lasting(25_001) == []
    assert watched.judge(25_002) == ["25000 firing low r x: 2 n in 1 s (more than 1)"]


def test_events_that_do_not_fit_the_fields_are_reported_once() -> None:
    rules = "tracker t { fields { n: int } metrics { s = sum(n) } watch { r: s by name over 60s > 1 low } }"
    watched = Clocked(rules=rules)
    watched.feed(1, line(1, "i", args={"n": "1"}), line(1, "i", args={"n": 2}), line(1, "i", args={}))

    assert watched.judge(62) == ["60 firing low r x: s 2 in 60 s (more than 1)"]
    assert watched.warnings == [
        "t: an event is not as the tracker declares and is left out; `tracerd query --tracker` shows which"
    ]
