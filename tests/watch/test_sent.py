"""What channels are sent by one run after another: each begin once, and its end once."""

from pathlib import Path

import pytest

from tests.watch.logs import CLOCK, Clocked, error, line, named, shown, us
from tracerd.watch.rules import DEFAULT_RULES, parse_rules
from tracerd.watch.sent import Sent

RULES = parse_rules(DEFAULT_RULES, "usual")[1]
SPIKE = b"".join(error(at) for at in range(11))
FIRED = "60 firing medium error_spike api: 11 errors in 60 s (more than 10)"


class Channel:
    """Runs of a watch, one after another, with a channel.

    Args:
        path: Where it is kept what was sent.

    Attributes:
        warnings: What was warned of.
        log: What is in the log.
        run: The run; None between two.
    """

    def __init__(self, path: Path) -> None:
        self.warnings: list[str] = []
        self.path = path
        self.log = CLOCK
        self.run: Clocked | None = None

    def start(self, at_s: float, *, has_daemon: bool = True) -> list[str]:
        """Begin a run; what it sends at once."""
        self.run = Clocked(start_s=at_s, log=self.log)
        self._sent = Sent(self.path, RULES, self.warnings.append)
        lasting = self.run.traces.lasting(us(at_s))
        found = self._sent.at_start(lasting, self.run.traces.ended, us(at_s) if has_daemon else None)
        return [shown(alert) for alert in found]

    def write(self, at_s: float, *lines: bytes) -> None:
        """Write to the log, whether or not it is watched."""
        self.log += b"".join(lines)
        if self.run:
            self.run.feed(at_s, *lines)

    def send(self, at_s: float) -> list[str]:
        """Judge; what is sent then."""
        assert self.run
        watched = self.run.traces
        found = watched.judge(us(at_s)) + watched.judge_presence(us(at_s), {}, self.run.gone.__contains__)
        return [shown(alert) for alert in self._sent.take(found)]

    def kill(self) -> None:
        """End the run, without a word."""
        self.run = None


@pytest.fixture
def channel(tmp_path: Path) -> Channel:
    return Channel(tmp_path / "state" / "sent.json")


def test_an_alert_that_began_while_nothing_watched_is_sent_at_the_next_start(channel: Channel) -> None:
    assert channel.start(0) == []
    channel.kill()
    channel.write(59, SPIKE)

    assert channel.start(70) == [f"{FIRED}, since 08:01:00"]
    assert channel.send(182) == ["180 resolved medium error_spike api: after 2 min"]


def test_what_was_sent_before_is_not_sent_again(channel: Channel) -> None:
    channel.start(0)
    channel.write(59, SPIKE)
    assert channel.send(62) == [FIRED]
    for at_s in (63, 70, 100):
        channel.kill()
        assert channel.start(at_s) == []
    assert channel.send(182) == ["180 resolved medium error_spike api: after 2 min"]
    channel.kill()
    assert channel.start(200) == []


def test_an_end_while_nothing_watched_is_sent_at_the_next_start(channel: Channel) -> None:
    channel.start(0)
    channel.write(59, SPIKE)
    assert channel.send(62) == [FIRED]
    channel.kill()

    assert channel.start(1000) == ["180 resolved medium error_spike api: after 2 min, at 08:03:00"]
    channel.kill()
    assert channel.start(1001) == []


def test_an_end_that_no_log_tells_any_more_is_sent(channel: Channel) -> None:
    channel.start(0)
    channel.write(59, SPIKE)
    channel.send(62)
    channel.kill()
    channel.log = b""

    assert channel.start(100_000) == ["100000 resolved medium error_spike api: ended while nothing watched"]


def test_no_end_is_sent_at_a_start_without_a_daemon(channel: Channel) -> None:
    channel.start(0)
    channel.write(59, SPIKE)
    channel.send(62)
    channel.kill()

    assert channel.start(1000, has_daemon=False) == []
    channel.kill()
    assert channel.start(1100) == ["180 resolved medium error_spike api: after 2 min, at 08:03:00"]


def test_what_began_and_ended_while_nothing_watched_is_not_sent(channel: Channel) -> None:
    channel.start(0)
    channel.kill()
    channel.write(59, SPIKE)
    assert channel.start(1000) == []


def test_an_end_is_sent_only_if_its_begin_was(channel: Channel) -> None:
    channel.start(0)
    channel.write(59, SPIKE)
    assert channel.run
    assert channel.run.judge(62) == [FIRED]
    assert channel.send(182) == []


def test_an_alert_that_became_more_severe_meanwhile_is_sent(channel: Channel) -> None:
    channel.start(0)
    channel.write(59, SPIKE)
    channel.send(62)
    channel.kill()
    channel.write(119, *(error(60 + at) for at in range(21)))
    assert channel.start(130) == ["120 firing high error_spike api: 21 errors in 60 s (more than 20), since 08:01:00"]


def test_of_a_process_that_is_gone_nothing_is_kept(channel: Channel, tmp_path: Path) -> None:
    channel.start(0)
    channel.write(1, named(7, "api"), line(1, "B", 7))
    assert channel.run
    channel.run.gone.add(7)
    channel.send(30)
    assert channel.send(62) == ["60 firing medium vanished api: gone, and left 1 span unfinished"]
    channel.kill()
    assert channel.start(100) == []
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("text", [b"", b"[{}]", b"\xff"], ids=["empty", "other", "binary"])
def test_a_file_that_is_damaged_counts_as_none(channel: Channel, tmp_path: Path, text: bytes) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state/sent.json").write_bytes(text)
    channel.write(59, SPIKE)
    assert channel.start(70) == [f"{FIRED}, since 08:01:00"]


def test_a_file_that_cannot_be_written_is_reported_once(channel: Channel, tmp_path: Path) -> None:
    (tmp_path / "state").write_bytes(b"")
    channel.start(0)
    channel.write(59, SPIKE, *(error(at, "db") for at in range(11)))
    assert len(channel.send(62)) == 2
    assert len(channel.send(182)) == 2
    assert [text.partition(":")[0].rpartition(",")[2] for text in channel.warnings] == [
        " so the next run may send alerts again"
    ]
