"""Who is connected, and who is gone: with a real daemon and real processes."""

import os
import signal
from pathlib import Path

from tests.harness import Daemon, program, wait_until, words_of
from tests.watch.logs import Clocked
from tracerd.errors import NoDaemonError
from tracerd.service.control import ask
from tracerd.watch.processes import connected, is_gone

CLIENT = """
import os, socket, sys, time
connection = socket.socket(socket.AF_UNIX)
connection.connect(sys.argv[1])
ts = int(time.clock_gettime(time.CLOCK_MONOTONIC) * 1e6)
where = '"pid":%d,"tid":1,"ts":%d' % (os.getpid(), ts)
connection.sendall(b'OPEN t\\n{"ph":"M","name":"process_name",%s,"args":{"name":"api"}}\\n' % where.encode())
connection.sendall(b'{"ph":"B","name":"work",%s}\\nFLUSH\\n' % where.encode())
print(connection.recv(100).split()[0].decode(), os.getpid(), flush=True)
sys.stdin.read()
"""


def test_connected_processes_are_those_of_the_daemons_status(daemon: Daemon, tmp_path: Path) -> None:
    def status() -> bytes:
        return ask(daemon.socket, b"STATUS\n")

    assert connected(status, daemon.dir) == {}
    with daemon.connect() as client:
        client.send(b'OPEN a\n{"ph":"i","ts":1}\n')
        client.flush()
        assert connected(status, daemon.dir) == {"a": {os.getpid()}}
        assert connected(status, tmp_path) is None  # these are logs of another daemon


def test_without_a_daemon_it_is_not_known_who_is_connected(tmp_path: Path) -> None:
    def no_daemon() -> bytes:
        raise NoDaemonError("none")

    assert connected(no_daemon, tmp_path) is None
    assert connected(lambda: b"what?\n", tmp_path) is None


def test_while_the_daemon_is_too_busy_to_answer_those_of_before_count(daemon: Daemon) -> None:
    before = {"t": {7}}
    daemon.process.send_signal(signal.SIGSTOP)
    try:
        assert connected(lambda: ask(daemon.socket, b"STATUS\n", 0.01), daemon.dir, before) == before
    finally:
        daemon.process.send_signal(signal.SIGCONT)


def test_a_process_that_was_killed_with_an_open_span_has_vanished(daemon: Daemon) -> None:
    rules = "tracker t { watch { vanished: unfinished by process medium } }"
    with program(CLIENT, daemon.socket) as process:
        answer, pid = words_of(process)
        assert (answer, is_gone(int(pid))) == ("OK", False)
        process.kill()
        process.wait()
    assert is_gone(int(pid))
    watched = Clocked(log=b"", rules=rules)
    watched.traces.feed("t", daemon.log("t"), 2**62)
    wait_until(lambda: not connected(lambda: ask(daemon.socket, b"STATUS\n"), daemon.dir), "the daemon to notice")

    watched.gone.add(int(pid))

    assert watched.judge(10) == []
    assert watched.judge(62) == ["60 firing medium vanished api: gone, and left 1 span unfinished"]
