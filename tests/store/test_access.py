"""The user's directories and files are for that user alone."""

import os
import stat

import pytest

from tests.harness import Daemon, event, needs_root, short_dir, wait_until
from tests.store.other_user import NOBODY, as_nobody
from tests.store.refusals import refusal, serve_refusal, settled_tree, tree, works

# ------------------------------------------------------------------ directories and modes


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702])
def test_socket_in_a_directory_that_others_may_write_is_refused(mode: int) -> None:
    with short_dir() as home:
        (home / "pub").mkdir()
        (home / "pub").chmod(mode)
        assert "may be written by others" in serve_refusal(home / "pub" / "s", home / "logs")
        assert tree(home / "pub") == set()


@needs_root
def test_sticky_directory_of_roots_will_do_when_named_on_the_command_line_only() -> None:
    with short_dir() as home:
        (home / "pub").mkdir()
        (home / "pub").chmod(0o1777)
        environment = {**os.environ, "TRACERD_SOCKET": str(home / "pub" / "s")}
        assert "may be written by others" in refusal("serve", "-d", home / "logs", env=environment)
        assert tree(home / "pub") == set()
        with Daemon(home, socket_name="pub/s") as daemon:
            assert works(daemon)


@needs_root
def test_directory_of_another_user_is_refused() -> None:
    with short_dir() as home:
        (home / "theirs").mkdir(mode=0o700)
        os.chown(home / "theirs", NOBODY, NOBODY)
        assert "belongs to another user" in serve_refusal(home / "theirs" / "s", home / "logs")
        assert "belongs to another user" in serve_refusal(home / "s", home / "theirs")
        assert tree(home / "theirs") == set()


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o770])
def test_log_directory_that_others_may_write_is_refused(mode: int) -> None:
    with short_dir() as home:
        (home / "logs").mkdir()
        (home / "logs").chmod(mode)
        assert "may be written by others" in serve_refusal(home / "s", home / "logs")
        assert tree(home) == {"logs"}


@pytest.mark.parametrize("umask", [0, 0o022, 0o077])
def test_what_the_daemon_makes_is_for_its_user_only(umask: int) -> None:
    with short_dir() as home, Daemon(home, socket_name="run/s", umask=umask) as daemon:
        daemon.session(b"OPEN modes\nbad\n" + event(1))
        wait_until(lambda: len(daemon.rejects("modes")) == 2, "the record of totals")
        assert {name: stat.S_IMODE((home / name).stat().st_mode) for name in tree(home) - {"stderr"}} == {
            "run": 0o700,
            "run/s": 0o600,
            "run/s.lock": 0o600,
            "logs": 0o700,
            "logs/.lock": 0o600,
            "logs/modes.jsonl": 0o600,
            "logs/modes.rejected": 0o600,
        }


# ------------------------------------------------------------------ other users

CONNECT = """
connection = socket.socket(socket.AF_UNIX)
connection.settimeout(60)
try:
    connection.connect(sys.argv[1])
    connection.sendall(b'OPEN foreign\\n{"ph":"i","ts":1}\\nFLUSH\\n')
    print(connection.recv(1000))
except OSError as error:
    print(type(error).__name__)
"""

READ = """
for act in (os.listdir, lambda d: open(d + "/private.jsonl"), lambda d: open(d + "/new.jsonl", "w")):
    try:
        act(sys.argv[1])
        print("done")
    except OSError as error:
        print(type(error).__name__)
"""


@needs_root
def test_another_user_can_neither_connect_nor_read_nor_list() -> None:
    with short_dir() as home, Daemon(home) as daemon:
        daemon.session(b"OPEN private\n" + event(1))
        home.chmod(0o755)
        assert as_nobody(CONNECT, daemon.socket) == "PermissionError"
        assert as_nobody(READ, daemon.dir).split() == ["PermissionError"] * 3
        # Not even where the file system lets them.
        daemon.socket.chmod(0o666)
        assert as_nobody(CONNECT, daemon.socket) in ("b''", "BrokenPipeError", "ConnectionResetError")
        assert works(daemon)
        assert settled_tree(daemon.dir) == {".lock", "private.jsonl", "works.jsonl"}


@needs_root
def test_root_can_talk_to_a_users_daemon() -> None:
    with short_dir() as home:
        os.chown(home, NOBODY, NOBODY)
        with Daemon(home, uid=NOBODY) as daemon:
            assert works(daemon)
