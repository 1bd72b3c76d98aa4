"""How much ran at once: leaf work counts once."""

from tests.builds.traces import Trace
from tracerd.builds.work import at_once, cpu_s, work_ns


def nested() -> Trace:
    """Two compiles under a make under a make, one of them through a shell."""
    trace = Trace()
    trace.step("make -j2", 0, 100, user_s=3.0, system_s=1.0)
    make = trace.step("make -C lib", 10, 90, user_s=2.5, system_s=1.0)
    shell = trace.step("sh -c cc", 20, 60, parent=make, user_s=1.5, system_s=0.5)
    cc = trace.step("cc -c a.c", 21, 59, parent=shell, user_s=1.5, system_s=0.25)
    trace.step("cc1 a.c", 22, 50, parent=cc)
    trace.step("cc -c b.c", 20, 80, parent=make, user_s=0.75, system_s=0.25)
    return trace


def test_wrappers_count_only_while_they_work_themselves() -> None:
    build = nested().build()
    ns = {step.name: work_ns(step) for step in build.steps if step.program != "cc1"}
    assert ns == {
        "make": 20_000,  # before and after the inner one
        "make -C lib": 20_000,
        "sh: cc": 2_000,
        "cc a.o": 38_000,
        "cc b.o": 60_000,
    }


def test_at_once() -> None:
    running = at_once(nested().build())
    assert running.peak == 2
    assert running.mean(0, 100_000) == (20 + 2 * 40 + 20 + 20) / 100
    assert [running.before(time * 1000) for time in (0, 5, 20, 21, 60, 61, 100, 101)] == [0, 1, 1, 2, 2, 1, 1, 0]
    assert list(running.pieces(50_000, 85_000)) == [
        (50_000, 59_000, 2),
        (59_000, 60_000, 2),
        (60_000, 80_000, 1),
        (80_000, 85_000, 1),
    ]


def test_processor_time_is_that_of_a_step_without_its_steps() -> None:
    build = nested().build()
    times = {step.name: cpu_s(step) for step in build.steps if step.program != "cc1"}
    assert times == {"make": 0.5, "make -C lib": 0.5, "sh: cc": 0.25, "cc a.o": 1.75, "cc b.o": 1.0}
    assert sum(time or 0 for time in times.values()) == build.steps[0].cpu_s


def test_an_unrecorded_time_is_not_nothing() -> None:
    trace = Trace()
    trace.step("make", 0, 100)
    assert cpu_s(trace.build().steps[0]) is None


def test_what_shims_use_is_no_step_s() -> None:
    trace = Trace()
    trace.step("make", 0, 100, user_s=3.0, system_s=1.0)
    trace.step("cc -c a.c", 1, 40, user_s=1.0, system_s=0.5, exec_s=0.25)
    inner = trace.step("make -C b", 1, 80, user_s=1.5, system_s=0.0, exec_s=0.25)
    trace.step("cc -c b.c", 1, 40, user_s=1.0, system_s=0.0, exec_s=0.25, parent=inner)
    build = trace.build()
    assert {step.name: cpu_s(step) for step in build.steps} == {
        "make": 0.5,  # of 4 s, without 0.75 s of shims
        "cc a.o": 1.5,
        "make -C b": 0.25,
        "cc b.o": 1.0,
    }
    assert build.root
    assert build.root.cpu_s == 3.25
