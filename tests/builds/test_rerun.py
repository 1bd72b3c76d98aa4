"""`tracerd show --rerun`: the line that runs a step again."""

import shutil
import subprocess
from collections.abc import Iterator

import pytest

from tests.builds.traces import Trace
from tests.exec.sandbox import TRACERD, Sandbox, own_sandbox
from tracerd.builds.rerun import commands, find_steps

needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")


def build() -> Trace:
    trace = Trace()
    trace.step("make", 0, 100, cwd="/src", exit_code=2)
    shell = trace.step("sh -c cc", 1, 30, cwd="/src", exit_code=1)
    trace.step("cc -c -o lib/a.o a.c", 2, 29, parent=shell, cwd="/src/my lib", exit_code=1, pid=7)
    trace.step("cc -c -o a.o a.c", 31, 40, cwd="/src/test", pid=8)
    trace.step("cc -c -o ba.o ba.c", 41, 50, cwd="/src", pid=9)
    return trace


@pytest.mark.parametrize(
    ("text", "pids"),
    [
        ("7", [7]),
        ("8", [8]),
        ("cc a.o", [7]),  # of two the one that failed
        ("a.o", [7]),
        ("ba.o", [9]),
        ("o ba", [9]),
        ("make", [100]),
        ("nothing", []),
    ],
)
def test_a_step_is_found_by_what_a_person_remembers(text: str, pids: list[int]) -> None:
    assert [step.pid for step in find_steps(build().build(), text)] == pids


def test_what_makes_a_file_comes_before_what_names_it() -> None:
    trace = build()
    trace.step("echo CC obj/new.o", 51, 52, pid=10)
    trace.step("sh -c echo\tCC\tnew.o", 51, 52, pid=11)
    trace.step("compile -o obj/new.o new.c", 53, 60, pid=12)
    trace.step("ar rcs new.a obj/new.o", 61, 70, pid=13)
    for text in ("new.o", "obj/new.o"):
        assert [step.pid for step in find_steps(trace.build(), text)] == [12]


def test_the_line_is_quoted_and_a_line_for_each_command() -> None:
    steps = {step.pid: step for step in build().build().steps}
    assert commands([steps[7]]) == ["cd '/src/my lib' && cc -c -o lib/a.o a.c"]
    assert len(commands([steps[7], steps[8], steps[7]])) == 2


def test_what_is_not_printable_is_escaped_as_a_shell_reads_it() -> None:
    words = ["two\nlines", "it's\t\\", "\u202eevil", "\x1b]0;title\x07"]
    trace = Trace()
    trace.step("make", 0, 100)
    trace.step(f"printf %s| {' '.join(words)}", 1, 30, cwd="/", pid=7)
    [line] = commands(find_steps(trace.build(), "7"))
    assert line.isprintable()
    done = subprocess.run(["bash", "-c", line], stdout=subprocess.PIPE, check=True)
    assert done.stdout.decode() == "".join(f"{word}|" for word in words)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with own_sandbox() as made:
        made.serve()
        yield made


@needs_strace
def test_the_line_runs_the_step_again(sandbox: Sandbox) -> None:
    (sandbox.home / "some dir").mkdir()
    (sandbox.home / "some dir/Makefile").write_text(
        "all:\n\t@sh -c 'echo from $$PWD \"$$1\"; exit 5' sh 'two  words'\n"
    )
    assert sandbox.run(TRACERD, "exec", "--all", "--trace", "t", "--", "make", "-C", "some dir").returncode == 2
    line = sandbox.run(TRACERD, "show", "t", "--rerun", "echo from")
    assert line.stderr == b""
    again = sandbox.run("sh", "-c", line.stdout.decode(), cwd="/")
    assert (again.returncode, again.stdout.decode()) == (5, f"from {sandbox.home}/some dir two  words\n")


@needs_strace
def test_where_each_process_ran_is_known(sandbox: Sandbox) -> None:
    script = (
        "import os, subprocess; os.chdir('/usr'); os.chdir('lib'); subprocess.run(['/bin/true', 'one']);"
        "os.fchdir(os.open('/', os.O_RDONLY)); subprocess.run(['/bin/true', 'two']);"
        "subprocess.run(['/bin/true', 'three'], cwd='/usr/bin'); subprocess.run(['/bin/true', 'four'])"
    )
    sandbox.run(TRACERD, "exec", "--all", "--trace", "w", "--", TRACERD.with_name("python3"), "-c", script)
    ran = [
        sandbox.run(TRACERD, "show", "w", "--rerun", f"true {word}").stdout for word in ("one", "two", "three", "four")
    ]
    assert ran == [
        b"cd /usr/lib && /bin/true one\n",
        b"cd / && /bin/true two\n",
        b"cd /usr/bin && /bin/true three\n",
        b"cd / && /bin/true four\n",
    ]


def test_what_fits_nothing_or_too_much_is_an_error_that_says_what_to_do(sandbox: Sandbox) -> None:
    tracer = f"'{TRACERD}' exec --"
    script = f"{tracer} sleep 0.01; {tracer} sleep 0.02"
    sandbox.run(TRACERD, "exec", "--trace", "x", "--", "sh", "-c", script)
    none = sandbox.run(TRACERD, "show", "x", "--rerun", "cc")
    several = sandbox.run(TRACERD, "show", "x", "--rerun", "sleep")
    assert (none.returncode, several.returncode) == (1, 1)
    assert none.stderr == b"Error: no step of x has 'cc' in its name; `tracerd show x` lists them\n"
    assert several.stderr.startswith(b"Error: 'sleep' fits 2 steps (sleep 0.01 (")
