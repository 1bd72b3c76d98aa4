"""What a shim does: run the real program of its name, and record it if a trace is going on.

Without a trace, or under `tracerd exec --all`, the shim becomes the program and leaves nothing behind.
"""

import os
import sys

from tracerd.exec.command import NOT_EXECUTABLE, NOT_FOUND, become, candidates
from tracerd.exec.environment import Environ, given
from tracerd.exec.options import Options
from tracerd.exec.run import ALL_VARIABLE, Run

MARK = b"# a shim made by tracerd:"
_HEAD_BYTES = 300


def main(name: str) -> None:
    """Run the program called `name` that comes after the shims in PATH; does not return."""
    environ = given()
    program = real_program(name, environ)
    if program is None:
        os.write(2, f"tracerd shim: there is no other {name} in PATH\n".encode())
        os._exit(NOT_FOUND)
    if b"TRACERD_TRACE_ID" not in environ or ALL_VARIABLE in environ:
        os.write(2, f"tracerd shim: {program}: {become([program, *sys.argv[1:]], environ)}\n".encode())
        os._exit(NOT_EXECUTABLE)
    # By its whole path, as a compiler looks for its parts beside itself.
    Run(Options([program, *sys.argv[1:]], start=False, quiet=True), environ).run()


def real_program(name: str, environ: Environ) -> str | None:
    """The first program of this name in PATH that is no shim."""
    for path in candidates(os.fsencode(name), environ):
        if os.access(path, os.X_OK) and os.path.isfile(path) and not is_shim(path):
            return os.fsdecode(path)
    return None


def is_shim(path: bytes) -> bool:
    """Whether this file is one of ours, in whatever folder."""
    try:
        with open(path, "rb", buffering=0) as file:
            return MARK in file.read(_HEAD_BYTES)
    except OSError:  # a program may be executable and not readable
        return False
