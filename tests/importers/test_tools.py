"""Files that the real tools make here, each counted by a rule of its own; a tool that is not installed is skipped."""

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.importers.reading import args, read

pytestmark = pytest.mark.tools

BUILD = """rule cc
  command = sleep $t; touch $out
build a: cc
  t = 0.05
build b: cc
  t = 0.2
build c | c.map: cc a
  t = 0.02
  command = touch c c.map
"""


def run(*command: str | Path, cwd: Path, **environ: str) -> str:
    """Run a tool; skip if it is not here."""
    path = shutil.which(str(command[0]))
    if path is None:
        pytest.skip(f"{command[0]} is not installed")
    done = subprocess.run(
        [path, *map(str, command[1:])],
        check=False,
        cwd=cwd,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
    )
    return done.stdout


def test_clang_spans_lie_within_its_run(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"{name}.c").write_text('#include <stdio.h>\nint f(void) { return puts(""); }\n')
    before_s = time.time()
    for name in "ab":
        run("clang", "-c", "-ftime-trace", "-ftime-trace-granularity=0", f"{name}.c", cwd=tmp_path)
    after_s = time.time()
    path = tmp_path / "a.json"
    if not path.exists():
        pytest.skip("this clang writes no trace")
    events = json.loads(path.read_text())["traceEvents"]
    spans = [event for event in events if event["ph"] == "X" and not event["name"].startswith("Total ")]
    found = read(path)
    assert found.names() == sorted(event["name"] for event in spans) != []
    assert found.span("ExecuteCompiler")["dur"] == max(event["dur"] for event in spans)
    assert before_s - 0.01 < found.start_s(found.span("ExecuteCompiler")) < after_s
    # One after the other: so they do not overlap on the wall clock either.
    second = read(tmp_path / "b.json")
    end_s = found.start_s(found.span("ExecuteCompiler")) + float(str(found.span("ExecuteCompiler")["dur"])) / 1e6
    assert end_s < second.start_s(second.span("ExecuteCompiler"))


def test_ninja_commands_lie_where_their_files_were_made(tmp_path: Path) -> None:
    """Two builds in one log, the first as if it were an hour ago; a command with two outputs is one span."""
    (tmp_path / "build.ninja").write_text(BUILD)
    log = tmp_path / ".ninja_log"
    began_s = [time.time()]
    run("ninja", "-j2", cwd=tmp_path)
    first_lines = len(log.read_text().splitlines())
    (tmp_path / "b").unlink()
    began_s.append(time.time())
    run("ninja", "-j2", cwd=tmp_path)
    lines = [line.split("\t") for line in log.read_text().splitlines()]
    older = [[*line[:2], *_hour_ago(line[2:])] for line in lines[:first_lines]]
    log.write_text("".join("\t".join(line) + "\n" for line in [*older, *lines[first_lines:]]))
    found = read(log)
    assert found.names() == ["a", "b", "b", "c"]
    assert found.imported.timeline.notes == ["2 builds"]
    assert args(found.span("c"))["outputs"] == ["c", "c.map"]
    first, second = sorted(found.start_s(event) for event in found.of("X") if event["name"] == "b")
    # A busy machine sees the end of a command some time after it wrote its file.
    assert began_s[0] - 5 < first + 3600 < began_s[1]
    assert began_s[1] - 5 < second < time.time()


def _hour_ago(fields: list[str]) -> list[str]:
    return [str(int(fields[0]) - 3600 * 10**9), *fields[1:]] if fields else []


def test_go_tests(tmp_path: Path) -> None:
    (tmp_path / "go.mod").write_text("module x\ngo 1.19\n")
    (tmp_path / "x_test.go").write_text(
        'package x\nimport ("testing"; "time")\n'
        'func TestS(t *testing.T) { for _, n := range []string{"a", "b", "c"} {'
        " t.Run(n, func(t *testing.T) { time.Sleep(30 * time.Millisecond) }) } }\n"
        'func TestA(t *testing.T) { t.Run("sub", func(t *testing.T) {}) }\n'
        "func TestP(t *testing.T) { t.Parallel() }\nfunc TestQ(t *testing.T) { t.Parallel() }\n"
    )
    text = run("go", "test", "-json", cwd=tmp_path, GOFLAGS="-mod=mod", GOCACHE=str(tmp_path / "cache"))
    (tmp_path / "log").write_text(text)
    found = read(tmp_path / "log")
    tests = {str(json.loads(line).get("Test")) for line in text.splitlines() if '"run"' in line}
    assert tests == {"TestA", "TestA/sub", "TestP", "TestQ", "TestS", "TestS/a", "TestS/b", "TestS/c"}
    assert found.names() == sorted([*tests, "x", *["paused"] * text.count('"pause"')])
    assert len({found.span(f"TestS/{name}")["tid"] for name in "abc"}) == 1  # which ran one after the other


