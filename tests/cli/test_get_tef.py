"""`tracerd get-tef`: to stdout, into files, devices and pipes, and never over what is tracerd's own."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.stores import GOOD, events
from tests.cli.stores import store as store
from tests.commands import invoke
from tests.harness import CLOCK_PREFIX


def test_get_tef_writes_to_stdout_and_says_what_is_left_out(store: Path) -> None:
    done = invoke("get-tef", "latest", "-d", store)
    assert done.returncode == 0
    assert [event["name"] for event in events(done.stdout)] == ["a"]
    assert done.stdout.endswith(b"}}")
    lines = done.stderr.decode().splitlines()
    assert lines[0] == "1 event written; 7 lines of the log left out:"
    assert [line.split(":")[0].strip() for line in lines[1:6]] == [f"line {n}" for n in range(2, 7)]
    assert "dur is missing" in lines[1]
    assert lines[6:] == ["  and 2 more"]


def test_get_tef_writes_files_and_compresses_by_name(store: Path, tmp_path: Path) -> None:
    for name in ("t.json", "t.json.gz"):
        done = invoke("get-tef", "old", "-d", store, "-o", tmp_path / name)
        assert (done.returncode, done.stdout) == (0, b"")
    plain = (tmp_path / "t.json").read_bytes()
    assert len(events(plain)) == 1
    assert gzip.decompress((tmp_path / "t.json.gz").read_bytes()) == plain


def test_get_tef_writes_into_a_device_and_a_pipe(store: Path, tmp_path: Path) -> None:
    assert invoke("get-tef", "old", "-d", store, "-o", "/dev/null").returncode == 0
    assert Path("/dev/null").is_char_device()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE) as reader:
        assert invoke("get-tef", "old", "-d", store, "-o", pipe).returncode == 0
        document, _ = reader.communicate()
    assert len(events(document)) == 1
    assert pipe.is_fifo()


def test_get_tef_compresses_into_a_pipe_by_name(store: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.gz"
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE) as reader:
        assert invoke("get-tef", "old", "-d", store, "-o", pipe).returncode == 0
        compressed, _ = reader.communicate()
    assert gzip.decompress(compressed) == invoke("get-tef", "old", "-d", store).stdout


@pytest.mark.parametrize("name", ["new.jsonl", "old.rejected", "new.rejected", ".lock", "absent.json", "sub/x.json"])
def test_get_tef_writes_nothing_into_the_directory_of_logs(store: Path, name: str) -> None:
    (store / "sub").mkdir()
    (store / ".lock").write_text("1\n")
    before = {path: path.read_bytes() for path in store.iterdir() if path.is_file()}
    done = invoke("get-tef", "old", "-d", store, "-o", store / name)
    assert (done.returncode, done.stdout) == (1, b"")
    expected = f"Error: {store / name} belongs to tracerd itself; choose a file outside of its directory\n"
    assert done.stderr.decode() == expected
    assert {path: path.read_bytes() for path in store.iterdir() if path.is_file()} == before
    assert not any((store / "sub").iterdir())


def test_get_tef_of_a_log_elsewhere_may_write_beside_it_but_not_over_its_rejects(store: Path, tmp_path: Path) -> None:
    log, rejects = store / "old.jsonl", store / "old.rejected"
    rejects.write_bytes(b"{}\n")
    assert invoke("get-tef", log, "-d", tmp_path / "other", "-o", store / "t.json").returncode == 0
    assert len(events((store / "t.json").read_bytes())) == 1
    done = invoke("get-tef", log, "-d", tmp_path / "other", "-o", rejects)
    assert (done.returncode, done.stderr.count(b"\n")) == (1, 1)
    assert rejects.read_bytes() == b"{}\n"


def test_get_tef_does_not_overwrite_its_log(store: Path) -> None:
    log = store / "old.jsonl"
    before = log.read_bytes()
    (store.parent / "link").symlink_to(log)
    for output in (log, store.parent / "link"):
        done = invoke("get-tef", str(log), "-o", output)
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
    done = invoke("get-tef", *arguments, "-d", store)
    assert done.returncode == 1
    assert done.stderr.decode().startswith(message)
    assert done.stderr.count(b"\n") == 1


def test_a_reader_that_has_gone_ends_get_tef_quietly(tmp_path: Path) -> None:
    log = tmp_path / "large.jsonl"
    log.write_bytes(GOOD * 100_000)
    get_tef = [sys.executable, "-m", "tracerd", "get-tef", str(log)]
    with subprocess.Popen(get_tef, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(1)
        process.stdout.close()
        assert process.stderr.read() == b""
        process.wait()
    assert process.returncode == 1


def test_get_tef_into_a_closed_stdout_is_one_line(store: Path) -> None:
    script = f'"{sys.executable}" -m tracerd get-tef old -d "{store}" >&-'
    done = subprocess.run(["sh", "-c", script], stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (1, b"Error: cannot write to stdout: it is closed\n")


def test_clock_line_that_is_no_json_is_counted_as_left_out(tmp_path: Path) -> None:
    log = tmp_path / "foreign.jsonl"
    lacks_readings = CLOCK_PREFIX + b'"args":{"realtime_us":5}}\n'
    log.write_bytes(CLOCK_PREFIX + b"oops\n" + lacks_readings + GOOD)
    done = invoke("get-tef", log)
    metadata = json.loads(done.stdout)["metadata"]
    assert (metadata["events"], metadata["left_out"], metadata["clock"]) == (1, 1, None)
    assert done.stderr.startswith(b"1 event written; 1 line of the log left out:\n  line 1: not JSON")
