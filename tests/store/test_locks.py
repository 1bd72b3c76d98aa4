"""Who may be the daemon, who may talk to it, and what no client can make it touch."""

import base64
import ctypes
import gzip
import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness import (
    CLOCK_PREFIX,
    Client,
    Daemon,
    event,
    events,
    exported,
    short_dir,
    tracerd,
    wait_until,
)

NOBODY = 65534

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user and make devices")


def refusal(*arguments: str | Path, **process: object) -> str:
    """The one line that a command says when it fails."""
    result = tracerd(*arguments, **process)
    assert (result.returncode, result.stdout) == (1, b"")
    said = result.stderr.decode()
    assert said.startswith("Error: ")
    assert said.count("\n") == 1
    return said


def serve_refusal(path: Path, directory: Path, *options: str | Path) -> str:
    """Why `tracerd serve` does not start."""
    return refusal("serve", "--socket", path, "-d", directory, *options)


def works(daemon: Daemon, trace_id: str = "works") -> bool:
    """Whether the daemon takes an event."""
    return daemon.session(b"OPEN %s\n%sFLUSH\n" % (trace_id.encode(), event(1))) == b"OK 1 0 0\n"


# The interpreter itself may lie where only root can start it.
BECOME_NOBODY = f"import os, socket, sys; os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})\n"


def as_nobody(source: str, *arguments: str | Path) -> str:
    """What a few lines of Python print when another user runs them."""
    command = [sys.executable, "-I", "-S", "-c", BECOME_NOBODY + source, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, check=True, timeout=30).stdout.decode().strip()


def without_roots_privileges() -> None:
    """Let root respect file modes, from its next exec on."""
    libc = ctypes.CDLL(None)
    for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        libc.prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP


def tree(directory: Path) -> set[str]:
    """All that lies in a directory."""
    return {str(path.relative_to(directory)) for path in directory.rglob("*")}


def settled_tree(directory: Path) -> set[str]:
    """As `tree`, but without rejects, which traces get a moment after they have ended."""
    return {name for name in tree(directory) if not name.endswith(".rejected")}


# ------------------------------------------------------------------ one daemon


def test_second_daemon_on_the_socket_is_told_who_holds_it(daemon: Daemon, tmp_path: Path) -> None:
    said = serve_refusal(daemon.socket, tmp_path / "other")
    assert str(daemon.socket) in said
    assert f"pid {daemon.process.pid}\n" in said
    assert works(daemon)


def test_second_daemon_in_the_directory_is_told_who_holds_it(daemon: Daemon) -> None:
    with short_dir() as other:
        said = serve_refusal(other / "s", daemon.dir)
        assert tree(other) <= {"s.lock"}
    assert str(daemon.dir) in said
    assert f"pid {daemon.process.pid}\n" in said
    assert works(daemon)


def test_second_daemon_by_another_name_of_the_directory_is_refused(daemon: Daemon) -> None:
    with short_dir() as other:
        (other / "link").symlink_to(daemon.dir.parent)
        assert f"pid {daemon.process.pid}\n" in serve_refusal(other / "s", other / "link" / "logs")
        assert f"pid {daemon.process.pid}\n" in serve_refusal(other / "link" / "s", other / "logs")
    assert works(daemon)


def test_daemon_that_hangs_still_holds_its_socket(daemon: Daemon, tmp_path: Path) -> None:
    os.kill(daemon.process.pid, signal.SIGSTOP)
    said = serve_refusal(daemon.socket, tmp_path / "other")
    os.kill(daemon.process.pid, signal.SIGCONT)
    assert f"pid {daemon.process.pid}\n" in said
    assert works(daemon)


def test_of_many_daemons_started_at_once_one_serves() -> None:
    with short_dir() as home:
        command = [
            sys.executable,
            "-m",
            "tracerd",
            "serve",
            "--socket",
            str(home / "s"),
            "-d",
            str(home / "logs"),
        ]
        started = [subprocess.Popen(command, stderr=subprocess.DEVNULL) for _ in range(6)]
        try:
            wait_until(lambda: sum(one.poll() is None for one in started) == 1, "all but one to give up")
            (serving,) = [one for one in started if one.returncode is None]
            with Client(home / "s") as client:
                assert client.status()["pid"] == serving.pid
            assert sorted(one.returncode for one in started if one is not serving) == [1] * 5
        finally:
            for one in started:
                one.kill()
                one.wait()


