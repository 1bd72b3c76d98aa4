"""What a shim does: run the real program of its name, and record it if a trace is going on.

Without a trace, or under `tracerd exec --all`, the shim becomes the program and leaves nothing behind.
"""

import os
import sys

from tracerd.exec.environment import ALL_VARIABLE, Environ, given
from tracerd.exec.programs import (
    NOT_EXECUTABLE,
    NOT_FOUND,
    become,
    can_run,
    is_script,
    is_shim,
    real_program,
    real_programs,
)


def main(name: str, known: str = "") -> None:
    """Run the program called `name` that comes after the shims in PATH; does not return.

    Shims are files on users' disks that import this function by its name: it has to stay, and so have its parameters.

    Args:
        name: The program's name.
        known: Where the program was when the shim was made. It is what a build means that was configured then, and
            names the shim by its path.
    """
    environ = given()
    found = real_program(name, environ) if is_found_in_path(environ) else None
    program = found or (known if can_run(known) else real_program(name, environ))
    if program is None:
        os.write(2, f"tracerd shim: there is no other {name} in PATH\n".encode())
        os._exit(NOT_FOUND)
    if is_wrapper(name, program, environ):
        environ[b"PATH"] = without_shims(name, environ)
    if b"TRACERD_TRACE_ID" not in environ or ALL_VARIABLE in environ:
        os.write(2, f"tracerd shim: {program}: {become([program, *sys.argv[1:]], environ)}\n".encode())
        os._exit(NOT_EXECUTABLE)
    from tracerd.exec.options import Options  # not needed to become the program
    from tracerd.exec.run import Run

    # By its whole path, as a compiler looks for its parts beside itself.
    Run(Options([program, *sys.argv[1:]], start=False, quiet=True), environ).run()


def is_found_in_path(environ: Environ) -> bool:
    """Whether PATH has the folder of this shim."""
    return os.fsencode(os.path.dirname(sys.argv[0])) in environ.get(b"PATH", b"").split(b":")


def is_wrapper(name: str, program: str, environ: Environ) -> bool:
    """Whether the program may look for another one of its name in PATH, as ccache does: it would find the shim again.

    Only if there is another one: of `make`, which starts `make` itself, there is one as a rule.
    """
    digits = "-.0123456789"
    real = os.path.basename(os.path.realpath(program))
    if real.rstrip(digits) == name.rstrip(digits) and not is_script(os.fsencode(program)):
        return False
    return any(not os.path.samefile(other, program) for other in real_programs(name, environ))


def without_shims(name: str, environ: Environ) -> bytes:
    """PATH without the folders that have a shim of this name."""
    folders = environ.get(b"PATH", b"").split(b":")
    return b":".join(folder for folder in folders if not is_shim(os.path.join(folder, os.fsencode(name))))
