"""The stored traces: found by what people type, and what is known of each."""

import os
from pathlib import Path

import pytest

from tracerd.core.counts import Totals
from tracerd.errors import NoSuchTraceError
from tracerd.store.own_lines import clock_line, full_line, lost_line
from tracerd.store.rejects import RejectsFile, read_rejects, rejects_path
from tracerd.traces.stored import StoredTrace, find_log, list_logs, list_traces, totals

LINE = b'{"ph":"i"}\n'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "t.jsonl"


def only_log(path: Path) -> StoredTrace:
    (trace,) = list_logs(path.parent)
    return trace


def test_stored_events_are_counted_from_the_log_without_the_lines_of_the_daemon(path: Path) -> None:
    own = clock_line() + full_line(10, LINE) + lost_line(3, LINE)
    path.write_bytes(clock_line() + LINE * 3 + own + LINE * 10_000 + own + b'{"name":"tracerd"}\n' + b'{"torn')
    trace = only_log(path)
    assert totals(trace) == Totals(stored=10_004)


def test_a_killed_daemon_has_written_refused_lines_and_no_record_of_them(path: Path) -> None:
    """Three daemons: the second was killed; what it refused is neither forgotten nor counted twice."""
    path.write_bytes(LINE)
    for number, killed in enumerate([False, True, False]):
        rejects = RejectsFile(rejects_path(path))
        for line in range(number + 1):
            rejects.add(line, 7, "why", b"x")
        if not killed:
            rejects.record(Totals(refused=number + 1))
        rejects.close()
        assert totals(only_log(path)).refused == sum(range(number + 2))


def test_a_torn_line_counts_once_and_so_does_what_a_killed_daemon_refused_before_it(path: Path) -> None:
    path.write_bytes(LINE)
    rejects = RejectsFile(rejects_path(path))
    rejects.add(1, 7, "why", b"x")  # and then it was killed
    rejects.add_torn("torn", b"{")
    rejects.add(1, 7, "why", b"x")
    rejects.record(Totals(refused=1))
    rejects.close()
    assert totals(only_log(path)) == Totals(stored=1, refused=3)


def test_what_a_running_daemon_has_refused_is_not_counted_twice(tmp_path: Path) -> None:
    path = tmp_path / "t.rejected"
    rejects = RejectsFile(path)
    for line in range(3):
        rejects.add(line, 7, "why", b"x")
    rejects.close()
    assert [read_rejects(path, unrecorded=refused).refused for refused in (0, 3, 4)] == [3, 3, 4]


CAPTURE = Path(__file__).parents[1] / "captures" / "tracerd-0.1.0"


def test_what_0_1_0_left_is_counted_as_it_did() -> None:
    """A daemon that ended, one that was killed, and one that ended: see the README beside the files."""
    (trace,) = list_traces(CAPTURE)
    assert totals(trace) == Totals(stored=6, repaired=2, refused=5)
    assert find_log(CAPTURE, "old") == trace


def touch(directory: Path, name: str, mtime_s: float) -> None:
    (directory / name).write_bytes(LINE)
    os.utime(directory / name, (mtime_s, mtime_s))


def test_a_trace_is_found_by_what_people_type(tmp_path: Path) -> None:
    for mtime_s, name in enumerate(["tr-1.jsonl", "tr-12.jsonl", "other.jsonl", "x.rejected", ".hidden.jsonl"]):
        touch(tmp_path, name, mtime_s)
    (tmp_path / "link.jsonl").symlink_to("tr-1.jsonl")
    assert [log.trace_id for log in list_logs(tmp_path)] == ["tr-1", "tr-12", "other"]
    for name, expected in [
        ("tr-1", "tr-1"),
        ("tr-1.jsonl", "tr-1"),
        ("tr-12", "tr-12"),
        ("o", "other"),
        ("latest", "other"),
        (str(tmp_path / "tr-12.jsonl"), "tr-12"),
    ]:
        assert find_log(tmp_path, name).trace_id == expected


def test_a_trace_whose_id_looks_like_another_name_can_be_named(tmp_path: Path) -> None:
    for mtime_s, name in enumerate(["latest.jsonl", "run.jsonl.jsonl", "run.jsonl", "only.jsonl.jsonl", "z.jsonl"]):
        touch(tmp_path, name, mtime_s)
    for name, expected in [
        ("latest", "z"),
        ("latest.jsonl", "latest"),
        ("run", "run"),
        ("run.jsonl", "run"),
        ("run.jsonl.jsonl", "run.jsonl"),
        ("only.jsonl", "only.jsonl"),
    ]:
        assert find_log(tmp_path, name).trace_id == expected


@pytest.mark.parametrize(
    ("name", "message"),
    [("tr", "fits 2 traces"), ("nothing", "no trace 'nothing'"), ("./no.jsonl", "there is no log ./no.jsonl")],
)
def test_a_trace_that_is_not_clear_is_one_line(tmp_path: Path, name: str, message: str) -> None:
    touch(tmp_path, "tr-1.jsonl", 1)
    touch(tmp_path, "tr-2.jsonl", 2)
    with pytest.raises(NoSuchTraceError, match=message) as caught:
        find_log(tmp_path, name)
    assert "\n" not in str(caught.value)


def test_no_logs_is_no_error(tmp_path: Path) -> None:
    assert list_logs(tmp_path / "missing") == []
    with pytest.raises(NoSuchTraceError, match="no traces"):
        find_log(tmp_path / "missing", "latest")
