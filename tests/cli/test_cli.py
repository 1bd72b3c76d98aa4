"""The commands, as a person types them: results on stdout, all else on stderr, exit codes 0, 1 and 2."""

import gzip
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.harness import CLOCK_PREFIX, Daemon, event, running_daemon, short_dir, tracerd
from tracerd import __version__
from tracerd.cli import main
from tracerd.speedups import implementation
from tracerd.store.traces import StoredTrace

GOOD = b'{"ph":"X","ts":1,"dur":2,"name":"a"}\n'
BAD = b'{"ph":"X","ts":1}\n'


def events(document: bytes) -> list[dict[str, object]]:
    return list(json.loads(document)["traceEvents"])


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A directory with two logs, written at times that differ."""
    directory = tmp_path / "store"
    directory.mkdir(mode=0o700)
    for number, name in enumerate(["old", "new"]):
        (directory / f"{name}.jsonl").write_bytes(GOOD + BAD * 7)
        os.utime(directory / f"{name}.jsonl", (number, number))
    return directory


def test_version_and_help() -> None:
    assert tracerd("--version").stdout.decode() == f"tracerd {__version__} ({implementation})\n"
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


def test_list_prints_paths_oldest_first(store: Path) -> None:
    done = tracerd("list", "-d", store)
    assert done.stdout.decode().splitlines() == [str(store / "old.jsonl"), str(store / "new.jsonl")]
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


def test_get_tef_writes_to_stdout_and_says_what_is_left_out(store: Path) -> None:
    done = tracerd("get-tef", "latest", "-d", store)
    assert done.returncode == 0
    assert [event["name"] for event in events(done.stdout)] == ["a"]
    assert done.stdout.endswith(b"}}")
    lines = done.stderr.decode().splitlines()
    assert lines[0] == "1 events written; 7 lines of the log left out:"
    assert [line.split(":")[0].strip() for line in lines[1:6]] == [f"line {n}" for n in range(2, 7)]
    assert "dur is missing" in lines[1]
    assert lines[6:] == ["  and 2 more"]


def test_get_tef_writes_files_and_compresses_by_name(store: Path, tmp_path: Path) -> None:
    for name in ("t.json", "t.json.gz"):
        done = tracerd("get-tef", "old", "-d", store, "-o", tmp_path / name)
        assert (done.returncode, done.stdout) == (0, b"")
    plain = (tmp_path / "t.json").read_bytes()
    assert len(events(plain)) == 1
    assert gzip.decompress((tmp_path / "t.json.gz").read_bytes()) == plain


def test_get_tef_writes_into_a_device_and_a_pipe(store: Path, tmp_path: Path) -> None:
    assert tracerd("get-tef", "old", "-d", store, "-o", "/dev/null").returncode == 0
    assert Path("/dev/null").is_char_device()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE) as reader:
        assert tracerd("get-tef", "old", "-d", store, "-o", pipe).returncode == 0
        document, _ = reader.communicate()
    assert len(events(document)) == 1
    assert pipe.is_fifo()


def test_get_tef_compresses_into_a_pipe_by_name(store: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.gz"
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE) as reader:
        assert tracerd("get-tef", "old", "-d", store, "-o", pipe).returncode == 0
        compressed, _ = reader.communicate()
    assert gzip.decompress(compressed) == tracerd("get-tef", "old", "-d", store).stdout


@pytest.mark.parametrize("name", ["new.jsonl", "old.rejected", "new.rejected", ".lock", "absent.json", "sub/x.json"])
def test_get_tef_writes_nothing_into_the_directory_of_logs(store: Path, name: str) -> None:
    (store / "sub").mkdir()
    (store / ".lock").write_text("1\n")
    before = {path: path.read_bytes() for path in store.iterdir() if path.is_file()}
    done = tracerd("get-tef", "old", "-d", store, "-o", store / name)
    assert (done.returncode, done.stdout) == (1, b"")
    expected = f"Error: {store / name} belongs to tracerd itself; choose a file outside of its directory\n"
    assert done.stderr.decode() == expected
    assert {path: path.read_bytes() for path in store.iterdir() if path.is_file()} == before
    assert not any((store / "sub").iterdir())


def test_get_tef_of_a_log_elsewhere_may_write_beside_it_but_not_over_its_rejects(store: Path, tmp_path: Path) -> None:
    log, rejects = store / "old.jsonl", store / "old.rejected"
    rejects.write_bytes(b"{}\n")
    assert tracerd("get-tef", log, "-d", tmp_path / "other", "-o", store / "t.json").returncode == 0
    assert len(events((store / "t.json").read_bytes())) == 1
    done = tracerd("get-tef", log, "-d", tmp_path / "other", "-o", rejects)
    assert (done.returncode, done.stderr.count(b"\n")) == (1, 1)
    assert rejects.read_bytes() == b"{}\n"


def test_get_tef_does_not_overwrite_its_log(store: Path) -> None:
    log = store / "old.jsonl"
    before = log.read_bytes()
    (store.parent / "link").symlink_to(log)
    for output in (log, store.parent / "link"):
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
def test_get_tef_errors_are_one_line(store: Path, arguments: list[str], message: str) -> None:
    done = tracerd("get-tef", *arguments, "-d", store)
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


# ------------------------------------------------------------------ what goes wrong is told in one line


@pytest.mark.parametrize("way", ["list", "list -l", "list --json", "dir", "status", "get-tef", "env", "--help"])
def test_stdout_that_takes_nothing_is_one_line(daemon: Daemon, way: str) -> None:
    daemon.session(b"OPEN t\n" + GOOD)
    options = {"list": ["-d", daemon.dir], "status": ["--socket", daemon.socket], "get-tef": ["t", "-d", daemon.dir]}
    command, *flags = way.split()
    arguments = [command, *flags, *options.get(command, [])]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "tracerd", *map(str, arguments)], stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert done.returncode == 1
    assert re.fullmatch(rb"Error: cannot write.*: No space left on device\n", done.stderr), done.stderr


def test_get_tef_into_a_closed_stdout_is_one_line(store: Path) -> None:
    command = f'"{sys.executable}" -m tracerd get-tef old -d "{store}" >&-'
    done = subprocess.run(["sh", "-c", command], stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (1, b"Error: cannot write to stdout: it is closed\n")


def test_list_skips_a_log_that_is_removed_meanwhile(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = [StoredTrace(name, store / f"{name}.jsonl", True, 100, 100, 1.0) for name in ("gone", "old")]

    def listed(_: Path) -> list[StoredTrace]:
        return there

    monkeypatch.setattr("tracerd.store.traces.list_logs", listed)
    done = CliRunner().invoke(main, ["list", "--json", "-d", str(store)])
    assert (done.exit_code, done.stderr) == (0, "")
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
    listed = tracerd("list", "-l", "-d", tmp_path)
    assert (listed.returncode, listed.stderr) == (0, b"")
    assert re.search(rb"0  +(-|\d{4,5}-\d\d-\d\d \S+)  \d{4}-", listed.stdout.splitlines()[1])
    assert tracerd("list", "--json", "-d", tmp_path).returncode == 0
    done = tracerd("get-tef", "foreign", "-d", tmp_path)
    assert done.returncode == 0
    assert len(events(done.stdout)) == 1
    assert b"Traceback" not in done.stderr


def test_clock_line_that_is_no_json_is_counted_as_left_out(tmp_path: Path) -> None:
    log = tmp_path / "foreign.jsonl"
    lacks_readings = CLOCK_PREFIX + b'"args":{"realtime_us":5}}\n'
    log.write_bytes(CLOCK_PREFIX + b"oops\n" + lacks_readings + GOOD)
    done = tracerd("get-tef", log)
    metadata = json.loads(done.stdout)["metadata"]
    assert (metadata["events"], metadata["left_out"], metadata["clock"]) == (1, 1, None)
    assert done.stderr.startswith(b"1 events written; 1 lines of the log left out:\n  line 1: not JSON")


# ------------------------------------------------------------------ a log that could take no event


def serve_into(home: Path, file: Path) -> str:
    """What `serve --into-file` says that must refuse the file."""
    done = tracerd("serve", "--socket", home / "s", "-d", home / "logs", "--into-file", file)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.count(b"\n") == 1
    assert not (home / "s").is_socket()
    return done.stderr.decode()


@pytest.mark.parametrize("target", ["there.jsonl", "absent.jsonl"])
def test_into_file_refuses_a_symbolic_link(tmp_path: Path, target: str) -> None:
    (tmp_path / "there.jsonl").write_bytes(event(1))
    (tmp_path / "link.jsonl").symlink_to(tmp_path / target)
    with short_dir() as home:
        assert serve_into(home, tmp_path / "link.jsonl").endswith("is a symbolic link; give the file itself\n")
    assert not (tmp_path / "absent.jsonl").exists()


def test_into_file_refuses_a_missing_directory(tmp_path: Path) -> None:
    with short_dir() as home:
        assert f"there is no directory {tmp_path}/no; make it first" in serve_into(home, tmp_path / "no/all.jsonl")


@pytest.mark.parametrize("name", ["s", "s.lock", "logs/.lock"])
def test_into_file_refuses_the_daemons_own_files(name: str) -> None:
    with short_dir() as home:
        serve_into(home, home / name)
        (home / name).write_bytes(event(1))
        serve_into(home, home / name)
        assert (home / name).read_bytes() == event(1)


def test_into_file_has_one_daemon_only(tmp_path: Path) -> None:
    log, out = tmp_path / "all.jsonl", tmp_path / "out.json"
    with running_daemon("--into-file", str(log)) as first, short_dir() as home:
        first.session(event(1))
        expected = f"Error: the file {log} is in use by the tracerd with pid {first.process.pid}\n"
        assert serve_into(home, log) == expected
        replies = first.session(b"EMIT_TEF %s.lock\nEMIT_TEF %s\nFLUSH\n" % (bytes(log), bytes(out)))
        assert b"belongs to tracerd itself" in replies
        assert out.exists()
    with running_daemon("--into-file", str(log)) as second:
        assert second.session(event(2) + b"FLUSH\n") == b"OK 1 0 0\n"


def test_names_from_outside_do_no_harm_to_a_terminal(tmp_path: Path) -> None:
    (tmp_path / "\x1b[31mred\u202e.jsonl").write_bytes(GOOD)
    for command in (["list"], ["list", "-l"], ["get-tef", "nothing\x1b[0m"]):
        done = tracerd(*command, "-d", tmp_path)
        assert b"\x1b" not in done.stdout + done.stderr
        assert "\u202e".encode() not in done.stdout + done.stderr
