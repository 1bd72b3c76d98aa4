"""docs/watch.md: its rules, its file of channels and its numbers are those of the code."""

import ast
import re
from pathlib import Path

import pytest

from tests.docs.documents import blocks, code, section, tables
from tests.harness import ROOT
from tests.watch.logs import Clocked, line, named
from tracerd.query.watch_grammar import CLEAR
from tracerd.watch.bundle import MAX_SINGLE, PERIOD_S
from tracerd.watch.channel import MAX_WAITING
from tracerd.watch.config import channels_of
from tracerd.watch.hook import TIMEOUT_S
from tracerd.watch.notice import MAX_LINES, WORDS
from tracerd.watch.rules import COOLDOWN_US, DEFAULT_RULES, US
from tracerd.watch.windows import LATE_WINDOWS

WATCH = (ROOT / "docs/watch.md").read_text()


def test_the_usual_rules_are_shown() -> None:
    assert DEFAULT_RULES in blocks(section(WATCH, "## Rules"), "text")


def test_the_rule_for_runs_that_fail_finds_them() -> None:
    [rules] = blocks(section(WATCH, "### Runs that fail"), "text")
    watched = Clocked(rules=rules)
    ends = {"ended": {"exit_code": 0}, "failed": {"exit_code": 3}, "killed": {"signal": "SIGKILL"}}
    for pid, (name, args) in enumerate(ends.items()):
        watched.feed(1, named(pid, name), line(0, "X", pid, dur=1_000_000, args=args))
    assert watched.judge(12) == [
        "10 firing medium failed failed: 1 failed_run in 10 s (more than 0)",
        "10 firing medium failed killed: 1 failed_run in 10 s (more than 0)",
    ]


def test_cooldowns_are_those_of_the_code() -> None:
    table = tables(section(WATCH, "## What is reported"))[0]
    assert {code(row[0]): row[1] for row in table} == {
        severity: f"{cooldown // US // 60} min" for severity, cooldown in COOLDOWN_US.items()
    }


@pytest.mark.parametrize("number", [0, 1])
def test_files_of_channels_are_taken(tmp_path: Path, number: int) -> None:
    text = blocks(WATCH, "toml")[number]
    path = tmp_path / "watch.toml"
    path.write_text(re.sub(r'apprise = "[^"]*"', 'command = ["true"]', text))
    path.chmod(0o600)
    assert len(channels_of(path, print)) == text.count("[[channel]]")


def test_words_and_numbers_are_those_of_the_code() -> None:
    channels = section(WATCH, "## Channels")
    assert {*re.findall(r"\{(\w+)\}", channels)} == {*WORDS}
    for text in (
        f"longer than {TIMEOUT_S:.0f} seconds",
        f"More than {MAX_SINGLE} alerts in {PERIOD_S:.0f} seconds are one summary, of {MAX_LINES} lines",
        f"* {MAX_WAITING} notices wait",
    ):
        assert text in channels
    assert LATE_WINDOWS == 5
    assert f"without it {CLEAR} |" in WATCH


def test_the_program_is_python() -> None:
    for text in blocks(WATCH, "python"):
        ast.parse(text)
