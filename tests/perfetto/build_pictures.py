"""`python -m tests.perfetto.build_pictures DIRECTORY [NAME...]`: records real builds, and takes pictures of them.

The pictures are what `tracerd exec` gives to a person: a project of C under make, one of cmake and ninja with more than
a hundred steps, a test run with pytest-xdist, a build that fails, and one that is killed. `make` is also the picture of
README: `cp DIRECTORY/make.png docs/exec.png`.

`NAME=SOURCES` takes a picture of `make -j4` in a copy of that directory, such as the sources of Lua.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.exec.c_project import write, write_part
from tests.exec.sandbox import TRACERD, Sandbox, own_sandbox
from tests.perfetto.screenshot import show

FILES = (
    *("api", "code", "ctype", "debug", "dump", "func", "collect", "lexer", "memory", "object", "opcodes", "parser"),
    *("state", "strings", "table", "tests", "methods", "undump", "zip", "auxiliary", "base", "database", "files"),
    *("math", "system", "modules", "coroutine", "machine", "utf", "init"),
)
"""Names that Perfetto gives colours of their own: of numbers it takes no notice."""

AREAS = ("core", "net", "text")
"""With each of these the names are those of a larger project."""

LATE = "machine"
"""The file that takes longest and is compiled late."""

CMAKE = """cmake_minimum_required(VERSION 3.10)
project(parts C)
add_library(parts STATIC {library})
foreach(name {tests})
  add_executable(test_${{name}} test_${{name}}.c)
  target_link_libraries(test_${{name}} parts)
endforeach()
"""

TESTS = """import subprocess, time
import pytest

@pytest.mark.parametrize("n", range(24))
def test_sleep(n):
    time.sleep(0.15 * (n % 7))

def test_program():
    subprocess.run(["sleep", "1.5"], check=True)

def test_that_fails():
    time.sleep(1)
    assert 1 == 2
"""


def make_project(home: Path) -> Path:
    """C files of which some take much longer than others."""
    project = home / "project"
    project.mkdir()
    write(project, work=3, names=FILES)
    chance = random.Random(3)
    for name in FILES:
        write_part(project / f"{name}.c", chance.choice((3, 10, 20, 40)))
    write_part(project / f"{LATE}.c", 250)
    return project


def record(sandbox: Sandbox, *command: str | Path, cwd: Path | None = None) -> Path:
    """Record a command with all its processes; the file of `-o`."""
    file = sandbox.home / "trace.json"
    words = [TRACERD, "exec", "--all", "-o", file, "--summary", "--", *command]
    subprocess.run([*map(str, words)], cwd=cwd, env=sandbox.environ, stdout=subprocess.DEVNULL, check=False)
    return file


def make(sandbox: Sandbox) -> Path:
    """A build under make, with one file that holds up the end."""
    return record(sandbox, "make", "-j4", cwd=make_project(sandbox.home))


def cmake(sandbox: Sandbox) -> Path:
    """A build of cmake and ninja: a library of 90 files and 12 programs or more."""
    project = sandbox.home / "project"
    project.mkdir()
    library = [f"{area}_{name}" for area in AREAS for name in FILES]
    chance = random.Random(5)
    for name in library:
        write_part(project / f"{name}.c", chance.choice((1, 3, 10)))
    tests = library[:: len(library) // 12]
    for name in tests:
        (project / f"test_{name}.c").write_text(
            f"unsigned {name}(unsigned); int main(void) {{ return {name}(1) == 1; }}\n"
        )
    (project / "CMakeLists.txt").write_text(
        CMAKE.format(library=" ".join(f"{name}.c" for name in library), tests=" ".join(tests))
    )
    subprocess.run(["cmake", "-G", "Ninja", "-B", "build"], cwd=project, stdout=subprocess.DEVNULL, check=True)
    return record(sandbox, "cmake", "--build", "build", "--", "-j4", cwd=project)


def pytest(sandbox: Sandbox) -> Path:
    """A test run with three workers, whose tests are spans of their own."""
    (sandbox.home / "test_it.py").write_text(TESTS)
    options = ["-q", "-n", "3", "--tracerd", "tests.json", "-p", "no:cacheprovider"]
    return record(sandbox, TRACERD.with_name("pytest"), *options, "test_it.py", cwd=sandbox.home)


def failed(sandbox: Sandbox) -> Path:
    """A build of which two steps fail, one after the other."""
    project = make_project(sandbox.home)
    for name in ("ctype", "strings"):
        with (project / f"{name}.c").open("a") as file:
            file.write("int oops = no_such_name;\n")
    return record(sandbox, "make", "-k", "-j4", cwd=project)


def killed(sandbox: Sandbox) -> Path:
    """A build that is killed with all that recorded it, in the midst of the long compile."""
    project = make_project(sandbox.home)
    log = sandbox.logs / "killed.jsonl"
    command = [str(TRACERD), "exec", "--all", "--trace", "killed", "--", "make", "-j4"]
    with subprocess.Popen(
        command, cwd=project, env=sandbox.environ, start_new_session=True, stdout=subprocess.DEVNULL
    ) as build:
        while not (log.exists() and b"init.o" in log.read_bytes()):  # only the late compile is left, or few more
            assert build.poll() is None, "the build has ended"
            time.sleep(0.05)
        os.killpg(build.pid, signal.SIGKILL)
    subprocess.run([TRACERD, "show", "killed", "--running"], env=sandbox.environ, check=True)
    file = sandbox.home / "trace.json"
    subprocess.run([TRACERD, "get-tef", "killed", "-o", file], env=sandbox.environ, check=True)
    return file


def make_in(sources: Path, sandbox: Sandbox) -> Path:
    """A build of sources from elsewhere under make."""
    project = sandbox.home / "project"
    shutil.copytree(sources, project)
    return record(sandbox, "make", "-j4", cwd=project)


BUILDS: dict[str, tuple[Callable[[Sandbox], Path], tuple[str, ...]]] = {
    "make": (make, ("--size", "1400x640", "--expand", "make")),
    "cmake": (cmake, ("--size", "1400x760", "--expand", "cmake")),
    "pytest": (pytest, ("--size", "1400x1000", "--expand", "pytest")),
    "failed": (failed, ("--size", "1400x640", "--expand", "make")),
    "killed": (killed, ("--size", "1400x640", "--expand", "make")),
}


def main(directory: Path, names: list[str]) -> None:
    """Record the builds of these names, or all, and take their pictures."""
    directory.mkdir(exist_ok=True)
    for word in names or BUILDS:
        name, _, sources = word.partition("=")
        build, options = (partial(make_in, Path(sources)), BUILDS["make"][1]) if sources else BUILDS[name]
        with own_sandbox() as sandbox:
            sandbox.serve()
            trace = build(sandbox)
            (directory / f"{name}.json").write_bytes(trace.read_bytes())
            shown = show(trace, "--picture", str(directory / f"{name}.png"), *options)
        print(name, json.dumps(shown, indent=1))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
