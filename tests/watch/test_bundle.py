"""A few alerts go out one by one, many as a summary; and what a notice says."""

from tests.watch.alerts import alert
from tracerd.watch.bundle import Bundle
from tracerd.watch.notice import MAX_CHARACTERS, Notice, without_secrets
from tracerd.watch.states import Kind


def sizes(notices: list[Notice]) -> list[int]:
    return [len(notice.alerts) for notice in notices]


def test_five_alerts_in_ten_seconds_go_out_one_by_one_and_the_sixth_does_not() -> None:
    bundle = Bundle()
    assert sizes(bundle.offer([alert()] * 3, 0)) == [1, 1, 1]
    assert sizes(bundle.offer([alert()] * 2, 9)) == [1, 1]
    assert sizes(bundle.offer([alert()], 9.5)) == [1]  # a summary of one
    assert sizes(bundle.offer([alert()] * 2, 10)) == []
    assert sizes(bundle.offer([alert()] * 7, 15)) == []
    assert sizes(bundle.offer([], 19.4)) == []
    assert sizes(bundle.offer([], 19.5)) == [9]
    assert sizes(bundle.offer([], 60)) == []
    assert sizes(bundle.offer([alert()], 60)) == [1]


def test_many_at_once_are_one_summary() -> None:
    bundle = Bundle()
    assert sizes(bundle.offer([alert()] * 6, 0)) == [6]
    assert sizes(bundle.offer([alert()], 1)) == []
    assert sizes(bundle.rest()) == [1]
    assert sizes(bundle.rest()) == []


def test_a_summary_has_ten_lines_and_says_how_many_more() -> None:
    notice = Notice(tuple(alert(f"s{number}", "low" if number else "critical") for number in range(13)), dropped=2)

    assert notice.title == "13 alerts"
    assert notice.message.splitlines() == [
        "critical error_spike s0: 23 errors in 60 s",
        *(f"low error_spike s{number}: 23 errors in 60 s" for number in range(1, 10)),
        "and 3 more",
        "dropped before: 2 alerts",
    ]
    found = notice.as_json()
    assert (found["state"], found["severity"], found["more"], found["dropped"]) == ("summary", "critical", 3, 2)
    assert str(found["alerts"]).count("error_spike") == 10


def test_one_alert_is_its_own_json() -> None:
    notice = Notice((alert(state=Kind.RESOLVED, message="after 2 min"),))

    assert notice.message == "resolved error_spike api: after 2 min"
    assert notice.title == "resolved error_spike api"
    assert notice.as_json() == notice.alerts[0].as_json()
    assert notice.words() == {
        "message": "resolved error_spike api: after 2 min", "severity": "high", "state": "resolved",
        "rule": "error_spike", "key": "api", "trace": "build-42", "time": "2026-01-15T08:00:00Z",
    }  # fmt: skip


def test_what_a_program_has_written_is_one_harmless_line() -> None:
    words = Notice((alert('<b>"it\'s"\n\x1b[31m\u202e\0'),)).words()

    assert words["key"] == '<b>"it\'s"\\n\\x1b[31m\\u202e\\x00'
    assert words["message"].isprintable()
    assert len(Notice((alert("s" * 10_000),)).message) == MAX_CHARACTERS + 3


def test_secrets_in_keys_are_hidden() -> None:
    assert without_secrets(alert("psql --password=hunter2 db")).key == {"service": "psql --password=*** db"}