def test_stale_socket_of_a_killed_daemon_is_replaced() -> None:
    with short_dir() as home:
        with Daemon(home) as killed:
            killed.session(b"OPEN stale\n" + event(1))
            killed.kill()
        assert killed.socket.is_socket()
        with Daemon(home) as daemon:
            daemon.session(b"OPEN stale\n" + event(2))
            assert daemon.numbers("stale") == [1, 2]


def test_foreign_program_on_the_socket_is_left_alone() -> None:
    with short_dir() as home, socket.socket(socket.AF_UNIX) as foreign:
        foreign.bind(os.fsencode(home / "s"))
        foreign.listen()
        assert "another program listens" in serve_refusal(home / "s", home / "logs")
        Client(home / "s").close()


def test_foreign_program_that_takes_datagrams_is_left_alone() -> None:
    with short_dir() as home, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as foreign:
        foreign.bind(os.fsencode(home / "s"))
        assert "another program" in serve_refusal(home / "s", home / "logs")
        assert (home / "s").is_socket()


def put_link_to_file(path: Path) -> None:
    path.with_name("target").write_text("precious")
    path.symlink_to("target")


PLACES: list[tuple[str, Callable[[Path], object]]] = [
    ("file", lambda path: path.write_text("precious")),
    ("link to a file", put_link_to_file),
    ("link to nothing", lambda path: path.symlink_to("missing")),
    ("pipe", os.mkfifo),
]


@pytest.mark.parametrize("make", [pytest.param(make, id=name) for name, make in PLACES])
def test_what_is_no_socket_is_left_in_its_place(make: Callable[[Path], object]) -> None:
    with short_dir() as home:
        path = home / "s"
        make(path)
        before = path.lstat()
        assert "not a socket" in serve_refusal(path, home / "logs")
        after = path.lstat()
        assert (after.st_mode, after.st_ino) == (before.st_mode, before.st_ino)
        assert not path.is_file() or path.read_text() == "precious"
        assert tree(home) <= {"s", "s.lock", "target", "logs", "logs/.lock"}


def test_directory_in_the_sockets_place_is_refused() -> None:
    with short_dir() as home:
        (home / "s").mkdir()
        result = tracerd("serve", "--socket", home / "s", "-d", home / "logs")
        assert (result.returncode, result.stdout) == (2, b"")  # click's own answer
        assert result.stderr.splitlines()[-1].startswith(b"Error: ")
        environment = {**os.environ, "TRACERD_SOCKET": str(home / "s")}
        assert "not a socket" in refusal("serve", "-d", home / "logs", env=environment)


@pytest.mark.parametrize("name", ["s.lock", "logs/.lock"])
@pytest.mark.parametrize("make", [pytest.param(make, id=name) for name, make in PLACES[1:]])
def test_what_is_no_file_in_a_locks_place_is_refused(name: str, make: Callable[[Path], object]) -> None:
    with short_dir() as home:
        (home / "logs").mkdir(mode=0o700)
        make(home / name)
        assert str(home / name) in serve_refusal(home / "s", home / "logs")
        assert not (home / "s").exists()
        target = (home / name).with_name("target")
        assert not target.exists() or target.read_text() == "precious"


def test_socket_path_that_is_too_long_is_refused_and_the_longest_works() -> None:
    with short_dir() as home:
        longest = "s" * (107 - len(bytes(home)) - 1)
        assert "107 bytes" in serve_refusal(home / (longest + "s"), home / "logs")
        with Daemon(home, socket_name=longest) as daemon:
            assert len(bytes(daemon.socket)) == 107
            assert works(daemon)


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
connection.settimeout(20)
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


# ------------------------------------------------------------------ trace ids

BAD_IDS = [
    b"../x",
    b"..",
    b".",
    b"/etc/x",
    b"a/b",
    b"/",
    b"a\0b",
    b"a b",
    b"a\tb",
    b"x" * 201,
    b"x" * 300,
    "ü".encode() * 101,
    b".hidden",
    b"-x",
    b"a\x07b",
    b"a\x1b[31mb",
    b"a\x7fb",
    "a\N{RIGHT-TO-LEFT OVERRIDE}b".encode(),
    "a\N{NO-BREAK SPACE}b".encode(),
    "a\N{LINE SEPARATOR}b".encode(),
    b"\xff",
    b"a\xed\xa0\x80b",
    b"",
]


