"""Hostile neighbours: what a second real user puts in our way is neither followed nor believed.

That others cannot connect, read or list is in tests/store/test_access.py; what our own user may find in the way of
sockets, locks, logs and exports, in the files beside it.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import forks
from tests.harness import (
    PATIENCE_S,
    Daemon,
    event,
    exported,
    needs_root,
    program,
    short_dir,
    wait_until,
    words_of,
)
from tests.store.other_user import BECOME_NOBODY, NOBODY, as_nobody

pytestmark = needs_root

VICTIM = 61234
"""The user whose daemon it is; NOBODY is the other one."""


@pytest.fixture
def home() -> Iterator[Path]:
    """A directory like /tmp, and in it `ours`, which belongs to the victim."""
    with short_dir() as made:
        made.chmod(0o1777)
        (made / "ours").mkdir(0o700)
        os.chown(made / "ours", VICTIM, VICTIM)
        yield made


def as_victim(*arguments: str | Path, **environ: str) -> tuple[int, str, str]:
    """A command of the victim: exit code, stdout and stderr."""
    hidden = ("XDG_RUNTIME_DIR", "TRACERD_SOCKET", "TRACERD_TRACE_ID")
    env = {name: value for name, value in os.environ.items() if name not in hidden} | environ
    done = forks.run([*map(str, arguments)], PATIENCE_S, VICTIM, env)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


PLANTED = {
    "a link in the socket's place": ("s", "os.symlink(sys.argv[1] + '/ours/precious', sys.argv[2])", "is not a socket"),
    "a socket": ("s", "socket.socket(socket.AF_UNIX).bind(sys.argv[2])", "another program"),
    "a link in the lock's place": ("s.lock", "os.symlink(sys.argv[1] + '/ours/precious', sys.argv[2])", "the lock"),
    "a dangling link there": ("s.lock", "os.symlink(sys.argv[1] + '/ours/new', sys.argv[2])", "the lock"),
    "a file there that all may write": (
        "s.lock",
        "os.close(os.open(sys.argv[2], 66)); os.chmod(sys.argv[2], 438)",
        "lock",
    ),
    "a pipe there": ("s.lock", "os.mkfifo(sys.argv[2]); os.chmod(sys.argv[2], 438)", "the lock"),
}


@pytest.mark.parametrize("what", PLANTED)
def test_what_another_user_has_put_beside_a_socket_in_tmp_is_refused_with_a_reason(home: Path, what: str) -> None:
    name, plant, reason = PLANTED[what]
    precious = home / "ours/precious"
    precious.write_text("precious")
    os.chown(precious, VICTIM, VICTIM)
    as_nobody(plant, home, home / name)
    code, out, said = as_victim("serve", "--socket", home / "s", "-d", home / "ours/logs")
    assert (code, out) == (1, "")
    assert said.startswith("Error: ")
    assert said.count("\n") == 1
    assert reason in said
    assert precious.read_text() == "precious"
    assert not (home / "ours/new").exists()


LISTENS = (
    f"import fcntl\n{BECOME_NOBODY}"
    """
lock = os.open(sys.argv[1] + ".lock", os.O_RDWR | os.O_CREAT, 0o666)
os.fchmod(lock, 0o666)
os.write(lock, b"%d\\n" % os.getpid())
fcntl.flock(lock, fcntl.LOCK_EX)
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o777)
listener.listen()
print("listens", flush=True)
while True:
    connection, _ = listener.accept()
    heard = connection.recv(1000)
    print("heard", len(heard), flush=True)
    try:
        connection.sendall(b'{"version":"\\x1b[31m"}\\n')
    except OSError:
        pass
    connection.close()
