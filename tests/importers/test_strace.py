"""strace's files: what would be a secret in them, and times of day."""

import json
from pathlib import Path

import pytest

from tests.importers.reading import args, read_text
from tests.importers.test_formats import NOON_S
from tracerd import redact


@pytest.mark.parametrize(
    "words",
    [
        ["./mysql", "-phunter2"],
        ["./curl", "-u", "ada:hunter2"],
        ["./docker", "login", "-p", "hunter2"],
        ["./curl", "-b", "sid=hunter2", 'a "quoted" word'],
        ["sh", "-c", "curl -u ada:hunter2 https://a.example"],
    ],
    ids=" ".join,
)
def test_command_lines_of_strace_hide_what_exec_hides(words: list[str], tmp_path: Path) -> None:
    line = f'7 {NOON_S}.000001 execve("./{words[0]}", {json.dumps(words)}, 0x7ffd /* 9 vars */) = 0 <0.000300>\n'
    call = read_text(tmp_path, line * 2).of("X")[0]
    assert str(args(call)["args"]).endswith(json.dumps(redact.argv(words)))
    assert "hunter2" not in str(call)


def test_what_a_program_writes_under_strace_holds_no_secrets(tmp_path: Path) -> None:
    line = f'7 {NOON_S}.000001 write(1, "pass=hunter2 https://a.example", 30) = 30 <0.000300>\n'
    (call,) = read_text(tmp_path, line).of("X")
    assert args(call)["args"] == '1, "pass=*** https://a.example", 30'


def test_times_of_day_go_on_after_midnight(tmp_path: Path) -> None:
    calls = ["23:59:59.900000 brk(0) = 0 <0.000001>", "00:00:00.100000 close(0) = 0 <0.000001>"]
    found = read_text(tmp_path, "".join(f"7 {call}\n" for call in calls))
    assert float(str(found.span("close")["ts"])) - float(str(found.span("brk")["ts"])) == 200_000
