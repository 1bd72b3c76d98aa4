"""Connections of git, and of who pretends to be git: they delay nothing, and leave nothing but their trace."""

import base64
import json
import os
import socket
from pathlib import Path

import pytest

from tests.core.git_lines import BEGUN, ENDED, VERSION, line
from tests.harness import PATIENCE_S, Client, Daemon, event, needs_root, running_daemon, wait_until
from tracerd.core.limits import DEFAULT_MAX_LINE_BYTES
from tracerd.git_trace2.process import MAX_OPEN

TRACE = "build-42"


def stored(daemon: Daemon, *before: Client) -> None:
    """Wait until all that these connections have sent was read: a barrier comes before each export."""
    out = daemon.dir.parent / "barrier.json"
    assert daemon.session(b"OPEN barrier\n" + event(1) + b"EMIT_TEF %s\nFLUSH\n" % os.fsencode(out)) == b"OK 1 0 0\n"
    del before


def names(daemon: Daemon, trace_id: str = TRACE) -> list[str]:
    return [json.loads(each)["name"] for each in daemon.events(trace_id)]


def test_a_whole_git_in_pieces_and_with_crlf(daemon: Daemon) -> None:
    data = BEGUN.replace(b"\n", b"\r\n") + b"\n" + ENDED
    with daemon.connect() as git:
        for at in range(0, len(data), 7):
            git.send(data[at : at + 7])
        stored(daemon, git)
    assert names(daemon) == ["tracerd_begin", "process_name", "git status"]


def test_an_export_has_all_that_git_had_written(daemon: Daemon, tmp_path: Path) -> None:
    """Also what waits in the sockets of gits that nobody has accepted yet."""
    out = tmp_path / "t.json"
    with daemon.connect() as asker:
        gits = [daemon.connect() for _ in range(50)]
        for git in gits:
            git.send(BEGUN + line("region_enter", 400, label="r") + line("region_leave", 500) + ENDED)
        asker.send(b"OPEN %s\nEMIT_TEF %s\nFLUSH\n" % (TRACE.encode(), os.fsencode(out)))
        assert asker.line() == b"OK 0 0 0"
        for git in gits:
            git.close()
    found = [each["name"] for each in json.loads(out.read_bytes())["traceEvents"]]
    assert (found.count("r"), found.count("git status")) == (50, 50)


def test_exports_at_exit_and_the_polite_stop_do_not_wait_for_git(tmp_path: Path) -> None:
    out = tmp_path / "t.json"
    with running_daemon() as daemon, daemon.connect() as git:
        git.send(BEGUN)
        stored(daemon, git)
        daemon.session(b"OPEN %s\n%sEMIT_TEF_AT_EXIT %s\n" % (TRACE.encode(), event(1), os.fsencode(out)))
        wait_until(out.exists, "the export at exit")
        assert b'"ts":1' in out.read_bytes()
        daemon.session(b"DIE_WHEN_IDLE\n")
        assert daemon.process.wait(PATIENCE_S) == 0
        assert names(daemon)[:2] == ["tracerd_begin", "process_name"]


def test_the_stop_reads_git_to_its_end() -> None:
    with running_daemon() as daemon, daemon.connect() as git:
        git.send(BEGUN + line("region_enter", 400, label="r"))
        daemon.stop()
        assert names(daemon) == ["tracerd_begin", "process_name", "r"]
        with pytest.raises(OSError, match="Broken pipe"):
            git.send(ENDED)


def test_status_counts_git_apart(daemon: Daemon) -> None:
    with daemon.connect() as git, daemon.connect() as client:
        git.send(BEGUN + line("from_the_future", 400))
        stored(daemon, git)
        status = client.status()
    assert (status["clients"], status["git"]) == (1, {"processes": 1, "unknown_events": 1})
    assert TRACE not in status["traces"]  # type: ignore[operator]  # it is an object


