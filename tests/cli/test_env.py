"""`tracerd env`: what a shell evaluates is what programs then find in their environment."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.commands import invoke
from tests.harness import PATIENCE_S, ROOT, Daemon, event
from tracerd.trace_id import TraceId

NAMES = ["TRACERD_SOCKET", "TRACE_TEF_TLDR_SOCKET", "TRACERD_TRACE_ID", "TRACE_TEF_TLDR_TRACE_ID"]

# Shells that are not installed are absent and not skipped: sh is there always.
POSIX = [shell for shell in ("sh", "dash", "bash") if shutil.which(shell)]
FISH = ["fish"] if shutil.which("fish") else []

POSIX_WAYS = [(shell, 'eval "$(tracerd env {})"') for shell in POSIX]
WAYS = POSIX_WAYS + [(shell, "tracerd env --fish {} | source") for shell in FISH]


def environment(**more: str) -> dict[str, str]:
    base = {name: value for name, value in os.environ.items() if name not in NAMES}
    base |= {"PYTHONPATH": str(ROOT)}  # this tracerd, whichever is installed
    return base | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"} | more


def in_shell(shell: str, script: str, **more: str) -> dict[str, str]:
    """What a program finds that a shell starts after this script."""
    show = f'"{sys.executable}" -c "import json, os; print(json.dumps(dict(os.environ)))"'
    words = [shell, "-c", f"{script}\n{show}"]
    done = subprocess.run(words, env=environment(**more), capture_output=True, check=False, timeout=PATIENCE_S)
    assert (done.returncode, done.stderr) == (0, b"")
    found: dict[str, str] = json.loads(done.stdout)
    return {name: value for name, value in found.items() if name in NAMES}


def in_process(*arguments: str, **more: str) -> "subprocess.CompletedProcess[bytes]":
    """What the command alone prints."""
    return invoke("env", *arguments, **(dict.fromkeys(NAMES) | more))


@pytest.mark.parametrize(("shell", "way"), WAYS)
@pytest.mark.parametrize(
    "path",
    [
        "/run/plain.socket",
        "/run/with blank.socket",
        '/run/it\'s "quoted".socket',
        "/run/$HOME `id` $(id) ; & | > * ? [a] {b,c} ~ # ! %.socket",
        "/run/back\\slash\\'.socket",
        "/run/two\nlines.socket",
        "/run/tab\tand é.socket",
        "/run/\udcff.socket",
    ],
)
def test_shells_take_any_path_as_it_is(shell: str, way: str, path: str) -> None:
    found = in_shell(shell, way.format(""), TRACERD_SOCKET=path)
    assert found == {"TRACERD_SOCKET": path, "TRACE_TEF_TLDR_SOCKET": path}


@pytest.mark.parametrize(("shell", "way"), WAYS)
def test_new_begins_a_trace_and_without_it_the_trace_stays(shell: str, way: str) -> None:
    before_s = int(time.time())
    began = in_shell(shell, way.format("--new"), TRACERD_TRACE_ID="other", TRACE_TEF_TLDR_TRACE_ID="other")
    assert began.keys() == set(NAMES)
    trace_id = began["TRACERD_TRACE_ID"]
    assert trace_id == began["TRACE_TEF_TLDR_TRACE_ID"] != "other"
    match = re.fullmatch(r"tr-([0-9]+)-([0-9a-f]{32})", trace_id)
    assert match
    assert before_s <= int(match[1]) <= time.time()
    assert int(match[2], 16)
    assert TraceId(trace_id)

    stays = in_shell(shell, way.format(""), TRACERD_TRACE_ID=trace_id)
    assert stays == began
    assert in_shell(shell, way.format("--new --new"), TRACERD_TRACE_ID=trace_id) != began


def test_without_a_trace_only_the_socket_is_told() -> None:
    done = in_process(TRACERD_SOCKET="/s", TRACERD_TRACE_ID="")
    assert done.stdout == b"export TRACERD_SOCKET=/s;\nexport TRACE_TEF_TLDR_SOCKET=/s;\n"


def test_paths_are_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = in_process(TRACERD_SOCKET="here/../s")
    assert done.stdout.splitlines()[0].decode() == f"export TRACERD_SOCKET={tmp_path}/s;"


def test_the_socket_is_where_the_rule_says() -> None:
    assert (
        in_process(XDG_RUNTIME_DIR="/run/user/7").stdout.splitlines()[0]
        == b"export TRACERD_SOCKET=/run/user/7/tracerd.socket;"
    )


def test_json_is_one_object() -> None:
    path = "/a b'\"\n\\.socket"
    done = in_process("--json", TRACERD_SOCKET=path, TRACERD_TRACE_ID="t")
    assert done.stdout.count(b"\n") == 1
    assert json.loads(done.stdout) == dict(zip(NAMES, [path, path, "t", "t"], strict=True))
    found = json.loads(in_process("--json", "--new").stdout)
    assert found.keys() == set(NAMES)


@pytest.mark.parametrize("trace_id", ["two words", "../up", "-x", "a" * 201])
def test_a_trace_id_that_the_daemon_would_refuse_is_told(trace_id: str) -> None:
    done = in_process(TRACERD_TRACE_ID=trace_id)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.startswith(b"Error: TRACERD_TRACE_ID: a trace id must not ")
    assert done.stderr.endswith(b"; --new makes another one\n")
    assert in_process("--new", TRACERD_TRACE_ID=trace_id).returncode == 0


@pytest.mark.parametrize("arguments", [["--fish", "--json"], ["extra"], ["--new=yes"]])
def test_misuse_exits_2_and_evaluates_to_nothing(arguments: list[str]) -> None:
    done = in_process(*arguments)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.count(b"Error:") == 1


def test_programs_started_from_that_shell_write_one_trace(daemon: Daemon) -> None:
    """The whole way: no program is told anything but by its environment."""
    source = "import os, socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(os.environ['TRACERD_SOCKET']); "
    source += (
        "s.sendall(f'OPEN {os.environ[\\\"TRACERD_TRACE_ID\\\"]}\\\\n'.encode() + sys.argv[1].encode() + b'\\\\n')"
    )
    program = f'"{sys.executable}" -c "{source}"'
    write = [f"{program} '{event(number).decode().strip()}'" for number in (1, 2)]
    script = "\n".join(['eval "$(tracerd env --new)"', *write])
    found = in_shell("sh", script, TRACERD_SOCKET=str(daemon.socket))
    daemon.stop()
    assert daemon.numbers(found["TRACERD_TRACE_ID"]) == [1, 2]
