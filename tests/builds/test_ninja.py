"""What ninja's own files say of a build: edges, and the times of steps."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builds.traces import Trace
from tests.exec.sandbox import TRACERD, Sandbox, own_sandbox
from tracerd.builds.critical import critical_path
from tracerd.builds.ninja import needed_steps, read_deps, read_log, read_manifest
from tracerd.builds.ninja_files import learn
from tracerd.builds.reader import read_build
from tracerd.builds.steps import Build, Step

MANIFEST = """
ninja_required_version = 1.5
dir = obj
include rules.ninja
build gen.h: generate gen.py
build ${dir}/a.o | side$ file: cc a.c | gen.h || order.txt
build $dir/b.o: cc b.c $
    c.c || gen.h |@ checked
build objects: phony $dir/a.o $dir/b.o
build app: link objects
default app
"""


def no_file(_name: str) -> str | None:
    return None


def test_edges_of_a_manifest() -> None:
    read: list[str] = []

    def included(name: str) -> str:
        read.append(name)
        return "rule cc\n  command = cc\nbuild order.txt: touch\n"

    manifest = read_manifest(MANIFEST, included)
    assert read == ["rules.ninja"]
    assert manifest.inputs["obj/a.o"] == manifest.inputs["side file"] == ["a.c", "gen.h", "order.txt"]
    assert manifest.inputs["obj/b.o"] == ["b.c", "c.c", "gen.h"]
    assert manifest.inputs["order.txt"] == []
    assert manifest.needs("app") == {"objects", "obj/a.o", "obj/b.o"}
    assert "checked" not in manifest.inputs


@pytest.mark.parametrize("text", ["build", "build a b", "build a: ", "build : x", "include x", "$", "build a: phony a"])
def test_a_manifest_may_be_anything(text: str) -> None:
    for output in (manifest := read_manifest(text, lambda _: text)).inputs:
        manifest.needs(output)


def test_the_last_line_of_a_log_counts_and_others_are_left_out() -> None:
    log = "# ninja log v5\n1\t20\t0\tout/a.o\tabc\n5\t9\t0\t./out/a.o\tabc\nx\t1\t0\tb\tabc\n7\n"
    assert read_log(log) == {"out/a.o": (5, 9)}


def test_deps_that_are_no_deps_are_none() -> None:
    for data in (b"", b"# ninjadeps\n", b"# ninjadeps\n\x09\0\0\0", b"# ninjadeps\n\4\0\0\0\xff\xff\xff\xff"):
        assert read_deps(data) == {}


# ------------------------------------------------------------------ needed steps


EDGES = read_manifest("build one: r\nbuild two: r\nbuild three: r two\nbuild four: r one\n", no_file)


def steps(trace: Trace, *names: tuple[str, int, int]) -> Build:
    """A ninja whose steps make one file each; those that a `?` precedes do not name it."""
    trace.step("ninja -j9", 0, 1000 * max(end for _, _, end in names), cwd="/b")
    for name, start, end in names:
        command = f"gen {name[1:]}" if name.startswith("?") else f"gen -o {name}"
        trace.step(command, start * 1000, end * 1000, cwd="/b")
    return trace.build()


def needs(build: Build, log: dict[str, tuple[int, int]]) -> dict[str, list[str]]:
    assert build.root
    found = needed_steps(build.root.inner, "/b", EDGES, log)
    build.needs |= found
    return {step.name: [one.name for one in before] for step, before in found.items()}


def test_an_edge_is_better_than_the_clock() -> None:
    build = steps(Trace(), ("two", 10, 100), ("one", 10, 105), ("three", 107, 300))
    # By the clock it is `one`, which ended last before.
    assert [link.step.name for link in critical_path(build)] == ["gen one", "gen three"]
    assert needs(build, {"one": (0, 95), "two": (0, 90), "three": (97, 290)}) == {
        "gen one": [],
        "gen two": [],
        "gen three": ["gen two"],
    }
    assert [(link.step.name, link.because) for link in critical_path(build)] == [
        ("gen two", "parent"),
        ("gen three", "ninja"),
    ]


def test_a_step_that_does_not_name_its_output_is_found_by_its_time() -> None:
    build = steps(Trace(), ("one", 10, 100), ("two", 10, 60), ("?unknown", 101, 300))
    log = {"one": (0, 90), "two": (0, 50), "four": (92, 289)}
    assert needs(build, log)["gen unknown"] == ["gen one"]


def test_the_log_of_another_build_says_nothing() -> None:
    build = steps(Trace(), ("one", 10, 100), ("two", 10, 60), ("three", 70, 300))
    assert needs(build, {"one": (0, 900), "two": (0, 500), "three": (600, 1900)}) == {}
    assert needs(build, {}) == {}


def test_steps_of_which_none_names_its_output_are_found_by_the_order_of_the_log() -> None:
    build = steps(Trace(), ("?x", 10, 100), ("?y", 10, 60), ("?z", 101, 300))
    log = {"old": (0, 5), "two": (3, 53), "one": (3, 93), "four": (95, 293)}
    assert needs(build, log) == {"gen x": [], "gen y": [], "gen z": ["gen x"]}


# ------------------------------------------------------------------ a real one

needs_ninja = pytest.mark.skipif(
    shutil.which("ninja") is None or shutil.which("strace") is None, reason="ninja or strace is not installed"
)

REAL = """
rule run
  command = ./step.sh $seconds $out