@pytest.mark.parametrize(
    ("sid", "log"),
    [
        (b"../../../tmp/evil/x", "git.."),
        (b"/etc/passwd", "git"),
        (b".lock/x", "git.lock"),
        (b"a/../../b", "a"),
        (b"x" * 100_000, "x" * 200),
        (b"\\u0000\\ud800/x", "_\ufffd"),
    ],
)
def test_nothing_is_written_outside_the_directory(sid: bytes, log: str) -> None:
    with running_daemon() as daemon:
        before = {path.name for path in daemon.dir.parent.iterdir()}
        daemon.session(b'{"event":"version","sid":"%s","time":"2026-11-22T01:00:51Z"}\n' % sid + ENDED)
        stored(daemon)
        assert {path.name for path in daemon.dir.parent.iterdir()} - before <= {"barrier.json"}
        assert {path.name for path in daemon.dir.iterdir()} == {".lock", f"{log}.jsonl", "barrier.jsonl"}


def peak_bytes(daemon: Daemon) -> int:
    """The most memory that the daemon has held."""
    status = Path(f"/proc/{daemon.process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


REGIONS = b"".join(line("region_enter", 400, label=f"region {number}") for number in range(100_000))
HOSTILE = {
    "regions": (REGIONS, f"more than {MAX_OPEN} regions"),
    "children": (
        b"".join(line("child_start", 400, child_id=number, argv=["x" * 50]) for number in range(20_000)),
        f"more than {MAX_OPEN} regions, threads or children of a git",
    ),
    "bad JSON": (b'{"event":"data",\n{"event":nan}}\n\xff\xff\n', "not JSON"),
    "a long line": (b'{"event":"data","value":"%s"}\n' % (b"x" * DEFAULT_MAX_LINE_BYTES), "longer than 16777216 bytes"),
    "a line of 16 MB": (
        b'{"event":"start","argv":[%s""]}\n' % (b'"a",' * 4_000_000),
        "lines of more than 1048576 bytes",
    ),
    "ends of nothing": (line("region_leave", 400) * 10_000, "ends whose begin is missing"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_stream_is_bounded_and_reported(kind: str) -> None:
    """The git that follows is recorded as any; nothing is kept of what is left out."""
    data, reason = HOSTILE[kind]
    with running_daemon() as daemon:
        stored(daemon)
        before = peak_bytes(daemon)
        with daemon.connect() as git:
            git.send(BEGUN + data)
            stored(daemon, git)
            assert peak_bytes(daemon) - before < 120_000_000
            git.send(ENDED)
        stored(daemon)
        assert "git status" in names(daemon)
        assert (daemon.dir / f"{TRACE}.rejected").stat().st_size <= 1_200_000
        wait_until(lambda: "refused" in daemon.rejects(TRACE)[-1], "the trace to end")
        rejects = daemon.rejects(TRACE)
        assert reason in str(rejects[0]["reason"])
        assert base64.b64decode(str(rejects[0]["base64"]))[:10] in data
        assert reason in daemon.stderr()
        assert daemon.stderr().count("ERROR") <= 11


@needs_root
def test_another_user_is_refused(daemon: Daemon) -> None:
    """Whatever id it gives."""
    pid = os.fork()
    if not pid:
        os.setgid(65534)
        os.setuid(65534)
        try:
            Client(daemon.socket).send(VERSION + ENDED)
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    stored(daemon)
    assert not (daemon.dir / f"{TRACE}.jsonl").exists()


def test_a_git_that_does_not_read_is_never_sent_more_than_fits(daemon: Daemon) -> None:
    """Git reads nothing; its connection ends as any other."""
    with daemon.connect() as git:
        git.send(BEGUN + b"{oops\n" * 1000 + ENDED)
        git.socket.shutdown(socket.SHUT_WR)
        stored(daemon, git)
        with daemon.connect() as client:
            assert client.status()["clients"] == 1
    assert names(daemon)[-1] == "git status"
