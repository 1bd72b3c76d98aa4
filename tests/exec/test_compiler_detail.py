"""`tracerd exec --compiler-detail`: the phases of clang lie below its compiles, and its files are gone."""

import json
import os
import shutil
import signal
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from tests.exec.builds import needs, project
from tests.exec.sandbox import TRACERD, Sandbox
from tests.harness import wait_until
from tests.perfetto.judge import Judge

LANES = ("--layout", "lanes")

SLICES = "select id, parent_id, category, name, dur / 1000 from slice"


def own_phases(path: Path) -> Counter[tuple[str, int]]:
    """The phases in a file of clang, by name and duration in us."""
    events = json.loads(path.read_bytes())["traceEvents"]
    spans = [event for event in events if event["ph"] == "X" and not event["name"].startswith("Total ")]
    return Counter((event["name"], event["dur"]) for event in spans)


def documents(directory: Path) -> list[str]:
    """The JSON files in a folder."""
    return sorted(path.name for path in directory.glob("*.json"))


def phases(sandbox: Sandbox, name: str = "t.json") -> list[str]:
    """The names of all phases in a trace."""
    return [str(event["name"]) for event in sandbox.events(name) if event.get("cat") == "process_phase"]


def below_steps(path: Path, perfetto: Judge) -> dict[str, Counter[tuple[str, int]]]:
    """The phases by the steps that they lie below in Perfetto, which has nothing to complain of."""
    [rows], problems = perfetto.examine(path, SLICES)
    assert problems == {}
    slices = {row[0]: row for row in rows}
    found: dict[str, Counter[tuple[str, int]]] = {}
    for _, parent, category, name, dur in rows:
        above = parent
        while above is not None and slices[above][2] == "process_phase":
            above = slices[above][1]
        if category == "process_phase":
            step = str(slices[above][3]) if above is not None else "nothing"
            found.setdefault(step, Counter())[str(name), int(str(dur))] += 1
    return found


@pytest.fixture
def directory(sandbox: Sandbox) -> Path:
    return project(sandbox, files=10, work=20)


def record(sandbox: Sandbox, directory: Path, script: str, *options: str) -> "subprocess.CompletedProcess[bytes]":
    """Record a script in the project, with --compiler-detail."""
    trace = str(sandbox.home / "t.json")
    return sandbox.exec("--compiler-detail", "-o", trace, *options, "--", "sh", "-c", script, cwd=directory)


@pytest.mark.parametrize("layout", ["lanes", "processes"])
@pytest.mark.parametrize("way", [("--all",), ("--shim", "clang")], ids=lambda way: str(way[0]))
@pytest.mark.tools
@needs("clang")
@needs("strace")
def test_the_phases_of_ten_files_nest_below_their_compiles(
    sandbox: Sandbox, directory: Path, perfetto: Judge, way: tuple[str, ...], layout: str
) -> None:
    kept = sandbox.home / "kept"
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir()
    compile_all = f"ls *.c | xargs -P4 -I@ sh -c 'f=@; clang -O2 -c $f -o ${{f%.c}}.o && cp ${{f%.c}}.json {kept}'"
    done = record(sandbox, directory, compile_all, *way, "--layout", layout)
    assert done.returncode == 0, done.stderr
    assert documents(directory) == []
    expected = {path.stem: own_phases(path) for path in kept.iterdir()}
    assert len(expected) == 10

    found = below_steps(sandbox.home / "t.json", perfetto)
    total = sum(of_file.total() for of_file in expected.values())
    assert done.stderr.decode() == f"tracerd exec: --compiler-detail: {total:,} phases of 10 compiles\n"
    if layout == "lanes":
        assert found == {f"clang {stem}.o": of_file for stem, of_file in expected.items()}
    else:
        assert found == {"clang": sum(expected.values(), Counter[tuple[str, int]]())}


@pytest.mark.tools
@needs("clang")
@needs("strace")
def test_what_the_user_asked_clang_for_stays(sandbox: Sandbox, directory: Path) -> None:
    wrapper = directory / "my-cc"
    wrapper.write_text('#!/bin/sh\nclang -ftime-trace "$@"\n')
    wrapper.chmod(0o755)
    script = "clang -ftime-trace -c main.c && cp main.json main.kept && clang -c part_01.c && ./my-cc -c part_02.c"
    done = record(sandbox, directory, script, "--all")
    assert done.stderr.endswith(b" phases of 1 compile\n"), done.stderr
    assert documents(directory) == ["main.json", "part_02.json"]
    assert (directory / "main.json").read_bytes() == (directory / "main.kept").read_bytes()
    assert "ExecuteCompiler" in phases(sandbox)


@pytest.mark.tools
@needs("clang")
@needs("strace")
def test_what_the_user_has_in_the_variable_counts_too(sandbox: Sandbox, directory: Path) -> None:
    environ = sandbox.environ | {"CCC_OVERRIDE_OPTIONS": "# +-DANSWER=42"}
    trace = str(sandbox.home / "t.json")
    (directory / "main.c").write_text("int main(void) { return ANSWER; }\n")
    options = ("--compiler-detail", "--all", "-o", trace)
    done = sandbox.exec(*options, "--", "clang", "-c", "main.c", cwd=directory, env=environ)
    assert (done.returncode, done.stderr.count(b"\n")) == (0, 1), done.stderr
    assert "ExecuteCompiler" in phases(sandbox)


