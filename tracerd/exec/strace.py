"""Lines of strace about a tree of processes, made into events. No I/O.

Strategy: a process is known from the call that made it or from its first line, whichever comes first. Its events are
made when it has ended and the call that made it has returned: only then is it known which process started it, and that
it is no thread. Until then a mark shows the program that it has become, in case that its end is never seen.
"""

import re

from tracerd.exec import event
from tracerd.exec.environment import span_id
from tracerd.exec.options import FULL, NAME, NONE
from tracerd.exec.traced_process import TracedProcess

OPTIONS = [
    "--follow-forks",
    "--seccomp-bpf",  # only these system calls stop their process; all others run at full speed
    "--trace=?fork,?vfork,?clone,?clone3,?execve,?execveat,?ptrace,?chdir,?fchdir",
    "--decode-fds=path",  # the directory of fchdir
    "--signal=!SIGCHLD",  # without any signal, a death by signal is not reported either
    "--quiet=attach,personality",
    "--pidns-translation",  # what a sandbox calls 2, all others know by another number
    "--strings-in-hex=all",
    f"--string-limit={event.MAX_ARGV_BYTES}",
    "--absolute-timestamps=format:unix,precision:ns",
    "--relative-timestamps=ns",  # CLOCK_MONOTONIC, which cannot be set
]

_LINE = re.compile(rb"(\d+) +(\d+)\.(\d{9}) \(\+ *(\d+)\.(\d{9})\) (.*)", re.DOTALL)
_STRING = re.compile(rb'"((?:\\x[0-9a-f]{2})*)"')
_EXEC = re.compile(rb'exec(?:ve|veat)\([^"]*"((?:\\x[0-9a-f]{2})*)"(?:\.\.\.)?, (?:\[([^\]]*)\])?')
_GOES = re.compile(rb'(?:chdir\(|fchdir\([^<]*)["<]((?:\\x[0-9a-f]{2})*)[">]\)?')
_MADE = re.compile(rb"(?:v?fork|clone3?)\(")
_RESUMED = re.compile(rb"<\.\.\. (\w+) resumed>")
_RESULT = re.compile(rb" = (-?\d+)(?: /\* (\d+) in strace's PID NS \*/)?[^=]*$")
_ERROR = re.compile(rb" = -1 (E\w+) \((.*)\)$")
_END = re.compile(rb"\+\+\+ (?:exited with (\d+)|killed by (\w+))")
_BEFORE_COMMAND = 1  # the programs of the command's process before it: one of ours
_SUPERSEDED = re.compile(rb"\+\+\+ superseded by execve in pid (\d+)")


