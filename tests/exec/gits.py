"""Repositories for real gits, and what the log of a trace has of them."""

import json
from collections import Counter

from tests.exec.sandbox import TRACERD, Event, Sandbox, args
from tracerd.core.own_prefixes import BEGIN_NAME

SETTINGS = '[user]\n\tname = a\n\temail = a@b\n[init]\n\tdefaultBranch = main\n[protocol "file"]\n\tallow = always\n'

MAKE = """
git init -q $1; cd $1
i=0; while [ $i -lt $2 ]; do echo $i >f$i; git add .; git commit -q -m $i; i=$((i+1)); done
printf '#!/bin/sh\\ngit rev-parse HEAD >/dev/null 2>&1\\nexit 0\\n' >.git/hooks/pre-commit
chmod +x .git/hooks/pre-commit
"""

CATS = ("git", "region", "thread", "child", "data")
"""The categories of what git writes of itself."""


def make_repository(sandbox: Sandbox, name: str, commits: int = 3) -> None:
    """A repository with a hook, and a home with settings of its own."""
    sandbox.environ["HOME"] = str(sandbox.home)
    (sandbox.home / ".gitconfig").write_text(SETTINGS)
    done = sandbox.run("sh", "-euc", MAKE, "sh", name, str(commits))
    assert done.returncode == 0, done.stderr


def log_of(sandbox: Sandbox, trace: str) -> list[Event]:
    """The events of a log."""
    sandbox.wait_for_others(trace)
    lines = (sandbox.logs / f"{trace}.jsonl").read_bytes().splitlines()
    return [event for event in map(json.loads, lines) if event["name"] not in (BEGIN_NAME, "tracerd_clock")]


def gits_of(events: list[Event]) -> list[Event]:
    """The spans of processes of git, by their begin."""
    found = [event for event in events if event["ph"] == "X" and event["cat"] == "git"]
    return sorted(found, key=lambda event: float(str(event["ts"])))


def names_of(events: list[Event]) -> list[str]:
    """What these processes are called."""
    return [str(event["name"]) for event in gits_of(events)]


def check_recorded(sandbox: Sandbox, trace: str) -> list[Event]:
    """The events of a log in which every child has ended, and in which `check` and `list -l` find nothing wrong."""
    events = log_of(sandbox, trace)
    children: Counter[str] = Counter()
    for event in events:
        if str(event["ph"]) in "be":
            children[f"{event['pid']} {event['id2']}"] += 1 if event["ph"] == "b" else -1
    assert not any(children.values()), children
    done = sandbox.run(TRACERD, "check", trace)
    assert (done.returncode, b"nothing to fix" in done.stdout) == (0, True), done.stdout + done.stderr
    rejected = sandbox.logs / f"{trace}.rejected"
    assert not rejected.exists(), rejected.read_text()
    return events


def hooks_of(events: list[Event]) -> list[str]:
    """The hooks among the children that have ended."""
    return [str(event["name"]) for event in events if event["ph"] == "e" and str(event["name"]).startswith("hook: ")]


def codes_of(events: list[Event]) -> list[object]:
    """The exit codes of the processes."""
    return [args(event).get("exit_code") for event in gits_of(events)]
