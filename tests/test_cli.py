"""The commands, as a person types them: results on stdout, all else on stderr, exit codes 0, 1 and 2."""

import gzip
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness import Daemon, tracerd
from tracerd import __version__
from tracerd.cli import main

GOOD = b'{"ph":"X","ts":1,"dur":2,"name":"a"}\n'
BAD = b'{"ph":"X","ts":1}\n'


def events(document: bytes) -> list[dict[str, object]]:
    return list(json.loads(document)["traceEvents"])


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    """A directory with two logs, written at times that differ."""
    directory = tmp_path / "spool"
    directory.mkdir(mode=0o700)
    for number, name in enumerate(["old", "new"]):
        (directory / f"{name}.jsonl").write_bytes(GOOD + BAD * 7)
        os.utime(directory / f"{name}.jsonl", (number, number))
    return directory


def test_version_and_help() -> None:
    assert tracerd("--version").stdout.decode() == f"tracerd {__version__}\n"
    for command in ([], *([name] for name in main.commands)):
        done = tracerd(*command, "--help")
        assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(
    "arguments",
    [["nonsense"], ["get-tef"], ["get-tef", "a", "b"], ["serve", "--max-line-bytes", "x"], ["list", "extra"]],
)
def test_misuse_exits_2_with_one_error(arguments: list[str]) -> None:
    done = tracerd(*arguments)
    assert done.returncode == 2
    assert done.stdout == b""
    assert done.stderr.count(b"Error:") == 1


def test_list_prints_paths_oldest_first(spool: Path) -> None:
    done = tracerd("list", "-d", spool)
    assert done.stdout.decode().splitlines() == [str(spool / "old.jsonl"), str(spool / "new.jsonl")]
    assert (done.returncode, done.stderr) == (0, b"")


def test_list_of_nothing_is_empty(tmp_path: Path) -> None:
    done = tracerd("list", "-d", tmp_path / "missing")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_list_tells_what_was_counted(daemon: Daemon) -> None:
    daemon.session(b'OPEN t\n{"a":nan}\n' + GOOD + b"garbage\nEMIT_TEF relative\n")
    daemon.stop()
    (entry,) = map(json.loads, tracerd("list", "-d", daemon.dir, "--json").stdout.splitlines())
    assert {key: entry[key] for key in ("trace_id", "path", "size", "events", "repaired", "refused", "lost")} == {
        "trace_id": "t",
        "path": str(daemon.dir / "t.jsonl"),
        "size": (daemon.dir / "t.jsonl").stat().st_size,
        "events": 2,
        "repaired": 1,
        "refused": 2,
        "lost": 0,
    }
    heading, row = tracerd("list", "-d", daemon.dir, "-l").stdout.decode().splitlines()
    assert re.split(r"  +", heading.strip()) == [
        "size", "events", "repaired", "refused", "lost", "start", "last write", "path",
    ]  # fmt: skip
    assert row.split()[1:5] == ["2", "1", "2", "0"]
    assert row.endswith(str(daemon.dir / "t.jsonl"))


def test_list_of_a_running_trace_counts_its_lines(daemon: Daemon) -> None:
    with daemon.connect() as client:
        client.send(b"OPEN t\n" + GOOD * 3)
        client.flush()
        (entry,) = map(json.loads, tracerd("list", "-d", daemon.dir, "--json").stdout.splitlines())
    assert entry["events"] == 3


def test_get_tef_writes_to_stdout_and_says_what_is_left_out(spool: Path) -> None:
    done = tracerd("get-tef", "latest", "-d", spool)
    assert done.returncode == 0
    assert [event["name"] for event in events(done.stdout)] == ["a"]
    assert done.stdout.endswith(b"}}")
    lines = done.stderr.decode().splitlines()
    assert lines[0] == "1 events written; 7 lines of the log left out:"
    assert [line.split(":")[0].strip() for line in lines[1:6]] == [f"line {n}" for n in range(2, 7)]
    assert "dur is missing" in lines[1]
    assert lines[6:] == ["  and 2 more"]


def test_get_tef_writes_files_and_compresses_by_name(spool: Path, tmp_path: Path) -> None:
    for name in ("t.json", "t.json.gz"):
        done = tracerd("get-tef", "old", "-d", spool, "-o", tmp_path / name)
        assert (done.returncode, done.stdout) == (0, b"")
    plain = (tmp_path / "t.json").read_bytes()
    assert len(events(plain)) == 1
    assert gzip.decompress((tmp_path / "t.json.gz").read_bytes()) == plain


def test_get_tef_writes_into_a_device_and_a_pipe(spool: Path, tmp_path: Path) -> None:
    assert tracerd("get-tef", "old", "-d", spool, "-o", "/dev/null").returncode == 0
    assert Path("/dev/null").is_char_device()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE) as reader:
        assert tracerd("get-tef", "old", "-d", spool, "-o", pipe).returncode == 0
        document, _ = reader.communicate()
    assert len(events(document)) == 1
    assert pipe.is_fifo()


