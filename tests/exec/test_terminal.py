"""`tracerd exec` on a terminal: a real shell with job control, on a pty of its own."""

import fcntl
import os
import pty
import re
import select
import shutil
import struct
import sys
import termios
import time
from collections.abc import Generator
from contextlib import contextmanager

import pytest

from tests.exec.sandbox import UNTIL_A_SIGNAL_ENDS_IT, Sandbox
from tests.harness import PATIENCE_S, wait_until

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")

CTRL_C, CTRL_Z = b"\x03", b"\x1a"


class Terminal:
    """A bash with job control; what it shows is read as it comes."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.pid, self._fd = pty.fork()
        if not self.pid:
            os.chdir(sandbox.home)
            environ = {**sandbox.environ, "PS1": "$ ", "TERM": "dumb", "HISTFILE": ""}
            os.execvpe("bash", ["bash", "--norc", "--noprofile", "--noediting", "-i"], environ)
        self.shown = ""
        self._seen = 0
        self.read_until(r"\$ $")

    def type(self, text: str | bytes) -> None:
        """Type this."""
        os.write(self._fd, text.encode() if isinstance(text, str) else text)

    def line(self, text: str) -> None:
        """Type a line."""
        self.type(text + "\n")

    def read_until(self, pattern: str) -> "re.Match[str]":
        """Read until what came since the last call fits; that."""
        until = time.monotonic() + PATIENCE_S
        while not (match := re.search(pattern, self.shown[self._seen :])):
            assert select.select([self._fd], [], [], until - time.monotonic())[0], self.shown
            self.shown += os.read(self._fd, 65536).decode().replace("\r\n", "\n")
        self._seen += match.end()
        return match

    def resize(self, rows: int, columns: int) -> None:
        """Make the window this large."""
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))

    def close(self) -> None:
        """Hang up."""
        os.close(self._fd)
        os.waitpid(self.pid, 0)


@contextmanager
def terminal(sandbox: Sandbox) -> Generator[Terminal]:
    opened = Terminal(sandbox)
    try:
        yield opened
    finally:
        opened.close()


@pytest.fixture(params=["", "--all "], ids=["exec", "exec --all"])
def options(request: pytest.FixtureRequest) -> str:
    if request.param and shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    return str(request.param)


def test_the_terminal_is_the_command_s_own(sandbox: Sandbox, options: str) -> None:
    with terminal(sandbox) as tty:
        tty.resize(40, 123)
        tty.line(f"tracerd exec {options}-- sh -c 'test -t 0 && test -t 1 && test -t 2 && stty size; echo do''ne'")
        assert tty.read_until(r"(\d+ \d+)\n(?:.*\n)*?done\n")[1] == "40 123"


SIZE = """
import os, signal
signal.signal(signal.SIGINT, signal.SIG_DFL)
signal.signal(signal.SIGWINCH, lambda *_: os.write(1, b"%d x %d\\n" % os.get_terminal_size()))
os.write(1, b"ready\\n")
"""


def test_a_change_of_the_window_reaches_the_command(sandbox: Sandbox) -> None:
    (sandbox.home / "size.py").write_text(SIZE + UNTIL_A_SIGNAL_ENDS_IT)
    with terminal(sandbox) as tty:
        tty.line(f"tracerd exec -- '{sys.executable}' -IS size.py")
        tty.read_until(r"ready\n")
        tty.resize(33, 77)
        tty.read_until(r"77 x 33\n")
        tty.type(CTRL_C)
        tty.read_until(r"\$ $")


def test_input_is_echoed_and_read_byte_by_byte(sandbox: Sandbox) -> None:
    with terminal(sandbox) as tty:
        tty.line("tracerd exec -- sh -c 'echo rea''dy; stty raw; dd bs=1 count=3 2>/dev/null | od -c; stty sane'")
        tty.read_until(r"ready\n")
        tty.type(b"\x01")
        tty.type(b"ab")
        tty.read_until(r"0000000 001\s+a\s+b")
        tty.read_until(r"\$ $")


def test_ctrl_c_ends_a_loop_around_exec(sandbox: Sandbox, options: str) -> None:
    with terminal(sandbox) as tty:
        tty.line(f"while :; do tracerd exec {options}-- sh -c 'echo rou''nd; exec sleep 100'; done; echo st''atus $?")
        tty.read_until(r"round\n")
        tty.type(CTRL_C)
        tty.read_until(r"\$ $")
        tty.line("echo al''ive")
        tty.read_until(r"alive\n")
    assert tty.shown.count("round\n") == 1


def test_ctrl_c_is_the_command_s_to_handle(sandbox: Sandbox, options: str) -> None:
    with terminal(sandbox) as tty:
        script = "n=0; trap 'n=$((n+1)); echo cau''ght $n' INT; echo rea''dy; "
        # Not a sleep in the foreground: if that ends just then, bash takes Ctrl-C for handled, and runs no trap.
        script += "while [ $n -lt 2 ]; do sleep 0.1 & wait $!; done; exit 9"
        tty.line(
            f'tracerd exec {options}-- bash -c "{script}"; echo co""de $?'.replace("$", "\\$").replace(
                'co""de \\$', 'co""de $'
            )
        )
        tty.read_until(r"ready\n")
        tty.type(CTRL_C)
        tty.read_until(r"caught 1\n")
        tty.type(CTRL_C)
        tty.read_until(r"caught 2\n(?:.*\n)*?code 9\n")


def test_ctrl_z_fg_and_bg(sandbox: Sandbox, options: str) -> None:
    with terminal(sandbox) as tty:
        tty.line(f"tracerd exec {options}-- sh -c 'echo rea''dy; read word; echo got $word; exit 5'")
        tty.read_until(r"ready\n")
        tty.type(CTRL_Z)
        tty.read_until(r"Stopped.*\n(?:.*\n)*?\$ $")
        tty.line("jobs")
        tty.read_until(r"Stopped.*\n\$ $")
        tty.line("bg")
        tty.read_until(r"\$ $")
        tty.line("wait; jobs")  # it wants to read, in the background: it stops once more
        tty.read_until(r"Stopped(?:.*\n)*?\$ $")
        tty.line("fg")
        tty.read_until(r"tracerd exec.*\n")
        tty.line("hello")
        tty.read_until(r"got hello\n")
        tty.line('echo co""de $?')
        tty.read_until(r"code 5\n")


TIDY = """
import os, signal, time
def stop(*_):
    time.sleep(0.1)  # whoever took the terminal back at once would show a prompt first
    os.write(1, b"tidied\\n")
    os.kill(os.getpid(), signal.SIGSTOP)
    os.write(1, b"again\\n")
    raise SystemExit