def test_a_build_of_go_binds_its_arrows(tmp_path: Path) -> None:
    (tmp_path / "go.mod").write_text("module x\ngo 1.19\n")
    (tmp_path / "x.go").write_text("package x\n")
    run("go", "build", "-debug-trace=trace.json", ".", cwd=tmp_path, GOCACHE=str(tmp_path / "cache"))
    events = json.loads((tmp_path / "trace.json").read_text())
    found = read(tmp_path / "trace.json")
    assert found.names() == sorted(event["name"] for event in events if event["ph"] == "B")
    assert len(found.of("s")) == sum(event["ph"] == "s" for event in events)
    assert found.imported.laned.arrows == 0
    assert found.start_s(found.span("Running build command")) == pytest.approx(time.time(), abs=60)


def cargo_project(path: Path) -> None:
    (path / "src").mkdir()
    (path / "Cargo.toml").write_text('[package]\nname = "app"\nversion = "0.1.0"\nedition = "2021"\n')
    (path / "src/lib.rs").write_text("pub fn f() -> u32 { 1 }\n")
    (path / "src/main.rs").write_text('fn main() { println!("{}", app::f()) }\n')


def test_the_page_of_cargo_timings(tmp_path: Path) -> None:
    cargo_project(tmp_path)
    before_s = time.time()
    run("cargo", "build", "--offline", "--timings", cwd=tmp_path)
    pages = list(tmp_path.glob("target/cargo-timings/cargo-timing.html"))
    if not pages:
        pytest.skip("this cargo writes no page")
    found = read(pages[0])
    assert [name for name in found.names() if name.startswith("app")] == ["app 0.1.0", 'app 0.1.0 app "bin"']
    assert found.names().count("codegen") == found.names().count("frontend") == 1
    assert before_s - 0.1 < found.start_s(found.span("app 0.1.0")) < time.time()


def test_the_build_log_of_cargo(tmp_path: Path) -> None:
    cargo_project(tmp_path)
    home = tmp_path / "home"
    (home / ".cargo").mkdir(parents=True)
    environ = {"RUSTC_BOOTSTRAP": "1", "CARGO_HOME": str(home / ".cargo")}
    before_s = time.time()
    run("cargo", "-Zbuild-analysis", "build", "--config", "build.analysis.enabled=true", cwd=tmp_path, **environ)
    logs = list(home.rglob("*.jsonl"))
    if not logs:
        pytest.skip("this cargo writes no log")
    found = read(logs[0])
    assert [name for name in found.names() if name.startswith("app")] == ["app@0.1.0 app bin", "app@0.1.0 app lib"]
    assert before_s - 0.1 < found.start_s(found.span("app@0.1.0 app lib")) < time.time()


def test_each_git_of_a_clone_is_a_process(tmp_path: Path) -> None:
    run("git", "init", "-q", "one", cwd=tmp_path)
    run("git", "-C", "one", *IDENTITY, "commit", "-q", "--allow-empty", "-m", "m", cwd=tmp_path)
    log = tmp_path / "log"
    run("git", "clone", "-q", "--no-local", "one", "two", cwd=tmp_path, GIT_TRACE2_EVENT=str(log))
    counts = {name: log.read_text().count(f'"event":"{name}"') for name in ("version", "region_enter", "child_start")}
    found = read(log)
    assert len(found.of("X")) == sum(counts.values())
    processes = [event for event in found.of("X") if event["cat"] == "git"]
    assert len({event["pid"] for event in processes}) == counts["version"] >= 4
    clone = found.span("git clone")
    assert clone["dur"] == max(float(str(event["dur"])) for event in found.of("X"))
    assert str(args(clone)["argv"]).endswith("'clone', '-q', '--no-local', 'one', 'two']")