@pytest.mark.parametrize("trace_id", BAD_IDS)
def test_bad_trace_id_makes_no_file_and_the_events_that_follow_are_refused(
    shared_daemon: Daemon, trace_id: bytes
) -> None:
    number = BAD_IDS.index(trace_id)
    home, name = shared_daemon.dir.parent, f"bad-{number}"
    before = settled_tree(home)
    replies = shared_daemon.session(
        b"OPEN %s-before\n" % name.encode()
        + event(1)
        + b"OPEN %s\n" % trace_id
        + event(2)
        + b"OPEN %s-after\n" % name.encode()
        + event(3)
        + b"FLUSH\n"
    )
    about_id, about_event, ok = replies.splitlines()
    assert about_id.startswith(b"ERROR 3: OPEN: a trace id must ")
    assert about_event == b"ERROR 4: OPEN a trace first, by its id"
    assert ok == b"OK 2 1 0"
    assert shared_daemon.numbers(f"{name}-before") == [1]
    assert shared_daemon.numbers(f"{name}-after") == [3]
    assert settled_tree(home) - before == {f"logs/{name}-before.jsonl", f"logs/{name}-after.jsonl"}


ODD_IDS = [
    "x" * 200,
    "ü" * 100,
    "a.b",
    "a..b",
    "a'b\"c",
    "日本語",
    "$(touch x)".replace(" ", "-"),
    "*",
    "a\\b",
    "~",
    "0",
    "é́",
]


@pytest.mark.parametrize("trace_id", ODD_IDS)
def test_odd_trace_id_is_the_name_of_a_log(shared_daemon: Daemon, tmp_path: Path, trace_id: str) -> None:
    out = tmp_path / "out.json"
    raw = trace_id.encode()
    assert shared_daemon.session(b"OPEN  %s \t\r\nbad\n%sEMIT_TEF %s\nFLUSH\n" % (raw, event(5), bytes(out))).endswith(
        b"OK 1 1 0\n"
    )
    assert shared_daemon.numbers(trace_id) == [5]
    assert exported(out) == [5]
    assert json.loads(out.read_bytes())["metadata"]["trace_id"] == trace_id
    assert shared_daemon.rejects(trace_id)[0]["reason"]


# ------------------------------------------------------------------ what lies in a log's place


def put_link(path: Path) -> None:
    victim = path.parent.parent / "victim"
    victim.write_text("precious")
    path.symlink_to(victim)


def put_dangling_link(path: Path) -> None:
    path.symlink_to(path.parent.parent / "made-by-us")


def put_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(os.fsencode(path))


def put_device(path: Path) -> None:
    os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 3))


THINGS = [
    pytest.param(put_link, id="link"),
    pytest.param(put_dangling_link, id="dangling link"),
    pytest.param(os.mkfifo, id="pipe"),
    pytest.param(put_socket, id="socket"),
    pytest.param(Path.mkdir, id="directory"),
    pytest.param(put_device, id="device", marks=needs_root),
]


@pytest.mark.parametrize("put", THINGS)
def test_log_that_is_no_file_is_never_written_and_its_events_count_as_lost(
    daemon: Daemon, put: Callable[[Path], object]
) -> None:
    path = daemon.dir / "odd.jsonl"
    put(path)
    before = path.lstat().st_mode, path.lstat().st_ino
    replies = daemon.session(b"OPEN odd\n" + events(range(3)) + b"FLUSH\n").splitlines()
    assert replies[0].startswith(b"ERROR 2: 3 events from here on are lost: ")
    assert replies[1:] == [b"OK 0 0 3"]
    assert (path.lstat().st_mode, path.lstat().st_ino) == before
    victim = daemon.dir.parent / "victim"
    assert not victim.exists() or victim.read_text() == "precious"
    assert not (daemon.dir.parent / "made-by-us").exists()
    assert works(daemon)


