"""Programs: where PATH has them, which of them are shims, how this process becomes one, and ends as one ended."""

import errno
import os

from tracerd.errors import TracerdError
from tracerd.exec.environment import Environ

TYPE_CHECKING = False
if TYPE_CHECKING:
    import resource
    import signal
    from collections.abc import Iterator
else:
    import _signal as signal

NOT_EXECUTABLE = 126
NOT_FOUND = 127

SHIM_TAG = b"# a shim made by tracerd:"
TAG_WITHIN_BYTES = 300

_IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)


# ------------------------------------------------------------------ signals of Python


_child_was_ignored = False


def take_signals() -> None:
    """Make signals what exec needs; a program that this process becomes gets them as they were.

    Ctrl-C ends us before the command runs and when it has ended, without a traceback; if it is ignored, it stays so.
    While SIGCHLD is ignored, the kernel itself reaps our children, and the end of none could be waited for.
    """
    global _child_was_ignored  # noqa: PLW0603 (a disposition is the whole process's)
    if signal.getsignal(signal.SIGINT) == signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    if signal.getsignal(signal.SIGCHLD) == signal.SIG_IGN:
        _child_was_ignored = True
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)


def hand_on_signals() -> None:
    """Give signals the effect that they have for the program that follows.

    Python itself ignores two, and so hides whether they were ignored before: they get their usual effect.
    """
    for number in _IGNORED_BY_PYTHON:
        signal.signal(number, signal.SIG_DFL)
    if _child_was_ignored:
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)


# ------------------------------------------------------------------ to become a program


def become(argv: list[str], environ: Environ) -> str:
    """Replace this process by a program; returns only if that fails, with the reason."""
    hand_on_signals()
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


# ------------------------------------------------------------------ warnings


def reason(error: Exception) -> str:
    """Why something failed, for a warning."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {os.fsdecode(error.filename)}" if error.filename else error.strerror
    if isinstance(error, TracerdError):
        return str(error)
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def write_stderr(text: str) -> None:
    """Write a line, or nothing: it never raises."""
    try:
        line = text if text.isprintable() else _printable(text)
        os.write(2, os.fsencode(line) + b"\n")
    except Exception:  # noqa: S110 (closed, or a pipe that nothing reads: the command must end as it ended all the same)
        pass


def _printable(text: str) -> str:
    try:
        from tracerd.text import printable  # slow to import, and rarely needed

        return printable(text)
    except Exception:  # such as no descriptor to import it with
        return ascii(text)


# ------------------------------------------------------------------ where they are


def candidates(file: bytes, environ: Environ) -> list[bytes]:
    """Where a program may be, in the order of PATH."""
    if b"/" in file:
        return [file]
    path = environ.get(b"PATH", b"/usr/local/bin:/bin:/usr/bin")
    return [os.path.join(directory or b".", file) for directory in path.split(b":")] if file else []


def find_program(name: str, environ: Environ) -> str | None:
    """The path of the program that this name starts, or None."""
    return next((os.fsdecode(path) for path in candidates(os.fsencode(name), environ) if can_run(path)), None)


def real_program(name: str, environ: Environ) -> str | None:
    """The first program of this name in PATH that is no shim."""
    return next(map(os.fsdecode, real_programs(name, environ)), None)


def real_programs(name: str, environ: Environ) -> "Iterator[bytes]":
    """All programs of this name in PATH that are no shims."""
    return (path for path in candidates(os.fsencode(name), environ) if can_run(path) and not is_shim(path))


def can_run(path: str | bytes) -> bool:
    """Whether this is a program that we may run."""
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
            return file.read(TAG_WITHIN_BYTES)
    except OSError:  # a program may be executable and not readable
        return b""


# ------------------------------------------------------------------ how they end


class Ended:
    """How a command ended.

    Attributes:
        code: Its exit code, or None.
        signal: The signal that ended it, or 0.
        error: Why it could not be started; empty: it was.
        user_s: Processor time, with that of the children for which it has waited.
        system_s: The same, in the kernel.
        peak_bytes: The most memory that one of them held; 0 if that is not known.
    """

    def __init__(self, code: int | None, signal_number: int = 0, error: str = "") -> None:
        self.code = code
        self.signal = signal_number
        self.error = error
        self.user_s = 0.0
        self.system_s = 0.0
        self.peak_bytes = 0

    def args(self) -> dict[str, str | int | float]:
        """What the `args` of its span hold of this."""
        args: dict[str, str | int | float] = {}
        if self.error:
            args["error"] = self.error
        if self.code is not None:
            args["exit_code"] = self.code
        else:
            args["signal"] = signal_name(self.signal)
        if not self.error:
            args |= {"user_s": round(self.user_s, 6), "system_s": round(self.system_s, 6)}
        if self.peak_bytes:
            args["peak_memory_bytes"] = self.peak_bytes
        return args


def ended_as(status: int, usage: "resource.struct_rusage", floor_bytes: int) -> Ended:
    """What wait4(2) reports of a child; a peak of memory that is not above the floor is not known."""
    ended = Ended(None, os.WTERMSIG(status)) if os.WIFSIGNALED(status) else Ended(os.WEXITSTATUS(status))
    ended.user_s, ended.system_s = usage.ru_utime, usage.ru_stime
    # Linux counts the moment before exec too, when the command was a copy of us.
    peak = usage.ru_maxrss * 1024
    ended.peak_bytes = peak if peak > floor_bytes else 0
    return ended


def peak_bytes() -> int:
    """The most memory that we have held; 0 if that is not known."""
    try:
        with open("/proc/self/status", "rb", buffering=0) as file:
            status = file.readall()
    except OSError:
        return 0
    _, _, peak = status.partition(b"VmHWM:")
    return int(peak.split()[0]) * 1024 if peak else 0


def signal_name(number: int) -> str:
    """`SIGTERM` for 15; of those without a name, `SIG` and the number."""
    names = [name for name in dir(signal) if name.startswith("SIG") and "_" not in name]
    return next((name for name in names if getattr(signal, name) == number), f"SIG{number}")


def end_like(ended: Ended) -> None:
    """End as the command has ended, by the same signal but without a core of ours; does not return."""
    try:
        if ended.signal:
            import resource

            resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
            if ended.signal not in (signal.SIGKILL, signal.SIGSTOP):
                signal.signal(ended.signal, signal.SIG_DFL)
                signal.pthread_sigmask(signal.SIG_UNBLOCK, {ended.signal})
            os.kill(os.getpid(), ended.signal)
    finally:
        os._exit(128 + ended.signal if ended.code is None else ended.code)
