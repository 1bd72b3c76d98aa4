"""`serve --into-file`: a log that could take no event is refused in one line."""

from pathlib import Path

import pytest

from tests.harness import event, running_daemon, short_dir, tracerd


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
