"""README.md: its commands run as shown, and it names every command."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.documents import DOCUMENTS, README, blocks, section, tables
from tests.exec.builds import needs, needs_cc
from tests.harness import ROOT
from tests.packaging.files import needs_checkout
from tracerd.cli.commands import COMMANDS, load


def setup_lines() -> list[str]:
    return [line for block in blocks(section(README, "## Set up"), "sh") for line in block.splitlines()]


def test_the_first_screen_has_what_it_is_and_a_picture_of_a_build() -> None:
    head = README.splitlines()[:40]

    assert len(setup_lines()) == 1
    assert sum(line.startswith("It is not ") for line in head) == 3
    assert any("-o trace.json" in line for line in head)
    assert any("](docs/exec.png)" in line for line in head)


def test_each_door_leads_to_a_page() -> None:
    [doors] = tables(section(README, "## Where to go from here"))

    assert len(doors) >= 6
    assert all("](docs/" in row[1] for row in doors)


def test_first_setup_line_ends_with_the_demo() -> None:
    # The gate runs this line and the one of the tests whole, on a clean clone; test_demo.py has what the demo does.
    assert setup_lines()[0].endswith(" && .venv/bin/pip install . && .venv/bin/tracerd demo")
    assert "](docs/demo.png)" in section(README, "## Set up")


BROWSER = """#!/bin/sh
echo "$1" >"$HOME/shown"
kill -INT $PPID  # as a person who has seen enough
"""

MAKEFILE = "all: lib.a\nlib.a: one.o two.o\n\t$(AR) rc $@ $^\nCC = cc\n"


@pytest.mark.tools
@pytest.mark.timeout(600)  # pip installs
@needs_checkout
@needs_cc
@needs("make")
def test_the_first_screen_runs_as_typed_where_nothing_is(tmp_path: Path) -> None:
    install, record = blocks(section(README, "## Your build in a minute"), "sh")
    for name in ("home", "project", "run"):
        (tmp_path / name).mkdir()
    (tmp_path / "project/Makefile").write_text(MAKEFILE)
    for name in ("one", "two"):
        (tmp_path / f"project/{name}.c").write_text(f"int {name}(void) {{ return 1; }}\n")
    browser = tmp_path / "browser"
    browser.write_text(BROWSER)
    browser.chmod(0o700)
    script = f"git clone --quiet {ROOT} clone\ncd clone\n{install}cd {tmp_path}/project\n{record}"

    environ = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(tmp_path / "home"), "BROWSER": f"{browser} %s"}
    environ |= {"XDG_RUNTIME_DIR": str(tmp_path / "run"), "TRACERD_PURE_PYTHON": "1"}
    script = f'python3() {{ "{sys.executable}" "$@"; }}\n{script}'
    command = ["env", "-i", *(f"{name}={value}" for name, value in environ.items()), "sh", "-euc", script]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=500)
    stop = [*command[:-3], str(tmp_path / "home/.tracerd/bin/tracerd"), "stop"]
    subprocess.run(stop, check=True, capture_output=True)

    assert "critical path: " in done.stderr
    if "port 9001, the only one that https://ui.perfetto.dev may load from, is taken" not in done.stderr:
        assert done.returncode == 0, done.stderr
        assert "trace.json" in (tmp_path / "home/shown").read_text()
    names = {event["name"] for event in json.loads((tmp_path / "project/trace.json").read_bytes())["traceEvents"]}
    assert {"make", "cc one.o", "cc two.o", "ar lib.a"} <= names


def test_readme_table_has_every_command() -> None:
    [table] = tables(section(README, "## Commands"))

    assert sorted(re.findall(r"`tracerd ([a-z-]+)", " ".join(row[1] for row in table))) == sorted(COMMANDS)


def shown_in(document: str) -> Iterator[list[str]]:
    """The words of each line of shell code and of each piece of inline code."""
    for line in "".join(blocks(document, "sh") + blocks(document, "console")).splitlines():
        if words := line.removeprefix("$ ").partition("#")[0].split():
            yield words
    prose = re.sub(r"^```.*?^```$", "", document, flags=re.MULTILINE | re.DOTALL)
    for piece in re.findall(r"`([^`\n]+)`", prose):
        yield piece.split()


def options_of(command: str) -> set[str]:
    parameters = load(command).params
    return {name for parameter in parameters for name in parameter.opts} | {"-h", "--help"}


def test_every_command_and_option_in_the_documents_exists() -> None:
    seen: set[str] = set()
    for document in DOCUMENTS:
        for program, *words in shown_in(document.read_text()):
            command, *rest = words if program == "tracerd" and words else [program, *words]
            if program == "tracerd" and words:
                assert command in COMMANDS, command
            if command in COMMANDS:
                seen.add(command)
                rest = rest[: rest.index("--")] if "--" in rest else rest  # another program's words follow
                options = {word for word in rest if re.fullmatch("-[a-z]|--.*", word)}  # not a value such as -5m
                assert options <= options_of(command), (document, command, rest)

    assert seen == set(COMMANDS)
