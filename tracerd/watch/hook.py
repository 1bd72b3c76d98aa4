"""A channel that runs a command for each notice."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import IO, Final

from tracerd import redact
from tracerd.text import printable
from tracerd.watch.alerts import json_text
from tracerd.watch.notice import WORDS, Notice

TIMEOUT_S: Final = 10.0
"""How long a command may take."""

MAX_STDERR: Final = 200
"""Characters of what a command that failed has written."""

_WORD: Final = re.compile(r"\{([a-z_]+)\}")

_OF_A_TRACE: Final = ("TRACERD_TRACE_ID", "TRACEPARENT")
"""Variables that would make the command a part of a trace."""


def unknown_words(command: Sequence[str]) -> list[str]:
    """The names in braces that are none of WORDS."""
    return [name for word in command for name in _WORD.findall(word) if name not in WORDS]


def substituted(command: Sequence[str], words: Mapping[str, str]) -> list[str]:
    """The words of a command with what they stand for: none becomes an option, and none becomes two."""
    found: list[str] = []
    for word in command:
        text = _WORD.sub(lambda match: words[match[1]], word)
        found.append(f" {text}" if text.startswith("-") and not word.startswith("-") else text)
    return found


def _first_line(stderr: IO[bytes]) -> str:
    """What a command that failed says first, without secrets."""
    stderr.seek(0)
    lines = stderr.read(10_000).decode(errors="replace").strip().splitlines()
    return f": {printable(redact.text(lines[0]))[:MAX_STDERR]}" if lines else ""


class Hook:
    """Runs a command without a shell, with the notice as JSON on its stdin.

    Args:
        command: Its words.
        timeout_s: After this it is killed, with all that it has started in its process group.

    Attributes:
        name: What it is called.
    """

    def __init__(self, command: Sequence[str], timeout_s: float = TIMEOUT_S) -> None:
        self.name = PurePath(command[0]).name
        self._command = command
        self._timeout_s = timeout_s
        self._running: subprocess.Popen[bytes] | None = None
        self._is_stopped = False

    def send(self, notice: Notice) -> str:
        """Run it to its end; what went wrong, or nothing."""
        environ = {name: value for name, value in os.environ.items() if name not in _OF_A_TRACE}
        # A file, and no pipe: nothing waits for a command that does not read.
        with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as stderr:
            stdin.write(json_text(notice.as_json()).encode() + b"\n")
            stdin.seek(0)
            try:
                self._running = subprocess.Popen(
                    substituted(self._command, notice.words()),
                    stdin=stdin,
                    stdout=subprocess.DEVNULL,
                    stderr=stderr,
                    env=environ,
                    start_new_session=True,
                )
            except OSError as error:
                return f"cannot be run: {error.strerror}"
            if self._is_stopped:
                self._kill()
            problem = self._ended(self._running)
            return problem and f"{problem}{_first_line(stderr)}"

    def _ended(self, running: "subprocess.Popen[bytes]") -> str:
        try:
            code = running.wait(self._timeout_s)
        except subprocess.TimeoutExpired:
            self._kill()
            running.wait()
            return f"killed: it took longer than {self._timeout_s:g} s"
        finally:
            self._running = None
        if code < 0:
            return f"ended by signal {-code}"
        return f"ended with exit code {code}" if code else ""

    @property
    def is_there(self) -> bool:
        """Whether there is such a program now."""
        return shutil.which(self._command[0]) is not None

    def stop(self) -> None:
        """Kill what runs."""
        self._is_stopped = True
        self._kill()

    def _kill(self) -> None:
        running = self._running
        if running is not None and running.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(running.pid, signal.SIGKILL)
