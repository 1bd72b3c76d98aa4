"""Whole builds under `tracerd exec` with shims."""

import os

import pytest

from tests.exec.builds import BUILDERS, FILES, PROCESSES, needs, needs_cc, project
from tests.exec.sandbox import TRACERD, Sandbox
from tests.perfetto.judge import Judge


@needs_cc
@pytest.mark.parametrize("build", BUILDERS, ids=lambda build: build[0])
def test_a_build_has_a_row_for_each_compiler(sandbox: Sandbox, build: list[str], perfetto: Judge) -> None:
    directory = project(sandbox)
    trace = sandbox.home / "t.json"
    done = sandbox.exec("-o", trace, "--shim", "cc,ar", "--", *build, cwd=directory)
    assert (done.returncode, done.stderr) == (0, b"")
    assert (directory / "program").exists()
    [rows], problems = perfetto.examine(trace, PROCESSES)

    builder = build[0]
    objects = {f"{name}.o" for name in ["main", *(f"part_{number:02}" for number in range(1, FILES))]}
    assert problems == {}
    expected: set[tuple[object, ...]] = {(f"cc {name}", "cc", builder, 0) for name in objects | {"program"}}
    expected |= {(builder, builder, None, 0), ("ar", "ar", builder, 0)}
    assert len(rows) == len(expected) == FILES + 3
    assert {tuple(row) for row in rows} == expected
    pids = {str(event["pid"]) for event in sandbox.events() if event["ph"] == "X"}
    assert len(pids) == FILES + 3
    assert list(sandbox.temporary.iterdir()) == []


@needs_cc
@needs("make")
def test_a_folder_of_shims(sandbox: Sandbox) -> None:
    directory = project(sandbox, 3)
    shims = sandbox.home / "my shims"
    done = sandbox.run(TRACERD, "shim", shims, "cc", "ar")
    assert (done.returncode, done.stdout) == (0, b"")
    assert done.stderr.decode() == f"put them first in PATH: export PATH='{shims}':\"$PATH\"\n"
    environ = {**sandbox.environ, "PATH": f"{shims}{os.pathsep}{sandbox.environ['PATH']}"}

    untraced = sandbox.run("make", cwd=directory, env=environ)
    assert (untraced.returncode, untraced.stderr) == (0, b"")

    project(sandbox, 3)
    done = sandbox.exec("-o", sandbox.home / "t.json", "make", cwd=directory, env=environ)
    assert (done.returncode, done.stderr) == (0, b"")
    assert sorted(sandbox.spans()) == ["ar", "cc", "cc", "cc", "cc", "make"]


def test_shims_pass_on_everything(sandbox: Sandbox) -> None:
    real = sandbox.home / "bin"
    real.mkdir()
    tool = real / "my-tool"
    tool.write_text('#!/bin/sh\necho "$0" "$@"; cat; echo oops >&2; exit ${CODE:-0}\n')
    tool.chmod(0o755)
    for name in ("one", "two"):
        environ = {**sandbox.environ, "PATH": f"{real}{os.pathsep}{sandbox.environ['PATH']}"}
        assert sandbox.run(TRACERD, "shim", sandbox.home / name, "my-tool", env=environ).returncode == 0
    first = [str(sandbox.home / name) for name in ("one", "two", "bin")]
    environ = {**sandbox.environ, "PATH": os.pathsep.join([*first, sandbox.environ["PATH"]]), "CODE": "9"}

    for trace in ({}, {"TRACERD_TRACE_ID": "shimmed"}):
        done = sandbox.run("my-tool", "a b", "*", env={**environ, **trace}, input=b"in\xff\n")
        assert (done.returncode, done.stdout) == (9, os.fsencode(tool) + b" a b *\nin\xff\n")
        assert done.stderr == b"oops\n"
    sandbox.exec("--trace", "shimmed", "true")  # acknowledged: what was written before it is in the log too
    assert (sandbox.logs / "shimmed.jsonl").read_bytes().count(b'{"ph":"X","name":"my-tool","cat"') == 1


WRAPPER = """#!/bin/sh
echo wrapped >>"$0.count"
test "$(wc -l <"$0.count")" -lt 9 || exit 99
IFS=:
for folder in $PATH; do
    test "$folder/tool" -ef "$0" || ! test -x "$folder/tool" || exec "$folder/tool" "$@"
done
"""


