"""What docs/containers.md says, with the namespaces that containers are made of."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.commands import invoke
from tests.harness import PATIENCE_S, Daemon, needs_root

UNSHARE = ["unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork"]

INSIDE = """
import json, os, socket, subprocess, sys, time
directory, mounted = sys.argv[1:]
subprocess.run(["mount", "-t", "tmpfs", "tmpfs", mounted], check=True)
os.mkdir(mounted + "/socket")
os.mkdir(mounted + "/only-here")
subprocess.run(["mount", "--bind", directory, mounted + "/socket"], check=True)
subprocess.run(["mount", "-o", "remount,bind,ro", mounted + "/socket"], check=True)
connection = socket.socket(socket.AF_UNIX)
connection.connect(mounted + "/socket/s")
event = {"ph": "i", "name": "e", "pid": os.getpid(), "ts": time.monotonic_ns() // 1000}
lines = ["OPEN t", json.dumps(event), "STATUS", "EMIT_TEF " + mounted + "/only-here/t.json", "FLUSH", ""]
connection.sendall("\\n".join(lines).encode())
connection.shutdown(socket.SHUT_WR)
while data := connection.recv(65536):
    sys.stdout.buffer.write(data)
"""


def may_unshare() -> bool:
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*UNSHARE, "true"], capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not may_unshare(), reason="not possible here: to make namespaces (unshare)")
def test_programs_in_namespaces_of_their_own(daemon: Daemon, tmp_path: Path) -> None:
    mounted = tmp_path / "container"
    mounted.mkdir()
    command = [*UNSHARE, sys.executable, "-I", "-S", "-c", INSIDE, str(daemon.socket.parent), str(mounted)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False, timeout=PATIENCE_S)

    status, error, ok = done.stdout.decode().splitlines()
    assert error == f"ERROR 4: EMIT_TEF: there is no directory {mounted}/only-here; make it first"
    assert ok == "OK 1 0 0"
    [client] = json.loads(status)["traces"]["t"]["clients"]
    assert client["pid"] != 1
    [event] = json.loads(invoke("get-tef", "t", "-d", daemon.dir).stdout)["traceEvents"]
    assert event["pid"] == 1
    [clock] = [json.loads(line)["args"] for line in daemon.log("t").splitlines() if b"tracerd_clock" in line]
    # Both read the clock of this machine; the daemon did so after the event was written, and before now.
    assert event["ts"] <= clock["monotonic_us"] <= time.monotonic_ns() // 1000


@needs_root
def test_other_users_are_kept_out(daemon: Daemon) -> None:
    daemon.socket.parent.chmod(0o755)  # the mode of the socket alone must do
    with daemon.connect() as client:
        assert client.status()
    os.seteuid(65534)
    try:
        with pytest.raises(PermissionError):
            daemon.connect()
    finally:
        os.seteuid(0)
