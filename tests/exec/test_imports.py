"""What `tracerd exec` and shims import on their way to the command: a build pays for it hundreds of times."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.exec.sandbox import TRACERD, Sandbox, own_sandbox
from tracerd.launcher import library

OURS = {
    "tracerd",
    "tracerd.errors",
    "tracerd.exec",
    "tracerd.exec.after",
    "tracerd.exec.command",
    "tracerd.exec.daemon_socket",
    "tracerd.exec.environment",
    "tracerd.exec.event",
    "tracerd.exec.options",
    "tracerd.exec.programs",
    "tracerd.exec.run",
    "tracerd.redact",
    "tracerd.socket_path",
    "tracerd.trace_id",
}
"""Each costs some tenths of a millisecond: one more has to be worth it."""

SLOW = {"click", "socket", "signal", "enum", "re", "typing", "subprocess", "json", "collections", "dataclasses"}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with own_sandbox() as made:
        made.serve()
        yield made


def imported(sandbox: Sandbox, *command: str | Path, **environ: str) -> set[str]:
    """What this Python program imports, as `-X importtime` lists it."""
    done = sandbox.run(*command, env=sandbox.environ | environ)
    assert done.returncode == 4, done.stderr
    lines = [line for line in done.stderr.decode().splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip() for line in lines[1:]}


def test_exec_imports_little(sandbox: Sandbox) -> None:
    code = f"import sys; sys.path.insert(0, {library()!r}); from tracerd.__main__ import main; main()"
    command = ["exec", "--", "/bin/sh", "-c", "exit 4"]
    found = imported(sandbox, sys.executable, "-IS", "-X", "importtime", "-c", code, *command)

    assert {name for name in found if name.startswith("tracerd")} == OURS | {"tracerd.__main__"}
    assert not found & SLOW


def test_exec_without_a_daemon_imports_little_more(sandbox: Sandbox) -> None:
    code = f"import sys; sys.path.insert(0, {library()!r}); from tracerd.__main__ import main; main()"
    command = ["exec", "--no-start", "--", "/bin/sh", "-c", "exit 4"]
    nowhere = str(sandbox.home / "no.socket")
    found = imported(sandbox, sys.executable, "-IS", "-X", "importtime", "-c", code, *command, TRACERD_SOCKET=nowhere)

    assert {name for name in found if name.startswith("tracerd")} - OURS == {"tracerd.__main__", "tracerd.launcher"}
    assert not found & SLOW


@pytest.mark.parametrize("traced", [True, False])
def test_a_shim_imports_little(sandbox: Sandbox, traced: bool) -> None:
    tool = sandbox.home / "tool"
    tool.write_text("#!/bin/sh\nexit 4\n")
    tool.chmod(0o755)
    path = f"{sandbox.home}:{sandbox.environ['PATH']}"
    made = sandbox.run(TRACERD, "shim", sandbox.home / "shims", "tool", env=sandbox.environ | {"PATH": path})
    assert made.returncode == 0, made.stderr
    shim = sandbox.home / "shims/tool"
    trace = {"TRACERD_TRACE_ID": "t"} if traced else {}
    found = imported(sandbox, sys.executable, "-IS", "-X", "importtime", shim, PATH=path, **trace)

    recording = {"command", "daemon_socket", "event", "options", "run"}
    expected = OURS - {"tracerd.exec.after"} | {"tracerd.exec.shim"}
    if not traced:
        expected -= {"tracerd.redact", *(f"tracerd.exec.{name}" for name in recording)}
    assert {name for name in found if name.startswith("tracerd")} == expected
    assert not found & SLOW
