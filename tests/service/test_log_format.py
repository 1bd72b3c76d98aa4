"""`serve --log-format`: the daemon's own log as text, or each line a JSON object."""

import json
import logging
import os
import re
import sys
import threading
from pathlib import Path

import pytest

from tests.harness import Daemon, event, short_dir
from tracerd.service.stderr_log import MAX_WAITING, JsonFormatter, StderrHandler


def record(message: str, level: int = logging.WARNING, *, error: bool = False) -> logging.LogRecord:
    info = None
    if error:
        try:
            raise ValueError("two\nlines")
        except ValueError:
            info = sys.exc_info()
    return logging.LogRecord("tracerd", level, "", 0, message, None, info)


def test_each_line_of_the_daemon_is_an_object(tmp_path: Path) -> None:
    with short_dir() as home, Daemon(home, "--log-format", "json") as daemon:
        daemon.session(b"OPEN t\nbad\nEMIT_TEF %s\n" % bytes(tmp_path / "t.json") + event(1))
        (tmp_path / "x").mkdir()
        daemon.session(b"OPEN t\nEMIT_TEF %s\n" % bytes(tmp_path / "x"))
        daemon.stop()
        lines = [json.loads(line) for line in daemon.stderr().splitlines()]

    assert (
        {"time", "level", "message"} <= {key for line in lines for key in line} <= {"time", "level", "message", "trace"}
    )
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"]) for line in lines)
    assert [line["level"] for line in lines if "listening on" in line["message"]] == ["info"]
    assert [line["trace"] for line in lines if "1 events to" in line["message"]] == ["t"]
    assert next(line["level"] for line in lines if "client with pid" in line["message"]) == "warning"
    assert lines[-1]["message"] == "stopped"


def test_text_is_the_default_and_has_no_object() -> None:
    with short_dir() as home, Daemon(home) as daemon:
        daemon.stop()
        lines = daemon.stderr().splitlines()

    assert lines
    assert all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} [A-Z]+ ", line) for line in lines)


@pytest.mark.parametrize("message", ["plain", 'with "quotes"', "new\nline", "a \udcff byte", "\x1b[31m\u2028", "é"])
def test_any_message_is_one_line(message: str) -> None:
    line = JsonFormatter().format(record(message))

    line.encode()
    assert len(line.splitlines()) == 1 or "\u2028" in message
    assert "\n" not in line
    found = json.loads(line)["message"]
    assert found == message.encode(errors="backslashreplace").decode()


def test_a_traceback_is_a_part_of_its_object() -> None:
    entry = json.loads(JsonFormatter().format(record("a bug", error=True)))

    assert (entry["level"], entry["message"]) == ("warning", "a bug")
    assert entry["traceback"].startswith("Traceback")
    assert entry["traceback"].endswith("two\nlines")


@pytest.mark.parametrize("as_json", [True, False])
def test_lines_that_were_left_out_are_reported_in_the_same_format(as_json: bool) -> None:
    theirs, ours = os.pipe()
    handler = StderrHandler(ours, as_json=as_json)
    filler = record("x" * 4096)
    count = MAX_WAITING + 100  # a pipe takes 64 KiB
    for _ in range(count):
        handler.handle(filler)
    lines: list[bytes] = []

    def read() -> None:
        with open(theirs, "rb") as file:
            lines.extend(file)

    reader = threading.Thread(target=read)
    reader.start()
    handler.close()
    while any(thread.name == "stderr" for thread in threading.enumerate()):
        handler.close()
    os.close(ours)
    reader.join()

    # There may be two: lines are left out, too, before the thread has filled the pipe.
    reports = [line for line in lines if b" left out" in line]
    if as_json:
        assert [json.loads(line)["level"] for line in lines] == ["warning"] * len(lines)
        reports = [json.loads(line)["message"].encode() for line in reports]
    left_out = [re.fullmatch(rb"(\d+) earlier lines? left out: stderr was not being read\n?", line) for line in reports]
    assert left_out
    assert len(lines) - len(reports) + sum(int(found[1]) for found in left_out if found) == count
