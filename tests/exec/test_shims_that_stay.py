"""A build that was configured with shims goes on without tracerd."""

import os
import shutil
import sys
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

import tracerd
from tests.exec.builds import needs, needs_cc
from tests.exec.sandbox import TRACERD, Sandbox

SHIMS = "cc,gcc,c++,g++,ar,ranlib,ld"

SOURCES = {
    "part.c": "int part(void) { return 41; }\n",
    "main.c": '#include <stdio.h>\nint part(void);\nint main(void) { printf("%d\\n", part() + NUMBER); return 0; }\n',
    "CMakeLists.txt": """
cmake_minimum_required(VERSION 3.13)
project(program C)
add_library(part STATIC part.c)
add_executable(program main.c)
target_compile_definitions(program PRIVATE NUMBER=1)
target_link_libraries(program part)
""",
    "meson.build": """
project('program', 'c')
part = static_library('part', 'part.c')
executable('program', 'main.c', c_args: '-DNUMBER=1', link_with: part)
""",
    "configure.ac": """
AC_INIT([program], [1])
AM_INIT_AUTOMAKE([foreign])
AC_PROG_CC
AM_PROG_AR
LT_INIT([disable-shared])
AC_CONFIG_FILES([Makefile])
AC_OUTPUT
""",
    "Makefile.am": """
noinst_LTLIBRARIES = libpart.la
libpart_la_SOURCES = part.c
bin_PROGRAMS = program
program_SOURCES = main.c
program_CFLAGS = -DNUMBER=1
program_LDADD = libpart.la
""",
}

KINDS = {
    "cmake and ninja": (["cmake", "ninja"], "cmake -G Ninja -B build", "cmake --build build"),
    "cmake and make": (["cmake", "make"], "cmake -G 'Unix Makefiles' -B build", "cmake --build build"),
    "meson": (["meson", "ninja"], "meson setup build", "ninja -C build"),
    "autotools": (
        ["autoreconf", "automake", "libtoolize", "make"],
        "autoreconf -i && mkdir build && cd build && ../configure",
        "make -C build",
    ),
}


def kind(name: str) -> ParameterSet:
    return pytest.param(*KINDS[name][1:], id=name, marks=[needs_cc, *map(needs, KINDS[name][0])])


@pytest.mark.tools
@pytest.mark.parametrize(("configure", "build"), [kind(name) for name in KINDS])
def test_what_was_configured_with_shims_builds_without_tracerd(sandbox: Sandbox, configure: str, build: str) -> None:
    project, library = sandbox.home / "project", sandbox.home / "library"
    for directory in (project, library):
        shutil.rmtree(directory, ignore_errors=True)
    project.mkdir()
    for name, text in SOURCES.items():
        (project / name).write_text(text)
    shutil.copytree(Path(tracerd.__file__).parent, library / "tracerd")
    code = f"import sys; sys.path.insert(0, {str(library)!r}); from tracerd.__main__ import main; main()"
    command = [sys.executable, "-IS", "-c", code, "exec", "--trace", "t", "--shim", SHIMS, "--", "sh", "-c"]
    log = sandbox.logs / "t.jsonl"

    done = sandbox.run(*command, configure, cwd=project)
    assert done.returncode == 0, done.stderr
    done = sandbox.run(*command, build, cwd=project)
    assert done.returncode == 0, done.stderr
    assert b"main.c" in log.read_bytes(), "the compilers were recorded"
    assert str(sandbox.home / "state/tracerd/shims") in "".join(
        path.read_text(errors="replace") for path in (project / "build").rglob("*") if path.is_file()
    ) or configure.startswith("autoreconf"), "or this test shows nothing: autotools keep names, the others paths"

    # The next day: another shell, with no trace, and no tracerd in PATH.
    folders = [folder for folder in os.environ["PATH"].split(":") if not (Path(folder) / "tracerd").exists()]
    plain = {"PATH": ":".join(folders), "HOME": str(sandbox.home)}
    size = log.stat().st_size
    for number, uninstalled in ((2, False), (3, True)):
        if uninstalled:
            shutil.rmtree(library)
        (project / "main.c").write_text(SOURCES["main.c"].replace("NUMBER", f"NUMBER * {number}"))
        done = sandbox.run("sh", "-c", build, cwd=project, env=plain)
        assert done.returncode == 0, done.stdout + done.stderr
        assert sandbox.run(project / "build/program").stdout == b"%d\n" % (41 + number)
    assert log.stat().st_size == size


