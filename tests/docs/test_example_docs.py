"""docs/example-service.md: the service runs as it says, answers as it shows, and has recorded what it says."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.docs.documents import blocks, in_shell
from tests.harness import PATIENCE_S, ROOT, Daemon, wait_until
from tests.web.recording import Recording, recording

pytestmark = pytest.mark.tools

TEXT = (ROOT / "docs/example-service.md").read_text()

REQUESTS = {"GET /order": 5, "ask stock": 4, "GET /take": 4, "wait for the shelf": 4}
"""The spans of what the document asks of the shop. What else a process writes of a request, it writes before them."""


@contextmanager
def shop(both: Recording, home: Path) -> Generator[dict[str, str]]:
    """The service, until Ctrl-C; gives the environment of the commands of the document."""
    shutil.copyfile(ROOT / "docs/clients/shop.py", home / "shop.py")
    environ = {
        "TRACERD_SOCKET": str(both.daemon.socket),
        "TRACERD_DIR": str(both.daemon.dir),
        "TRACERD_WEB_ADDRESS": both.server.url,
        "TRACERD_WEB_TOKEN_FILE": str(both.server.token_file),
        "XDG_CACHE_HOME": str(home / "cache"),
    }
    command = [
        sys.executable,
        "-m",
        "tracerd",
        "exec",
        "--trace",
        "shop",
        "--",
        sys.executable,
        "shop.py",
        "front",
        "0",
    ]
    process = subprocess.Popen(
        command, cwd=home, env=os.environ | environ, stdout=subprocess.PIPE, start_new_session=True
    )
    try:
        assert process.stdout is not None
        yield environ | {"SHOP": process.stdout.readline().decode().strip()}
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(PATIENCE_S) == 0
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def commands(text: str) -> list[tuple[str, str]]:
    """The commands of all blocks that show what they print, and that."""
    found: list[tuple[str, str]] = []
    for block in blocks(text, "console"):
        found += re.findall(r"^\$ (.*)\n((?:[^$].*\n)*)", block, re.MULTILINE)
    return found


def printed_by(command: str, home: Path, environ: dict[str, str]) -> str:
    done = in_shell(command, home, **environ)
    assert (done.returncode, done.stderr) == (0, ""), command
    return done.stdout


def wait_for_events(daemon: Daemon, phase: str, names: dict[str, int]) -> None:
    """Wait until the log has so many of them: the shop answers, and ends, before what it wrote is stored."""

    def are_there() -> bool:
        events = map(json.loads, daemon.events_so_far("shop"))
        return Counter(event["name"] for event in events if event["ph"] == phase) >= Counter(names)

    wait_until(are_there, f"{names}")


def test_it_runs_as_it_says(tmp_path: Path) -> None:
    shown = commands(TEXT)
    [*orders, (report, _)] = shown
    with recording() as both:
        with shop(both, tmp_path) as environ:
            printed = [(command, printed_by(command, tmp_path, environ)) for command, _ in orders]
            wait_for_events(both.daemon, "X", REQUESTS)
            printed.append((report, printed_by(report, tmp_path, environ)))
        assert printed == shown
        wait_for_events(both.daemon, "i", {"closed": 2})

        asked = [line for block in blocks(TEXT, "sh") for line in block.splitlines()]
        ended = [line for line in asked if re.match("tracerd (show|search|metrics|stats)", line)]
        assert len(ended) == 4
        for line in ended:
            assert printed_by(line, tmp_path, environ)
        events = both.events("shop", "s") + both.events("shop", "f")
        ends = both.events("shop", "i")

    arrows: dict[object, set[Any]] = {}
    for event in events:
        arrows.setdefault(event["id"], set()).add((event["ph"], event["pid"]))
    assert len(arrows) == 4
    assert all({phase for phase, _ in ends_of} == {"s", "f"} for ends_of in arrows.values())
    assert all(len({pid for _, pid in ends_of}) == 2 for ends_of in arrows.values())
    assert len({event["pid"] for event in ends if event["name"] == "closed"}) == 2


def test_without_a_trace_it_runs_as_well(tmp_path: Path) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("TRACERD_")}
    script = ROOT / "docs/clients/shop.py"
    process = subprocess.Popen(
        [sys.executable, script, "stock"], cwd=tmp_path, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith(b"http://127.0.0.1:")
    process.terminate()
    _, stderr = process.communicate(timeout=PATIENCE_S)

    assert (process.returncode, stderr) == (0, b"stock: INFO closed\n")
