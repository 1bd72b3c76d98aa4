"""Folders of shims: small scripts with the names of programs, for a place before them in PATH."""

import os
import sys
from contextlib import suppress

from tracerd.errors import ShimError
from tracerd.exec.environment import Environ
from tracerd.exec.programs import SHIM_TAG, is_shim, real_program
from tracerd.launcher import library

MAX_FIRST_LINE_BYTES = 127
"""Longer ones are cut by older kernels."""


def text_of(name: str) -> bytes:
    """The shim for a program.

    It runs the interpreter without site packages, which take longer to find than all else takes.

    Raises:
        ShimError: This Python cannot be named in the first line of a script.
    """
    python = os.path.realpath(sys.executable)
    first = f"#!{python} -IS"
    if " " in python or len(os.fsencode(first)) > MAX_FIRST_LINE_BYTES:
        raise ShimError(f"{python} cannot stand in the first line of a script: its path is too long or has a blank")
    tag = SHIM_TAG.decode()
    return os.fsencode(
        f"{first}\n{tag} runs the next {name!a} in PATH, and records it if there is a trace\n"
        f"import sys\n\nsys.path.insert(0, {library()!r})\nfrom tracerd.exec.shim import main\n\nmain({name!r})\n"
    )


def check_name(name: str) -> None:
    """Reject what is no name of a program.

    Raises:
        ShimError: It is a path, or nothing.
    """
    if not name or "/" in name or name.startswith((".", "-")) or not name.isprintable():
        raise ShimError(f"{name!r} is not the name of a program; give names such as cc, not paths")


def missing(names: list[str], environ: Environ) -> list[str]:
    """The names of which PATH has no program: a shim would pretend that there is one."""
    return [name for name in names if real_program(name, environ) is None]


def require(names: list[str], environ: Environ) -> None:
    """Reject names of which PATH has no program.

    Raises:
        ShimError: There are some.
    """
    if absent := missing(names, environ):
        raise ShimError(f"there is no {', '.join(absent)} in PATH; a shim would pretend that there is")


def fill(directory: str, names: list[str]) -> None:
    """Write a shim for each name.

    Raises:
        OSError: The directory cannot be written.
        ShimError: A name is none, or a file of that name is there that is no shim, or PATH cannot name the folder.
    """
    if os.pathsep in directory:
        raise ShimError(f"{directory} cannot stand in PATH, where a colon ends a name; choose another folder")
    texts: dict[bytes, bytes] = {}
    for name in names:
        check_name(name)
        path = os.path.join(os.fsencode(directory), os.fsencode(name))
        if os.path.lexists(path) and not is_shim(path):
            raise ShimError(f"{os.fsdecode(path)} exists and is not a shim; choose another folder")
        texts[path] = text_of(name)
    os.makedirs(directory, exist_ok=True)
    for path, text in texts.items():
        new = path + b".new"
        with open(new, "wb", opener=lambda path, flags: os.open(path, flags | os.O_NOFOLLOW, 0o777)) as file:
            file.write(text)
        os.chmod(new, 0o777 & ~_umask())
        os.replace(new, path)


def _umask() -> int:
    umask = os.umask(0o077)
    os.umask(umask)
    return umask


class Shims:
    """A temporary folder of shims.

    Attributes:
        path: PATH with the folder at its beginning.
        missing: The names of which PATH has no program.

    Raises:
        OSError: The folder cannot be made.
        ShimError: A name is none, or programs cannot run there.
    """

    def __init__(self, names: list[str], environ: Environ) -> None:
        for name in names:
            check_name(name)
        self.missing = missing(names, environ)
        parent = environ.get(b"TMPDIR") or b"/tmp"
        self._directory = os.path.join(os.path.abspath(parent), b"tracerd-shims-" + os.urandom(8).hex().encode())
        os.mkdir(self._directory, 0o700)
        self._names = [name for name in names if name not in self.missing]
        try:
            fill(os.fsdecode(self._directory), self._names)
            for name in self._names:
                if not os.access(os.path.join(self._directory, os.fsencode(name)), os.X_OK):
                    raise ShimError(f"no program may run in {os.fsdecode(parent)}; set TMPDIR to a place where it may")
        except BaseException:
            self.remove()
            raise
        self.path = b":".join(filter(None, [self._directory, environ.get(b"PATH", b"/usr/local/bin:/bin:/usr/bin")]))

    def remove(self) -> None:
        """Remove the folder; a process that outlives the command finds the real programs from here on."""
        for name in self._names:
            with suppress(OSError):
                os.unlink(os.path.join(self._directory, os.fsencode(name)))
        with suppress(OSError):
            os.rmdir(self._directory)
