"""The commands, as a person types them: results on stdout, all else on stderr, exit codes 0, 1 and 2."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.stores import GOOD, events
from tests.cli.stores import store as store
from tests.commands import invoke
from tests.harness import CLOCK_PREFIX, Daemon, tracerd
from tracerd import __version__
from tracerd.cli.commands import COMMANDS
from tracerd.speedups import implementation
from tracerd.traces.stored import StoredTrace


def test_version_and_help() -> None:
    assert tracerd("--version").stdout.decode() == f"tracerd {__version__} ({implementation})\n"
    for words in ([], *([name] for name in COMMANDS)):
        done = invoke(*words, "--help")
        assert (done.returncode, done.stderr) == (0, b"")
        assert [line for line in done.stdout.decode().splitlines() if len(line) > 80] == []


def test_help_has_one_whole_line_for_each_command() -> None:
    shown = invoke("--help").stdout.decode().partition("Commands:\n")[2].splitlines()

    assert [tuple(line.split(maxsplit=1)) for line in shown] == [(name, text) for name, (_, text) in COMMANDS.items()]


def test_help_imports_no_command() -> None:
    script = "import sys; from tracerd.cli import main; main(['--help'], standalone_mode=False); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)

    loaded = set(done.stdout.decode().splitlines()[-1].split())
    assert "tracerd.cli" in loaded
    modules = {f"tracerd.cli.{where.partition('.')[0]}" for where, _ in COMMANDS.values()}
    assert loaded.isdisjoint(modules - {"tracerd.cli.telemetry"})
    assert loaded.isdisjoint({"orjson", "msgspec", "trio", "platformdirs", "dataclasses", "socket"})


@pytest.mark.parametrize(
    "arguments",
    [["nonsense"], ["get-tef"], ["get-tef", "a", "b"], ["serve", "--max-line-bytes", "x"], ["list", "extra"]],
)
def test_misuse_exits_2_with_one_error(arguments: list[str]) -> None:
    done = invoke(*arguments)
    assert done.returncode == 2
    assert done.stdout == b""
    assert done.stderr.count(b"Error:") == 1


def test_list_prints_paths_oldest_first(store: Path) -> None:
    done = invoke("list", "-d", store)
    assert done.stdout.decode().splitlines() == [str(store / "old.jsonl"), str(store / "new.jsonl")]
    assert (done.returncode, done.stderr) == (0, b"")


def test_list_of_nothing_is_empty(tmp_path: Path) -> None:
    done = invoke("list", "-d", tmp_path / "missing")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_list_tells_what_was_counted(daemon: Daemon) -> None:
    daemon.session(b'OPEN t\n{"a":nan}\n' + GOOD + b"garbage\nEMIT_TEF relative\n")
    daemon.stop()
    (entry,) = map(json.loads, invoke("list", "-d", daemon.dir, "--json").stdout.splitlines())
    assert {key: entry[key] for key in ("trace_id", "path", "size", "events", "repaired", "refused", "lost")} == {
        "trace_id": "t",
        "path": str(daemon.dir / "t.jsonl"),
        "size": (daemon.dir / "t.jsonl").stat().st_size,
        "events": 2,
        "repaired": 1,
        "refused": 2,
        "lost": 0,
    }
    heading, row = invoke("list", "-d", daemon.dir, "-l").stdout.decode().splitlines()
    assert re.split(r"  +", heading.strip()) == [
        "size", "events", "repaired", "refused", "lost", "start", "last write",
        "took", "exit", "processes", "command", "path",
    ]  # fmt: skip
    assert row.split()[1:5] == ["2", "1", "2", "0"]
    assert row.endswith(str(daemon.dir / "t.jsonl"))


def test_list_of_a_running_trace_counts_its_lines(daemon: Daemon) -> None:
    with daemon.connect() as client:
        client.send(b"OPEN t\n" + GOOD * 3)
        client.flush()
        (entry,) = map(json.loads, invoke("list", "-d", daemon.dir, "--json").stdout.splitlines())
    assert entry["events"] == 3


def test_dir_follows_the_environment(tmp_path: Path) -> None:
    assert invoke("dir", TRACERD_DIR=str(tmp_path)).stdout.decode() == f"{tmp_path}\n"
    done = invoke("dir", TRACERD_DIR=None, XDG_DATA_HOME=None, HOME=str(tmp_path))
    assert done.stdout.decode() == f"{tmp_path}/.local/share/tracerd\n"


def test_status_shows_the_traces_that_have_clients(daemon: Daemon) -> None:
    with daemon.connect() as client:
        client.send(b"OPEN t\n" + GOOD * 2)
        client.flush()
        done = invoke("status", "--socket", daemon.socket)
        told = json.loads(invoke("status", "--socket", daemon.socket, "--json").stdout)
    assert done.returncode == 0
    first, _counts, trace, who = done.stdout.decode().splitlines()
    assert first.startswith(f"tracerd {__version__}, pid {daemon.process.pid}, up ")
    assert trace == "trace t: 2 stored, 0 refused, 0 lost"
    assert f"pid {os.getpid()} (" in who
    assert told["traces"]["t"]["clients"][0]["pid"] == os.getpid()


@pytest.mark.parametrize("name", ["status", "stop"])
def test_without_a_daemon_one_line_says_so(tmp_path: Path, name: str) -> None:
    done = invoke(name, "--socket", tmp_path / "s")
    assert done.returncode == 1
    assert done.stderr.decode() == f"Error: no daemon is running on {tmp_path}/s; `tracerd serve` starts one\n"


def test_the_socket_is_found_by_the_environment(daemon: Daemon) -> None:
    assert invoke("status", TRACERD_SOCKET=str(daemon.socket)).returncode == 0
    expected = f"Error: no daemon is running on {daemon.socket.parent}/tracerd.socket; `tracerd serve` starts one\n"
    done = invoke("status", TRACERD_SOCKET=None, XDG_RUNTIME_DIR=str(daemon.socket.parent))
    assert done.stderr.decode() == expected


@pytest.mark.parametrize("way", ["list", "list -l", "list --json", "dir", "status", "get-tef", "env", "--help"])
def test_stdout_that_takes_nothing_is_one_line(shared_daemon: Daemon, store: Path, way: str) -> None:
    options = {"list": ["-d", store], "status": ["--socket", shared_daemon.socket], "get-tef": ["new", "-d", store]}
    name, *flags = way.split()
    arguments = [name, *flags, *options.get(name, [])]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "tracerd", *map(str, arguments)], stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert done.returncode == 1
    assert re.fullmatch(rb"Error: cannot write.*: No space left on device\n", done.stderr), done.stderr


def test_list_skips_a_log_that_is_removed_meanwhile(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = [StoredTrace(name, f"{store}/{name}.jsonl", True, 100, 100, 1.0) for name in ("gone", "old")]

    def listed(_: Path) -> list[StoredTrace]:
        return there

    monkeypatch.setattr("tracerd.traces.stored.list_logs", listed)
    done = invoke("list", "--json", "-d", store)
    assert (done.returncode, done.stderr) == (0, b"")
    assert [json.loads(line)["trace_id"] for line in done.stdout.splitlines()] == ["old"]


NESTED = b'{"a":' * 600 + b"1" + b"}" * 600
STRANGE_CLOCKS = {
    "year 33658": b'"args":{"realtime_us":1000000000000000000}}',
    "beyond time_t": b'"args":{"realtime_us":999999999999999999999999999}}',
    "before the first year": b'"args":{"realtime_us":-99999999999999999}}',
    "beyond a double": b'"args":{"realtime_us":1%s}}' % (b"0" * 400),
    "deep": b'"args":{"realtime_us":1},"a":%s}' % NESTED,
    "very deep": b'"args":%s1%s}' % (b'{"a":' * 3000, b"}" * 3000),
    "no JSON": b"oops",
}


@pytest.mark.parametrize("strange", STRANGE_CLOCKS.values(), ids=STRANGE_CLOCKS)
def test_strange_clock_line_from_elsewhere_does_no_harm(tmp_path: Path, strange: bytes) -> None:
    (tmp_path / "foreign.jsonl").write_bytes(CLOCK_PREFIX + strange + b"\n" + GOOD)
    listed = invoke("list", "-l", "-d", tmp_path)
    assert (listed.returncode, listed.stderr) == (0, b"")
    assert re.search(rb"0  +(-|\d{4,5}-\d\d-\d\d \S+)  \d{4}-", listed.stdout.splitlines()[1])
    assert invoke("list", "--json", "-d", tmp_path).returncode == 0
    done = invoke("get-tef", "foreign", "-d", tmp_path)
    assert done.returncode == 0
    assert len(events(done.stdout)) == 1
    assert b"Traceback" not in done.stderr


def test_names_from_outside_do_no_harm_to_a_terminal(tmp_path: Path) -> None:
    (tmp_path / "\x1b[31mred\u202e.jsonl").write_bytes(GOOD)
    for words in (["list"], ["list", "-l"], ["get-tef", "nothing\x1b[0m"]):
        done = invoke(*words, "-d", tmp_path)
        assert b"\x1b" not in done.stdout + done.stderr
        assert "\u202e".encode() not in done.stdout + done.stderr
