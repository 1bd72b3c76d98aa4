"""What a person would call a command."""

import json
import shlex

import pytest

from tests.builds.traces import ROOT, Trace
from tracerd.builds.layout import laid_out
from tracerd.builds.names import step_name
from tracerd.builds.reader import read_build

GCC = "/usr/lib/gcc/x86_64-linux-gnu/12"

NAMES = {
    "gcc -O2 -c -o lvm.o lvm.c": "gcc lvm.o",
    "cc -c src/a.c": "cc a.o",
    "c++ -o build/app a.o -lm": "c++ app",
    "x86_64-linux-gnu-gcc-12 main.c": "x86_64-linux-gnu-gcc-12 a.out",
    "cc -E -dM x.c": "cc x.c",
    "cc --version": "cc --version",
    "cc -I include -MF x.d -c b.cpp": "cc b.o",
    f"{GCC}/cc1 -quiet -D X lvm.c -quiet -dumpbase lvm.c -dumpbase-ext .c -o /tmp/ccDUmDTX.s": "cc1 lvm.c",
    f"{GCC}/cc1plus -E -quiet x.cpp": "cc1plus x.cpp",
    "as --64 -o lvm.o /tmp/ccDUmDTX.s": "as lvm.o",
    "as --64 -o /tmp/ccDUmDTX.o /tmp/ccDUmDTY.s": "as",
    f"{GCC}/collect2 -plugin {GCC}/liblto_plugin.so -o lua lua.o": "collect2 lua",
    "cc -c -o obj/conf_91f37eae6a6a65db5b0a1c9a1ce276cc/static/h1.o a.c": "cc h1.o",
    "cc -c -o deps/foo-1a2b3c4d5e6f7890.o a.c": "cc foo.o",
    "cc -c -o 2dddf0905b8a6f7e/s11.o a.c": "cc s11.o",
    "cc -c -o 2dddf0905b8a6f7e-s11.o a.c": "cc s11.o",
    "cc -c -o 2dddf0905b8a6f7e.o src/a.c": "cc a.c",
    "cc -c -o deadbeef.o a.c": "cc deadbeef.o",
    "cc -o deps/libfoo-1a2b3c4d5e6f7890.so a.o": "cc libfoo.so",
    "cc -O2 -o /dev/null -x c -": "cc -",
    "cc -o /tmp/ccDUmDTX.o -c a.c": "cc a.c",
    "ar rcs obj/conf_91f37eae6a6a65db5b0a1c9a1ce276cc/liba.a a.o": "ar liba.a",
    "mkdir -p obj/conf_91f37eae6a6a65db5b0a1c9a1ce276cc": "mkdir conf",
    "ld -o lua -m elf_x86_64 lua.o": "ld lua",
    "ar rcu liblua.a lapi.o lcode.o": "ar liblua.a",
    "ranlib liblua.a": "ranlib liblua.a",
    "git -C /x -c a.b=c log --oneline": "git log",
    "cmake --build build": "cmake --build build",
    "cmake -S . -B out": "cmake out",
    "cmake -E copy a b": "cmake -E copy",
    "make -j4": "make",
    "make -j 4 -C lib all CC=gcc": "make -C lib all",
    "ninja -C build": "ninja -C build",
    "/bin/sh -c 'cc -c a.c'": "sh: cc -c a.c",
    "sh -c 'cd /a/b && cc -c a.c >/dev/null 2>&1'": "sh: cc -c a.c",
    "sh -c ': && cc -o x a.o && :'": "sh: cc -o x a.o",
    "sh -e -c 'true'": "sh: true",
    "/bin/sh -c '/usr/bin/cc -O3 -DNDEBUG -MD -MT x.o -MF x.o.d -o a.dir/x.c.o -c /a/x.c'": "sh: cc x.c.o",
    "sh -c ': && cmake -E rm -f libx.a && /usr/bin/ar qc libx.a x.o && :'": "sh: cmake -E rm && ar libx.a",
    "sh -c 'for f in a b c d e f g h; do echo $f; done'": "sh: for f in a b c d e f g h; do echo $f; done",
    "ninja -C CMakeScratch/TryCompile-P09Gq3 cmTC_f1e8e": "ninja -C TryCompile- cmTC-",
    "bash ./build.sh --fast": "bash build.sh",
    "python3 -m pytest -n 2": "python3 -m pytest",
    "python3 -u tools/gen.py x": "python3 gen.py",
    "python -c 'import x'": "python -c",
    "cp a.txt /tmp/tmpabcdefg/b.txt": "cp b.txt",
    "touch all": "touch all",
    "sed -n '/MAJOR/s/.*[[:blank:]]//p'": "sed",
    "sed -n '/MAJOR/s/x/y/p' lib/zstd.h": "sed zstd.h",
    "awk '{print $1}' a.txt": "awk a.txt",
    "cp": "cp",
    "rm -f /tmp/ccDUmDTX.s": "rm",
    "sleep 1": "sleep 1",
    "tool a b": "tool",
    "make": "make",
}


