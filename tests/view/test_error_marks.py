"""`show`, `stats`, `diff` and `tail` agree on what is an error."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from tracerd.cli import main

CASES = [
    ('{"signal":"SIGKILL"}', True),
    ('{"signal":9}', True),
    ('{"signal":null}', False),
    ('{"exit_code":3}', True),
    ('{"exit_code":0}', False),
    ('{"error":"ENOENT"}', True),
    ('{"outcome":"failed"}', True),
    ('{"outcome":"passed"}', False),
    ('{"outcome":"skipped","error":"Skipped"}', False),
    ('{"outcome":"xfailed","error":"AssertionError"}', False),
]


def printed(*arguments: str | Path) -> str:
    done = CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.mark.parametrize(("args", "is_error"), CASES)
def test_the_four_agree(args: str, is_error: bool, tmp_path: Path) -> None:
    log = tmp_path / "t.jsonl"
    log.write_text(f'{{"ph":"X","name":"one","pid":1,"tid":1,"ts":1,"dur":2,"args":{args}}}\n')

    show, stats, tail = (printed(command, log) for command in ("show", "stats", "tail"))
    groups = json.loads(printed("diff", log, log, "--json"))["groups"]

    assert [("one [error]" in show), ("one [error]" in tail), "1 error" in stats] == [is_error] * 3
    assert [groups[0]["a"]["errors"], groups[0]["b"]["errors"]] == [is_error] * 2


def test_what_a_level_shows_is_not_shown_twice(tmp_path: Path) -> None:
    log = tmp_path / "t.jsonl"
    instant = '{"ph":"i","s":"t","name":"said","cat":"log","pid":1,"tid":1,"ts":1,"args":%s}\n'
    log.write_text(instant % '{"level":"error"}' + instant % '{"level":"info","error":"no"}')

    first, second = printed("tail", log).splitlines()

    assert "  error     said  {" in first
    assert "  info      said [error]  {" in second


def test_what_never_ended_is_among_the_errors_of_show(tmp_path: Path) -> None:
    """A process that was killed may have had the time to write what began, and nothing else."""
    log = tmp_path / "t.jsonl"
    mark = '{"ph":"M","name":"tracerd_begin","pid":1,"tid":1,"ts":3,"args":{"id":"%016x","name":"%s","cat":"%s"}}\n'
    log.write_text(
        '{"ph":"X","name":"good","pid":1,"tid":1,"ts":1,"dur":1}\n{"ph":"B","name":"open","pid":1,"tid":1,"ts":2}\n'
        '{"ph":"i","s":"t","name":"moment","pid":1,"tid":1,"ts":4}\n' + mark % (1, "killed", "")
    )
    shown = printed("show", log, "--errors")
    assert [name for name in ("good", "open", "moment", "killed") if name in shown] == ["open", "killed"]
    assert shown.count("[unfinished]") == 2
    assert "killed" not in printed("show", log, "--errors", "--where", 'name == "open"')

    log.write_text('{"ph":"X","name":"good","cat":"process","pid":1,"tid":1,"ts":1,"dur":1,"args":{"exit_code":0}}\n')
    with log.open("a") as file:
        file.write(mark % (2, "make", "process") + (mark % (3, "inner", "")).replace('"ts":3', '"ts":4'))
    shown = printed("show", log, "--errors")
    assert [name for name in ("good", "make", "inner") if name in shown] == ["make", "inner"]


def test_an_attribute_of_the_trace_is_no_error(tmp_path: Path) -> None:
    log = tmp_path / "t.jsonl"
    log.write_text('{"ph":"M","name":"tracerd_trace","pid":1,"args":{"exit_code":1}}\n')

    assert "[error]" not in printed("tail", log)
