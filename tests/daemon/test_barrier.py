"""The barrier: an export holds all that was written before it was asked for, by whoever wrote it."""

import os
import signal
import socket
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.daemon.families import FAMILY, all_of_the_family, run_family
from tests.faults.proc import open_targets
from tests.harness import Client, Daemon, event, exported, program, short_dir, wait_until, words_of

FAMILIES = pytest.mark.parametrize(
    "families", [6, pytest.param(100, marks=[pytest.mark.long, pytest.mark.timeout(600)])]
)


@FAMILIES
def test_emit_tef_holds_all_that_children_wrote_before_they_exited(
    shared_daemon: Daemon, tmp_path: Path, families: int
) -> None:
    for turn in range(families):
        out = tmp_path / f"family-{turn}.json"
        # The OK is for the parent's own events: it had none.
        last_word = f"EMIT_TEF {out}\nFLUSH\n"
        answer = run_family(shared_daemon, f"family-{turn}", "", last_word, stopped=turn % 2 == 1)
        assert answer == ["OK", "0", "0", "0"]
        assert all_of_the_family(out)
        out.unlink()


@FAMILIES
def test_export_at_exit_holds_all_that_children_wrote(shared_daemon: Daemon, tmp_path: Path, families: int) -> None:
    outs = [tmp_path / f"exit-{turn}.json" for turn in range(families)]
    for turn, out in enumerate(outs):
        run_family(shared_daemon, f"exit-{turn}", f"EMIT_TEF_AT_EXIT {out}\n", "", stopped=turn % 2 == 1)
        if turn:  # the next family does not wait for the grace after which this one's trace is exported
            check_export_at_exit(outs[turn - 1])
    check_export_at_exit(outs[-1])


def check_export_at_exit(out: Path) -> None:
    wait_until(out.exists, "the export at exit")
    assert all_of_the_family(out)
    out.unlink()


def test_families_at_the_same_time_do_not_mix(shared_daemon: Daemon, tmp_path: Path) -> None:
    os.kill(shared_daemon.process.pid, signal.SIGSTOP)
    with ExitStack() as stack:
        families: list[tuple[Path, subprocess.Popen[bytes]]] = []
        for name in ("one", "two", "three"):
            out = tmp_path / name
            last_word = f"EMIT_TEF {out}\nFLUSH\n"
            running = stack.enter_context(program(FAMILY, shared_daemon.socket, f"same-time-{name}", "", last_word))
            families.append((out, running))
        assert [words_of(running) for _, running in families] == [["asked"]] * 3
        os.kill(shared_daemon.process.pid, signal.SIGCONT)
        for out, running in families:
            assert words_of(running) == ["OK", "0", "0", "0"]
            assert all_of_the_family(out)


def test_export_holds_the_events_of_clients_not_accepted_yet(tmp_path: Path) -> None:
    out, many = tmp_path / "out.json", 500
    with short_dir() as home, Daemon(home) as daemon, daemon.connect() as parent:
        parent.send(b"OPEN queue\n")
        parent.flush()
        os.kill(daemon.process.pid, signal.SIGSTOP)
        for number in range(many):
            with Client(daemon.socket) as child:
                child.send(b"OPEN queue\n" + event(number))
        with Client(daemon.socket) as stays:  # it neither ends its line nor leaves
            stays.send(b"OPEN queue\n" + event(many) + event(many + 1)[:-5])
            parent.send(b"EMIT_TEF %s\nFLUSH\n" % bytes(out))
            os.kill(daemon.process.pid, signal.SIGCONT)
            assert parent.line() == b"OK 0 0 0"
            assert exported(out) == list(range(many + 1))


def test_export_holds_what_fills_the_buffers_of_many_clients(tmp_path: Path) -> None:
    out, many = tmp_path / "out.json", 20
    with short_dir() as home, Daemon(home) as daemon, ExitStack() as stack:
        parent, *children = [stack.enter_context(daemon.connect()) for _ in range(many + 1)]
        for child in children:
            child.send(b"OPEN full\n")
            child.flush()
            child.socket.setblocking(False)
        os.kill(daemon.process.pid, signal.SIGSTOP)
        block = b'{"ph":"i","name":"%s","ts":1}\n' % (b"x" * 4000)
        sent = 0
        for child in children:
            while True:
                try:
                    taken = child.socket.send(block, socket.MSG_DONTWAIT)
                except BlockingIOError:
                    break
                assert taken == len(block)
                sent += 1
        parent.send(b"OPEN full\nEMIT_TEF %s\nFLUSH\n" % bytes(out))
        os.kill(daemon.process.pid, signal.SIGCONT)
        assert parent.line() == b"OK 0 0 0"
        assert len(exported(out)) == sent


@pytest.mark.parametrize("how", ["descriptors", "out of band"])
def test_export_holds_what_a_recv_ends_early_for(tmp_path: Path, how: str) -> None:
    out, many, pieces = tmp_path / "out.json", 3, 25
    with short_dir() as home, Daemon(home) as daemon, ExitStack() as stack:
        parent, *children = [stack.enter_context(daemon.connect()) for _ in range(many + 1)]
        for child in children:
            child.send(b"OPEN early\n")
            child.flush()
        parent.flush()
        before = open_targets(daemon.process.pid)
        os.kill(daemon.process.pid, signal.SIGSTOP)
        for number, child in enumerate(children):
            for at in range(number * pieces, (number + 1) * pieces):
                if how == "descriptors":
                    socket.send_fds(child.socket, [event(at)], [0])
                else:
                    child.send(event(at))
                    child.socket.send(b"\n", socket.MSG_OOB)
        parent.send(b"OPEN early\nEMIT_TEF %s\nFLUSH\n" % bytes(out))
        os.kill(daemon.process.pid, signal.SIGCONT)
        assert parent.line() == b"OK 0 0 0"
        assert sorted(exported(out)) == list(range(many * pieces))
        assert [child.flush() for child in children] == [(pieces, 0, 0)] * many, "the connections go on"
        opened = open_targets(daemon.process.pid) - before
        assert [Path(name).name for name in opened.elements()] == ["early.jsonl"], "only the log was opened"