build gen: run
  seconds = 0.1
build left: run gen
  seconds = 0.2
build right: run gen
  seconds = 0.5
build beside: run
  seconds = 0.4
build all.txt: run left right | beside
  seconds = 0.1
build late: run all.txt
  seconds = 0.2
build early: run left
  seconds = 0.1
"""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with own_sandbox() as made:
        made.serve()
        yield made


def chain_of_ninja(directory: Path) -> list[str]:
    """The chain by ninja's own log and manifest: back from the last output, each time to the input made last."""
    log = read_log((directory / ".ninja_log").read_text())
    manifest = read_manifest((directory / "build.ninja").read_text(), no_file)
    output = max(log, key=lambda name: log[name][1])
    chain = [output]
    while inputs := [name for name in manifest.needs(chain[0]) if name in log]:
        chain.insert(0, max(inputs, key=lambda name: log[name][1]))
    return chain


def output_of(step: Step) -> str:
    """What a step makes for ninja: the last word of the command that ninja has started."""
    started = next(one for one in (step, *step.ancestors()) if one.parent and one.parent.program == "ninja")
    return started.main.argv[-1].split()[-1]


@needs_ninja
@pytest.mark.parametrize("jobs", ["-j8", "-j1"])
def test_the_path_of_a_real_build_is_that_of_ninjas_own_log(sandbox: Sandbox, jobs: str) -> None:
    directory = sandbox.home / f"build{jobs}"
    directory.mkdir()
    (directory / "build.ninja").write_text(REAL)
    (directory / "step.sh").write_text('#!/bin/sh\nsleep "$1"\necho > "$2"\n')
    (directory / "step.sh").chmod(0o755)
    trace = f"ninja{jobs}"
    sandbox.run(TRACERD, "exec", "--all", "--trace", trace, "--", "ninja", "-C", directory.name, jobs)
    build = read_build([(sandbox.logs / f"{trace}.jsonl").read_bytes()])
    assert build is not None
    learn(build)
    path = critical_path(build)
    outputs = [output_of(link.step) for link in path]
    if jobs == "-j8":
        assert outputs == chain_of_ninja(directory) == ["gen", "right", "all.txt", "late"]
        assert [link.because for link in path] == ["parent", "ninja", "ninja", "ninja"]
    else:  # one after the other, all of them
        assert len(outputs) == 7
        assert {link.because for link in path[1:]} <= {"slot", "ninja"}
    took = {output_of(step): step.dur / 1e6 for step in build.steps if step.parent and step.parent.program == "ninja"}
    log = read_log((directory / ".ninja_log").read_text())
    slept = {name: float(seconds) * 1000 for name, seconds in re.findall(r"build (\S+):.*\n  seconds = (.*)", REAL)}
    assert took.keys() == log.keys() == slept.keys()
    for name, (start, end) in log.items():  # a process lives within what ninja measures, in whole milliseconds
        assert slept[name] <= took[name] <= end - start + 2, name
