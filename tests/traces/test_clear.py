"""`tracerd clear`: which traces go, and which questions are asked before."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness import PATIENCE_S, event
from tests.traces.trace_files import AGES_D, clear, names, put


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """The directory of a daemon that has stopped: three traces, one of them with rejects."""
    directory = tmp_path / "store"
    directory.mkdir(mode=0o700)
    (directory / ".lock").touch()
    for name, age_d in AGES_D.items():
        put(directory, f"{name}.jsonl", age_d)
    put(directory, "old.rejected", AGES_D["old"])
    return directory


# ------------------------------------------------------------------ which traces


@pytest.mark.parametrize(
    ("arguments", "left"),
    [
        ([], set[str]()),
        (["old"], {"middle", "new"}),
        (["old", "ne"], {"middle"}),
        (["old", "old.jsonl"], {"middle", "new"}),
        (["latest"], {"old", "middle"}),
        (["--older-than", "30d"], {"middle", "new"}),
        (["--older-than", "1h"], set[str]()),
        (["--older-than", "1s", "--older-than", "30d"], {"middle", "new"}),
        (["--older-than", "9999w"], {"old", "middle", "new"}),
        (["--keep", "0"], set[str]()),
        (["--keep", "1"], {"new"}),
        (["--keep", "1", "--keep", "2"], {"middle", "new"}),
        (["--keep", "9"], {"old", "middle", "new"}),
        (["--older-than", "10d", "--keep", "2"], {"middle", "new"}),
        (["--older-than", "30d", "--keep", "1"], {"middle", "new"}),
        (["old", "middle", "--keep", "1"], {"middle", "new"}),
        (["new", "--older-than", "10d"], {"old", "middle", "new"}),
    ],
)
def test_what_was_asked_for_goes_and_nothing_else(store: Path, arguments: list[str], left: set[str]) -> None:
    done = clear(store, "--yes", *arguments)

    assert (done.returncode, done.stderr) == (0, b"")
    assert names(store) == {f"{name}.jsonl" for name in left} | ({"old.rejected"} if "old" in left else set())
    gone = len(AGES_D) - len(left)
    size = len(event(1)) * (gone + ("old" not in left))
    said = f"removed {gone} trace{'s' * (gone > 1)}, {size} B\n" if gone else "nothing to remove\n"
    assert done.stdout.decode() == said


def test_a_trace_can_be_named_by_its_path(store: Path) -> None:
    assert clear(store, "--yes", store / "old.jsonl").returncode == 0
    assert names(store) == {"middle.jsonl", "new.jsonl"}


def test_rejects_without_a_log_is_a_trace_too(store: Path) -> None:
    """Every line of its clients was refused: it would stay for ever."""
    put(store, "refused.rejected")
    assert clear(store, "--yes", "refused").returncode == 0
    assert "refused.rejected" not in names(store)
    put(store, "refused.rejected")
    assert clear(store, "--yes").stdout.startswith(b"removed 4 traces, ")
    assert names(store) == set()


def test_only_logs_and_rejects_go(store: Path) -> None:
    others = {"notes.txt", ".hidden.jsonl", "link.jsonl", "pipe.jsonl", "pipe.rejected", "dir.jsonl"}
    for name in ("notes.txt", ".hidden.jsonl", "pipe.rejected"):
        put(store, name)
    (store / "link.jsonl").symlink_to("notes.txt")
    os.mkfifo(store / "pipe.jsonl")
    (store / "dir.jsonl").mkdir()
    assert clear(store, "--yes").returncode == 0
    assert names(store) == others


def test_a_directory_that_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    data = put(tmp_path, "dataset.jsonl")
    done = clear(tmp_path, "--yes")
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.decode() == (
        f"Error: no tracerd has ever kept logs in {tmp_path} (it has no .lock); remove what is there with rm\n"
    )
    assert data.exists()


@pytest.mark.parametrize("name", ["notes.txt", "data.jsonl"])
def test_a_path_elsewhere_is_left_alone(store: Path, name: str) -> None:
    path = put(store.parent, name)
    done = clear(store, "--yes", path)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.decode() == f"Error: {path} is no log in {store}\n"
    assert path.exists()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nothing"], 1, "Error: no trace 'nothing' in "),
        (["old", "nothing"], 1, "Error: no trace 'nothing' in "),
        (["--keep", "-1"], 2, "Error: Invalid value for '--keep': -1 is not in the range x>=0."),
        (["--keep", "few"], 2, "Error: Invalid value for '--keep': 'few' is not a valid integer range."),
        (["--older-than", "7"], 2, "Error: Invalid value for '--older-than': '7' is no duration: write a number and "),
        (
            ["--older-than", "7y"],
            2,
            "Error: Invalid value for '--older-than': '7y' is no duration: write a number and ",
        ),
        (["--older-than", "-7d"], 2, "Error: Invalid value for '--older-than': '-7d' is no duration: "),
        (["--older-than", "0d"], 2, "Error: Invalid value for '--older-than': '0d' is nothing: it must be more"),
    ],
)
def test_what_is_wrong_is_one_line_and_nothing_goes(store: Path, arguments: list[str], code: int, message: str) -> None:
    before = names(store)
    done = clear(store, "--yes", *arguments)
    assert (done.returncode, done.stdout) == (code, b"")
    assert done.stderr.decode().splitlines()[-1].startswith(message)
    assert done.stderr.count(b"Error:") == 1
    assert names(store) == before


def test_a_missing_directory_has_nothing_to_remove(tmp_path: Path) -> None:
    done = clear(tmp_path / "missing", "--yes")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"nothing to remove\n", b"")


# ------------------------------------------------------------------ asking


def on_a_terminal(command: list[str], answer: bytes) -> tuple[int, str]:
    """Run a command on a terminal and answer its question; its exit code, and what was shown."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        try:
            while data := os.read(ours, 65536):
                shown += data
                if b"[y/N]" in shown and answer:
                    os.write(ours, answer)
                    answer = b""
        except OSError:  # EIO: the other end is closed
            pass
    os.close(ours)
    return process.returncode, shown.decode()