def test_shims_stay_in_one_place(sandbox: Sandbox) -> None:
    for _ in range(2):
        sandbox.exec("--shim", "sleep,cat", "--", "true")
    sandbox.exec("--shim", "cat,sleep", "--", "true")
    [folder] = [path for path in (sandbox.home / "state/tracerd/shims").iterdir() if (path / "sleep").exists()]
    assert sorted(path.name for path in folder.iterdir()) == ["cat", "sleep"]


def test_a_shim_that_is_called_by_its_path_means_the_program_of_then(sandbox: Sandbox) -> None:
    """As a build that was configured with another PATH does."""
    before, now = sandbox.home / "before", sandbox.home / "now"
    for directory in (before, now):
        directory.mkdir()
        (directory / "my-cc").write_text(f"#!/bin/sh\necho {directory.name}\n")
        (directory / "my-cc").chmod(0o755)
    path = sandbox.environ["PATH"]
    done = sandbox.sh("command -v my-cc", "--shim", "my-cc", env={**sandbox.environ, "PATH": f"{before}:{path}"})
    shim = Path(done.stdout.decode().strip())
    environ = {**sandbox.environ, "PATH": f"{now}:{path}"}

    assert sandbox.run(shim, env=environ).stdout == b"before\n"
    assert sandbox.run("my-cc", env={**environ, "PATH": f"{shim.parent}:{environ['PATH']}"}).stdout == b"now\n"
    shutil.rmtree(before)
    assert sandbox.run(shim, env=environ).stdout == b"now\n"


@pytest.mark.parametrize("home", ["/proc/no", "", "relative"])
def test_without_a_place_that_stays_there_are_no_shims(sandbox: Sandbox, home: str) -> None:
    environ = {**sandbox.environ, "HOME": home}
    del environ["XDG_STATE_HOME"]
    done = sandbox.sh("exit 4", "--shim", "cat", env=environ)
    assert done.returncode == 4
    assert done.stderr.startswith(b"tracerd exec: --shim: ")
    assert done.stderr.count(b"\n") == 1
    assert b"set HOME or XDG_STATE_HOME" in done.stderr or home == "/proc/no"


def test_shims_where_others_may_write_are_not_used(sandbox: Sandbox) -> None:
    environ = {**sandbox.environ, "XDG_STATE_HOME": str(sandbox.home / "open")}
    assert sandbox.sh("true", "--shim", "cat", env=environ).stderr == b""
    [folder] = (sandbox.home / "open/tracerd/shims").iterdir()
    folder.chmod(0o777)
    done = sandbox.sh("exit 4", "--shim", "cat", env=environ)
    assert (done.returncode, done.stderr.count(b"\n")) == (4, 1)
    assert done.stderr.startswith(b"tracerd exec: --shim: others may write in ")


def test_a_shim_of_a_tracerd_that_was_removed(sandbox: Sandbox) -> None:
    """Its signals are the program's own, and it does not find a second shim."""
    folders = [sandbox.home / name for name in ("first", "second")]
    for folder in folders:
        assert sandbox.run(TRACERD, "shim", folder, "sh").returncode == 0
        shim = folder / "sh"
        shim.write_text(shim.read_text().replace("from tracerd.exec.shim", "from tracerd.removed"))
    environ = {**sandbox.environ, "PATH": ":".join([*map(str, folders), sandbox.environ["PATH"]])}
    script = "grep SigIgn /proc/self/status; exit 4"
    plain = sandbox.run("/bin/sh", "-c", script, env=environ)
    done = sandbox.run(folders[0] / "sh", "-c", script, env=environ)
    assert (done.returncode, done.stdout, done.stderr) == (4, plain.stdout, b"")