@pytest.mark.parametrize(("command", "name"), NAMES.items(), ids=list(NAMES))
def test_a_name(command: str, name: str) -> None:
    argv = shlex.split(command)
    assert step_name(argv, argv[0].rpartition("/")[2]) == name


def test_a_name_that_a_person_has_chosen_stays() -> None:
    assert step_name(["cc", "-c", "a.c"], "compile it") == "compile it"


def test_without_a_command_line_there_is_the_recorded_name() -> None:
    assert step_name([], "make (fork)") == "make (fork)"


def test_a_long_script_is_cut_and_stays_one_line() -> None:
    name = step_name(["sh", "-c", "\n\n  echo " + "x" * 200 + "\nrest"], "sh")
    assert name == "sh: echo " + "x" * 48 + "..."


def says(pid: int, name: str) -> str:
    """The line by which a process names itself, without a time, as most clients write it."""
    return f'{{"ph":"M","name":"process_name","pid":{pid},"args":{{"name":"{name}"}}}}\n'


@pytest.mark.parametrize("layout", ["lanes", None, "processes"])
@pytest.mark.parametrize("says_it", ["before", "after"])
def test_what_a_process_calls_itself_is_better_than_what_exec_calls_it(says_it: str, layout: str | None) -> None:
    """Whether it does so before its program was recorded or after it, and even if its name begins with its program."""
    trace = Trace()
    trace.step("pytest -n 2", 0, 100)
    for pid, command, name in (
        (7, "python3 -c import", "pytest gw0"),
        (8, "prover x", "prover 1"),
        (9, "cc (fork)", "gw"),
    ):
        line = [says(pid, name), f'{{"ph":"X","name":"test","pid":{pid},"tid":{pid},"ts":50,"dur":9}}\n']
        trace.lines += line if says_it == "before" else []
        trace.step(command, 1, 90, pid=pid)
        trace.lines += line if says_it == "after" else []
    trace.lines.append(f'{{"ph":"X","name":"test","pid":{ROOT},"tid":1,"ts":50,"dur":9}}\n')
    assert [step.name for step in trace.build().steps] == ["pytest", "pytest gw0", "prover 1", "gw"]

    lines = b"".join(laid_out([trace.block], layout))
    names = {line["pid"]: line["args"]["name"] for line in map(json.loads, lines.splitlines()) if is_name(line)}
    if layout != "processes" or says_it == "after":  # which is the log, of which Perfetto takes the last name
        assert names == {ROOT: "pytest", 7: "pytest gw0", 8: "prover 1", 9: "gw"}
    again = read_build([lines])
    assert again is not None
    assert [step.name for step in again.steps] == ["pytest", "pytest gw0", "prover 1", "gw"]


def is_name(line: dict[str, object]) -> bool:
    return line["name"] == "process_name"


def test_a_log_of_version_0_1_0_does_not_say_which_names_are_of_exec() -> None:
    trace = Trace()
    trace.step("pytest -n 2", 0, 100)
    trace.lines.append(says(7, "pytest gw0"))
    trace.step("python3 -c import", 1, 90, pid=7)
    trace.lines = [line.replace('"cat":"process","pid":7,"tid":7,"args"', '"pid":7,"args"') for line in trace.lines]
    assert [step.name for step in trace.build().steps] == ["pytest", "pytest gw0"]


def test_the_name_of_another_program_of_one_process_is_not_its_own() -> None:
    trace = Trace()
    trace.step("make", 0, 100)
    trace.step("cc -c a.c", 1, 50, was=("sh", 2))
    assert [step.name for step in trace.build().steps] == ["make", "cc a.o"]