@pytest.mark.tools
@needs("clang")
@needs("strace")
def test_clang_leaves_no_files_wherever_it_compiles(sandbox: Sandbox, directory: Path) -> None:
    """With -Werror too: the flag must not be one that clang calls unused where it compiles nothing."""
    script = """set -e
    cp part_01.c 'a b.c'; mkdir sub
    clang -Werror part_02.c -c -o sub/x.part.o; clang -Werror -c 'a b.c'; clang -Werror -S part_03.c
    clang -Werror main.c part_0?.c -o program
    clang -Werror -E main.c > /dev/null; clang -Werror -fsyntax-only main.c
    clang -Werror -x assembler -c /dev/null -o none.o; clang -Werror -shared none.o -o none.so 2> /dev/null
    clang -c -- part_04.c; clang --version > /dev/null"""
    before = set(Path("/tmp").glob("*.json"))
    done = record(sandbox, directory, script, "--all")
    assert done.returncode == 0, done.stderr
    assert [str(path) for path in directory.rglob("*.json")] == []
    assert [str(path) for path in sandbox.temporary.rglob("*")] == []
    assert set(Path("/tmp").glob("*.json")) <= before
    assert phases(sandbox).count("ExecuteCompiler") >= 13


@pytest.mark.tools
@needs("clang")
@needs("strace")
def test_a_compile_that_fails_has_its_phases(sandbox: Sandbox, directory: Path, perfetto: Judge) -> None:
    (directory / "bad.c").write_text("int main(void) { return missing; }\n")
    done = record(sandbox, directory, "clang -c bad.c; clang -c missing.c; exit 5", "--all", *LANES)
    assert done.returncode == 5
    assert documents(directory) == []
    assert set(below_steps(sandbox.home / "t.json", perfetto)) == {"FAILED 1 clang bad.o"}


@pytest.mark.tools
@needs("clang")
def test_a_killed_exec_leaves_the_build_alone(sandbox: Sandbox, directory: Path) -> None:
    """Its files stay, and the next exec with the option names one that is in the way, as it does with any."""
    fifo = sandbox.home / "fifo"
    os.mkfifo(fifo)
    script = f"clang -c main.c -o main.o && read line < {fifo} && clang -c part_01.c -o part_01.o && echo > done"
    command = [str(TRACERD), "exec", "--compiler-detail", "--shim", "clang", "--", "sh", "-c", script]
    with subprocess.Popen(command, env=sandbox.environ, cwd=directory, stderr=subprocess.DEVNULL) as process:
        wait_until(lambda: (directory / "main.o").exists() and (directory / "main.json").exists(), "a compile")
        process.send_signal(signal.SIGKILL)
    fifo.write_text("go\n")
    wait_until((directory / "done").exists, "the build to go on")
    assert documents(directory) == ["main.json", "part_01.json"]
    done = record(sandbox, directory, "clang -c main.c -o main.o", "--shim", "clang")
    assert b"clang would overwrite ./" in done.stderr
    assert documents(directory) == ["main.json", "part_01.json"]


@needs("gcc")
@needs("strace")
@pytest.mark.parametrize("way", [("--all",), ("--shim", "gcc")], ids=lambda way: str(way[0]))
def test_gcc_has_no_phases(sandbox: Sandbox, directory: Path, way: tuple[str, ...]) -> None:
    done = record(sandbox, directory, "gcc -c main.c && gcc -c part_01.c", *way)
    assert done.returncode == 0
    assert done.stderr == b"tracerd exec: --compiler-detail: not with gcc: 2 compiles without phases\n"
    assert phases(sandbox) == []


@needs("strace")
@pytest.mark.parametrize("text", ['{"mine": 1}', '{"traceEvents":[],"beginningOfTime":1}'], ids=["any", "of clang"])
def test_a_file_that_clang_would_overwrite_turns_it_off(sandbox: Sandbox, directory: Path, text: str) -> None:
    (directory / "main.json").write_text(text)
    done = record(sandbox, directory, 'echo "$CCC_OVERRIDE_OPTIONS"; exit 3', "--all")
    assert (done.returncode, done.stdout) == (3, b"\n")
    assert done.stderr.startswith(b"tracerd exec: --compiler-detail: clang would overwrite ./main.json, ")
    assert done.stderr.count(b"\n") == 1
    assert (directory / "main.json").read_text() == text


@needs("strace")
def test_phases_need_command_lines(sandbox: Sandbox, directory: Path) -> None:
    done = record(sandbox, directory, "exit 3", "--all", "--args", "name")
    assert done.returncode == 3
    assert b"--compiler-detail: it needs command lines, which --args leaves out; there are no phases" in done.stderr


def test_phases_need_a_way_to_see_the_compiles(sandbox: Sandbox) -> None:
    done = sandbox.exec("--compiler-detail", "--", "true")
    assert done.returncode == 2
    assert b"--compiler-detail needs --all, or --shim with the names of the compilers" in done.stderr
