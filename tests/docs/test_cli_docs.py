"""docs/cli.md, the man page and the completion of shells: made of the commands, and never stale."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from hatch_build import man_page
from tests.docs.cli_docs import CLI_MD, cli_md
from tests.harness import PATIENCE_S, tracerd
from tracerd.cli import main
from tracerd.cli.commands import COMMANDS, load

HOW = "run python -m tests.docs.cli_docs"


def test_cli_md_is_what_the_commands_say() -> None:
    assert CLI_MD.read_text() == cli_md(), HOW


def test_every_command_has_help_and_every_option_says_what_it_does() -> None:
    for name in COMMANDS:
        command = load(name)
        assert command.name == name
        assert command.help
        assert f"\n### `tracerd {name}`\n" in CLI_MD.read_text()
        for parameter in command.params:
            assert parameter.param_type_name == "argument" or getattr(parameter, "help", None), (name, parameter.name)


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
def test_man_page_is_rendered_without_a_warning() -> None:
    page = man_page(CLI_MD.read_text(), "1.2.3", "A flight recorder")
    command = ["groff", "-man", "-ww", "-Tascii", "-P-c"]
    done = subprocess.run(command, input=page, capture_output=True, text=True, check=False, timeout=PATIENCE_S)

    assert (done.returncode, done.stderr) == (0, "")
    shown = re.sub(".\b", "", done.stdout)  # bold is typed twice
    for heading in ("NAME", "SYNOPSIS", "COMMANDS", "EXIT STATUS", "SHELL COMPLETION"):
        assert heading in shown
    for name in COMMANDS:
        assert f"tracerd {name}" in shown


def test_roff_of_awkward_text() -> None:
    page = man_page("## Synopsis\n\n.dot `a\\b` 'q' -- [name](x.md#y) `-o`\n", "1.2.3", "A flight recorder")

    assert page.splitlines() == [
        '.TH TRACERD 1 "" "tracerd 1.2.3"',
        ".SH NAME",
        "tracerd \\- flight recorder",
        ".SH SYNOPSIS",
        ".PP",
        "\\&.dot \\fBa\\eb\\fR \\(aqq\\(aq \\-\\- name \\fB\\-o\\fR",
    ]


# ------------------------------------------------------------------ completion


@pytest.fixture
def store(tmp_path: Path) -> Path:
    for number, name in enumerate(["build-1", "build-2", "other"]):
        (tmp_path / f"{name}.jsonl").write_bytes(b'{"ph":"i","ts":1}\n')
        os.utime(tmp_path / f"{name}.jsonl", (number, number))
    return tmp_path


def completed(*words: str, store: Path) -> list[str]:
    """What bash would offer for the last word, by the command's own answer."""
    environ = os.environ | {
        "_TRACERD_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(["tracerd", *words]),
        "COMP_CWORD": str(len(words)),
        "TRACERD_DIR": str(store),
    }
    done = tracerd(env=environ)
    assert (done.returncode, done.stderr) == (0, b"")
    return [line.partition(",")[2] for line in done.stdout.decode().splitlines() if line]


def test_traces_are_completed_the_last_written_first(store: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")

    assert completed("get-tef", "b", store=store) == ["build-2", "build-1"]
    assert completed("get-tef", "l", store=store) == ["latest"]
    assert completed("get-tef", "-d", str(store), "o", store=elsewhere) == ["other"]
    assert completed("clear", "o", store=store) == ["other"]
    assert completed("query", "--against", "o", store=store) == ["other"]


FILES = [
    "check",
    "clear",
    "diff",
    "exec",
    "export --sqlite",
    "get-tef a -o",
    "import",
    "open",
    "query --tracker",
    "show",
]


@pytest.mark.parametrize("words", FILES)
def test_what_is_no_trace_is_completed_as_a_file(
    words: str, store: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    completion = ShellComplete(main, {}, "tracerd", "_TRACERD_COMPLETE")
    for directory, typed in ((store, "./tr"), (tmp_path_factory.mktemp("empty"), "b")):
        monkeypatch.setenv("TRACERD_DIR", str(directory))
        [found] = completion.get_completions(words.split(), typed)
        assert (found.type, found.value) == ("file", typed)


def test_commands_and_options_are_completed(store: Path) -> None:
    assert completed("get", store=store) == ["get-tef"]
    assert completed("get-tef", "--out", store=store) == ["--output"]


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_bash_completes_with_the_line_that_cli_md_shows(store: Path, tmp_path: Path) -> None:
    line = 'eval "$(_TRACERD_COMPLETE=bash_source tracerd)"'
    assert f"\n{line}\n" in CLI_MD.read_text()
    bin_dir = tmp_path / "bin"
    bin_dir.mkdir()
    (bin_dir / "tracerd").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m tracerd "$@"\n')
    (bin_dir / "tracerd").chmod(0o755)
    typed = "COMP_WORDS=(tracerd get-tef b); COMP_CWORD=2; _tracerd_completion tracerd; echo ${COMPREPLY[@]}"
    done = subprocess.run(
        ["bash", "-c", f"{line}\ncomplete -p tracerd\n{typed}"],
        env=os.environ | {"TRACERD_DIR": str(store), "PATH": f"{bin_dir}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )

    assert done.stdout.splitlines() == ["complete -o nosort -F _tracerd_completion tracerd", "build-2 build-1"], done