@pytest.mark.parametrize("put", THINGS)
def test_rejects_file_that_is_no_file_is_never_written_and_the_events_are_kept(
    daemon: Daemon, put: Callable[[Path], object]
) -> None:
    path = daemon.dir / "odd.rejected"
    put(path)
    before = path.lstat().st_mode, path.lstat().st_ino
    replies = daemon.session(b"OPEN odd\nbad\n" + event(1) + b"FLUSH\n").splitlines()
    assert replies[1:] == [b"OK 1 1 0"]
    assert (path.lstat().st_mode, path.lstat().st_ino) == before
    victim = daemon.dir.parent / "victim"
    assert not victim.exists() or victim.read_text() == "precious"
    assert not (daemon.dir.parent / "made-by-us").exists()
    assert daemon.numbers("odd") == [1]
    assert works(daemon)


@pytest.mark.parametrize("put", THINGS)
@pytest.mark.parametrize("suffix", [".jsonl", ".rejected"])
def test_export_beside_what_is_no_file_ends(
    daemon: Daemon, tmp_path: Path, put: Callable[[Path], object], suffix: str
) -> None:
    put((daemon.dir / "odd").with_suffix(suffix))
    out = tmp_path / "out.json"
    last = daemon.session(b"OPEN odd\n" + event(1) + b"EMIT_TEF %s\nFLUSH\n" % bytes(out)).splitlines()[-1]
    assert last.startswith(b"OK ")
    if suffix == ".rejected":
        assert exported(out) == [1]
    assert works(daemon)


# ------------------------------------------------------------------ torn tails

TAILS = [
    pytest.param(event(1).rstrip(), [1], b"", id="whole event"),
    pytest.param(event(1)[:-4], [], event(1)[:-4], id="half an event"),
    pytest.param(b'{"ph":"i","ts":nan}', [], b'{"ph":"i","ts":nan}', id="what would be repaired"),
    pytest.param(b"\0" * 100, [], b"\0" * 100, id="zeros"),
    pytest.param(b"[1]", [], b"[1]", id="no object"),
    pytest.param(event(1)[:-3].ljust(200_000, b"x"), [], None, id="long"),
]


@pytest.mark.parametrize(("tail", "kept", "moved"), TAILS)
@pytest.mark.parametrize("first", [b"", event(0)], ids=["alone", "after a whole line"])
def test_torn_tail_is_mended_when_the_log_is_opened(
    daemon: Daemon, first: bytes, tail: bytes, kept: list[int], moved: bytes | None
) -> None:
    path = daemon.dir / "torn.jsonl"
    path.write_bytes(first + tail)
    assert daemon.session(b"OPEN torn\n" + event(2) + b"FLUSH\n") == b"OK 1 0 0\n"
    assert daemon.numbers("torn") == [0] * bool(first) + kept + [2]
    refused = [entry for entry in daemon.rejects("torn") if "base64" in entry]
    if moved == b"":
        assert refused == []
    else:
        (entry,) = refused
        assert tail.startswith(base64.b64decode(str(entry["base64"])))
        assert moved is None or base64.b64decode(str(entry["base64"])) == moved
        assert (entry["line"], entry["client_pid"]) == (0, 0)


@pytest.mark.parametrize("put", THINGS)
def test_torn_tail_is_cut_even_if_its_rejects_file_is_no_file(daemon: Daemon, put: Callable[[Path], object]) -> None:
    (daemon.dir / "torn.jsonl").write_bytes(event(0) + b'{"ph":"i","na')
    put(daemon.dir / "torn.rejected")
    with daemon.connect() as client:
        client.send(b"OPEN torn\n" + event(1))
        assert client.flush() == (1, 0, 0)
        client.send(event(2))
        assert client.flush() == (2, 0, 0)
    assert daemon.numbers("torn") == [0, 1, 2]


def test_log_removed_while_it_is_written_is_begun_anew(daemon: Daemon, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    with daemon.connect() as client:
        client.send(b"OPEN removed\nEMIT_TEF_AT_EXIT %s\n" % bytes(out) + event(1))
        client.flush()
        (daemon.dir / "removed.jsonl").unlink()

        def written_again() -> bool:
            client.send(event(2))
            client.flush()
            return (daemon.dir / "removed.jsonl").exists()

        wait_until(written_again, "a new log")
        said = "removed.jsonl was removed or renamed while in use"
        wait_until(lambda: said in daemon.stderr(), "the daemon to say so, by a thread of its own")
        client.send(event(3))
        client.flush()
        assert daemon.log("removed").startswith(CLOCK_PREFIX)
        assert daemon.numbers("removed")[-1] == 3
        assert 1 not in daemon.numbers("removed")


# ------------------------------------------------------------------ where exports may go


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
