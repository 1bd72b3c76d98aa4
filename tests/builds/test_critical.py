"""The critical path of builds whose dependencies are known, against values computed by hand. Times are in us."""

import pytest

from tests.builds.traces import ROOT, Trace
from tracerd.builds.critical import critical_path
from tracerd.builds.failures import failures


def path(trace: Trace) -> list[tuple[str, int, str]]:
    """Name, gap and reason of each step of the path."""
    return [(link.step.name, link.gap // 1000, link.because) for link in critical_path(trace.build())]


def test_a_chain() -> None:
    trace = Trace()
    trace.step("script", 0, 100)
    trace.step("one", 5, 30)
    trace.step("two", 32, 60)
    trace.step("three", 61, 99)
    assert path(trace) == [("one", 5, "parent"), ("two", 2, "clock"), ("three", 1, "clock")]


def test_a_diamond_goes_through_its_longer_side() -> None:
    trace = Trace()
    trace.step("make -j4", 0, 100)
    trace.step("cc -c -o gen.o gen.c", 2, 20)
    trace.step("cc -c -o short.o short.c", 22, 40)
    trace.step("cc -c -o long.o long.c", 22, 70)
    trace.step("cc -o app short.o long.o", 73, 95)
    assert path(trace) == [("cc gen.o", 2, "parent"), ("cc long.o", 2, "clock"), ("cc app", 3, "file")]


def test_a_late_long_step_is_on_the_path_and_what_ran_beside_it_is_not() -> None:
    trace = Trace()
    trace.step("make -j2", 0, 200)
    trace.step("cc -c a.c", 1, 50)
    trace.step("cc -c b.c", 1, 60)
    trace.step("cc -c c.c", 51, 70)
    trace.step("cc -c big.c", 61, 190)
    trace.step("cc -c d.c", 71, 90)
    # Both jobs were taken until b.o was done: what began then had waited for a slot.
    assert path(trace) == [("cc b.o", 1, "parent"), ("cc big.o", 1, "slot")]


def test_a_file_is_better_than_the_clock_where_jobs_were_free() -> None:
    trace = Trace()
    trace.step("ninja -j8", 0, 100)
    trace.step("cc -c -o a.o a.c", 1, 40)
    trace.step("cc -c -o b.o b.c", 1, 45)  # ends last, and is not needed
    trace.step("ar rcs liba.a a.o", 46, 90)
    assert path(trace) == [("cc a.o", 1, "parent"), ("ar liba.a", 6, "file")]


def test_what_begins_long_after_its_files_were_there_has_waited_for_something_else() -> None:
    trace = Trace()
    trace.step("make -j8", 0, 2_000_000)
    trace.step("ar rcs liba.a a.o", 1, 40)
    trace.step("generate", 50, 1_000_000)
    trace.step("cc -o app liba.a", 1_000_003, 1_900_000)
    assert path(trace) == [("ar liba.a", 1, "parent"), ("generate", 10, "clock"), ("cc app", 3, "clock")]


def test_with_one_job_each_step_waits_for_the_slot() -> None:
    trace = Trace()
    trace.step("make", 0, 100)
    trace.step("cc -c a.c", 1, 40)
    trace.step("cc -c b.c", 41, 80)
    trace.step("cc -o app a.o b.o", 81, 99)
    assert path(trace) == [("cc a.o", 1, "parent"), ("cc b.o", 1, "slot"), ("cc app", 1, "file")]


def test_a_make_inside_make_is_entered() -> None:
    trace = Trace()
    trace.step("make -j2", 0, 100)
    inner = trace.step("make -C lib", 2, 60)
    trace.step("cc -c x.c", 4, 30, parent=inner)
    trace.step("cc -c y.c", 4, 25, parent=inner)
    trace.step("ar rcs libx.a x.o y.o", 31, 58, parent=inner)
    trace.step("cc -o app main.c lib/libx.a", 62, 99)
    # The link begins 4 us after the ar has ended: 2 us of these are the end of the inner make.
    assert path(trace) == [("cc x.o", 4, "parent"), ("ar libx.a", 1, "file"), ("cc app", 2, "clock")]


def test_a_step_may_wait_for_a_job_that_a_step_of_another_make_had() -> None:
    trace = Trace()
    trace.step("make -j2", 0, 200)
    one = trace.step("make -C one", 1, 100)
    two = trace.step("make -C two", 1, 180)
    trace.step("cc -c a.c", 2, 20, parent=two)
    trace.step("cc -c b.c", 2, 40, parent=one)
    trace.step("cc -c c.c", 21, 90, parent=one)
    trace.step("cc -c big.c", 42, 179, parent=two)
    trace.step("cp two/big app", 182, 199)
    # big.o took the job that b.o had had until 40, in the other make; a.o, beside it, had ended at 20.
    assert path(trace) == [("cc b.o", 2, "parent"), ("cc big.o", 2, "slot"), ("cp app", 2, "clock")]


def test_a_step_may_wait_for_a_job_that_a_step_inside_another_one_had() -> None:
    trace = Trace()
    trace.step("make -j2", 0, 200)
    trace.step("cc -c a.c", 1, 20)
    lib = trace.step("make -C lib", 1, 100)
    trace.step("cc -c b.c", 2, 40, parent=lib)
    trace.step("cc -c c.c", 21, 60, parent=lib)
    trace.step("cc -c d.c", 61, 99, parent=lib)
    trace.step("cc -c big.c", 41, 190)
    assert path(trace) == [("cc b.o", 2, "parent"), ("cc big.o", 1, "slot")]


def test_the_shell_of_a_command_is_replaced_by_the_command() -> None:
    trace = Trace()
    trace.step("ninja", 0, 100)
    shell = trace.step("sh -c cc", 1, 50)
    trace.step("cc -c -o a.o a.c", 2, 49, parent=shell)
    shell = trace.step("sh -c ar", 52, 99)
    trace.step("ar rcs liba.a a.o", 53, 98, parent=shell)
    assert path(trace) == [("cc a.o", 2, "parent"), ("ar liba.a", 3, "file")]


def test_parts_of_a_compiler_are_no_steps() -> None:
    trace = Trace()
    trace.step("make", 0, 100)
    cc = trace.step("gcc -c a.c", 1, 90)
    trace.step("/usr/lib/cc1 a.c -o /tmp/ccAAAAAA.s", 2, 60, parent=cc)
    trace.step("as -o a.o /tmp/ccAAAAAA.s", 61, 89, parent=cc)
    assert path(trace) == [("gcc a.o", 1, "parent")]


def test_what_outlives_the_command_did_not_hold_it_up() -> None:
    trace = Trace()
    trace.step("sh run", 0, 100)
    trace.step("server", 1, 5000)
    trace.step("client", 2, 99)
    assert path(trace) == [("client", 2, "parent")]


def test_a_failing_step_is_the_end_of_the_path_and_its_make_failed_because_of_it() -> None:
    trace = Trace()
    trace.step("make", 0, 100, exit_code=2)
    inner = trace.step("make -C lib", 1, 98, exit_code=2)
    cc = trace.step("cc -c bad.c", 2, 90, parent=inner, exit_code=1)
    trace.step("cc1 bad.c", 3, 80, parent=cc, exit_code=1)
    assert path(trace) == [("cc bad.o", 2, "parent")]
    assert [(step.name, step.outcome) for step in failures(trace.build())] == [("cc bad.o", "FAILED 1")]


@pytest.mark.parametrize(
    ("command", "code", "signal", "make_code", "failed"),
    [
        ("grep -q x file", 1, "", 0, []),  # an answer, and make was content with it
        ("grep -q x file", 1, "", 2, ["grep"]),
        ("grep -q x file", 2, "", 0, ["grep"]),
        ("yes", None, "SIGPIPE", 0, []),
        ("./tests", None, "SIGSEGV", 0, ["tests"]),
        ("cc -c a.c", 1, "", 0, ["cc a.o"]),  # as `make -i` does
    ],
)
def test_what_counts_as_a_failure(
    command: str, code: int | None, signal: str, make_code: int, failed: list[str]
) -> None:
    trace = Trace()
    trace.step("make", 0, 100, exit_code=make_code)
    trace.step(command, 1, 90, exit_code=code, signal=signal)
    assert [step.name for step in failures(trace.build()) if step.pid != ROOT] == failed


@pytest.mark.parametrize(
    ("around", "code", "is_failure"),
    [
        ("sh -c cc\t-o\tt\tt.c\t&&\techo\t1\t||\techo\t0", 0, False),
        ("sh -c if\tcc\tt.c;\tthen\techo;\tfi", 0, False),
        ("sh -c cc\tt.c;\techo", 0, True),
        ("sh -c cc\tt.c\t||\texit\t3", 3, True),
        ("/bin/bash ./configure --prefix=/usr", 0, False),
        ("./configure", 1, True),
        ("cmake -B build", 0, False),
        ("cmake --build build", 0, True),
        ("sh build.sh", 0, True),
    ],
)
def test_what_was_only_tried_out_is_no_failure(around: str, code: int, *, is_failure: bool) -> None:
    trace = Trace()
    trace.step("make", 0, 100, exit_code=code)
    shell = trace.step(around, 1, 90, exit_code=code)
    make = trace.step("make t", 2, 80, parent=shell, exit_code=2)
    trace.step("cc t.c", 2, 80, parent=make, exit_code=1)
    assert [step.name for step in failures(trace.build())] == (["cc a.out"] if is_failure else [])


def test_what_a_subshell_tries_out_is_no_failure_and_a_signal_is() -> None:
    trace = Trace()
    trace.step("./configure", 0, 100)
    fork = trace.step("sh", 1, 90)
    trace.lines = [line.replace('"argv":["sh"],', "") for line in trace.lines]
    trace.step("cc t.c", 2, 10, parent=fork, exit_code=1)
    trace.step("./conftest", 12, 20, parent=fork, exit_code=None, signal="SIGSEGV")
    assert [step.name for step in failures(trace.build())] == ["conftest"]


def test_what_ended_the_command_comes_first() -> None:
    trace = Trace()
    trace.step("make", 0, 100, exit_code=2)
    script = trace.step("sh build.sh", 1, 30)
    trace.step("cc early.c", 2, 10, parent=script, exit_code=1)
    trace.step("cc -c late.c", 40, 90, exit_code=1)
    assert [step.name for step in failures(trace.build())] == ["cc late.o", "cc a.out"]


def test_steps_without_a_duration_end_the_search() -> None:
    trace = Trace()
    trace.step("sh", 0, 10)
    trace.step("sleep 5", 0, 5)
    for _ in range(3):
        trace.step("true", 5, 5)
    assert [name for name, *_ in path(trace)] == ["sleep 5", "true", "true", "true"]


def test_a_command_that_works_itself_was_held_up_by_no_step() -> None:
    trace = Trace()
    trace.step("pytest", 0, 100)
    trace.step("ldconfig", 1, 5)
    assert path(trace) == []


def test_of_a_shell_with_one_command_the_command_is_the_step_however_slow_the_shell_is() -> None:
    trace = Trace()
    trace.step("ninja", 0, 100)
    shell = trace.step("sh -c cc", 1, 99)
    trace.step("cc -c -o a.o a.c", 60, 90, parent=shell)
    assert path(trace) == [("cc a.o", 60, "parent")]


def test_a_pid_that_is_used_twice_is_two_steps() -> None:
    trace = Trace()
    trace.step("sh", 0, 100)
    trace.step("one", 1, 20, pid=7)
    trace.step("part", 2, 10, parent=7)
    trace.step("two", 30, 90, pid=7)
    trace.step("piece", 40, 80, parent=7)
    steps = {step.name: step for step in trace.build().steps}
    assert [child.name for child in steps["one"].children] == ["part"]
    assert [child.name for child in steps["two"].children] == ["piece"]