@pytest.mark.parametrize("kind", ["script", "link"])
def test_a_wrapper_that_looks_for_its_own_name_does_not_find_the_shim(sandbox: Sandbox, kind: str) -> None:
    """As ccache: in a folder before the compiler's, with its name."""
    wrappers, real = sandbox.home / f"wrappers-{kind}", sandbox.home / f"real-{kind}"
    for directory in (wrappers, real):
        directory.mkdir()
    script = wrappers / ("tool" if kind == "script" else "wrapper")
    script.write_text(WRAPPER)
    script.chmod(0o755)
    if kind == "link":
        (wrappers / "tool").symlink_to("wrapper")
    (real / "tool").symlink_to("/bin/echo")
    environ = {**sandbox.environ, "PATH": f"{wrappers}{os.pathsep}{real}{os.pathsep}{sandbox.environ['PATH']}"}

    done = sandbox.sh("tool a; exit 4", "--shim", "tool", env=environ)
    assert (done.returncode, done.stdout, done.stderr) == (4, b"a\n", b"")
    assert (wrappers / "tool.count").read_text() == "wrapped\n"
    assert sandbox.spans() == ["sh", "tool"]
    assert sandbox.run(TRACERD, "shim", sandbox.home / f"shims-{kind}", "tool", env=environ).returncode == 0
    environ["PATH"] = f"{sandbox.home / f'shims-{kind}'}{os.pathsep}{environ['PATH']}"
    assert sandbox.run("tool", "b", env=environ).stdout == b"b\n"


def test_shims_without_a_daemon_only_run_their_programs(sandbox: Sandbox) -> None:
    sandbox.run(TRACERD, "shim", sandbox.home / "quiet", "true")
    environ = {**sandbox.environ, "TRACERD_SOCKET": str(sandbox.home / "none"), "TRACERD_TRACE_ID": "t"}
    done = sandbox.run(sandbox.home / "quiet/true", env=environ)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_a_shim_whose_program_has_gone(sandbox: Sandbox) -> None:
    (sandbox.home / "own").mkdir()
    program = sandbox.home / "own/program"
    program.symlink_to("/bin/true")
    path = f"{program.parent}:{sandbox.environ['PATH']}"
    sandbox.run(TRACERD, "shim", sandbox.home / "lost", "program", env={**sandbox.environ, "PATH": path})
    program.unlink()
    done = sandbox.run(sandbox.home / "lost/program", env={**sandbox.environ, "PATH": str(sandbox.home / "lost")})
    assert (done.returncode, done.stderr) == (127, b"tracerd shim: there is no other program in PATH\n")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["no-such-program"], "there is no no-such-program in PATH; a shim would pretend that there is"),
        (["/usr/bin/cc"], "'/usr/bin/cc' is not the name of a program; give names such as cc, not paths"),
        ([""], "'' is not the name of a program; give names such as cc, not paths"),
        (["sh"], "{directory}/sh exists and is not a shim; choose another folder"),
    ],
)
def test_shims_that_cannot_be_made(sandbox: Sandbox, names: list[str], message: str) -> None:
    directory = sandbox.home / "not"
    directory.mkdir(exist_ok=True)
    (directory / "sh").write_text("mine")
    done = sandbox.run(TRACERD, "shim", directory, *names)

    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.decode() == f"Error: {message.format(directory=directory)}\n"
    assert [path.name for path in directory.iterdir()] == ["sh"]
    assert (directory / "sh").read_text() == "mine"


@pytest.mark.parametrize(("names", "line"), [("true,no-such", "no no-such in PATH"), ("a/b", "'a/b' is not the name")])
def test_exec_with_shims_that_cannot_be_made_runs_all_the_same(sandbox: Sandbox, names: str, line: str) -> None:
    done = sandbox.exec("--shim", names, "--", "sh", "-c", "true; exit 4")
    assert done.returncode == 4
    assert done.stderr.decode().startswith(f"tracerd exec: --shim: {line}")
    assert done.stderr.count(b"\n") == 1


def test_a_part_that_is_missing_does_not_hide_that_the_file_is(sandbox: Sandbox) -> None:
    done = sandbox.exec("--shim", "no-such", "-o", "/dev/null", "--", "true")
    assert done.stderr.decode().splitlines() == [
        "tracerd exec: --shim: no no-such in PATH",
        "tracerd exec: /dev/null was not written: /dev/null is not a regular file",
    ]


def test_shims_in_a_folder_that_path_cannot_name(sandbox: Sandbox) -> None:
    """They would never be found, and a build without them looks as if it had no compilers."""
    directory = sandbox.home / "a:b"
    directory.mkdir()
    done = sandbox.sh("true; exit 4", "--shim", "sleep", env={**sandbox.environ, "XDG_STATE_HOME": str(directory)})
    assert done.returncode == 4
    assert done.stderr.startswith(f"tracerd exec: --shim: {directory}/tracerd/shims/".encode())
    assert b" cannot stand in PATH, where a colon ends a name" in done.stderr
    assert not [path for path in directory.rglob("*") if path.is_file()]
    done = sandbox.run(TRACERD, "shim", directory, "sleep")
    assert (done.returncode, (directory / "sleep").exists()) == (1, False)