@pytest.mark.parametrize(("answer", "goes"), [(b"y\n", True), (b"n\n", False), (b"\n", False), (b"\x04", False)])
def test_on_a_terminal_it_lists_and_asks(store: Path, answer: bytes, goes: bool) -> None:
    put(store, "\x1b[31mred\u202e.jsonl")
    command = [sys.executable, "-m", "tracerd", "clear", "-d", str(store)]
    code, shown = on_a_terminal(command, answer)
    assert "Remove 4 traces, " in shown
    for name in AGES_D:
        assert f"  {name}\r\n" in shown
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert code == (0 if goes else 1)
    assert (names(store) == set()) is goes


def test_elsewhere_it_wants_yes(store: Path) -> None:
    before = names(store)
    done = clear(store)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.decode() == (
        "Error: nothing is removed: there is no terminal to ask for confirmation; "
        f"--yes would remove 3 traces, {4 * len(event(1))} B\n"
    )
    assert names(store) == before


def test_nothing_to_remove_needs_no_yes(store: Path) -> None:
    done = clear(store, "--older-than", "99w")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"nothing to remove\n", b"")


def test_clear_says_what_it_could_not_remove(store: Path) -> None:
    """The traces after it are removed all the same."""
    source = """
import errno, pathlib, sys
from tracerd import cli
unlink = pathlib.Path.unlink

def failing(path, missing_ok=False):
    if path.name == "middle.jsonl":
        raise OSError(errno.EROFS, "Read-only file system")
    unlink(path, missing_ok)

pathlib.Path.unlink = failing
cli.main(["clear", "--yes", "-d", sys.argv[1]])
"""
    done = subprocess.run([sys.executable, "-c", source, store], capture_output=True, check=False, timeout=PATIENCE_S)
    assert done.returncode == 1
    assert done.stdout.startswith(b"removed 2 traces, ")
    assert done.stderr == b"cannot remove middle: Read-only file system\n"
    assert names(store) == {"middle.jsonl"}