signal.signal(signal.SIGTSTP, stop)
os.write(1, b"ready\\n")
"""


def test_a_program_that_handles_ctrl_z_stops_when_it_is_ready(sandbox: Sandbox) -> None:
    """As an editor does, which first gives the screen back."""
    (sandbox.home / "tidy.py").write_text(TIDY + UNTIL_A_SIGNAL_ENDS_IT)
    with terminal(sandbox) as tty:
        tty.line(f"tracerd exec -- '{sys.executable}' -IS tidy.py")
        tty.read_until(r"ready\n")
        tty.type(CTRL_Z)
        tty.read_until(r"tidied\n(?:.*\n)*?.*Stopped.*\n(?:.*\n)*?\$ $")
        tty.line("fg")
        tty.read_until(r"again\n(?:.*\n)*?\$ $")


def test_a_hang_up_ends_the_command_and_is_recorded(sandbox: Sandbox) -> None:
    tty = Terminal(sandbox)
    tty.line("tracerd exec --trace hung-up -- sh -c 'echo rea''dy; exec sleep 100'")
    tty.read_until(r"ready\n")
    tty.close()
    log = sandbox.logs / "hung-up.jsonl"
    wait_until(lambda: log.exists() and b'"signal":"SIGHUP"' in log.read_bytes(), "the span")
