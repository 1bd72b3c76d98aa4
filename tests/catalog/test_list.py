"""`tracerd list` with options that need to know what logs hold."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands import invoke
from tests.docs.documents import tables
from tests.harness import ROOT
from tracerd.catalog.columns import TYPES
from tracerd.traces.packing import pack

DAY_US = 86400 * 10**6
START_US = 20_000 * DAY_US
CLOCK = b'{"ph":"M","name":"tracerd_clock","args":{"monotonic_us":0,"boottime_us":0,"realtime_us":%d,"boot_id":""}}\n'
SPAN = b'{"ph":"X","name":"a","pid":%d,"tid":1,"ts":%d,"dur":%d}\n'
ERROR = b'{"ph":"i","s":"t","name":"e","cat":"log","pid":1,"tid":1,"ts":5,"args":{"level":"error"}}\n'


def attributes(**values: object) -> bytes:
    event = {"ph": "M", "name": "tracerd_trace", "pid": 1, "tid": 1, "args": values}
    return json.dumps(event, separators=(",", ":")).encode() + b"\n"


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """Four traces; the time of `d` is not known."""
    directory = tmp_path / "logs"
    directory.mkdir()
    texts = {
        "a": CLOCK % START_US
        + attributes(name="nightly", session="s1", tags=["ci", "linux"], user="u")
        + SPAN % (1, 0, 9),
        "b": CLOCK % (START_US + DAY_US)
        + attributes(name="night", session="s2", tags=["ci"], environment="prod", branch="main")
        + SPAN % (1, 0, 700)
        + ERROR,
        "c": CLOCK % (START_US + DAY_US + 5)
        + attributes(session="s1", version="1", release="r", environment="test")
        + SPAN % (1, 0, 50)
        + SPAN % (2, 0, 50),
        "d": SPAN % (1, 7, 1) + ERROR,
    }
    for number, (name, text) in enumerate(texts.items()):
        path = directory / f"{name}.jsonl"
        path.write_bytes(text)
        os.utime(path, (number, number))
    return directory


def listed(logs: Path, *options: str) -> str:
    """The traces that are listed, one letter each."""
    cache = str(logs.parent / "cache")
    done = invoke("list", "-d", logs, *options, "--json", XDG_CACHE_HOME=cache)
    assert done.returncode == 0, done.stderr
    names = [json.loads(line)["trace_id"] for line in done.stdout.splitlines()]
    paths = invoke("list", "-d", logs, *options, XDG_CACHE_HOME=cache).stdout.decode().split()
    assert paths == [f"{logs}/{name}.jsonl" for name in names]
    return "".join(names)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--name", "night*"), "ab"),
        (("--name", "night"), "b"),
        (("--name", "nope", "--name", "*ly"), "a"),
        (("--session", "s1"), "ac"),
        (("--session", "s1", "--session", "s2"), "abc"),
        (("--session", "s"), ""),
        (("--user", "u"), "a"),
        (("--tag", "ci"), "ab"),
        (("--tag", "ci", "--tag", "linux"), "a"),
        (("--tag", "x"), ""),
        (("--version", "1"), "c"),
        (("--release", "r"), "c"),
        (("--environment", "prod"), "b"),
        (("--environment", "prod", "--environment", "test"), "bc"),
        (("--errors",), "bd"),
        (("--errors", "--tag", "ci"), "b"),
        (("--where", "logs.error > 0 && spans == 1"), "bd"),
        (("--where", 'args.branch == "main"'), "b"),
        (("--where", "time == null"), "d"),
        (("--sort", "time"), "abcd"),
        (("--sort", "-time"), "cbad"),
        (("--sort", "dur"), "dacb"),
        (("--sort", "-dur"), "bcad"),
        (("--sort", "events"), "adbc"),
        (("--sort", "-errors"), "bdac"),
        (("--sort", "name"), "bacd"),
        (("--sort", "-name"), "abcd"),
        (("--limit", "2"), "ab"),
        (("--limit", "3", "--page", "2"), "d"),
        (("--limit", "3", "--page", "3"), ""),
        (("--from", "2024-10-05T00:00:00Z"), "bc"),
        (("--to", "2024-10-05T00:00:00.000005Z"), "ab"),
        (("--from", "2024-10-05T00:00:00Z", "--to", "2024-10-05T00:00:00.000005Z"), "b"),
        (("--from", "-1d"), ""),
    ],
)
def test_which_traces_and_in_which_order(logs: Path, options: tuple[str, ...], expected: str) -> None:
    assert listed(logs, *options) == expected


def test_all_that_json_says(logs: Path) -> None:
    done = invoke("list", "-d", logs, "--name", "night", "--json", XDG_CACHE_HOME=str(logs.parent / "cache"))

    path = logs / "b.jsonl"
    assert json.loads(done.stdout) == {
        **json.loads(invoke("list", "-d", logs, "--json").stdout.splitlines()[1]),
        "path": str(path),
        "time": START_US + DAY_US,
        "end_time": START_US + DAY_US + 700,
        "dur_us": 700,
        "events": 3,
        "spans": 1,
        "errors": 1,
        "processes": 1,
        "logs": {"error": 1},
        "name": "night",
        "session": "s2",
        "user": None,
        "tags": ["ci"],
        "version": None,
        "release": None,
        "environment": "prod",
        "args": {"branch": "main"},
    }


def test_a_command_of_exec_says_itself_how_long_it_took(logs: Path) -> None:
    about = attributes(command="make", exit_code=2, dur_us=99.5, processes=7, begun_by="exec")
    (logs / "b.jsonl").write_bytes(CLOCK % START_US + about + SPAN % (1, 0, 5))

    cache = str(logs.parent / "cache")
    done = invoke("list", "-d", logs, "--where", 'command == "make"', "--json", XDG_CACHE_HOME=cache)
    [without] = [line for line in invoke("list", "-d", logs, "--json").stdout.splitlines() if b'"make"' in line]

    found = json.loads(done.stdout)
    assert json.loads(without).items() <= found.items()
    assert (found["dur_us"], found["processes"], found["exit_code"]) == (99.5, 7, 2)


def test_by_day(logs: Path) -> None:
    cache = str(logs.parent / "cache")
    done = invoke("list", "-d", logs, "--by", "day", "--json", XDG_CACHE_HOME=cache)

    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {"day": "2024-10-04", "traces": 1, "events": 2, "spans": 1, "errors": 0},
        {"day": "2024-10-05", "traces": 2, "events": 6, "spans": 3, "errors": 1},
    ]
    assert done.stderr == b"1 trace without a time since 1970: in no day\n"
    table = invoke("list", "-d", logs, "--by", "day", "--errors", "--where", "time != null", XDG_CACHE_HOME=cache)
    assert table.stdout.decode().splitlines() == [
        "day         traces  events  spans  errors",
        "2024-10-05       1       3      1       1",
    ]
    assert table.stderr == b""
    assert invoke("list", "-d", logs, "--by", "day", "--limit", "1", "--page", "2").stdout.count(b"2024") == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--where", 'sesion == "s1"'), '"sesion" is no column of traces; did you mean "session"?'),
        (("--where", "spans >"), "--where:1:8"),
        (("--page", "2"), "--page needs --limit"),
        (("--page", "0", "--limit", "1"), "0 is not in the range"),
        (("--limit", "0"), "0 is not in the range"),
        (("--by", "day", "--sort", "time"), "--by day and --sort cannot be combined"),
        (("--from", "1s"), "cannot be times after a start"),
        (("--from", "12"), "are times here"),
        (("--sort", "size"), "'size' is not one of"),
    ],
)
def test_misuse_is_one_line_and_2(logs: Path, options: tuple[str, ...], message: str) -> None:
    done = invoke("list", "-d", logs, *options, XDG_CACHE_HOME=str(logs.parent / "cache"))

    assert done.returncode == 2
    assert message in done.stderr.decode(), done.stderr
    assert done.stdout == b""


@pytest.mark.parametrize("options", [(), ("-l",), ("--json",)])
def test_list_without_these_options_imports_no_catalogue(logs: Path, options: tuple[str, ...]) -> None:
    program = (
        "import sys; from tracerd.cli import main; main(sys.argv[1:], standalone_mode=False);"
        "sys.exit(any(name == 'sqlite3' or name.startswith('tracerd.catalog') for name in sys.modules))"
    )

    done = subprocess.run([sys.executable, "-c", program, "list", "-d", str(logs), *options], check=False)

    assert done.returncode == 0


def test_a_log_that_cannot_be_read_costs_no_other(logs: Path) -> None:
    (logs / "b.jsonl").unlink()
    (logs / "b.jsonl").mkdir()
    (logs / "e.jsonl").write_bytes(b"")

    assert listed(logs, "--sort", "time") == "acde"


@pytest.mark.parametrize("options", [("-l",), ("--json",), ("--json", "--sort", "time")], ids=" ".join)
def test_a_damaged_packed_part_costs_no_other_trace(
    logs: Path, options: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    assert pack(logs / "b.jsonl", lambda _: None)
    os.truncate(logs / "b.jsonl.gz", (logs / "b.jsonl.gz").stat().st_size - 1)

    done = invoke("list", "-d", logs, *options, XDG_CACHE_HOME=str(logs.parent / "cache"))

    assert done.returncode == 0
    assert caplog.messages == [f"cannot read {logs}/b.jsonl: the packed part is cut off"]
    assert [name for name in "abcd" if f"{logs}/{name}.jsonl" in done.stdout.decode()] == ["a", "c", "d"]


def test_the_document_has_each_column_and_its_type() -> None:
    [_, table] = tables((ROOT / "docs" / "list.md").read_text())
    documented: dict[str, str] = {}
    for names, types, _ in table:
        columns = re.findall("`([^`]+)`", names)
        given = types.split(", ")
        documented |= {name: given[-1] if name == "exit_code" else given[0] for name in columns}

    assert documented.pop("args.KEY") == "any"
    assert documented == {name: str(kind) for name, kind in TYPES.items()}
