"""The command as a child process: started as if exec were not there, signalled and stopped with exec, waited for.

Strategy: the command stays in our process group, so that the terminal treats both alike. We block the signals that
matter and take them one by one. What the terminal sends has reached the command already; what a process sends to us is
passed on. When the command stops, we stop; when we are continued, so is the command.
"""

import errno
import os

from tracerd.exec.environment import Environ
from tracerd.exec.programs import NOT_EXECUTABLE, NOT_FOUND, execute, undo_python

TYPE_CHECKING = False
if TYPE_CHECKING:
    import resource
    import signal
    from collections.abc import Callable

    Exported = Callable[[int], Environ]
    Prepare = Callable[[list[str]], list[str]]
else:
    import _signal as signal

_PASSED_ON = frozenset(
    {signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGINT, signal.SIGQUIT}
    | {signal.SIGTSTP, signal.SIGCONT}
)
_WATCHED = _PASSED_ON | {signal.SIGCHLD, signal.SIGTTIN, signal.SIGTTOU}


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


class Command:
    """A running command, or one that could not be started.

    Args:
        argv: The program, found as a shell finds it, and its arguments.
        environ: Its environment.
        exported: Variables to add, made in the new process from its pid.
        prepare: Called in the new process; makes the command line to run from `argv`.

    Raises:
        OSError: There is no room for another process.
    """

    def __init__(
        self, argv: list[str], environ: Environ, exported: "Exported", prepare: "Prepare | None" = None
    ) -> None:
        self._old_mask = signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
        self._child_ignored = signal.getsignal(signal.SIGCHLD) == signal.SIG_IGN
        if self._child_ignored:  # the kernel would reap the command, and its end could not be waited for
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        reader, writer = os.pipe()
        self._floor_bytes = _peak_bytes()
        try:
            self.pid = os.fork()
        except OSError:
            signal.pthread_sigmask(signal.SIG_SETMASK, self._old_mask)
            raise
        if not self.pid:
            self._become(argv, environ, exported, prepare, writer)
        os.close(writer)
        failed = os.read(reader, 16)
        os.close(reader)
        self.error = int(failed) if failed else 0

    def _become(
        self, argv: list[str], environ: Environ, exported: "Exported", prepare: "Prepare | None", writer: int
    ) -> None:
        try:
            undo_python()
            if self._child_ignored:
                signal.signal(signal.SIGCHLD, signal.SIG_IGN)
            words = [os.fsencode(word) for word in (prepare(argv) if prepare else argv)]
            whole = environ | exported(os.getpid())
            signal.pthread_sigmask(signal.SIG_SETMASK, self._old_mask)
            error = execute(words[0], words, whole)
            os.write(writer, b"%d" % error)
        finally:
            os._exit(NOT_FOUND)

    def wait(self) -> Ended:
        """Wait for its end; pass on signals and stop with it. They stay blocked until `unblock_signals`."""
        if self.error:
            os.waitpid(self.pid, 0)
            code = NOT_FOUND if self.error == errno.ENOENT else NOT_EXECUTABLE
            return Ended(code, error=os.strerror(self.error))
        while True:
            ended = self._check()
            if ended:
                break
            info = signal.sigwaitinfo(_WATCHED)
            by_process = info.si_code <= 0  # not by the kernel, which has signalled the command too
            if info.si_signo in _PASSED_ON and by_process and info.si_pid != self.pid:
                os.kill(self.pid, info.si_signo)  # not waited for yet: its pid is still its own
        return ended

    def unblock_signals(self) -> None:
        """Let signals end us again: from here on we only wait for the daemon."""
        while signal.sigtimedwait(_WATCHED, 0):  # drop what the command got as well, or what came too late for it
            pass
        signal.pthread_sigmask(signal.SIG_SETMASK, self._old_mask)

    def _check(self) -> Ended | None:
        """Follow stops of the command; how it ended, or None."""
        while True:
            pid, status, usage = os.wait4(self.pid, os.WNOHANG | os.WUNTRACED)
            if not pid:
                return None
            if not os.WIFSTOPPED(status):
                return self._ended(status, usage)
            self._stop(os.WSTOPSIG(status))

    def _stop(self, number: int) -> None:
        """Stop as the command has stopped: our parent sees it, and takes the terminal back."""
        os.kill(os.getpid(), number)
        if number != signal.SIGSTOP:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})  # here we stop, and go on after SIGCONT
            signal.pthread_sigmask(signal.SIG_BLOCK, {number})

    def _ended(self, status: int, usage: "resource.struct_rusage") -> Ended:
        ended = Ended(None, os.WTERMSIG(status)) if os.WIFSIGNALED(status) else Ended(os.WEXITSTATUS(status))
        ended.user_s, ended.system_s = usage.ru_utime, usage.ru_stime
        # Linux counts the moment before exec too, when the command was a copy of us: a smaller peak is not known.
        peak_bytes = usage.ru_maxrss * 1024
        ended.peak_bytes = peak_bytes if peak_bytes > self._floor_bytes else 0
        return ended


def _peak_bytes() -> int:
    """The most memory that we have held."""
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
    if ended.signal:
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
        if ended.signal not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(ended.signal, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {ended.signal})
        os.kill(os.getpid(), ended.signal)
    os._exit(128 + ended.signal if ended.code is None else ended.code)
