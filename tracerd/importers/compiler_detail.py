"""`exec --compiler-detail`: the phases that clang wrote beside its objects, into the trace, below their compiles.

Run as a program when the command has ended: `python -m tracerd.importers.compiler_detail SOCKET TRACE SINCE`, as
`collect` is. A file is taken, and removed, if a compile of the trace must have written it for us: it lies where that
compile writes, it began within it, and the command line did not ask for it.
"""

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from glob import escape, glob
from typing import Final, NamedTuple

from tracerd.builds.names import is_compiler, is_source, output_of
from tracerd.builds.reader import PHASE, Reader
from tracerd.builds.steps import Build, Program, Step
from tracerd.errors import TracerdError
from tracerd.importers import clang_phases
from tracerd.importers.connection import Connection
from tracerd.importers.timeline import rest_of
from tracerd.text import plural
from tracerd.trace_id import TraceId
from tracerd.trace_json.tef import HEAD, SEPARATOR

MAX_BYTES: Final = 200_000_000
"""Larger traces are not searched for compiles, nor larger files of clang for phases."""

_SLACK_US: Final = 1000
"""So much the wall clock and the trace's clock may differ."""

_FLAG: Final = "-ftime-trace"
_ANY_OUTPUT: Final = ("-.json", ".json")
"""What clang writes if the output is stdout, or none."""


class Found(NamedTuple):
    """A file of clang, and the program that wrote it: a compile, or a part of one."""

    path: str
    part: Program
    phases: list[clang_phases.Phase]


def read_trace(connection: Connection) -> Build | None:
    """The build so far; None if there is none.

    Raises:
        TracerdError: The daemon has gone, or could not write the trace, or it is too large.
    """
    with tempfile.TemporaryDirectory(prefix="tracerd-") as directory:
        path = os.path.join(os.path.realpath(directory), "trace.json")
        connection.send(f"EMIT_TEF {path}\n".encode())
        connection.flush()
        try:
            with open(path, "rb") as file:
                text = file.read(MAX_BYTES + 1)
        except OSError:
            raise TracerdError("; ".join(connection.errors) or "the daemon did not write the trace") from None
    if len(text) > MAX_BYTES:
        raise TracerdError("the trace is too large")
    reader = Reader(only_steps=True)
    reader.feed(text.removeprefix(HEAD).replace(SEPARATOR, b"\n"))
    return reader.build()


def compiles(build: Build) -> Iterator[tuple[Step, Program]]:
    """The compiles whose command lines did not ask for phases."""
    for step in build.steps:
        for program in step.programs:
            words = program.argv[1:]
            is_clang = is_compiler(program.tool) or program.tool.startswith(("clang", "flang"))
            if is_clang and not any(word == _FLAG or word.startswith(f"{_FLAG}=") for word in words):
                yield step, program


def files_of(program: Program) -> list[str]:
    """Where clang writes the phases of a compile: in any of these, if it is clang."""
    words = program.argv[1:]
    output = output_of(words)
    names = [f"{os.path.splitext(output)[0]}.json"] if output else []
    cwd = str(program.args.get("cwd", ""))
    for source in filter(is_source, words):
        stem = os.path.splitext(os.path.basename(source))[0]
        names += [f"{stem}.json", f"{output or 'a'}-{stem}.json"]
        if "-c" not in words:  # the object is a temporary file
            names += glob(f"{escape(os.path.join(tempfile.gettempdir(), stem))}-??????.json")
    return [os.path.join(cwd, name) for name in (*names, *_ANY_OUTPUT)]


def read_phases(path: str) -> clang_phases.Compile | None:
    """The phases in a file of ours; None if it is none."""
    try:
        if os.path.islink(path) or not os.path.isfile(path) or os.path.getsize(path) > MAX_BYTES:
            return None
        with open(path, "rb") as file:
            return clang_phases.parse(file.read())
    except OSError:
        return None


