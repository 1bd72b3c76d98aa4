"""The demo's job: compress the standard library, one short-lived process for each package, and check the result.

    build DIRECTORY                    starts all others, as many at a time as there are processors
    pack DIRECTORY NUMBER PACKAGE      reads, hashes and compresses the files of one package
    check DIRECTORY                    unpacks what they wrote and compares

Each process is a client of its own: `tracerd.client` finds the daemon and the trace in the environment.
"""

import json
import os
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import tracerd.client as trace
from tracerd.launcher import interpreter

PACKAGES = 10
FEWEST_PACKAGES = 8
FILES_PER_PACKAGE = 5
LARGEST_FILE_BYTES = 60_000
"""Together these make a job of about a second on two processors."""

NOT_PACKED = {"idlelib", "lib2to3", "site-packages", "dist-packages", "test", "turtledemo"}
"""Directories of the standard library that are not always there, or no part of it."""

FLUSH_S = 30.0
"""How long the daemon may take to acknowledge what a process wrote; it takes milliseconds."""


@contextmanager
def process(name: str, span: str) -> Generator[None]:
    """The life of this process: its names, a span around the body, and all of it in the log at the end."""
    trace.process_name(name)
    trace.thread_name("main")
    with trace.span(span, "process"):
        yield
    trace.flush(FLUSH_S)


# ------------------------------------------------------------------ build: starts the others


def sources(package: Path) -> list[Path]:
    """The largest files of a package, of those that are not mere tables."""
    sizes = {path: path.stat().st_size for path in sorted(package.rglob("*.py"))}
    files = sorted((path for path, size in sizes.items() if size <= LARGEST_FILE_BYTES), key=sizes.__getitem__)
    return files[-FILES_PER_PACKAGE:]


def find_packages() -> list[Path]:
    """The packages of the standard library in which there is most to do, by name.

    Perfetto 52 sorts processes by their number of spans, and then by name. So all packages have the same number of
    files, and that the others stand in one span each puts the process `build` first.
    """
    library = Path(sysconfig.get_path("stdlib"))
    work: dict[Path, int] = {}
    for package in sorted(path.parent for path in library.glob("[a-z]*/__init__.py")):
        if package.name not in NOT_PACKED:
            with trace.span(f"look at {package.name}", "step"):
                files = sources(package)
                if len(files) == FILES_PER_PACKAGE:
                    work[package] = sum(path.stat().st_size for path in files)
    if len(work) < FEWEST_PACKAGES:
        sys.exit(f"the sources of the standard library are not in {library}")
    return sorted(sorted(work, key=work.__getitem__)[-PACKAGES:])


class Packers:
    """Runs the processes that pack, some at a time, and counts them."""

    def __init__(self, directory: str, waiting: int) -> None:
        self._directory = directory
        self._waiting = waiting
        self._running = 0
        self._lock = threading.Lock()
        self._count()

    def run(self, number: int, package: Path) -> None:
        """Run one, in a thread that has nothing else to do meanwhile."""
        self._count(waiting=-1, running=1)
        with trace.span(package.name, "process"):
            run(number, "pack", self._directory, str(number), str(package))
        self._count(running=-1)

    def _count(self, waiting: int = 0, running: int = 0) -> None:
        with self._lock:
            self._waiting += waiting
            self._running += running
            trace.counter("packages", waiting=self._waiting, running=self._running)


def run(number: int, *arguments: str) -> None:
    """Play a role in another process."""
    with trace.span("start", "wait"):
        trace.flow("start", number, "start", "arrow")
        other = subprocess.Popen([*interpreter(__name__, "main"), *arguments], stdin=subprocess.DEVNULL)
    if code := other.wait():
        sys.exit(f"the process '{arguments[0]}' ended with code {code}")


def build(directory: str) -> None:
    """Pack all packages, then check."""
    processors = len(os.sched_getaffinity(0))
    at_a_time = max(2, min(processors, PACKAGES))
    with process("build", "build"):
        with trace.span("find sources", "wait"):
            todo = find_packages()
        trace.log("info", f"{len(todo)} packages, {at_a_time} at a time", processors=processors)
        with trace.span(f"pack {len(todo)} packages", "wait"):
            slots = iter(range(1, at_a_time + 1))
            packers = Packers(directory, len(todo))
            # A thread for each process that may run: on a thread of its own each span is drawn in one line.
            with ThreadPoolExecutor(at_a_time, initializer=lambda: trace.thread_name(f"slot {next(slots)}")) as threads:
                for _ in threads.map(packers.run, range(1, len(todo) + 1), todo):
                    pass
        trace.instant("all packed", scope="process")
        with trace.span("check", "wait"):
            run(len(todo) + 1, "check", directory)


# ------------------------------------------------------------------ pack and check: the work


def pack(directory: str, number: int, package: Path) -> None:
    """Compress the files of one package, and note their hashes."""
    with process(f"pack {package.name}", f"pack {package.name}"):
        trace.flow("start", number, "end", "arrow")
        with trace.span("import", "step"):
            import hashlib
            import lzma
        read = written = 0
        hashes: list[str] = []
        for source in sources(package):
            name = str(source.relative_to(package))
            with trace.span(name, "file") as span:
                with trace.span("read", "step", file=name):
                    data = source.read_bytes()
                with trace.span("hash", "step", file=name):
                    hashes.append(hashlib.sha256(data).hexdigest())
                with trace.span("compress", "step", file=name):
                    packed = lzma.compress(data, preset=4)
                with trace.span("write", "step", file=name):
                    (Path(directory) / f"{number}.{len(hashes) - 1}.xz").write_bytes(packed)
                span.set(bytes=len(data), packed=len(packed))
            read += len(data)
            written += len(packed)
        with trace.span("write hashes", "step"):
            (Path(directory) / f"{number}.json").write_text(json.dumps([package.name, hashes]))
            trace.flow("packed", number, "start", "arrow")
        trace.log("info", f"{read // 1000} kB became {written // 1000} kB", files=len(hashes))


def check(directory: str) -> None:
    """Unpack everything and compare the hashes."""
    with process("check", "check"):
        lists = sorted(Path(directory).glob("*.json"), key=lambda path: int(path.stem))
        trace.flow("start", len(lists) + 1, "end", "arrow")
        with trace.span("import", "step"):
            import hashlib
            import lzma
        files = 0
        for hashes in lists:
            package, expected = json.loads(hashes.read_text())
            with trace.span(f"check {package}", "step"):
                trace.flow("packed", int(hashes.stem), "end", "arrow")
                for number, digest in enumerate(expected):
                    data = lzma.decompress((hashes.with_suffix(f".{number}.xz")).read_bytes())
                    if hashlib.sha256(data).hexdigest() != digest:
                        sys.exit(f"a file of {package} is not what it was")
                    files += 1
        trace.log("info", f"all {files} files are as they were")


def main() -> None:
    """Play the role that the command line names."""
    match sys.argv[1:]:
        case ["build", directory]:
            build(directory)
        case ["pack", directory, number, package]:
            pack(directory, int(number), Path(package))
        case ["check", directory]:
            check(directory)
        case words:
            sys.exit(f"there is no role {words}")
