"""STATUS: who is connected, and what was stored of each trace."""

import os
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any, cast

from tests.harness import PATIENCE_S, Daemon, event, events
from tracerd import __version__
from tracerd.speedups import implementation


def test_status_tells_who_is_connected(daemon: Daemon) -> None:
    with daemon.connect() as one, daemon.connect() as two:
        one.send(b"OPEN told\n\n" + events(range(3)) + b"bad\n" + b'{"ph":"C","ts":nan}\n')
        one.line()
        two.send(b"OPEN other\n")
        status = two.status()
    traces, totals = cast("dict[str, Any]", status.pop("traces")), status.pop("totals")
    uptime_s = status.pop("uptime_s")
    assert isinstance(uptime_s, float)
    assert 0 <= uptime_s < 60
    assert status == {
        "version": __version__,
        "pid": daemon.process.pid,
        "directory": str(daemon.dir),
        "clients": 2,
        "implementation": implementation,
        "git": {"processes": 0, "unknown_events": 0},
    }
    assert totals == {"stored": 4, "repaired": 1, "refused": 1, "lost": 0}
    comm = Path("/proc/self/comm").read_text().rstrip("\n")
    seconds = [client.pop("seconds") for trace in traces.values() for client in trace["clients"]]
    assert all(0 <= value < 60 for value in seconds)
    assert traces == {
        "told": {
            "stored": 4,
            "repaired": 1,
            "refused": 1,
            "lost": 0,
            "waiting": 0,
            "clients": [{"pid": os.getpid(), "comm": comm, "lines": 7}],
        },
        "other": {
            "stored": 0,
            "repaired": 0,
            "refused": 0,
            "lost": 0,
            "waiting": 0,
            "clients": [{"pid": os.getpid(), "comm": comm, "lines": 2}],
        },
    }


def test_status_does_not_name_traces_without_clients(daemon: Daemon) -> None:
    daemon.session(b"OPEN gone\n" + event(1))
    with daemon.connect() as client:
        assert client.status()["traces"] == {}
        assert client.status()["totals"] == {"stored": 1, "repaired": 0, "refused": 0, "lost": 0}


def test_status_of_a_client_whose_process_has_gone_has_no_name(daemon: Daemon) -> None:
    with daemon.connect() as client:
        # A child connects and leaves; we keep its connection.
        ours, theirs = socket.socketpair()
        source = (
            "import socket, sys; connection = socket.socket(socket.AF_UNIX); connection.connect(sys.argv[1]);"
            "connection.sendall(b'OPEN orphan\\n');"
            "socket.send_fds(socket.socket(fileno=int(sys.argv[2])), [b'x'], [connection.fileno()])"
        )
        with ours, theirs:
            command = [
                shutil.which("python3") or "python3",
                "-c",
                source,
                str(daemon.socket),
                str(theirs.fileno()),
            ]
            child = subprocess.Popen(command, pass_fds=[theirs.fileno()])
            assert child.wait(PATIENCE_S) == 0
            _, (kept,), _, _ = socket.recv_fds(ours, 1, 1)
        traces = cast("dict[str, Any]", client.status()["traces"])
        os.close(kept)
    (orphan,) = traces["orphan"]["clients"]
    assert (orphan["pid"], orphan["comm"], orphan["lines"]) == (child.pid, None, 1)
