"""`tracerd diff` of two builds."""

from pathlib import Path

import pytest

from tests.builds.shown import as_json, called, lua, run
from tests.builds.traces import Trace


def test_two_builds_of_one_tree_differ_in_times_only(store: Path) -> None:
    (store / "b.jsonl").write_bytes(lua(lvm=90, temporary="ccBBBBBB").block)
    diff = as_json(store, "diff", "a", "b")
    assert (diff["new"], diff["gone"], diff["slower"], diff["faster"]) == ([], [], ["gcc lvm.o"], ["make"])
    changed = {group["step"]: group["change"] for group in diff["groups"] if group["change"]}
    assert changed == {"gcc lvm.o": 0.5, "make": -0.5}
    lines = run(store, "diff", "a", "b")
    assert "steps: none new, none gone; 1 slower, 1 faster" in lines
    assert [line.split()[-2:] for line in lines if line.startswith("gcc lvm.o")] == [["us", "+50.0%"]]
    assert lines[-2:] == [
        "critical path of A: gcc lvm.o -> ar liblua.a: 80.0 us",
        "critical path of B: gcc lapi.o -> gcc bad.o -> ar liblua.a: 60.0 us",
    ]


def of_cpu(wall: int, user_s: float | None) -> Trace:
    """A build of one compiler that lasted this long, and used this much."""
    trace = Trace()
    trace.step("make", 0, wall, user_s=user_s, system_s=0.0)
    trace.step("cc -c a.c", 0, wall)
    return trace


@pytest.mark.parametrize(
    ("wall", "user_s", "line"),
    [
        (
            200,
            1.8,
            "cpu: 2.00 s -> 1.80 s (-10.0%); the steps of B waited longer: the machine was busier, or a disk slower",
        ),
        (200, 4.0, "cpu: 2.00 s -> 4.00 s (+100.0%)"),
        (
            50,
            2.0,
            "cpu: 2.00 s -> 2.00 s (+0.0%); the steps of A waited longer: the machine was busier, or a disk slower",
        ),
        (120, 2.0, "cpu: 2.00 s -> 2.00 s (+0.0%)"),
        (200, 0.0, "cpu: 2.00 s -> 0.00 s (-100.0%)"),
        (200, None, ""),
    ],
)
def test_a_build_that_only_waited_longer_is_known_by_its_processor_time(
    store: Path, wall: int, user_s: float | None, line: str
) -> None:
    (store / "a.jsonl").write_bytes(of_cpu(100, 2.0).block)
    (store / "b.jsonl").write_bytes(of_cpu(wall, user_s).block)
    assert run(store, "diff", "a", "b")[2] == line


def test_steps_that_are_new_or_gone_are_named(store: Path) -> None:
    changed = lua(target="lcode")
    changed.step("gcc -c -o lvm.o lvm.c", 91, 95)
    (store / "b.jsonl").write_bytes(changed.block)
    diff = as_json(store, "diff", "a", "b")
    assert (diff["new"], diff["gone"]) == (["gcc lcode.o"], ["gcc lapi.o"])
    assert any(line.startswith("gcc lvm.o (1 -> 2 times)") for line in run(store, "diff", "a", "b"))


def test_what_has_grown_too_much_makes_diff_fail(store: Path) -> None:
    (store / "b.jsonl").write_bytes(lua(lvm=90).block)
    done = called(store, "diff", "a", "b", "--fail-over", "20%")
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (1, "over 20%: gcc lvm.o +50.0%")
    assert called(store, "diff", "a", "b", "--fail-over", "20%", "--min-total", "1ms").exit_code == 0
    assert called(store, "diff", "a", "a", "--fail-over", "0%").exit_code == 0


# --------------------------------------------------------------- show
