"""Exports at exit: once, when the last client of a trace has gone, or at the stop."""

import signal
from pathlib import Path

import pytest

from tests.harness import PATIENCE_S, Daemon, event, events, exported, program, short_dir, wait_until


def end_another_trace(daemon: Daemon, directory: Path) -> None:
    """Return when a trace that begins and ends now has been exported.

    One that ended before it would have been exported by then, too.
    """
    out = directory / "another.json"
    daemon.session(b"OPEN another\nEMIT_TEF_AT_EXIT %s\n" % bytes(out) + event(1))
    wait_until(out.exists, "the other trace's export")
    out.unlink()


def test_paths_of_exports_at_exit_are_a_set(shared_daemon: Daemon, tmp_path: Path) -> None:
    outs = [tmp_path / "a.json", tmp_path / "b c.json", tmp_path / "ü.json"]
    lines = b"".join(b"EMIT_TEF_AT_EXIT %s\n" % bytes(out) for out in [*outs, *outs])
    with shared_daemon.connect() as one, shared_daemon.connect() as two:
        one.send(b"OPEN set\n" + lines)
        two.send(b"OPEN set\n" + lines + event(1))
        two.finish()
        one.finish()
    for out in outs:
        wait_until(out.exists, "an export at exit")
        assert exported(out) == [1]
    # A file is there a moment before the daemon has logged it.
    wait_until(lambda: times_written(shared_daemon) >= len(outs), "the log of the exports")
    end_another_trace(shared_daemon, tmp_path)
    assert times_written(shared_daemon) == len(outs)


def times_written(daemon: Daemon) -> int:
    return sum("trace set: 1 events to" in line for line in daemon.stderr().splitlines())


def test_failing_export_at_exit_does_not_stop_the_others(shared_daemon: Daemon, tmp_path: Path) -> None:
    missing, out = tmp_path / "missing" / "a.json", tmp_path / "b.json"
    lines = b"".join(b"EMIT_TEF_AT_EXIT %s\n" % bytes(path) for path in (missing, out))
    shared_daemon.session(b"OPEN one-fails\n" + lines + event(3))
    wait_until(out.exists, "the export at exit")
    assert exported(out) == [3]


def test_no_export_at_exit_before_the_last_client_has_gone(shared_daemon: Daemon, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    with shared_daemon.connect() as stays:
        stays.send(b"OPEN last\n" + event(0))
        stays.flush()
        shared_daemon.session(b"OPEN last\nEMIT_TEF_AT_EXIT %s\n" % bytes(out) + event(1))
        end_another_trace(shared_daemon, tmp_path)
        assert not out.exists()
        stays.send(event(2))
        stays.finish()
    wait_until(out.exists, "the export at exit")
    assert exported(out) == [0, 1, 2]


def test_client_that_opens_another_trace_has_left_the_first(shared_daemon: Daemon, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    with shared_daemon.connect() as client:
        client.send(b"OPEN left\nEMIT_TEF_AT_EXIT %s\n" % bytes(out) + event(1) + b"OPEN entered\n" + event(2))
        wait_until(out.exists, "the export at exit")
        assert exported(out) == [1]


def test_connection_shared_with_a_child_ends_with_the_child(shared_daemon: Daemon, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    with shared_daemon.connect() as client:
        client.send(b"OPEN shared\nEMIT_TEF_AT_EXIT %s\n" % bytes(out) + event(1))
        client.flush()
        with program("import sys; sys.stdin.read()", pass_fds=[client.socket.fileno()]) as child:
            client.close()
            end_another_trace(shared_daemon, tmp_path)
            assert not out.exists()
            assert child.poll() is None
    wait_until(out.exists, "the export at exit")


def test_trace_that_ends_again_is_exported_again(shared_daemon: Daemon, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    shared_daemon.session(b"OPEN again\nEMIT_TEF_AT_EXIT %s\n" % bytes(out) + event(1))
    wait_until(out.exists, "the export at exit")
    out.unlink()
    shared_daemon.session(b"OPEN again\n" + event(2))
    wait_until(out.exists, "the second export at exit")
    assert exported(out) == [1, 2]


def test_export_at_exit_after_a_gap_between_clients_holds_both(shared_daemon: Daemon, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    shared_daemon.session(b"OPEN gap\nEMIT_TEF_AT_EXIT %s\n" % bytes(out) + event(1))
    for number in range(2, 30):
        shared_daemon.session(b"OPEN gap\n" + event(number))
    wait_until(lambda: out.exists() and len(exported(out)) == 29, "an export with the events of all")


@pytest.mark.parametrize("way", ["SIGTERM", "SIGINT", "DIE"])
def test_trace_with_clients_is_exported_at_the_stop(way: str) -> None:
    with short_dir() as home, Daemon(home) as daemon, daemon.connect() as client:
        outs = [home / "a.json", home / "b.json"]
        client.send(b"OPEN alive\n" + b"".join(b"EMIT_TEF_AT_EXIT %s\n" % bytes(out) for out in outs))
        client.send(events(range(1000)))
        client.flush()
        if way == "DIE":
            client.send(b"DIE\n")
        else:
            daemon.process.send_signal(getattr(signal, way))
        assert daemon.process.wait(PATIENCE_S) == 0
        assert [exported(out) for out in outs] == [list(range(1000))] * 2


def test_trace_within_its_grace_is_exported_at_the_stop() -> None:
    with short_dir() as home, Daemon(home) as daemon:
        out = home / "out.json"
        # The daemon receives SIGTERM right after the last client has gone.
        daemon.session(b"OPEN grace\nEMIT_TEF_AT_EXIT %s\n" % bytes(out) + event(1) + b"DIE\n")
        assert daemon.process.wait(PATIENCE_S) == 0
        assert exported(out) == [1]