def _lasted(program: Program, at_us: int) -> bool:
    return program.start // 1000 - _SLACK_US <= at_us <= program.end // 1000 + _SLACK_US


def _parts(step: Step) -> list[Program]:
    """The processes that clang starts for a part of a compile."""
    return [part for child in step.children for part in child.programs if part.argv[1:2] == ["-cc1"]]


def _compiler(step: Step, program: Program, pid: int, at_us: int) -> Program:
    """What compiled: clang itself, or its part that has another process."""
    parts = [part for part in _parts(step) if _lasted(part, at_us)]
    if pid == program.pid or not parts:
        return program
    return next((part for part in parts if part.pid == pid), parts[-1])


def _lines(program: Program, phases: list[clang_phases.Phase]) -> Iterator[bytes]:
    pid = program.pid
    for phase in phases:
        rest = rest_of(phase.name, PHASE, phase.args)
        yield b'{"ph":"X","pid":%d,"tid":%d,"ts":%d,"dur":%d,%b' % (pid, pid, phase.ts, phase.dur, rest)


def find(build: Build, boot_us: int) -> Iterator[tuple[Step, Program, list[Found]]]:
    """The compiles that did not ask for phases, with the files that clang has written of them for us.

    Args:
        build: All steps of the trace.
        boot_us: What lies between the trace's clock and 1970.
    """
    pids = {step.pid for step in build.steps}
    taken: set[str] = set()
    for step, program in compiles(build):
        own = {step.pid, *(part.pid for part in _parts(step))}
        found: list[Found] = []
        for path in files_of(program):
            file = None if path in taken else read_phases(path)
            if file is None or (file.pid in pids and file.pid not in own):
                continue
            begin_us = file.begin_us - boot_us
            if _lasted(program, begin_us):
                part = _compiler(step, program, file.pid, begin_us)
                begin, end = -(-part.start // 1000), (part.start + part.dur) // 1000
                found.append(Found(path, part, clang_phases.placed(file.phases, begin_us, begin, end)))
                taken.add(path)
        yield step, program, found


def collect(socket: str, trace: str) -> str:
    """Put the phases into the trace, and remove their files; what came, for people.

    Raises:
        TracerdError: The daemon has gone, or the trace cannot be read.
    """
    boot_us = (time.clock_gettime_ns(time.CLOCK_REALTIME) - time.clock_gettime_ns(time.CLOCK_MONOTONIC)) // 1000
    connection = Connection(socket, trace)
    build = read_trace(connection)
    files: list[Found] = []
    with_phases = without = 0
    for step, program, found in find(build, boot_us) if build else ():
        for file in found:
            connection.send(b"".join(_lines(file.part, file.phases)))
        files += found
        with_phases += bool(found)
        without += not found and _is_of_gcc(step, program)
    connection.flush()
    connection.close()
    for file in files:
        with suppress(OSError):
            os.unlink(file.path)
    came = f"{plural(sum(len(file.phases) for file in files), 'phase')} of {plural(with_phases, 'compile')}"
    if not without:
        return came
    gcc = f"not with gcc: {plural(without, 'compile')} without phases"
    return f"{came}; {gcc}" if with_phases else gcc


def _is_of_gcc(step: Step, program: Program) -> bool:
    """Whether a compile without phases is one of gcc: it compiled, is not called clang, and is no wrapper."""
    if any(is_compiler(child.program) for child in step.children):
        return False
    compiled = program.args.get("exit_code") == 0 and any(map(is_source, program.argv[1:]))
    return compiled and "clang" not in program.tool


def main() -> None:
    """Collect for the arguments."""
    socket, trace, _ = sys.argv[1:]
    try:
        text = collect(socket, TraceId(trace))
    except (TracerdError, OSError) as error:
        raise SystemExit(str(error)) from None
    sys.stdout.write(f"--compiler-detail: {text}\n")


if __name__ == "__main__":
    main()
