"""What `tracerd show`, `stats` and `diff` write to terminals, pipes and full disks; and the memory that they take."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import cast

import pytest

from tests.commands import invoke
from tests.harness import ROOT, on_a_terminal, tracerd
from tests.view.commands import BUILD, COMMANDS, run
from tests.view.commands import store as store
from tests.view.view_cases import log

EVIL = "\\u001b[31m\\u202e\\r\\n" + "x" * 50


def test_names_from_a_client_do_no_harm_to_a_terminal(store: Path) -> None:
    written = BUILD + log(
        f"""
        M process_name 3/3 0 "args":{{"name":"{EVIL}"}}
        M thread_name 3/4 0 "args":{{"name":"{EVIL}"}}
        X a 3/4 0+1 "name":"{EVIL}","cat":"{EVIL}"
        B b 3/4 2 "name":"{EVIL}","pid":"{EVIL}"
        """
    )
    (store / "evil.jsonl").write_bytes(written + b'{"ph":"\\u001b[31m","ts":1,"pid":3}\n')

    for command in COMMANDS:
        for options in ([], ["--by", "process"], ["--by", "cat"], ["--json"]):
            if command != "show" or "--by" not in options:
                text = "\n".join(run(command, store, *options, trace="evil"))
                assert not re.search("[\x1b\r]", text)
                assert "\u202e" not in text or "--json" in options


def test_an_output_that_is_not_utf8_gets_what_it_can_write(store: Path) -> None:
    (store / "named.jsonl").write_bytes(BUILD.replace(b"compile", "é→".encode()))
    environ = os.environ | {"PYTHONIOENCODING": "latin-1"}
    for command in COMMANDS:
        other = ["build-1"] if command == "diff" else []
        done = tracerd(command, "named", *other, "-d", store, env=environ)
        assert (done.returncode, done.stderr) == (0, b"")
        assert b"\xe9\\u2192" in done.stdout
        if command == "stats":
            assert re.search(rb"^processes  \|[ .:=+*%#-]{60}\|", done.stdout, re.MULTILINE)


def test_a_full_disk_is_one_line(store: Path) -> None:
    for command in COMMANDS:
        with Path("/dev/full").open("wb") as full:
            arguments = [
                sys.executable,
                "-m",
                "tracerd",
                command,
                "build-1",
                *(["build-1"] if command == "diff" else []),
            ]
            done = subprocess.run([*arguments, "-d", str(store)], stdout=full, stderr=subprocess.PIPE, check=False)
        assert (done.returncode, done.stderr) == (1, b"Error: cannot write: No space left on device\n")


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_closed_pipe_ends_quietly(options: list[str], store: Path) -> None:
    for command in COMMANDS:
        traces = ["build-1"] * (2 if command == "diff" else 1)
        theirs, ours = os.pipe()
        os.close(theirs)
        with open(ours, "wb") as pipe:
            arguments = [sys.executable, "-m", "tracerd", command, *traces, "-d", str(store), *options]
            done = subprocess.run(arguments, stdout=pipe, stderr=subprocess.PIPE, check=False)
        assert (done.returncode, done.stderr) == (1, b"")


def test_errors_are_red_on_a_terminal_unless_it_is_told_otherwise() -> None:
    logs = ROOT / "docs/view"
    show = [sys.executable, "-m", "tracerd", "show", str(logs / "before.jsonl")]
    diff = [*show[:3], "diff", str(logs / "before.jsonl"), str(logs / "after.jsonl"), "--fail-over", "10%"]

    for command, code, red in ((show, 0, b"run cc b.c [error]\x1b[0m"), (diff, 1, b"\x1b[31mover 10%: ")):
        assert red in on_a_terminal(*command, exit_code=code)
        assert b"\x1b" not in on_a_terminal(*command, exit_code=code, NO_COLOR="1")


def test_a_closed_stdout_is_one_line(store: Path) -> None:
    for command in COMMANDS:
        traces = "build-1 build-1" if command == "diff" else "build-1"
        script = f'exec "{sys.executable}" -m tracerd {command} {traces} -d "{store}" >&-'
        done = subprocess.run(["sh", "-c", script], stderr=subprocess.PIPE, check=False)
        assert (done.returncode, done.stderr) == (1, b"Error: cannot write to stdout: it is closed\n")


EVENT = b'{"ph":"X","name":"step %d","cat":"c","pid":%d,"tid":1,"ts":%d,"dur":7.5,"args":{"n":%d}}\n'


def peak_bytes(events: int, directory: Path) -> int:
    """The memory that `stats` takes at most."""
    path = directory / f"{events}.jsonl"
    with path.open("wb") as file:
        file.writelines(EVENT % (n % 200, n % 8, 10 * n, n) for n in range(events))
    command = [sys.executable, "-m", "tracerd", "stats", str(path), "--json"]
    done = subprocess.run([sys.executable, "-c", MEASURE, *command], capture_output=True, check=True)
    return int(done.stderr) * 1024


MEASURE = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
"""


def test_five_million_events_would_take_less_than_a_gigabyte(tmp_path: Path) -> None:
    few, many = peak_bytes(1000, tmp_path), peak_bytes(100_000, tmp_path)

    assert few + (many - few) / 99_000 * 5_000_000 < 1e9


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_five_million_events_take_less_than_a_gigabyte(tmp_path: Path) -> None:
    assert peak_bytes(5_000_000, tmp_path) < 1e9


@pytest.mark.parametrize("command", ["show", "stats", "diff", "tail", "check", "list"])
def test_json_holds_no_character_that_a_terminal_obeys(command: str, tmp_path: Path) -> None:
    evil = "a\x7f\x9b31m\u202e\u2066\u200f\u2028\U000e0041z\u00e9"
    name = f"t{evil}"
    (tmp_path / f"{name}.jsonl").write_text(
        json.dumps({"ph": "X", "name": evil, "pid": 1, "tid": 1, "ts": 1, "dur": 5}, ensure_ascii=False) + "\n"
        + json.dumps({"ph": "B", "name": evil, "pid": 1, "tid": 1, "ts": 2}, ensure_ascii=False) + "\n"
    )  # fmt: skip
    traces = {"diff": [name, name], "list": []}.get(command, [name])

    done = invoke(command, *traces, "-d", tmp_path, "--json")
    shown = done.stdout.decode()

    assert done.returncode == 0
    assert "\\u202e" in shown
    assert shown.replace("\n", "").isprintable()
    assert any(evil in text for line in shown.splitlines() for text in _texts(json.loads(line)))


def _texts(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for item in cast("dict[str, object]", value).values() for text in _texts(item)]
    if isinstance(value, list):
        return [text for item in cast("list[object]", value) for text in _texts(item)]
    return [str(value)]
