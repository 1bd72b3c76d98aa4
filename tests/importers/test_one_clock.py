"""Files of one machine lie within a millisecond of one another; strace stands beside the real tools.

What strace saw of a moment was right before it, or right after. A busy machine makes this gap longer, and never
shorter or negative: so the least of many gaps is what the clocks of the two files differ by.
"""

import json
from pathlib import Path

import pytest

from tests.commands import invoke
from tests.harness import Daemon
from tests.importers.reading import Event, args
from tests.importers.test_tools import IDENTITY, run

pytestmark = pytest.mark.tools

LIMIT_US = 1000
HEADERS = 20


def imported(daemon: Daemon, *files: Path) -> list[Event]:
    """The spans of these files in one trace, by their start."""
    if not files[-1].exists() or not files[-1].stat().st_size:
        pytest.skip("strace may not trace here")
    done = invoke("import", "--socket", daemon.socket, "--dir", daemon.dir, "--into", "t", *files)
    assert (done.returncode, done.stderr) == (0, b"")
    events: list[Event] = [json.loads(line) for line in daemon.events("t")]
    return sorted((event for event in events if event["ph"] in ("X", "b")), key=start_us)


def start_us(event: Event) -> float:
    return float(str(event["ts"]))


def test_two_compilers_at_once_and_strace(daemon: Daemon, tmp_path: Path) -> None:
    """A header is opened right before its span begins."""
    names = {unit: [f"{unit}{number}.h" for number in range(HEADERS)] for unit in "ab"}
    for unit, headers in names.items():
        (tmp_path / f"{unit}.c").write_text("".join(f'#include "{header}"\n' for header in headers))
        for header in headers:
            (tmp_path / header).write_text("int x;\n")
    clang = "clang -c -ftime-trace -ftime-trace-granularity=0"
    both = f"{clang} a.c & {clang} b.c & wait"
    run("strace", "-f", "-ttt", "-T", "-e", "trace=openat", "-o", "calls", "sh", "-c", both, cwd=tmp_path)
    if not (tmp_path / "a.json").exists():
        pytest.skip("there is no clang that writes a trace")
    spans = imported(daemon, *(tmp_path / name for name in ("a.json", "b.json", "calls")))
    opened = {str(args(span)["args"]).split('"')[1]: start_us(span) for span in spans if span["name"] == "openat"}
    opened = {name.rpartition("/")[2]: at_us for name, at_us in opened.items()}
    for unit, headers in names.items():
        sources = [span for span in spans if span["name"] == "Source"]
        begun = {str(args(span)["detail"]).rpartition("/")[2]: start_us(span) for span in sources}
        gaps_us = [begun[header] - opened[header] for header in headers]
        assert 0 <= min(gaps_us) < LIMIT_US, unit


def test_git_and_strace(daemon: Daemon, tmp_path: Path) -> None:
    """Git writes that a region has begun right after it has."""
    run("git", "init", "-q", ".", cwd=tmp_path)
    (tmp_path / "file").write_text("text")
    run("git", "add", "file", cwd=tmp_path)
    log, calls = tmp_path / "log", tmp_path / "calls"
    commit = ("git", *IDENTITY, "commit", "-q", "-m", "m")
    options = ("-f", "-ttt", "-T", "-s", "64", "-e", "trace=write", "-o", calls)
    run("strace", *options, *commit, cwd=tmp_path, GIT_TRACE2_EVENT=str(log))
    spans = imported(daemon, log, calls)
    written = [start_us(span) for span in spans if "region_enter" in str(args(span).get("args"))]
    begun = [start_us(span) for span in spans if span["cat"] == "region"]
    gaps_us = [after - before for before, after in zip(begun, written, strict=True)]
    assert 0 <= min(gaps_us) < LIMIT_US
