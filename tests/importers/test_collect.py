"""`tracerd exec --collect`: what tools wrote meanwhile is in the trace of the command, where it ran."""

import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.exec.sandbox import Sandbox, own_sandbox
from tracerd.importers.collect import written_since
from tracerd.traces.attributes import END_BYTES, read_attributes

CLANG = """import json, sys, time
start = time.time_ns() // 1000
names = ("Source", 10), ("Parse", 2000)
spans = [{"ph": "X", "pid": 5, "tid": 5, "ts": ts, "dur": 1000, "name": name} for name, ts in names]
time.sleep(0.01)
json.dump({"traceEvents": spans, "beginningOfTime": start}, open(sys.argv[1], "w"))
"""


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with own_sandbox() as made:
        yield made


def spans(path: Path) -> dict[str, tuple[float, float]]:
    """Start and end of each span, in us."""
    events = json.loads(path.read_text())["traceEvents"]
    return {event["name"]: (event["ts"], event["ts"] + event["dur"]) for event in events if event["ph"] == "X"}


def test_files_that_were_written_meanwhile_lie_within_the_command(sandbox: Sandbox) -> None:
    (sandbox.home / "clang.py").write_text(CLANG)
    (sandbox.home / "old.json").write_text(json.dumps({"traceEvents": [], "beginningOfTime": 0}))
    os.utime(sandbox.home / "old.json", (1, 1))
    done = sandbox.sh("mkdir out; python3 clang.py out/a.json; python3 clang.py out/b.json; exit 3", "--collect")
    assert done.returncode == 3
    assert done.stderr == b"tracerd exec: collected 4 spans of 2 files\n"
    found = spans(sandbox.home / "t.json")
    assert set(found) == {"sh", "Source", "Parse"}
    (start, end), (first, last) = found["sh"], (found["Source"][0], found["Parse"][1])
    assert start - 1000 <= first < last <= end + 1000


@pytest.mark.skipif(shutil.which("ninja") is None, reason="ninja is not installed")
def test_only_the_build_of_the_command_comes_of_the_log_of_ninja(sandbox: Sandbox) -> None:
    (sandbox.home / "build.ninja").write_text("rule r\n  command = touch $out\nbuild first: r\nbuild second: r first\n")
    sandbox.run("ninja", "first")
    log = sandbox.home / ".ninja_log"
    # As if it were an hour ago: the log has the times of its files.
    lines = [line.split("\t") for line in log.read_text().splitlines()]
    old = [
        "\t".join([*line[:2], str(int(line[2]) - 3600 * 10**9), *line[3:]]) if line[1:] else line[0] for line in lines
    ]
    log.write_text("".join(f"{line}\n" for line in old))
    done = sandbox.sh("ninja second", "--collect")
    assert b"collected 1 span of 1 file" in done.stderr, done.stderr
    found = spans(sandbox.home / "t.json")
    assert set(found) == {"sh", "second"}
    assert found["sh"][0] - 50_000 <= found["second"][0] < found["second"][1] <= found["sh"][1] + 50_000


def test_the_list_knows_how_a_command_ended_of_which_much_was_collected(sandbox: Sandbox) -> None:
    """The list reads only the beginning and the end of a log."""
    names = 'names = [(f"{at:0100}", at) for at in range(2000)]'
    (sandbox.home / "clang.py").write_text(CLANG.replace('names = ("Source", 10), ("Parse", 2000)', names))
    done = sandbox.sh("python3 clang.py a.json; exit 3", "--collect")
    assert done.stderr == b"tracerd exec: collected 2,000 spans of 1 file\n"
    [log] = sandbox.logs.glob("*.jsonl")
    assert log.stat().st_size > 3 * END_BYTES
    found = read_attributes(log)
    assert (found.exit_code, found.dur_us is None) == (3, False)


def test_nothing_is_collected_where_nothing_was_written(sandbox: Sandbox) -> None:
    (sandbox.home / "package.json").write_text('{"name":"x"}')
    done = sandbox.sh("echo '{}' > new.json; echo broken > .ninja_log", "--collect")
    assert done.returncode == 0
    assert done.stderr == b"tracerd exec: collected 0 spans of 0 files; 1 could not be read, or not to the end\n"
    assert set(spans(sandbox.home / "t.json")) == {"sh"}


def test_the_search_skips_what_no_build_writes(tmp_path: Path) -> None:
    trace = json.dumps({"traceEvents": [], "beginningOfTime": 1})
    for name in (".git/a.json", "node_modules/b.json", "sub/deep/c.json", "sub/d.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(trace)
    (tmp_path / "link.json").symlink_to(tmp_path / "sub/d.txt")
    (tmp_path / "missing.json").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "fifo.json")
    found = written_since(str(tmp_path), time.time_ns() - 60 * 10**9)
    assert [Path(path).name for path in found] == ["link.json", "c.json"]
    assert list(written_since(str(tmp_path), time.time_ns() + 60 * 10**9)) == []
