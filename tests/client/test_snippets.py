"""The snippets of docs/clients, exactly as people copy them: each language that is installed, and a real daemon."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pytest

from tests.harness import PATIENCE_S, ROOT, Daemon, running_daemon, short_dir, wait_until
from tests.perfetto.judge import Judge

pytestmark = pytest.mark.tools

SNIPPETS = ROOT / "docs/clients"

STEP_US = 10_000
"""/proc/uptime, the clock of a shell and of OCaml, has steps of 10 ms."""


@dataclass(frozen=True)
class Snippet:
    """A language; how its snippet is made a program, and how that is run."""

    language: str
    file: str
    run: tuple[str, ...]
    build: tuple[str, ...] = ()

    @property
    def tool(self) -> str:
        return (self.build or self.run)[0]


ALL = [
    Snippet("sh, socat", "trace-socat.sh", ("sh", "{file}")),
    Snippet("sh, nc", "trace-nc.sh", ("sh", "{file}")),
    Snippet("Python", "trace.py", (sys.executable, "{file}")),
    Snippet("Node", "trace.js", ("node", "{file}")),
    Snippet("Perl", "trace.pl", ("perl", "{file}")),
    Snippet("Ruby", "trace.rb", ("ruby", "{file}")),
    Snippet("C", "trace.c", ("./c",), ("cc", "-o", "c", "{file}")),
    Snippet("Go", "trace.go", ("./go-",), ("go", "build", "-o", "go-", "{file}")),
    Snippet("Rust", "trace.rs", ("./rs",), ("rustc", "-o", "rs", "{file}")),
    Snippet("OCaml", "trace.ml", ("ocaml", "unix.cma", "{file}")),
]
JAVA = Snippet("Java", "Trace.java", ("java", "{file}"))


def missing(snippet: Snippet) -> str | None:
    """What would have to be installed."""
    extra = {"trace-socat.sh": "socat", "trace-nc.sh": "nc"}.get(snippet.file, snippet.tool)
    return next((tool for tool in (snippet.tool, extra) if shutil.which(tool) is None), None)


def snippets() -> "list[object]":
    """All languages; Java, which is large, only where it is installed."""
    every = [*ALL, JAVA] if shutil.which("java") else ALL
    return [
        pytest.param(
            snippet,
            id=snippet.language,
            marks=pytest.mark.skipif(tool is not None, reason=f"{tool} is not installed"),
        )
        for snippet in every
        for tool in [missing(snippet)]
    ]


each_language = pytest.mark.parametrize("snippet", snippets())


@pytest.fixture(scope="module")
def directory() -> Iterator[Path]:
    """A directory in which every snippet that needs it is compiled."""
    with short_dir() as home, ExitStack() as stack:
        environ = os.environ | {"GOCACHE": str(home / "go-cache"), "GO111MODULE": "off", "GOFLAGS": ""}
        compilers = [
            stack.enter_context(subprocess.Popen(filled(snippet.build, snippet), cwd=home, env=environ))
            for snippet in ALL
            if snippet.build and not missing(snippet)
        ]
        for compiler in compilers:
            assert compiler.wait(PATIENCE_S * 3) == 0, compiler.args
        yield home


def filled(command: tuple[str, ...], snippet: Snippet) -> list[str]:
    return [word.format(file=SNIPPETS / snippet.file) for word in command]


class Program:
    """A snippet at its work, which ends when its standard input does."""

    def __init__(self, snippet: Snippet, directory: Path, **environ: str) -> None:
        cleared = {"TRACERD_SOCKET": "", "XDG_RUNTIME_DIR": "", "TRACERD_TRACE_ID": "t"}
        self.begin_us = now_us()
        self.process = subprocess.Popen(
            filled(snippet.run, snippet),
            cwd=directory,
            env=os.environ | cleared | environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        # Popen gives a program SIGPIPE as a shell does: it ends who does not care.

    def is_waiting(self) -> bool:
        """Whether all threads of all of its processes sleep."""
        return all(state == "S" for state in states(self.process.pid))

    def end(self) -> tuple[int, bytes]:
        """Let it end; its exit code and what it printed."""
        output, _ = self.process.communicate(timeout=PATIENCE_S)
        self.end_us = now_us()
        return self.process.returncode, output

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.returncode is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.communicate()


def states(session: int) -> Iterator[str]:
    for stat in Path("/proc").glob("[0-9]*/task/[0-9]*/stat"):
        try:
            state, _parent, _group, its_session = stat.read_text().rpartition(")")[2].split()[:4]
        except OSError:  # it has ended
            continue
        if int(its_session) == session:
            yield state


def now_us() -> int:
    return time.monotonic_ns() // 1000


@pytest.mark.parametrize("snippet", [pytest.param(snippet, id=snippet.language) for snippet in [*ALL, JAVA]])
def test_snippet_is_short(snippet: Snippet) -> None:
    text = (SNIPPETS / snippet.file).read_text()
    code = [line for line in text.splitlines() if not re.match(r"\s*(#!|# |// |\(\* .*\*\)$|$)", line)]

    assert len(code) < 25


@each_language
def test_snippet_runs_without_a_daemon(snippet: Snippet, directory: Path) -> None:
    with Program(snippet, directory, TRACERD_SOCKET=str(directory / "none")) as program:
        assert program.end() == (0, b"")


@each_language
def test_snippet_finds_the_daemon_and_survives_it(snippet: Snippet, directory: Path) -> None:
    with (
        short_dir() as home,
        Daemon(home, socket_name="tracerd.socket") as daemon,
        Program(snippet, directory, XDG_RUNTIME_DIR=str(home)) as program,
    ):
        wait_until(lambda: b"process_name" in log(daemon), "the snippet to begin")
        daemon.kill()

        assert program.end() == (0, b"")


def log(daemon: Daemon) -> bytes:
    return daemon.log("t") if (daemon.dir / "t.jsonl").exists() else b""


def test_all_languages_are_on_one_timeline(directory: Path, perfetto: Judge) -> None:
    every = [snippet for snippet in [*ALL, JAVA] if not missing(snippet)]
    with running_daemon() as daemon, ExitStack() as stack:
        programs = {
            snippet.language: stack.enter_context(Program(snippet, directory, TRACERD_SOCKET=str(daemon.socket)))
            for snippet in every
        }
        wait_until(lambda: log(daemon).count(b"process_name") == len(every), "all of them to begin")
        for language, program in programs.items():
            wait_until(program.is_waiting, f"{language} to begin its work")
        working_us = now_us()
        assert [program.end() for program in programs.values()] == [(0, b"")] * len(every)
        with daemon.connect() as client:
            assert client.flush() == (0, 0, 0)
        trace = directory / "trace.json"
        wait_until(lambda: f"trace t: {2 * len(every)} events" in daemon.stderr(), "the last export")
        assert all(not entry.get("refused") for entry in daemon.rejects("t"))

        names = "select name from process where upid in (select upid from thread join thread_track using (utid))"
        spans = (
            "select p.name, s.name, s.ts / 1000, (s.ts + s.dur) / 1000 from slice s join thread_track t"
            " on s.track_id = t.id join thread using (utid) join process p using (upid)"
        )
        [rows, slices], problems = perfetto.examine(trace, names, spans)

    assert problems == {}
    assert sorted(str(name) for [name] in rows) == sorted(programs)
    assert sorted(str(row[0]) for row in slices) == sorted(programs)
    for row, name, start_us, end_us in slices:
        program = programs[str(row)]
        assert name == "work"
        assert isinstance(start_us, int)
        assert isinstance(end_us, int)
        # Its span lies where it ran, and all of them were at work at one moment.
        assert program.begin_us - STEP_US <= start_us <= working_us
        assert working_us - STEP_US <= end_us <= program.end_us
