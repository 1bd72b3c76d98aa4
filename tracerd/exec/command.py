"""The command as a child process: started as if exec were not there, signalled and stopped with exec, waited for.

Strategy: the command stays in our process group, so that the terminal treats both alike. We block the signals that
matter and take them one by one. What the terminal sends has reached the command already; what a process sends to us
alone is passed on. When the command stops, we stop; when one of us is continued, so is the other.

Two things we cannot see: whether a signal was sent to us or to our whole group, and, while we are stopped, what the
command does. A witness sees them: a process in our group that has no other purpose.
"""

import errno
import os
import select
import time

from tracerd.exec.environment import Environ
from tracerd.exec.programs import NOT_EXECUTABLE, NOT_FOUND, Ended, ended_as, execute, hand_on_signals, peak_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    import socket
    from collections.abc import Callable

    Made = Callable[[int], tuple[list[str], Environ, str]]
else:
    import _signal as signal
    import _socket as socket

_PASSED_ON = frozenset(
    {signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGINT, signal.SIGQUIT}
    | {signal.SIGTSTP, signal.SIGCONT}
)
_WATCHED = _PASSED_ON | {signal.SIGCHLD, signal.SIGTTIN, signal.SIGTTOU}

SHORT_S = 0.02
"""A command that ends within this time needs no witness, which costs as much as a tenth of exec. Until then a signal to
the group arrives twice, which matters only to a program that handles it; one that has just started does not yet."""

TOGETHER_S = 0.02
"""Signals to several processes belong together if so little time lies between them: a loop over a list of processes
may send them one by one. A signal that is passed on waits so long."""

RECENT_S = 5 * TOGETHER_S
"""Equal signals that come faster than a process runs become one in the witness, which exec may have got one by one."""

ANSWER_S = 1.0
"""How long the witness may take to answer; it takes longer only if it is stopped."""

CHECK_S = 0.02
"""How often the witness checks, while the command and exec are stopped, whether the command still is."""

WITNESS_NAME = b"signal-witness"


class Command:
    """A running command, or one that could not be started.

    Attributes:
        pid: Its process.
        error: The errno of its start; 0: it runs.
        failure: Why it runs without the recording; empty: it is recorded.

    Args:
        made: Called in the new process with its pid; makes the command line, whose program is found as a shell finds
            it, the environment, and the `failure`.

    Raises:
        OSError: There is no room for another process. Whatever is raised, nothing was started.
    """

    def __init__(self, made: "Made") -> None:
        self._old_mask = signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
        self._witness: _Witness | None = None
        self._is_short = True
        self._floor_bytes = peak_bytes()
        try:
            reader, writer = os.pipe()
            self.pid = os.fork()
        except BaseException:
            signal.pthread_sigmask(signal.SIG_SETMASK, self._old_mask)
            raise
        if not self.pid:
            self._become(made, writer)
        self.error, self.failure = 0, ""
        try:
            os.close(writer)
            with open(reader, "rb") as file:
                failure, _, error = file.read().rpartition(b"\0")
            self.error, self.failure = int(error or 0), failure.decode()
        except Exception as error:  # such as MemoryError; it was started
            self.failure = type(error).__name__

    def _become(self, made: "Made", writer: int) -> None:
        try:
            argv, environ, failure = made(os.getpid())
            if failure:
                os.write(writer, failure.encode(errors="replace") + b"\0")
            words = [os.fsencode(word) for word in argv]
            hand_on_signals()
            signal.pthread_sigmask(signal.SIG_SETMASK, self._old_mask)
            error = execute(words[0], words, environ)
            os.write(writer, b"%d" % error)
        finally:
            os._exit(NOT_FOUND)

    def wait(self) -> Ended:
        """Wait for its end; pass on signals and stop with it. They stay blocked until `unblock_signals`."""
        if self.error:
            os.waitpid(self.pid, 0)
            code = NOT_FOUND if self.error == errno.ENOENT else NOT_EXECUTABLE
            return Ended(code, error=os.strerror(self.error))
        try:
            ended = self._follow()
        except Exception:  # such as MemoryError
            _, status, usage = os.wait4(self.pid, 0)
            ended = ended_as(status, usage, self._floor_bytes)
        if self._witness:
            self._witness.end()
        return ended

    def _follow(self) -> Ended:
        while not (ended := self._check()):
            info = signal.sigtimedwait(_WATCHED, SHORT_S) if self._is_short else signal.sigwaitinfo(_WATCHED)
            if info is None:
                self._call_witness()
                continue
            number = info.si_signo
            if number not in _PASSED_ON:
                continue
            # The kernel signals the whole group, and the command knows what it has sent itself.
            by_another = info.si_code <= 0 and info.si_pid != self.pid
            if self._witness:
                by_another = self._witness.is_for_us_alone(number, info.si_pid, by_another)
            if by_another:
                os.kill(self.pid, number)  # not waited for yet: its pid is still its own
        return ended

    def unblock_signals(self) -> None:
        """Let signals end us again: from here on we only wait for the daemon."""
        while signal.sigtimedwait(_WATCHED, 0):  # drop what the command got as well, or what came too late for it
            pass
        signal.pthread_sigmask(signal.SIG_SETMASK, self._old_mask)

    def _call_witness(self) -> None:
        """Start the witness, if there is none."""
        if self._is_short:
            self._is_short = False
            try:
                self._witness = _Witness(self.pid)
            except OSError:  # no room for a process: signals may arrive twice
                pass

    def _check(self) -> Ended | None:
        """Follow stops of the command; how it ended, or None."""
        while True:
            pid, status, usage = os.wait4(self.pid, os.WNOHANG | os.WUNTRACED)
            if not pid:
                return None
            if not os.WIFSTOPPED(status):
                return ended_as(status, usage, self._floor_bytes)
            self._stop(os.WSTOPSIG(status))

    def _stop(self, number: int) -> None:
        """Stop as the command has stopped: our parent sees it, and takes the terminal back."""
        self._call_witness()
        watched = self._witness is not None and self._witness.watch(True)
        if not watched and number == signal.SIGSTOP:
            return  # no terminal did that: nothing may continue us when the command goes on
        os.kill(os.getpid(), number)
        if number != signal.SIGSTOP:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})  # here we stop, and go on after SIGCONT
            signal.pthread_sigmask(signal.SIG_BLOCK, {number})
        if self._witness:
            self._witness.watch(False)


