"""Channels that run commands."""

import json
import os
import shlex
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness import wait_until
from tests.watch.alerts import alert
from tracerd.watch.channel import MAX_WAITING, Channel
from tracerd.watch.hook import Hook, substituted
from tracerd.watch.notice import Notice


def python(source: str, *words: str) -> list[str]:
    return [sys.executable, "-I", "-S", "-c", source, *words]


def writing(path: Path, *words: str) -> list[str]:
    """A command that appends its arguments and its stdin to a file, as a line."""
    source = "import json, sys; line = json.dumps([sys.argv[1:], json.load(sys.stdin)]); "
    source += f"print(line, file=open({str(path)!r}, 'a'))"
    return python(source, *words)


def written(path: Path) -> list[list[object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_command_gets_words_and_json(tmp_path: Path) -> None:
    hook = Hook(writing(tmp_path / "out", "-t", "{severity}", "{rule} of {trace}", "{message}"))

    assert hook.send(Notice((alert(),))) == ""

    [[words, found]] = written(tmp_path / "out")
    assert words == ["-t", "high", "error_spike of build-42", "high error_spike api: 23 errors in 60 s"]
    assert found == alert().as_json()


@pytest.mark.parametrize(
    ("service", "word"),
    [
        ("-h", " -h"),
        ("--output=/etc/passwd", " --output=/etc/passwd"),
        ("<b>bold</b>", "<b>bold</b>"),
        ('it\'s "so"; $(reboot) `reboot`', 'it\'s "so"; $(reboot) `reboot`'),
        ("two\nlines\x1b[2J", "two\\nlines\\x1b[2J"),
        ("{rule}", "{rule}"),
        ("nul\0", "nul\\x00"),
        ("\udcff", "\\xff"),
    ],
)
def test_what_a_program_has_written_is_one_word_and_no_option(tmp_path: Path, service: str, word: str) -> None:
    hook = Hook(writing(tmp_path / "out", "{key}"))

    assert hook.send(Notice((alert(service),))) == ""

    [[words, _]] = written(tmp_path / "out")
    assert words == [word]


def test_a_word_that_begins_with_a_dash_in_the_file_stays_an_option() -> None:
    assert substituted(["x", "--title={key}", "{key}{key}", "-"], {"key": "-a"}) == ["x", "--title=-a", " -a-a", "-"]


def test_a_command_is_no_part_of_a_trace_and_prints_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TRACERD_TRACE_ID", "build-42")
    monkeypatch.setenv("TRACERD_DIR", str(tmp_path))
    source = "import os, sys; print('out'); print('err', file=sys.stderr); "
    source += f"open({str(tmp_path / 'e')!r}, 'w').write(' '.join(os.environ))"
    assert Hook(python(source)).send(Notice((alert(),))) == ""

    assert {"TRACERD_DIR"} == {"TRACERD_DIR", "TRACERD_TRACE_ID"} & {*(tmp_path / "e").read_text().split()}
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        (["/nowhere/command"], "cannot be run: No such file or directory"),
        (python("raise SystemExit(3)"), "ended with exit code 3"),
        (python("raise SystemExit('smtp down\\nmore')"), "ended with exit code 1: smtp down"),
        (python("raise SystemExit('no https://me:hunter2@h/')"), "ended with exit code 1: no https://***@h/"),
        (python("import os; os.kill(os.getpid(), 15)"), "ended by signal 15"),
    ],
)
def test_a_command_that_fails_is_reported(command: list[str], problem: str) -> None:
    assert Hook(command).send(Notice((alert(),))) == problem


def test_a_command_that_takes_too_long_is_killed_with_what_it_has_started(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)  # it ends when the last writer has gone
    hook = Hook(["sh", "-c", f"exec 3>{shlex.quote(str(fifo))}; sleep 1000 & echo x >&3; wait"], timeout_s=0.5)

    assert hook.send(Notice((alert(),))) == "killed: it took longer than 0.5 s"

    def has_ended() -> bool:
        try:
            while data := os.read(reader, 100):
                assert data == b"x\n"
        except BlockingIOError:  # one has it open still
            return False
        return True

    wait_until(has_ended, "the children of the command to end")
    os.close(reader)


class Blocked:
    """A sender that waits until it may go on."""

    name = "blocked"

    def __init__(self) -> None:
        self.may_go_on = threading.Event()
        self.sent: list[Notice] = []

    def send(self, notice: Notice) -> str:
        self.may_go_on.wait()
        self.sent.append(notice)
        return ""

    def stop(self) -> None:
        self.may_go_on.set()


def offer_each(channel: Channel, numbers: range) -> None:
    """Offer alerts so far apart that each is sent by itself."""
    for number in numbers:
        channel.offer([alert(f"s{number}")], 100.0 * number)


def test_a_channel_that_hangs_delays_no_other(tmp_path: Path) -> None:
    blocked, warnings = Blocked(), list[str]()
    channels = [
        Channel(blocked, "low", warnings.append),
        Channel(Hook(writing(tmp_path / "out")), "low", warnings.append),
    ]
    for channel in channels:
        channel.offer([alert()], 0)
    channels[1].finish()

    assert len(written(tmp_path / "out")) == 1
    assert (blocked.sent, warnings) == ([], [])
    channels[0].stop()


def test_of_more_than_a_hundred_that_wait_the_oldest_is_dropped_counted_and_reported() -> None:
    blocked, warnings = Blocked(), list[str]()
    channel = Channel(blocked, "low", warnings.append)
    offer_each(channel, range(1))
    wait_until(lambda: channel.is_busy, "the first to be sent")
    offer_each(channel, range(1, MAX_WAITING + 3))

    blocked.may_go_on.set()
    channel.finish()

    assert warnings == ["blocked: 1 alert dropped: 100 wait already"] * 2
    assert len(blocked.sent) == 1 + MAX_WAITING
    assert [notice.dropped for notice in blocked.sent[:3]] == [0, 2, 0]
    assert blocked.sent[1].alerts[0].key == {"service": "s3"}


def test_a_channel_sends_what_is_severe_enough(tmp_path: Path) -> None:
    channel = Channel(Hook(writing(tmp_path / "out", "{severity}")), "high", print)
    channel.offer([alert(severity=severity) for severity in ("low", "medium", "high", "critical")], 0)
    channel.finish()

    assert [words for words, _ in written(tmp_path / "out")] == [["high"], ["critical"]]


def failing(_: Notice) -> str:
    raise RuntimeError("secret-token")


def test_a_sender_that_raises_is_reported_without_its_text(monkeypatch: pytest.MonkeyPatch) -> None:
    blocked, warnings = Blocked(), list[str]()
    send: Callable[[Notice], str] = failing
    monkeypatch.setattr(blocked, "send", send)
    channel = Channel(blocked, "low", warnings.append)
    channel.offer([alert()], 0)
    channel.finish()

    assert warnings == ["blocked: RuntimeError; not sent: 08:00:00 high error_spike api"]


def test_stop_kills_what_runs(tmp_path: Path) -> None:
    started, warnings = tmp_path / "started", list[str]()
    source = f"import time; open({str(started)!r}, 'w').close(); time.sleep(1000)"
    channel = Channel(Hook(python(source), timeout_s=1000), "low", warnings.append)
    channel.offer([alert()], 0)
    wait_until(started.exists, "the command to run")
    channel.stop()
    channel.finish()

    assert warnings == [f"{Path(sys.executable).name}: ended by signal 9; not sent: 08:00:00 high error_spike api"]