"""
)


@pytest.mark.parametrize("command", ["status", "stop"])
def test_another_users_daemon_on_a_socket_in_tmp_is_not_believed(home: Path, command: str) -> None:
    with program(LISTENS, home / "s") as squatter:
        assert words_of(squatter) == ["listens"]
        code, out, said = as_victim(command, "--socket", home / "s")
        assert (code, out) == (1, "")
        assert said == f"Error: the socket {home}/s is served by another user (uid {NOBODY})\n"
        assert "\x1b" not in said
        code, _, said = as_victim("serve", "--socket", home / "s", "-d", home / "ours/logs")
        assert (code, said.startswith("Error: ")) == (1, True)


@pytest.fixture
def default_place() -> Iterator[Path]:
    """The directory in /tmp that the socket's rule names for the victim, made by the other user."""
    place = Path(f"/tmp/tracerd-{VICTIM}")
    as_nobody("os.mkdir(sys.argv[1]); os.chmod(sys.argv[1], 0o777)", place)
    try:
        yield place
    finally:
        shutil.rmtree(place)


def test_the_default_place_cannot_be_squatted(home: Path, default_place: Path) -> None:
    theirs = f"the directory {default_place} belongs to another user (uid {NOBODY})"
    with program(LISTENS, default_place / "tracerd.socket") as squatter:
        assert words_of(squatter) == ["listens"]
        # No command talks to it, and none sends programs there.
        for command in (["serve", "-d", home / "ours/logs"], ["status"], ["stop"], ["env"], ["env", "--new"]):
            assert as_victim(*command) == (1, "", f"Error: {theirs}\n")
        code, out, _ = as_victim("doctor", HOME=str(home / "ours"))
        assert code == 1
        assert f"FAIL  socket       {theirs}" in out


LINKS = {
    "to a file": ("link", "precious", "link"),
    "to no file": ("link", "new", "link"),
    "to a directory": ("link", ".", "link/new"),
    "through a link of ours": ("link", "precious", "through"),
}


@pytest.mark.parametrize("what", LINKS)
def test_links_that_another_user_puts_into_tmp_are_not_followed_by_exports(home: Path, what: str) -> None:
    link, leads_to, path = LINKS[what]
    with Daemon(home / "ours", uid=VICTIM) as daemon:
        precious = home / "ours/precious"
        precious.write_text("precious")
        (home / "through").symlink_to("link")
        os.chown(home / "through", VICTIM, VICTIM, follow_symlinks=False)
        as_nobody("os.symlink(sys.argv[1], sys.argv[2])", home / "ours" / leads_to, home / link)
        error, ok = daemon.session(b"OPEN t\n%sEMIT_TEF %s\nFLUSH\n" % (event(1), bytes(home / path))).splitlines()
        assert error.endswith(f"{home}/link is a symbolic link that another user has put there (uid {NOBODY})".encode())
        assert ok == b"OK 1 0 0"
        code, _, said = as_victim("get-tef", "t", "-d", daemon.dir, "-o", home / path)
        assert (code, said.count("\n")) == (1, 1)
        assert precious.read_text() == "precious"
        assert not (home / "ours/new").exists()
        # A link of one's own is followed.
        (home / "mine").symlink_to("ours/mine")
        os.chown(home / "mine", VICTIM, VICTIM, follow_symlinks=False)
        assert daemon.session(b"OPEN t\nEMIT_TEF %s\nFLUSH\n" % bytes(home / "mine")) == b"OK 0 0 0\n"
        assert exported(home / "ours/mine") == [1]


SWAPS = """
target, victim = sys.argv[1:]
mine = target + ".mine"
print("swaps", flush=True)
while True:
    for make in (lambda: os.symlink(victim, mine), lambda: os.close(os.open(mine, os.O_CREAT | os.O_WRONLY, 0o666))):
        make()
        os.rename(mine, target)
        os.unlink(target)
"""


def test_a_user_who_swaps_the_target_all_the_time_gains_nothing(home: Path) -> None:
    with Daemon(home / "ours", uid=VICTIM) as daemon:
        precious = home / "ours/precious"
        precious.write_text("precious")
        daemon.session(b"OPEN t\n" + event(1))
        with program(BECOME_NOBODY + SWAPS, home / "out", precious) as swapper:
            assert words_of(swapper) == ["swaps"]
            replies = b""
            for _ in range(300):
                replies += daemon.session(b"OPEN t\nEMIT_TEF %s\nFLUSH\n" % bytes(home / "out"))
        assert replies.count(b"OK 0 0 0\n") == 300
        assert precious.read_text() == "precious"
        wait_until(lambda: not list(home.glob(".tracerd-*")), "the temporary files to be gone")
