"""The tutorials: their programs and commands, in the order in which a reader types them, in an empty home."""

import json
import signal
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.docs.documents import blocks, needs_socat, section
from tests.exec.builds import needs, needs_cc
from tests.exec.sandbox import Sandbox, own_sandbox
from tests.harness import PATIENCE_S, ROOT

pytestmark = [pytest.mark.tools, pytest.mark.timeout(300)]


@contextmanager
def reader() -> Generator[Sandbox]:
    """A home without anything: no configuration, no daemon, no trace."""
    with own_sandbox() as sandbox:
        sandbox.environ["HOME"] = str(sandbox.home)
        sandbox.environ["NO_COLOR"] = "1"
        for name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
            sandbox.environ.pop(name, None)
        yield sandbox


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text()


def typed(sandbox: Sandbox, block: str, exit_code: int = 0) -> str:
    """What a block prints; a browser is left out, for there is none."""
    lines = [line for line in block.splitlines() if not line.startswith("tracerd open")]
    done = sandbox.run("sh", "-euc", "\n".join(lines))
    assert done.returncode == exit_code, done.stderr.decode()
    return done.stdout.decode()


@contextmanager
def hanging(sandbox: Sandbox, block: str) -> Generator["subprocess.Popen[bytes]"]:
    """A block whose command does not end, until what it waits for is seen in another terminal."""
    command = ["sh", "-euc", f"exec {block}"]
    process = subprocess.Popen(
        command, cwd=sandbox.home, env=sandbox.environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.terminate()  # exec hands it on to what it runs
        process.wait()


# --------------------------------------------------------------- hanging-tests.md

HANGING = page("hanging-tests.md")


def look_until(sandbox: Sandbox, look: str, *words: str) -> str:
    """What the reader sees when all of the words are there; pytest takes half a minute to start on a busy machine."""
    until = time.monotonic() + 6 * PATIENCE_S
    while True:
        shown = sandbox.run("sh", "-c", look).stdout.decode()
        if all(word in shown for word in words):
            return shown
        assert time.monotonic() < until, shown
        time.sleep(0.5)


@needs("strace")
def test_a_test_run_that_hangs() -> None:
    program = blocks(HANGING, "python")[0]
    [record] = blocks(section(HANGING, "## 2. Run it recorded"), "sh")
    [look] = blocks(section(HANGING, "## 3. Ask what runs now"), "sh")
    [after] = blocks(section(HANGING, "## 4. End it, and keep the evidence"), "sh")
    with reader() as sandbox:
        (sandbox.home / "test_shop.py").write_text(program)
        with hanging(sandbox, record) as process:
            shown = look_until(sandbox, look, "[unfinished] sh", "test_shop.py::test_pay [unfinished]")
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE_S) == -signal.SIGTERM
        ended = typed(sandbox, after)

    assert "test_order" not in shown
    assert "test_shop.py::test_pay [unfinished]" in ended
    assert "test_shop.py::test_order" in ended


@needs("strace")
def test_a_limit_leaves_the_file() -> None:
    [look] = blocks(section(HANGING, "## 3. Ask what runs now"), "sh")
    [limited] = blocks(section(HANGING, "## In CI"), "sh")
    with reader() as sandbox:
        (sandbox.home / "test_shop.py").write_text(blocks(HANGING, "python")[0])
        with hanging(sandbox, limited) as process:
            look_until(sandbox, look, "test_shop.py::test_pay [unfinished]")
            process.send_signal(signal.SIGTERM)  # timeout hands it on as it does its own, when the time is up
            process.wait(PATIENCE_S)
        shown = sandbox.run("tracerd", "show", "trace.json").stdout.decode()

    assert "test_shop.py::test_pay [unfinished]" in shown


def test_the_slowest_test() -> None:
    [ask] = blocks(section(HANGING, "## Which test is slow?"), "sh")
    with reader() as sandbox:
        (sandbox.home / "test_shop.py").write_text(blocks(HANGING, "python")[0])
        shown = typed(sandbox, ask)

    ranked, _, tree = shown.partition("\nprocess ")
    assert {"test_shop.py::test_order", "test_shop.py::test_price"} <= set(ranked.split())
    assert "test_shop.py::test_order" in tree


# --------------------------------------------------------------- own-program.md

OWN = page("own-program.md")


@needs_socat
def test_a_trace_from_a_shell() -> None:
    lines = blocks(section(OWN, "## In a shell"), "sh")
    assert len(lines) == 4
    with reader() as sandbox:
        shown = typed(sandbox, "".join(lines) + "tracerd stop\n")
        events = json.loads((sandbox.home / "trace.json").read_bytes())["traceEvents"]

    assert "OK 1 0 0\n" in shown
    assert {"nap", "naps", "awake", "nap by hand"} <= {event["name"] for event in events}