def test_get_tef_does_not_overwrite_its_log(spool: Path) -> None:
    log = spool / "old.jsonl"
    before = log.read_bytes()
    (spool.parent / "link").symlink_to(log)
    for output in (log, spool.parent / "link"):
        done = tracerd("get-tef", str(log), "-o", output)
        assert done.returncode == 1
        assert done.stderr.decode() == f"Error: {output} is the log itself; choose another file\n"
    assert log.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing"], "Error: no trace 'nothing' in "),
        (["latest", "-o", "/no/such/dir/t.json"], "Error: there is no directory /no/such/dir; make it first"),
        (["latest", "-o", "/dev"], "Error: /dev is not a regular file"),
        (["latest", "-o", "/dev/full"], "Error: cannot write /dev/full: No space left on device"),
    ],
)
def test_get_tef_errors_are_one_line(spool: Path, arguments: list[str], message: str) -> None:
    done = tracerd("get-tef", *arguments, "-d", spool)
    assert done.returncode == 1
    assert done.stderr.decode().startswith(message)
    assert done.stderr.count(b"\n") == 1


def test_get_tef_shows_progress_on_a_terminal_for_a_large_log(tmp_path: Path) -> None:
    log = tmp_path / "large.jsonl"
    log.write_bytes(GOOD * (50_100_000 // len(GOOD) + 1))
    terminal, theirs = os.openpty()
    command = [sys.executable, "-m", "tracerd", "get-tef", str(log), "-o", "/dev/null"]
    with subprocess.Popen(command, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        try:
            while data := os.read(terminal, 4096):
                shown += data
        except OSError:  # EIO: the other side has gone
            pass
    os.close(terminal)
    assert process.returncode == 0
    assert b"large" in shown
    assert b"100%" in shown


def test_a_reader_that_has_gone_ends_get_tef_quietly(tmp_path: Path) -> None:
    log = tmp_path / "large.jsonl"
    log.write_bytes(GOOD * 100_000)
    command = [sys.executable, "-m", "tracerd", "get-tef", str(log)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(1)
        process.stdout.close()
        assert process.stderr.read() == b""
        process.wait()
    assert process.returncode == 1


def test_dir_follows_the_environment(tmp_path: Path) -> None:
    environ = {**os.environ, "TRACERD_DIR": str(tmp_path)}
    assert tracerd("dir", env=environ).stdout.decode() == f"{tmp_path}\n"
    environ = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    assert tracerd("dir", env=environ).stdout.decode() == f"{tmp_path}/.local/share/tracerd\n"


def test_status_shows_the_traces_that_have_clients(daemon: Daemon) -> None:
    with daemon.connect() as client:
        client.send(b"OPEN t\n" + GOOD * 2)
        client.flush()
        done = tracerd("status", "--socket", daemon.socket)
        told = json.loads(tracerd("status", "--socket", daemon.socket, "--json").stdout)
    assert done.returncode == 0
    first, _counts, trace, who = done.stdout.decode().splitlines()
    assert first.startswith(f"tracerd {__version__}, pid {daemon.process.pid}, up ")
    assert trace == "trace t: 2 stored, 0 refused, 0 lost"
    assert f"pid {os.getpid()} (" in who
    assert told["traces"]["t"]["clients"][0]["pid"] == os.getpid()


@pytest.mark.parametrize("command", ["status", "stop"])
def test_without_a_daemon_one_line_says_so(tmp_path: Path, command: str) -> None:
    done = tracerd(command, "--socket", tmp_path / "s")
    assert done.returncode == 1
    assert done.stderr.decode() == f"Error: no daemon is running on {tmp_path}/s; `tracerd serve` starts one\n"


def test_the_socket_is_found_by_the_environment(daemon: Daemon) -> None:
    environ = {**os.environ, "TRACERD_SOCKET": str(daemon.socket)}
    assert tracerd("status", env=environ).returncode == 0
    environ = {"PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": str(daemon.socket.parent)}
    expected = f"Error: no daemon is running on {daemon.socket.parent}/tracerd.socket; `tracerd serve` starts one\n"
    assert tracerd("status", env=environ).stderr.decode() == expected


def test_names_from_outside_do_no_harm_to_a_terminal(tmp_path: Path) -> None:
    (tmp_path / "\x1b[31mred\u202e.jsonl").write_bytes(GOOD)
    for command in (["list"], ["list", "-l"], ["get-tef", "nothing\x1b[0m"]):
        done = tracerd(*command, "-d", tmp_path)
        assert b"\x1b" not in done.stdout + done.stderr
        assert "\u202e".encode() not in done.stdout + done.stderr