# ------------------------------------------------------------------ the witness

_WATCH, _REST = b"W", b"R"
_TIME_BYTES = 8


class _Witness:
    """The witness, seen from exec.

    Args:
        command: The command's pid.

    Raises:
        OSError: There is no room for another process.
    """

    def __init__(self, command: int) -> None:
        self._taken_at: dict[int, int] = {}
        self._last_got = 0
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours = os.getpid()
        self.pid = os.fork()
        if not self.pid:
            try:
                _be_witness(theirs, ours, command)
            finally:
                os._exit(0)
        theirs.close()
        self._socket.settimeout(ANSWER_S)

    def is_for_us_alone(self, number: int, sender: int, by_another: bool) -> bool:
        """Whether this signal, which we have taken now, has not come to every process of our group."""
        now = time.monotonic_ns()
        since, self._taken_at[number] = self._taken_at.get(number, 0), now
        if not by_another or sender == self.pid:
            return False
        time.sleep(TOGETHER_S)
        try:
            self._socket.send(bytes([number]) + since.to_bytes(_TIME_BYTES, "big"))
            got = int.from_bytes(self._socket.recv(_TIME_BYTES), "big")
        except OSError:  # stopped or killed
            self._socket.close()
            return True
        # It has answered for another one already: then two were sent before it was awake, or only the other one was.
        again = got == self._last_got and now - got > RECENT_S * 1e9
        self._last_got = got
        return not got or again

    def watch(self, watched: bool) -> bool:
        """Have the witness continue us as soon as the command is not stopped any more, or no longer; whether it can."""
        try:
            return self._socket.send(_WATCH if watched else _REST) == 1 and _is_stopped(self.pid) is not None
        except OSError:
            return False

    def end(self) -> None:
        """Remove it."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def _be_witness(asked: "socket.socket", exec_pid: int, command: int) -> None:
    """Note signals, answer, and end with exec."""
    got_at: dict[int, list[int]] = {number: [] for number in _PASSED_ON}
    for number in _PASSED_ON:
        signal.signal(number, lambda number, _frame: got_at[number].append(time.monotonic_ns()))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _WATCHED)
    os.closerange(0, asked.fileno())  # a pipe ends when the command has closed it
    os.closerange(asked.fileno() + 1, os.sysconf("SC_OPEN_MAX"))
    _rename()
    poll = select.poll()
    poll.register(asked, select.POLLIN)
    watched = False
    while True:
        if poll.poll(CHECK_S * 1000 if watched else None):
            word = asked.recv(1 + _TIME_BYTES)
            if not word:
                return
            if word in (_WATCH, _REST):
                watched = word == _WATCH
                continue
            times, since = got_at[word[0]], int.from_bytes(word[1:], "big")
            while times and times[0] <= since:
                times.pop(0)
            asked.send((times[0] if times else 0).to_bytes(_TIME_BYTES, "big"))
        elif _is_stopped(exec_pid) and not _is_stopped(command):
            os.kill(exec_pid, signal.SIGCONT)


def _is_stopped(pid: int) -> bool | None:
    """Whether a process is stopped, also by its tracer; None: that cannot be known. One that has ended is not."""
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
            return file.read(1024).rpartition(b") ")[2][:1] in (b"T", b"t")
    except OSError:
        return None


def _rename() -> None:
    """Take another name and command line: signals for all processes of exec's name are for exec, not for its group."""
    try:
        with open("/proc/self/comm", "wb", buffering=0) as file:
            file.write(WITNESS_NAME)
        with open("/proc/self/stat", "rb", buffering=0) as file:
            fields = file.read(4096).rpartition(b") ")[2].split()
        start, end = int(fields[45]), int(fields[46])  # arg_start and arg_end of proc(5)
        with open("/proc/self/mem", "r+b", buffering=0) as file:
            file.seek(start)
            file.write(WITNESS_NAME.ljust(end - start, b"\0")[: end - start - 1])
    except (OSError, ValueError, IndexError):
        pass
