"""docs/format.md: lines are written and left out as shown."""

import gzip
import json
from pathlib import Path

import pytest

from tests.commands import invoke
from tests.docs.documents import FORMAT, code, line_tables, section
from tests.harness import CLOCK_PREFIX
from tracerd.store.snapshot import snapshot
from tracerd.trace_json.export import export_to_file

[LEFT_OUT] = line_tables(FORMAT, "### Which events enter")
[REWRITTEN] = line_tables(FORMAT, "### What is rewritten")


@pytest.mark.parametrize(("line", "reason"), [pytest.param(*map(code, row)) for row in LEFT_OUT])
def test_lines_are_left_out_as_shown(line: str, reason: str, tmp_path: Path) -> None:
    log = tmp_path / "t.jsonl"
    log.write_text(f'{{"ph":"i","ts":1}}\n{line}\n')

    summary = export_to_file(snapshot(log, "t"), str(tmp_path / "trace.json"))

    assert (summary.events, summary.left_out) == (1, 1)
    assert [(left_out.line_no, left_out.reason) for left_out in summary.first_left_out] == [(2, reason)]


@pytest.mark.parametrize(("stored", "written"), [pytest.param(*map(code, row)) for row in REWRITTEN])
def test_events_are_rewritten_as_shown(stored: str, written: str, tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text(f"{stored}\n")

    done = invoke("get-tef", "t", "-d", tmp_path)

    assert f'"traceEvents":[{written}],"metadata":'.encode() in done.stdout
    if '"C"' not in stored:
        assert json.loads(written) == json.loads(stored)


def test_empty_trace_is_as_shown_and_gz_compresses(tmp_path: Path) -> None:
    start = '{"displayTimeUnit":"ms","traceEvents":[],"metadata":'
    assert start in section(FORMAT, "## trace.json")
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "t.jsonl").write_bytes(b"")

    done = invoke("get-tef", "t", "-d", tmp_path / "logs", "-o", tmp_path / "t.json.gz")

    assert done.returncode == 0, done.stderr
    assert gzip.decompress((tmp_path / "t.json.gz").read_bytes()).startswith(start.encode())


def test_clock_line_begins_as_shown() -> None:
    assert f"`{CLOCK_PREFIX.decode()}`" in section(FORMAT, "### The clock line")