def test_a_program_of_many_processes_in_python() -> None:
    [program] = blocks(section(OWN, "## In Python"), "python")
    [record] = blocks(section(OWN, "## In Python"), "sh")
    [tree] = blocks(section(OWN, "## In Python"), "text")
    with reader() as sandbox:
        (sandbox.home / "prove.py").write_text(program)
        assert typed(sandbox, "python prove.py") == ""
        assert not sandbox.logs.exists()
        shown = typed(sandbox, record)

    assert "nothing to fix" in shown
    assert [line.split()[-1] for line in tree.splitlines() if "process" not in line and line] == [
        line.split()[-1] for line in shown.splitlines() if line.endswith(("python", "plan", "start", "wait"))
    ] + ["prove", "search", "check"]
    assert shown.count(" prove\n") == 3


# --------------------------------------------------------------- logs-to-alerts.md

ALERTS = page("logs-to-alerts.md")


def test_from_logs_to_an_alert() -> None:
    [record] = blocks(section(ALERTS, "## 1. The log into a trace"), "sh")
    [ask] = blocks(section(ALERTS, "## 2. Ask the log"), "sh")
    [once] = blocks(section(ALERTS, "## 3. Would there have been an alert?"), "sh")
    [tracker] = blocks(section(ALERTS, "## 4. A rule of your own"), "text")
    [check] = blocks(section(ALERTS, "## 4. A rule of your own"), "sh")
    [channel] = blocks(section(ALERTS, "## 5. To the desktop"), "toml")
    [watch] = blocks(section(ALERTS, "## 5. To the desktop"), "sh")
    with reader() as sandbox:
        home = sandbox.home
        (home / "shop.py").write_text(blocks(ALERTS, "python")[0])
        (home / "shop.tracker").write_text(tracker)
        typed(sandbox, record)
        asked = typed(sandbox, ask)
        alerted = typed(sandbox, once, exit_code=1)
        own = typed(sandbox, check, exit_code=1)

        # A desktop of this test's own.
        (home / "bin").mkdir()
        (home / "bin/notify-send").write_text('#!/bin/sh\necho "$@" >>"$HOME/desktop"\n')
        (home / "bin/notify-send").chmod(0o700)
        sandbox.environ["PATH"] = f"{home}/bin:{sandbox.environ['PATH']}"
        (home / ".config/tracerd").mkdir(parents=True)
        (home / ".config/tracerd/watch.toml").write_text(channel)
        (home / ".config/tracerd/watch.toml").chmod(0o600)
        desktop = home / "desktop"
        waiting = f"{watch}until [ -s $HOME/desktop ]; do sleep 0.1; done\nkill $!\n"
        done = sandbox.run("timeout", "60", "sh", "-uc", waiting)
        assert desktop.exists(), done.stderr
        notice = desktop.read_text()

    assert asked.count("no answer from the bank") >= 3 + 30
    assert any(line.split() == ["payments", "30"] for line in asked.splitlines())
    assert "error_spike   payments" in alerted
    assert "failed_orders  payments" in own
    assert "failed_orders" in notice
    assert notice.startswith("tracerd ")


# --------------------------------------------------------------- month-of-builds.md

MONTH = page("month-of-builds.md")


@needs_cc
@needs("make")
def test_a_month_of_builds() -> None:
    [record] = blocks(section(MONTH, "## 1. Record each build"), "sh")
    [count] = blocks(section(MONTH, "## 2. Which builds are there?"), "sh")
    queries = blocks(section(MONTH, "## 3. Ask them in SQL"), "sh")
    [keep] = blocks(section(MONTH, "## 4. Keep a database"), "sh")
    with reader() as sandbox:
        (sandbox.home / "Makefile").write_text("all: one.o two.o\n%.o: %.c\n\tcc -c $<\n")
        for name in ("one", "two"):
            (sandbox.home / f"{name}.c").write_text("int a;\n")
        typed(sandbox, record)
        typed(sandbox, "rm one.o\n" + record)
        (sandbox.home / "two.c").write_text("int a\n")
        typed(sandbox, record, exit_code=2)
        days, *found = typed(sandbox, count).splitlines()[1:]
        answers = [typed(sandbox, query).splitlines()[1:] for query in queries]
        typed(sandbox, keep)
        assert Path(sandbox.home / "builds.duckdb").exists()
        assert Path(sandbox.home / "builds.sqlite").exists()
        traces = [path.stem for path in sorted(sandbox.logs.glob("*.jsonl"))]
        typed(sandbox, "tracerd diff " + " ".join(traces[:2]) + " --fail-over 100000%")

    weeks, of_weeks, steps, slower, failures, branches = answers
    slowest, shown = found[:3], found[3:]
    assert days.split()[1] == "3"
    assert sorted(Path(path).stem for path in slowest) == traces
    assert any("[exit 1]" in line and "two.c" in line for line in shown)
    assert sum(int(row.split()[1]) for row in weeks) == 3
    assert {row.split()[1] for row in of_weeks} == {"cc"}
    assert {"cc one.c", "cc two.c"} <= {" ".join(row.split()[:2]) for row in steps}
    assert {"cc one.c", "cc two.c"} <= {" ".join(row.split()[:2]) for row in slower}
    assert {tuple(row.split()[-2:]) for row in failures} == {("1", "1"), ("2", "1")}
    assert [row.split() for row in branches] == [["main", "3"]]
