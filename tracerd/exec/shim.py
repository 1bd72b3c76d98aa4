"""What a shim does: run the real program of its name, and record it if a trace is going on.

Without a trace, or under `tracerd exec --all`, the shim becomes the program and leaves nothing behind.
"""

import os
import sys

from tracerd.exec.command import NOT_EXECUTABLE, NOT_FOUND, become, candidates
from tracerd.exec.environment import Environ, given
from tracerd.exec.options import Options
from tracerd.exec.run import ALL_VARIABLE, Run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

SHIM_TAG = b"# a shim made by tracerd:"
_HEAD_BYTES = 300


def main(name: str) -> None:
    """Run the program called `name` that comes after the shims in PATH; does not return."""
    environ = given()
    program = real_program(name, environ)
    if program is None:
        os.write(2, f"tracerd shim: there is no other {name} in PATH\n".encode())
        os._exit(NOT_FOUND)
    if is_wrapper(name, program, environ):
        environ[b"PATH"] = without_shims(name, environ)
    if b"TRACERD_TRACE_ID" not in environ or ALL_VARIABLE in environ:
        os.write(2, f"tracerd shim: {program}: {become([program, *sys.argv[1:]], environ)}\n".encode())
        os._exit(NOT_EXECUTABLE)
    # By its whole path, as a compiler looks for its parts beside itself.
    Run(Options([program, *sys.argv[1:]], start=False, quiet=True), environ).run()


def real_program(name: str, environ: Environ) -> str | None:
    """The first program of this name in PATH that is no shim."""
    return next(map(os.fsdecode, _programs(name, environ)), None)


def _programs(name: str, environ: Environ) -> "Iterator[bytes]":
    for path in candidates(os.fsencode(name), environ):
        if os.access(path, os.X_OK) and os.path.isfile(path) and not is_shim(path):
            yield path


def is_wrapper(name: str, program: str, environ: Environ) -> bool:
    """Whether the program may look for another one of its name in PATH, as ccache does: it would find the shim again.

    Only if there is another one: of `make`, which starts `make` itself, there is one as a rule.
    """
    digits = "-.0123456789"
    real = os.path.basename(os.path.realpath(program))
    if real.rstrip(digits) == name.rstrip(digits) and not _begins_with(os.fsencode(program), b"#!"):
        return False
    return any(not os.path.samefile(other, program) for other in _programs(name, environ))


def without_shims(name: str, environ: Environ) -> bytes:
    """PATH without the folders that have a shim of this name."""
    folders = environ.get(b"PATH", b"").split(b":")
    return b":".join(folder for folder in folders if not is_shim(os.path.join(folder, os.fsencode(name))))


def _begins_with(path: bytes, start: bytes) -> bool:
    try:
        with open(path, "rb", buffering=0) as file:
            return file.read(len(start)) == start
    except OSError:  # a program may be executable and not readable
        return False


def is_shim(path: bytes) -> bool:
    """Whether this file is one of ours, in whatever folder."""
    try:
        with open(path, "rb", buffering=0) as file:
            return SHIM_TAG in file.read(_HEAD_BYTES)
    except OSError:  # a program may be executable and not readable
        return False
