"""Where exports may go, and how they replace what is there."""

import gzip
import os
import stat
from pathlib import Path

import pytest

from tests.harness import Daemon, event, exported, short_dir
from tests.store.other_user import without_roots_privileges
from tests.store.refusals import settled_tree, tree, works


def emit(daemon: Daemon, target: Path | bytes) -> list[bytes]:
    """Ask for an export of one event; the replies."""
    return daemon.session(b"OPEN target\nEMIT_TEF %s\nFLUSH\n" % bytes(target)).splitlines()


def wanted(daemon: Daemon) -> None:
    """Make sure that there is something to export."""
    if not (daemon.dir / "target.jsonl").exists():
        daemon.session(b"OPEN target\n" + event(9))


FORBIDDEN: list[tuple[str, str]] = [
    ("logs/out.json", "belongs to tracerd"),
    ("logs", "belongs to tracerd"),
    ("logs/sub/out.json", "belongs to tracerd"),
    ("logs/target.jsonl", "belongs to tracerd"),
    ("logs/target.rejected", "belongs to tracerd"),
    ("logs/.lock", "belongs to tracerd"),
    ("link-to-logs/out.json", "belongs to tracerd"),
    ("link-to-log", "belongs to tracerd"),
    ("logs/../logs/out.json", "belongs to tracerd"),
    ("s", "belongs to tracerd"),
    ("s.lock", "belongs to tracerd"),
    ("link-to-lock", "belongs to tracerd"),
    ("missing/out.json", "no directory"),
    ("stderr/out.json", ""),
    (".", "names a directory"),
    ("pipe", "not a regular file"),
    ("loop", ""),
    ("x" * 300, ""),
    ("/dev/null", "not a regular file"),
    ("/", "names a directory"),
    # A client means its own; the daemon's are its log, which an export would replace.
    ("/dev/stderr", "it is a file of the daemon's process"),
    ("/dev/fd/2", "it is a file of the daemon's process"),
    ("/proc/self/fd/2", "it is a file of the daemon's process"),
    ("link-to-stderr", "it is a file of the daemon's process"),
]


@pytest.mark.parametrize(("target", "reason"), FORBIDDEN)
def test_export_refuses_what_it_must_not_replace(shared_daemon: Daemon, target: str, reason: str) -> None:
    home = shared_daemon.dir.parent
    if not (home / "pipe").exists():
        os.mkfifo(home / "pipe")
        (home / "loop").symlink_to("loop")
        (home / "link-to-logs").symlink_to("logs")
        (home / "link-to-log").symlink_to("logs/target.jsonl")
        (home / "link-to-lock").symlink_to("s.lock")
        (home / "link-to-stderr").symlink_to("/dev/stderr")
    wanted(shared_daemon)
    before = settled_tree(home), shared_daemon.log("target")
    error, ok = emit(shared_daemon, home / target if target != "." else bytes(home) + b"/.")
    assert error.startswith(b"ERROR 2: EMIT_TEF: ")
    assert reason in error.decode()
    assert ok == b"OK 0 0 0"
    assert (settled_tree(home), shared_daemon.log("target")) == before
    assert (home / "s").is_socket()
    assert works(shared_daemon)


@pytest.mark.parametrize("path", [b"out.json", b"./out.json", b"~/out.json", b"", b" /out.json", b"/tmp/a\0b"])
def test_path_that_is_not_absolute_is_refused(shared_daemon: Daemon, path: bytes) -> None:
    wanted(shared_daemon)
    for word in (b"EMIT_TEF", b"EMIT_TEF_AT_EXIT"):
        error, ok = shared_daemon.session(b"OPEN target\n%s %s\nFLUSH\n" % (word, path)).splitlines()
        assert error.startswith(b"ERROR 2: %s: give an absolute path" % word)
        assert ok == b"OK 0 0 0"


def test_export_through_a_link_replaces_the_target_and_keeps_the_link(shared_daemon: Daemon, tmp_path: Path) -> None:
    wanted(shared_daemon)
    (tmp_path / "real").mkdir()
    target, link = tmp_path / "real" / "out.json", tmp_path / "link.json"
    link.symlink_to("real/out.json")
    for old in (None, "old"):
        if old:
            target.write_text(old)
        assert emit(shared_daemon, link) == [b"OK 0 0 0"]
        assert link.is_symlink()
        assert not target.is_symlink()
        assert exported(target) == [9]
    assert tree(tmp_path) == {"real", "real/out.json", "link.json"}


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666, 0o444])
def test_export_keeps_the_mode_of_the_file_it_replaces(shared_daemon: Daemon, tmp_path: Path, mode: int) -> None:
    wanted(shared_daemon)
    out = tmp_path / "out.json"
    out.write_text("old")
    out.chmod(mode)
    assert emit(shared_daemon, out) == [b"OK 0 0 0"]
    assert exported(out) == [9]
    assert stat.S_IMODE(out.stat().st_mode) == mode


@pytest.mark.parametrize("umask", [0, 0o022, 0o077])
def test_new_export_obeys_the_umask(umask: int) -> None:
    with short_dir() as home, Daemon(home, umask=umask) as daemon:
        wanted(daemon)
        assert emit(daemon, home / "out.json") == [b"OK 0 0 0"]
        assert stat.S_IMODE((home / "out.json").stat().st_mode) == 0o666 & ~umask


def test_reader_of_the_old_file_keeps_it_whole(shared_daemon: Daemon, tmp_path: Path) -> None:
    wanted(shared_daemon)
    out, hard_link = tmp_path / "out.json", tmp_path / "hard-link"
    out.write_text("old")
    hard_link.hardlink_to(out)
    with out.open() as reader:
        assert emit(shared_daemon, out) == [b"OK 0 0 0"]
        assert reader.read() == "old"
    assert hard_link.read_text() == "old"
    assert exported(out) == [9]


def test_name_ending_in_gz_compresses(shared_daemon: Daemon, tmp_path: Path) -> None:
    wanted(shared_daemon)
    plain, packed = tmp_path / "out.json", tmp_path / "out.json.gz"
    assert emit(shared_daemon, packed) == [b"OK 0 0 0"]
    assert emit(shared_daemon, plain) == [b"OK 0 0 0"]
    assert gzip.decompress(packed.read_bytes()) == plain.read_bytes()


@pytest.mark.parametrize("name", ["with blank .json", " leading", "trailing ", "ü.json", "quote'\"$(x)", "\udcff.json"])
def test_path_is_taken_byte_by_byte(shared_daemon: Daemon, tmp_path: Path, name: str) -> None:
    wanted(shared_daemon)
    assert emit(shared_daemon, tmp_path / name) == [b"OK 0 0 0"]
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert exported(tmp_path / name) == [9]


def test_export_into_a_directory_that_may_not_be_written_fails_and_leaves_nothing() -> None:
    with short_dir() as home, Daemon(home, preexec_fn=without_roots_privileges) as daemon:
        wanted(daemon)
        closed = home / "closed"
        closed.mkdir()
        (closed / "old.json").write_text("old")
        closed.chmod(0o500)
        for name in ("new.json", "old.json"):
            error, ok = emit(daemon, closed / name)
            assert error.startswith(b"ERROR 2: EMIT_TEF: cannot write ")
            assert error.endswith(b"Permission denied")
            assert ok == b"OK 0 0 0"
        assert tree(closed) == {"old.json"}
        assert (closed / "old.json").read_text() == "old"
        closed.chmod(0o700)
