"""Steps that did the same twice."""

from tests.builds.traces import Trace
from tracerd.builds.repeated import repeated, wasted_ns
from tracerd.builds.summary import summarize
from tracerd.view.summary import facts


def test_the_same_command_in_the_same_directory_is_named() -> None:
    trace = Trace()
    trace.step("make", 0, 100)
    for start, directory in ((1, "/a"), (20, "/a"), (50, "/b")):
        trace.step("gen table.c", start, start + 15, cwd=directory)
    trace.step("gen other.c", 70, 85, cwd="/a")
    build = trace.build()
    assert [([step.name for step in group], wasted_ns(group)) for group in repeated(build)] == [
        (["gen table.c", "gen table.c"], 15_000)
    ]
    assert dict(facts(summarize(build), "t"))["again"] == "gen table.c 2 times (15.0 us more)"


def test_without_a_directory_what_the_commands_around_say_tells_them_apart() -> None:
    trace = Trace()
    trace.step("make", 0, 100)
    for start, words in ((1, "make -C a"), (30, "make -C b")):
        inner = trace.step(words, start, start + 20)
        trace.step("cc -c x.c", start + 1, start + 19, parent=inner)
    assert repeated(trace.build()) == []


def test_command_lines_that_were_cut_may_differ_in_the_rest() -> None:
    trace = Trace()
    trace.step("make", 0, 100)
    for start in (1, 50):
        trace.step("ar rcs", start, start + 40, argv_left_out=9000)
    build = trace.build()
    assert repeated(build) == []
    assert [step.command for step in build.steps[1:]] == ["ar rcs ..."] * 2
