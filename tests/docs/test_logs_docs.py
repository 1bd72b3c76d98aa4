"""docs/logs.md: its programs and its commands, run as they stand there."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.commands import invoke
from tests.docs.documents import blocks, in_shell, section
from tests.harness import ROOT, Daemon, wait_until
from tracerd.core.own_prefixes import CLOCK_PREFIX

LOGS = (ROOT / "docs/logs.md").read_text()


def shell(daemon: Daemon, script: str, **environ: str) -> str:
    """What lines print, with this daemon."""
    home = daemon.dir.parent
    done = in_shell(script, home, TRACERD_SOCKET=str(daemon.socket), TRACERD_DIR=str(daemon.dir), **environ)
    assert done.returncode == 0, done.stderr
    return done.stdout


def record(daemon: Daemon, heading: str) -> list[dict[str, object]]:
    """Run the program below a heading as a trace; the log events that `search` finds of its order."""
    program = blocks(section(LOGS, heading), "python")[0]
    (daemon.dir.parent / "shop.py").write_text(program)
    printed = shell(daemon, "tracerd exec python shop.py >/dev/null 2>&1; tracerd search 4711 latest --json")
    return [json.loads(line)["event"] for line in printed.splitlines()]


def test_from_a_program_to_an_answer(daemon: Daemon) -> None:
    (daemon.dir.parent / "shop.py").write_text(blocks(section(LOGS, "## From a program to an answer"), "python")[0])
    run, show, search, query, metrics = blocks(section(LOGS, "## From a program to an answer"), "sh")[0].splitlines()

    shell(daemon, run)
    span, *logs = shell(daemon, show).splitlines()[-3:]
    inside = span.index("checkout") + 2
    assert [line[inside:] for line in logs] == ["info: order received", "error: payment failed"]
    [found] = shell(daemon, search).splitlines()
    assert "payment failed" in found
    assert "no answer in 5 s" in found
    assert [line.split() for line in shell(daemon, query).splitlines()[-2:]] == [["error", "1"], ["info", "1"]]
    assert shell(daemon, metrics).splitlines()[-1].split()[1] == "3"


def test_what_the_handler_writes_is_listed(daemon: Daemon) -> None:
    table = section(LOGS, "### The handler")
    _, failed = record(daemon, "## From a program to an answer")
    args: Any = failed["args"]
    assert all(f"`{key}`" in table for key in args if key != "order")


@pytest.mark.parametrize("heading", ["### structlog", "### loguru"])
def test_other_libraries(daemon: Daemon, heading: str) -> None:
    received, failed = record(daemon, heading)
    assert [(event["cat"], event["name"]) for event in (received, failed)] == [
        ("log", "order received"), ("log", "payment failed"),
    ]  # fmt: skip
    args: Any = failed["args"]
    assert args["level"] == "error"
    [text] = [line for line in section(LOGS, heading).splitlines() if "`args." in line]
    assert text.split("`")[1].removeprefix("args.") in args
    assert "no answer in 5 s" in json.dumps(args)


def test_the_json_of_metrics_is_as_it_is_shown(tmp_path: Path) -> None:
    clock = CLOCK_PREFIX + b'"args":{"monotonic_us":0,"boottime_us":0,"realtime_us":1795728240000000}}\n'
    point = b'{"ph":"C","name":"queue","pid":1,"ts":5,"id":"host=a","args":{"value":12.5}}\n'
    (tmp_path / "t.jsonl").write_bytes(clock + point)
    [shown] = blocks(section(LOGS, "## Metrics"), "json")
    assert invoke("metrics", "queue", "-d", tmp_path, "--step", "1m", "--json").stdout.decode() == shown


def test_three_lines_of_shell(daemon: Daemon) -> None:
    [lines] = blocks(section(LOGS, "### Shell"), "sh")
    shell(daemon, lines, TRACERD_TRACE_ID="backup")

    def found() -> list[tuple[object, object]]:
        events = map(json.loads, daemon.events_so_far("backup"))
        return [(event["name"], event["args"]) for event in events if event["ph"] in "iC"]

    wait_until(lambda: len(found()) == 3, "what no command waits for")
    assert found() == [
        ("backup begins", {"level": "info"}),
        ("disk is 90 % full", {"level": "warning", "disk": "/dev/sda1"}),
        ("files copied", {"value": 1204}),
    ]
