"""Programs: where PATH has them, which of them are shims, and how this process becomes one."""

import errno
import os

from tracerd.exec.environment import Environ

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections.abc import Iterator
else:
    import _signal as signal

NOT_EXECUTABLE = 126
NOT_FOUND = 127

SHIM_TAG = b"# a shim made by tracerd:"
_TAG_WITHIN_BYTES = 300

_IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)


# ------------------------------------------------------------------ signals of Python


def undo_python() -> None:
    """Give signals that Python ignores their usual effect, for the program that follows."""
    for number in _IGNORED_BY_PYTHON:
        signal.signal(number, signal.SIG_DFL)


def die_of_ctrl_c() -> None:
    """Let Ctrl-C end us before the command runs and when it has ended, without a traceback; if ignored, it stays so."""
    if signal.getsignal(signal.SIGINT) == signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


# ------------------------------------------------------------------ to become a program


def become(argv: list[str], environ: Environ) -> str:
    """Replace this process by a program; returns only if that fails, with the reason."""
    undo_python()
    words = [os.fsencode(word) for word in argv]
    return os.strerror(execute(words[0], words, environ))


def execute(file: bytes, argv: list[bytes], environ: Environ) -> int:
    """As execvpe(3); returns only if it fails, with its errno."""
    found = errno.ENOENT
    for path in candidates(file, environ):
        try:
            os.execve(path, argv, environ)
        except OSError as error:
            if error.errno == errno.ENOEXEC:  # a script without #!, as a shell takes it
                try:
                    os.execve(b"/bin/sh", [b"/bin/sh", path, *argv[1:]], environ)
                except OSError as shell_error:
                    return shell_error.errno or errno.ENOEXEC
            if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.EACCES):
                return error.errno or errno.ENOENT
            if error.errno == errno.EACCES:
                found = errno.EACCES
        except ValueError:  # a NUL
            return errno.EINVAL
    return found


# ------------------------------------------------------------------ where they are


def candidates(file: bytes, environ: Environ) -> list[bytes]:
    """Where a program may be, in the order of PATH."""
    if b"/" in file:
        return [file]
    path = environ.get(b"PATH", b"/usr/local/bin:/bin:/usr/bin")
    return [os.path.join(directory or b".", file) for directory in path.split(b":")] if file else []


def find_program(name: str, environ: Environ) -> str | None:
    """The path of the program that this name starts, or None."""
    return next((os.fsdecode(path) for path in candidates(os.fsencode(name), environ) if _can_run(path)), None)


def real_program(name: str, environ: Environ) -> str | None:
    """The first program of this name in PATH that is no shim."""
    return next(map(os.fsdecode, real_programs(name, environ)), None)


def real_programs(name: str, environ: Environ) -> "Iterator[bytes]":
    """All programs of this name in PATH that are no shims."""
    return (path for path in candidates(os.fsencode(name), environ) if _can_run(path) and not is_shim(path))


def _can_run(path: bytes) -> bool:
    return os.access(path, os.X_OK) and os.path.isfile(path)


def is_shim(path: bytes) -> bool:
    """Whether this file is a shim of ours, in whatever folder."""
    return SHIM_TAG in _head(path)


def is_script(path: bytes) -> bool:
    """Whether this file names its interpreter in its first line."""
    return _head(path).startswith(b"#!")


def _head(path: bytes) -> bytes:
    try:
        with open(path, "rb", buffering=0) as file:
            return file.read(_TAG_WITHIN_BYTES)
    except OSError:  # a program may be executable and not readable
        return b""