IDENTITY = ("-c", "user.name=a", "-c", "user.email=a@b")


def test_strace_calls_in_two_lines_are_one_span(tmp_path: Path) -> None:
    output = tmp_path / "out"
    script = "sleep 0.05 & cat /dev/null; wait; kill -USR1 $$"
    run("strace", "-f", "-ttt", "-T", "-v", "-o", output, "sh", "-c", script, cwd=tmp_path, MARK="hunter2")
    lines = output.read_text().splitlines() if output.exists() else []
    if not lines:
        pytest.skip("strace may not trace here")
    found = read(output)
    moments = [line for line in lines if "---" in line or "+++" in line or line.endswith("= ?")]
    begun = [line for line in lines if line.endswith("<unfinished ...>")]
    resumed = [line for line in lines if " resumed>" in line]
    assert len(found.of("i")) == len(moments)
    assert len(found.of("X", "B")) == len(lines) - len(moments) - len(resumed)
    assert len(found.of("B")) == len(begun) - len(resumed)
    slept = found.span("clock_nanosleep" if "clock_nanosleep" in found.names() else "nanosleep")
    assert 50_000 <= float(str(slept["dur"])) < 5_000_000
    assert found.process(slept).startswith("sleep (")
    assert "hunter2" not in str(found.events)


def test_cmake_and_node_count_from_the_start_of_this_machine(tmp_path: Path) -> None:
    """So they lie right where they ran, with no date in their files."""
    (tmp_path / "CMakeLists.txt").write_text("cmake_minimum_required(VERSION 3.18)\nproject(x NONE)\n")
    for command in (
        ("cmake", "--profiling-format=google-trace", "--profiling-output=trace", "-B", "b", "."),
        ("node", "--trace-event-categories", "v8,node", "--trace-event-file-pattern=trace", "-e", "1"),
    ):
        before_us = time.monotonic() * 1e6
        run(*command, cwd=tmp_path)
        found = read(tmp_path / "trace")
        assert found.imported.clock == "monotonic", command
        assert before_us < min(float(str(event["ts"])) for event in found.of("X")) < time.monotonic() * 1e6


def test_a_large_project_of_cmake_is_pretty_and_whole(tmp_path: Path) -> None:
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.18)\nproject(x NONE)\nforeach(i RANGE 500)\nset(x ${i})\nendforeach()\n"
    )
    run("cmake", "--profiling-format=google-trace", "--profiling-output=trace", "-B", "b", ".", cwd=tmp_path)
    text = (tmp_path / "trace").read_text()
    assert len(read(tmp_path / "trace").of("X")) == len(re.findall(r'"ph"\s*:\s*"B"', text)) > 500


@pytest.mark.parametrize("make", ["ctest", "meson", "pytest"])
def test_reports_of_real_runners(make: str, tmp_path: Path) -> None:
    found, tests = read(REPORTS[make](tmp_path)), ("one", "two")
    for test in tests:
        (event,) = [event for event in found.of("X") if test in str(event["name"])]
        assert float(str(event["dur"])) > 0
    assert found.imported.clock == {"ctest": "start", "meson": "wall", "pytest": found.imported.clock}[make]


def of_ctest(path: Path) -> Path:
    (path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.18)\nproject(x NONE)\nenable_testing()\n"
        "add_test(NAME one COMMAND true)\nadd_test(NAME two COMMAND true)\n"
    )
    run("cmake", "-B", "b", ".", cwd=path)
    run("ctest", "--output-junit", path / "report.xml", cwd=path / "b")
    return path / "report.xml"


def of_meson(path: Path) -> Path:
    (path / "meson.build").write_text("project('x')\ne = find_program('true')\ntest('one', e)\ntest('two', e)\n")
    run("meson", "setup", "b", cwd=path)
    run("meson", "test", "-C", "b", cwd=path)
    return path / "b/meson-logs/testlog.json"


def of_pytest(path: Path) -> Path:
    (path / "test_x.py").write_text("import time\ndef test_one(): time.sleep(0.01)\ndef test_two(): time.sleep(0.01)\n")
    run("pytest", "-q", "--junitxml=report.xml", "-p", "no:cacheprovider", cwd=path)
    return path / "report.xml"


REPORTS: dict[str, Callable[[Path], Path]] = {"ctest": of_ctest, "meson": of_meson, "pytest": of_pytest}
