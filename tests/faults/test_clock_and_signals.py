"""Jumps of the wall clock, signals, and a daemon that is stopped for a while."""

import os
import re
import shutil
import signal
import subprocess
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.faults.load import load
from tests.harness import Daemon, event, exported, short_dir, wait_until

YEAR_S = 365 * 24 * 3600


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
def test_jumps_of_the_wall_clock_do_not_matter(tmp_path: Path) -> None:
    jump, out, library = tmp_path / "jump", tmp_path / "out.json", tmp_path / "wall_clock.so"
    source = Path(__file__).with_name("wall_clock.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    environ = os.environ | {"LD_PRELOAD": str(library), "WALL_CLOCK_OFFSET": str(jump)}
    with short_dir() as home, Daemon(home, env=environ) as daemon:
        for number, by in enumerate([0, 10 * YEAR_S, -10 * YEAR_S, 0], 1):
            jump.write_text(str(by))
            with daemon.connect() as client:
                client.send(b"OPEN jumps\nbad\n" + event(number) + b"EMIT_TEF_AT_EXIT %s\n" % bytes(out))
                assert client.flush() == (1, 1, 0)
                uptime_s = client.status()["uptime_s"]
                assert isinstance(uptime_s, float)
                assert 0 <= uptime_s < YEAR_S
            # The exports at exit come when their time has come, no sooner and no later.
            wait_until(lambda number=number: out.exists() and len(exported(out)) == number, "the export at exit")  # type: ignore[misc]
        daemon.stop()
        assert daemon.numbers("jumps") == [1, 2, 3, 4]
        # It has seen each jump: the lines of its own log tell the wall clock's time.
        years = [int(year) for year in re.findall(r"^(\d{4})-.* ERROR 2:", daemon.stderr(), re.MULTILINE)]
        assert len(years) == 4
        assert max(years) - min(years) in (19, 20)


HARMLESS = [signal.SIGHUP, signal.SIGPIPE, signal.SIGCHLD, signal.SIGWINCH, signal.SIGURG]


def test_harmless_signals_under_load(daemon: Daemon) -> None:
    with load(daemon.socket, "signals", 2) as running:
        wait_until((daemon.dir / "signals.jsonl").exists, "the load")
        for _ in range(100):
            for number in HARMLESS:
                daemon.process.send_signal(number)
            with daemon.connect() as client:
                assert client.status()
        running.end()
        daemon.stop()
        seen = running.compare(daemon.log("signals"))
    assert (seen.missing, seen.doubled, seen.not_sent) == (0, 0, 0)
    assert seen.stored == seen.sent
    assert seen.cut_off == Counter()


def test_daemon_that_is_stopped_and_continued_catches_up(daemon: Daemon) -> None:
    with load(daemon.socket, "pause", 4) as running, ExitStack() as stack:
        wait_until((daemon.dir / "pause.jsonl").exists, "the load")
        for pause in range(3):
            os.kill(daemon.process.pid, signal.SIGSTOP)
            clients = [stack.enter_context(daemon.connect()) for _ in range(100)]
            for number, client in enumerate(clients):
                client.send(b"OPEN late\n" + event(pause * 100 + number))
            os.kill(daemon.process.pid, signal.SIGCONT)
            for client in clients:
                assert client.flush() == (1, 0, 0)
        running.end()
        daemon.stop()
        seen = running.compare(daemon.log("pause"))
    assert (seen.missing, seen.doubled, seen.not_sent) == (0, 0, 0)
    assert seen.stored == seen.sent
    assert seen.cut_off == Counter()
    assert sorted(daemon.numbers("late")) == list(range(300))
