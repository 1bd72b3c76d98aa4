"""docs/protocol.md, "Lines to copy": Perfetto draws them all, and `tracerd check` names what is no longer drawn.

The daemon says OK to each of these lines, whatever was changed in it: only Perfetto and `check` know better.
"""

import re
from pathlib import Path

import pytest

from tests.commands import invoke
from tests.docs.documents import PROTOCOL, blocks, section, tables
from tests.harness import Daemon
from tests.perfetto.judge import Judge, Row
from tests.perfetto.own_cases import emit

COPY = section(PROTOCOL, "## Lines to copy")
LINES = blocks(COPY, "jsonl")[0]

DRAWN = (
    "select (select count(*) from process where pid > 0 and name is not null)"
    " + (select count(*) from thread where name = 'linker'),"
    " (select count(*) from slice s join thread_track t on s.track_id = t.id where s.dur > 0),"
    " (select count(*) from slice where dur = 0),"
    " (select count(*) from counter_track),"
    " (select count(*) from flow),"
    " (select count(*) from slice s join process_track t on s.track_id = t.id where s.dur > 0)"
)


def drawn(daemon: Daemon, perfetto: Judge, lines: str, directory: Path) -> tuple[list[Row], dict[str, int], str]:
    """How much Perfetto draws of lines, by kind; what it counts as problems; and what `check` says."""
    out = directory / "trace.json"
    count = lines.count("\n")
    assert emit(daemon, "copy", lines.encode(), out) == b"OK %d 0 0" % count
    [rows], problems = perfetto.examine(out, DRAWN)
    return rows, problems, invoke("check", "copy", "-d", daemon.dir).stdout.decode()


def test_each_line_is_drawn_as_the_table_says(daemon: Daemon, perfetto: Judge, tmp_path: Path) -> None:
    table = tables(COPY)[0]
    counts = [int(row[2].split()[0]) for row in table]

    rows, problems, checked = drawn(daemon, perfetto, LINES, tmp_path)

    assert [row[0] for row in table] == ["`M`", "`X`", "`i`", "`C`", "`s`, `f`", "`b`, `e`"]
    assert rows == [counts]
    assert problems == {}
    assert checked == f"copy: {len(LINES.splitlines()) + 1} lines, nothing to fix\n"


def test_names_of_curves_are_as_described(daemon: Daemon, perfetto: Judge, tmp_path: Path) -> None:
    emit(daemon, "copy", LINES.encode(), tmp_path / "t.json")

    [names] = perfetto.ask(tmp_path / "t.json", "select name from counter_track order by name")

    assert [row[0] for row in names] == ["jobs running", "jobs waiting"]
    assert all(f"`{row[0]}`" in section(PROTOCOL, "### Counters") for row in names)


CHANGES = {
    "name without args": (r',"args":\{"name":"linker"\}', "", 0, "no-name"),
    "name without pid": (r'("name":"process_name"),"pid":4242', r"\1", 0, "no-pid"),
    "span without dur": (r',"dur":9000', "", 1, "left-out"),
    "spans that cross": (r'"tid":4243,"ts":1020000,"dur":9000', '"tid":4242,"ts":1010000,"dur":9000', 1, "overlap"),
    "moment without tid": (r',"tid":4242,"ts":1002000', ',"ts":1002000', 2, "instant-without-tid"),
    "counter with its value beside args": (
        r'"args":\{"waiting":3,"running":2\}',
        '"value":3',
        3,
        "counter-without-args",
    ),
    "counter with empty args": (r'"args":\{"waiting":3,"running":2\}', '"args":{}', 3, "empty-counter"),
    "counter of a text": (r'"waiting":3', '"waiting":"three"', 3, "counter-value"),
    "arrow with a UUID": (r"0x0000109200000001", "67e55044-10b1-426f-9247-bb680e5fe0c8", 4, "flow-id"),
    "arrow with another name at its end": (r'("bp":"e","name":)"object file"', r'\1"object"', 4, "flow-without-start"),
    "arrow with another cat at its end": (r'("bp":"e".*"cat":)"flow"', r'\1"end"', 4, "flow-without-start"),
    "arrow without its end": (r'\{"ph":"f".*\n', "", 4, "flow-not-ended"),
    "arrow that starts before any span": (r'("tid":4242,"ts":)1018250', r"\g<1>900000", 4, "flow-without-slice"),
    "arrow without bp": (r'"bp":"e",', "", 4, "flow-without-end"),
    "arrow with another bp": (r'"bp":"e"', '"bp":"E"', 4, "flow-without-end"),
    "asynchronous spans without id": (r',"id2":\{"local":.\}', "", 5, "async-without-id"),
    "id2 that is a number": (r'"id2":\{"local":(.)\}', r'"id2":\1', 5, "async-without-id"),
    "asynchronous end of another cat": (r'("ph":"e".*"cat":)"async"', r'\1"end"', 5, "end-without-begin"),
    "asynchronous end of another type of id": (r'("ph":"e".*"local":)(.)', r'\1"\2"', 5, "end-without-begin"),
    "asynchronous end of another name": (r'("ph":"e","name":)"download"', r'\1"end"', 5, "end-without-begin"),
}
"""For each rule of the page: what breaks it, which of the counts is then smaller, and the kind that `check` names."""


@pytest.mark.parametrize("change", list(CHANGES))
def test_what_breaks_a_rule_is_not_drawn_and_named(
    change: str, shared_daemon: Daemon, perfetto: Judge, tmp_path: Path
) -> None:
    pattern, replacement, column, kind = CHANGES[change]
    lines = re.sub(pattern, replacement, LINES)
    out = tmp_path / "trace.json"

    assert emit(shared_daemon, trace_id(change), lines.encode(), out).startswith(b"OK ")
    [[row]], _problems = perfetto.examine(out, DRAWN)
    whole = [int(row[2].split()[0]) for row in tables(COPY)[0]]
    checked = invoke("check", trace_id(change), "-d", shared_daemon.dir, "--json").stdout.decode()

    assert lines != LINES
    assert row[column] != whole[column]
    assert f'"kind":"{kind}"' in checked


def trace_id(change: str) -> str:
    return "copy-" + change.replace(" ", "-")