class Tree:
    """The processes below a command, without the command itself.

    Attributes:
        root: The command's pid, once its first line has come.
        root_ended: Whether it has ended.
        untraceable: The programs that wanted to trace others, or to start some that are not traced.

    Args:
        shown: One of `options.ARGS`.
        offset_ns: What the wall clock is ahead of CLOCK_MONOTONIC.
        random: Four bytes that make the numbers of arrows unlike those of others.
        cwd: Where the command begins; None if that is not known.
    """

    def __init__(self, shown: str, offset_ns: int, random: bytes, cwd: str | None) -> None:
        self.root: int | None = None
        self.root_ended = False
        self.processes = 0
        self.untraceable: set[str] = set()
        self._shown = shown
        self._offset_ns = offset_ns
        self._cwd = cwd
        self._random = int.from_bytes(random, "big")
        self._numbers = 0
        self._now_ns: int | None = None
        self._processes: dict[int, TracedProcess] = {}
        self._process_of_thread: dict[int, int] = {}

    def feed(self, line: bytes) -> str:
        """Take one line; the events of what it completes."""
        match = _LINE.match(line)
        if not match:
            return ""
        pid, text = int(match[1]), match[6]
        if self._now_ns is None:
            self._now_ns = int(match[2] + match[3]) - self._offset_ns
        else:
            self._now_ns += int(match[4] + match[5])
        if self.root is None:
            self.root = pid
            self._get(pid).starts_in(self._cwd)
        process = self._get(pid)
        if end := _END.match(text):
            process.end = {"signal": end[2].decode()} if end[2] else {"exit_code": int(end[1])}
            process.end_us = self._now_us()
            self.root_ended = self.root_ended or pid == self.root
            failures = self._failures(pid, process)
            return failures + (self._events(pid, process) if process.parent is not None else "")
        if superseded := _SUPERSEDED.match(text):  # another thread's exec: it has the process's number from here on
            process.trying = self._get(int(superseded[1])).trying
            return ""
        self._begin_call(process, text)
        if text.endswith(b"<unfinished ...>") or not (result := _RESULT.search(text)):
            return ""
        return self._end_call(pid, process, text, int(result[2] or result[1]))

    def _begin_call(self, process: TracedProcess, text: bytes) -> None:
        if started := _EXEC.match(text):
            words = [_text(word) for word in _STRING.findall(started[2] or b"")]
            process.trying = words or [_text(started[1])]
        elif _MADE.match(text):
            process.made_us = self._now_us()
            process.makes_thread = b"CLONE_THREAD" in text
            if b"CLONE_UNTRACED" in text:
                self.untraceable.add(process.name)
        elif goes := _GOES.match(text):
            process.going = _text(goes[1])

    def _end_call(self, pid: int, process: TracedProcess, text: bytes, value: int) -> str:
        resumed = _RESUMED.match(text)
        call = resumed[1] if resumed else text
        error = _ERROR.search(text)
        if call.startswith(b"exec"):
            return self._exec_returned(pid, process, error[2].decode() if error else "")
        if call.startswith(b"ptrace"):
            if error and error[1] == b"EPERM":
                self.untraceable.add(process.name)
            return ""
        if b"chdir" in call[: len(b"fchdir")]:
            if value == 0:
                self._processes.get(self._process_of_thread.get(pid, pid), process).moved.append(process.going)
            return ""
        return self._made(pid, process, value) if value > 0 else ""

    def _exec_returned(self, pid: int, process: TracedProcess, error: str) -> str:
        if error:
            process.fails(self._now_us(), error)
            return ""
        label = self._label(process.trying)
        process.becomes(self._now_us(), label)
        if pid != self.root:
            return self._begun(pid, process) if process.parent is not None else ""
        if len(process.changed_us) > _BEFORE_COMMAND:
            # The span of the command is exec's, and longer than what we see: an instant fits into it.
            return event.instant(pid, f"becomes {label.span}", self._now_us(), label.args)
        return ""

    def _begun(self, pid: int, process: TracedProcess) -> str:
        """The mark of a process whose program and parent are known; it replaces the one of an earlier program."""
        process.mark = process.mark or self._number(pid)
        label = process.labels[-1]
        start_us = process.changed_us[-1] if process.changed_us else process.start_us
        begun = event.begin(pid, label.span, start_us, process.mark, process.parent)
        return event.process_name(pid, label.process) + begun  # before what its program says: Perfetto takes the last

    def rest(self) -> str:
        """The events of processes whose end was not seen."""
        events = ""
        for pid, process in list(self._processes.items()):
            if pid != self.root:
                if process.end is None:
                    process.end = {"end": "not seen"}
                    process.end_us = self._now_us()
                events += self._events(pid, process)
        return events

    def _now_us(self) -> int:
        return (self._now_ns or 0) // 1000

    def _get(self, pid: int) -> TracedProcess:
        return self._processes.setdefault(pid, TracedProcess(self._now_us()))

    def _made(self, pid: int, maker: TracedProcess, new: int) -> str:
        """A call that makes a process or thread has returned; the new one may have run, and even ended, before."""
        made = self._get(new)
        made.start_us = min(made.start_us, maker.made_us)
        made.parent = self._process_of_thread.get(pid, pid)
        made.parent_name = self._get(made.parent).name
        made.starts_where(self._get(made.parent))
        made.is_thread = maker.makes_thread
        if made.is_thread:
            self._process_of_thread[new] = made.parent
        if made.end is not None:
            return self._events(new, made)
        # A program that was started by vfork has begun before the call of its parent has returned.
        return self._begun(new, made) if made.labels and not made.is_thread else ""

    def _events(self, pid: int, process: TracedProcess) -> str:
        """The events of a process that has ended; it is forgotten, and its number may be another's."""
        del self._processes[pid]
        self._process_of_thread.pop(pid, None)
        if process.is_thread:
            return ""
        self.processes += 1
        events = ""
        starts = [process.start_us, *process.changed_us]
        if process.labels:
            labels = process.labels
            args = [label.args | self._where(process, at) for at, label in enumerate(labels)]
            changes = zip(args, labels, labels[1:], starts, process.changed_us, strict=False)
            for shown, label, following, start_us, end_us in changes:
                events += event.span(pid, label.span, start_us, end_us, shown | {"became": following.span})
            label, shown = labels[-1], args[-1]
        elif process.failed and process.end and process.end.get("exit_code"):
            # A shell forks before it looks for a program: `make (fork)` would not say what it did not find.
            argv, (_, error) = next(reversed(process.failed.items()))
            label = self._label(list(argv))
            shown = label.args | self._where(process, None) | {"error": error}
        else:
            name = f"{process.parent_name} (fork)" if self._shown != NONE else "fork"
            label = event.CommandLabel([name], None, NAME, name)
            shown = label.args
        ends = shown | (process.end or {})
        events += event.span(pid, label.span, starts[-1], process.end_us, ends, process.mark)
        if not process.mark:  # which stands behind a name
            events = event.process_name(pid, label.process) + events
        if process.parent is not None:
            events += event.arrow(process.parent, pid, process.start_us, f"0x{self._number(pid)}")
        return events

    def _where(self, process: TracedProcess, program: int | None) -> "dict[str, event.Json]":
        """Where a program began; None: where the process was at last."""
        cwd = process.cwd(program) if self._shown == FULL else None
        return {} if cwd is None else {"cwd": cwd}

    def _number(self, pid: int) -> str:
        """16 hexadecimal digits for an arrow or a mark of this process, not used before."""
        self._numbers += 1
        return span_id(pid, (self._random + self._numbers & 0xFFFFFFFF).to_bytes(4, "big"))

    def _failures(self, pid: int, process: TracedProcess) -> str:
        """What a process could not become, and has not become later."""
        events = ""
        for argv, (at_us, error) in process.failed.items():
            label = self._label(list(argv))
            events += event.instant(pid, f"execve {label.program}", at_us, label.args | {"error": error})
        return events

    def _label(self, argv: list[str]) -> event.CommandLabel:
        return event.CommandLabel(argv, None, self._shown, None)


def _text(hexadecimal: bytes) -> str:
    """The text of a string that strace writes as bytes in hexadecimal."""
    return bytes.fromhex(hexadecimal.replace(b"\\x", b"").decode()).decode("utf-8", "replace")
