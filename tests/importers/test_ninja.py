"""ninja's log: which build a line is of, and when that began, in the versions and orders that there are."""

import random
from pathlib import Path

import pytest

from tests.importers.reading import Read, read_text
from tracerd.errors import ImportFileError

Line = tuple[int, int, int, str]
"""Start and end in ms, the time of the file in ns, and its name."""

FIRST_S, SECOND_S = 1_700_000_000, 1_700_003_600
EDGES = [(0, 500), (10, 900), (500, 1500), (900, 1800), (1500, 2500), (1800, 2600), (2500, 2700), (2600, 2900)]


def build(origin_s: int, version: int, prefix: str) -> list[Line]:
    """The lines of a build, in the order of their ends; a file is written some ms before its command ends."""
    jitter = random.Random(1)
    lines: list[Line] = []
    for number, (start, end) in enumerate(EDGES):
        at_ms = start if version >= 6 else end - jitter.randrange(9)
        lines.append((start, end, origin_s * 10**9 + at_ms * 10**6, f"{prefix}{number}"))
    return lines


def imported(directory: Path, version: int, lines: list[Line]) -> Read:
    rows = [f"{start}\t{end}\t{mtime}\t{name}\t{number:x}" for number, (start, end, mtime, name) in enumerate(lines)]
    return read_text(directory, f"# ninja log v{version}\n" + "".join(f"{row}\n" for row in rows))


def starts(found: Read) -> dict[str, float]:
    return {str(event["name"]): found.start_s(event) for event in found.of("X")}


def expected(*builds: tuple[int, str]) -> dict[str, float]:
    return {f"{prefix}{at}": origin + start / 1000 for origin, prefix in builds for at, (start, _) in enumerate(EDGES)}


@pytest.mark.parametrize("version", [5, 6, 7])
def test_two_builds_begin_where_their_files_were_made(version: int, tmp_path: Path) -> None:
    found = imported(tmp_path, version, build(FIRST_S, version, "a") + build(SECOND_S, version, "b"))
    assert found.imported.timeline.notes == ["2 builds"]
    assert starts(found) == pytest.approx(expected((FIRST_S, "a"), (SECOND_S, "b")), abs=0.009, rel=0)


@pytest.mark.parametrize("version", [5, 7])
def test_a_rewritten_log_has_its_builds_in_any_order(version: int, tmp_path: Path) -> None:
    lines = build(FIRST_S, version, "a") + build(SECOND_S, version, "b")
    random.Random(2).shuffle(lines)
    found = imported(tmp_path, version, lines)
    assert found.imported.timeline.notes == ["2 builds"]
    assert starts(found) == pytest.approx(expected((FIRST_S, "a"), (SECOND_S, "b")), abs=0.009, rel=0)


def test_a_build_on_a_busy_machine_is_one(tmp_path: Path) -> None:
    """Its files are written long before ninja sees that their commands have ended."""
    lines = build(FIRST_S, 5, "a")[:3]
    lines[1] = (*lines[1][:2], lines[1][2] - 300 * 10**6, "a1")
    found = imported(tmp_path, 5, lines)
    assert found.imported.timeline.notes == []
    assert starts(found)["a1"] - starts(found)["a0"] == pytest.approx(0.01)


def test_a_copy_that_kept_its_old_time_is_of_the_build_around_it(tmp_path: Path) -> None:
    lines = build(FIRST_S, 5, "a")
    start, end, _, name = lines[4]
    lines[4] = (start, end, 1_000_000_000 * 10**9, name)
    found = imported(tmp_path, 5, lines)
    assert found.imported.timeline.notes == []
    assert starts(found) == pytest.approx(expected((FIRST_S, "a")), abs=0.009, rel=0)


def test_an_output_that_is_no_file_is_of_the_build_around_it(tmp_path: Path) -> None:
    lines = build(FIRST_S, 5, "a")[:3]
    lines[1] = (*lines[1][:2], 0, "a1")
    found = imported(tmp_path, 5, lines)
    assert found.imported.timeline.notes == []
    assert starts(found)["a1"] - starts(found)["a0"] == pytest.approx(0.01)
    with pytest.raises(ImportFileError, match=r"commands without a time \(1\)"):
        imported(tmp_path, 5, [lines[1]])


def test_as_many_rows_as_ran_at_once(tmp_path: Path) -> None:
    found = imported(tmp_path, 7, build(FIRST_S, 7, "a"))
    assert found.rows() == 2
    assert {event["name"] for event in found.of("M")} == {"process_name", "thread_name"}
    assert max(float(str(event["dur"])) for event in found.of("X")) == 1_000_000
