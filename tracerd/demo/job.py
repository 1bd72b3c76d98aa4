"""The demo's job: compress the standard library, one short-lived process for each package, and check the result.

    job.py build SOCKET DIRECTORY                    starts all others, so many at a time as there are processors
    job.py pack SOCKET DIRECTORY NUMBER PACKAGE      reads, hashes and compresses the files of one package
    job.py check SOCKET DIRECTORY                    unpacks what they wrote and compares

Each process is a client of its own. The class `Trace` is all that a Python program needs to be one: this file imports
the standard library only, and may be copied.
"""

import json
import os
import socket
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

TRACE_ID = "demo"

PACKAGES = 10
FEWEST_PACKAGES = 8
FILES_PER_PACKAGE = 5
LARGEST_FILE_BYTES = 60_000
"""Together these make a job of about a second on two processors."""

NOT_PACKED = {"idlelib", "lib2to3", "site-packages", "dist-packages", "test", "turtledemo"}
"""Directories of the standard library that are not always there, or no part of it."""

WRITE_LINES = 50
"""Events are written so many at a time: each write(2) costs as much as making a few of them."""


def now_us() -> int:
    """Microseconds of the clock that all processes of a machine share."""
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000


class Trace:
    """This process's connection to its trace: opened once, kept to the end."""

    def __init__(self, path: str, process_name: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.connect(path)
        self._lock = threading.Lock()
        self._lines = [f"OPEN {TRACE_ID}"]
        self.event("M", "process_name", args={"name": process_name})
        self.name_thread("main")

    def event(self, phase: str, name: str, **fields: object) -> None:
        """Add an event of this process and thread: now, unless `fields` say when."""
        event = {"ph": phase, "name": name, "pid": os.getpid(), "tid": threading.get_native_id(), "ts": now_us()}
        line = json.dumps(event | fields, ensure_ascii=False, separators=(",", ":"))
        with self._lock:
            self._lines.append(line)
            if len(self._lines) >= WRITE_LINES:
                self._write()

    def name_thread(self, name: str) -> None:
        """Give this thread the name under which it is shown."""
        self.event("M", "thread_name", args={"name": name})

    @contextmanager
    def span(self, name: str, cat: str = "step", **args: object) -> Generator[dict[str, object]]:
        """Tell how long the body took; it may add to what is told, which is shown when the span is selected."""
        start_us = now_us()
        try:
            yield args
        finally:
            self.event("X", name, cat=cat, ts=start_us, dur=now_us() - start_us, args=args)

    def log(self, level: str, text: str, **args: object) -> None:
        """Add a line as a program would write to its log."""
        self.event("i", text, cat="log", s="t", args={"level": level, **args})

    def arrow_from_here(self, name: str, number: int) -> None:
        """Begin an arrow in the span that is open here; it has the same name and number where it ends."""
        self.event("s", name, cat="arrow", id=number)

    def arrow_to_here(self, name: str, number: int) -> None:
        """End an arrow in the span that is open here."""
        self.event("f", name, cat="arrow", id=number, bp="e")

    def close(self) -> None:
        """Write the rest and leave."""
        with self._lock:
            self._write()
        self._socket.close()

    def _write(self) -> None:
        self._socket.sendall("".join(line + "\n" for line in self._lines).encode())
        self._lines.clear()


# ------------------------------------------------------------------ build: starts the others


def sources(package: Path) -> list[Path]:
    """The largest files of a package, of those that are not mere tables."""
    sizes = {path: path.stat().st_size for path in sorted(package.rglob("*.py"))}
    files = sorted((path for path, size in sizes.items() if size <= LARGEST_FILE_BYTES), key=sizes.__getitem__)
    return files[-FILES_PER_PACKAGE:]


def find_packages(trace: Trace) -> list[Path]:
    """The packages of the standard library in which there is most to do, by name.

    Perfetto 52 sorts processes by their number of spans, and then by name. So all packages have the same number of
    files, and that the others stand in one span each puts the process `build` first.
    """
    library = Path(sysconfig.get_path("stdlib"))
    work: dict[Path, int] = {}
    for package in sorted(path.parent for path in library.glob("[a-z]*/__init__.py")):
        if package.name not in NOT_PACKED:
            with trace.span(f"look at {package.name}"):
                files = sources(package)
                if len(files) == FILES_PER_PACKAGE:
                    work[package] = sum(path.stat().st_size for path in files)
    if len(work) < FEWEST_PACKAGES:
        sys.exit(f"the sources of the standard library are not in {library}")
    return sorted(sorted(work, key=work.__getitem__)[-PACKAGES:])


class Packers:
    """Runs the processes that pack, some at a time, and counts them."""

    def __init__(self, trace: Trace, arguments: list[str], waiting: int) -> None:
        self._trace = trace
        self._arguments = arguments
        self._waiting = waiting
        self._running = 0
        self._lock = threading.Lock()
        self._count()

    def run(self, number: int, package: Path) -> None:
        """Run one, in a thread that has nothing else to do meanwhile."""
        self._count(waiting=-1, running=1)
        with self._trace.span(package.name, "process"):
            run(self._trace, number, "pack", *self._arguments, str(number), str(package))
        self._count(running=-1)

    def _count(self, waiting: int = 0, running: int = 0) -> None:
        with self._lock:
            self._waiting += waiting
            self._running += running
            args = {"waiting": self._waiting, "running": self._running}
            self._trace.event("C", "packages", args=args)


def run(trace: Trace, number: int, *arguments: str) -> None:
    """Run this file as another process, with an interpreter that starts fast."""
    command = [sys.executable, "-I", "-S", __file__, *arguments]
    with trace.span("start", "wait"):
        trace.arrow_from_here("start", number)
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    if code := process.wait():
        sys.exit(f"the process '{arguments[0]}' ended with code {code}")


def build(path: str, directory: str) -> None:
    """Pack all packages, then check."""
    trace = Trace(path, "build")
    processors = len(os.sched_getaffinity(0))
    at_a_time = max(2, min(processors, PACKAGES))
    with trace.span("build", "process"):
        with trace.span("find sources", "wait"):
            todo = find_packages(trace)
        trace.log("info", f"{len(todo)} packages, {at_a_time} at a time", processors=processors)
        with trace.span(f"pack {len(todo)} packages", "wait"):
            slots = iter(range(1, at_a_time + 1))
            packers = Packers(trace, [path, directory], len(todo))
            # A thread for each process that may run: on a thread of its own each span is drawn in one line.
            with ThreadPoolExecutor(at_a_time, initializer=lambda: trace.name_thread(f"slot {next(slots)}")) as threads:
                for _ in threads.map(packers.run, range(1, len(todo) + 1), todo):
                    pass
        trace.event("i", "all packed", s="p")
        with trace.span("check", "wait"):
            run(trace, len(todo) + 1, "check", path, directory)
    trace.close()


# ------------------------------------------------------------------ pack and check: the work


def pack(path: str, directory: str, number: int, package: Path) -> None:
    """Compress the files of one package, and note their hashes."""
    trace = Trace(path, f"pack {package.name}")
    with trace.span(f"pack {package.name}", "process"):
        trace.arrow_to_here("start", number)
        with trace.span("import"):
            import hashlib
            import lzma
        read = written = 0
        hashes: list[str] = []
        for source in sources(package):
            name = str(source.relative_to(package))
            with trace.span(name, "file") as told:
                with trace.span("read", file=name):
                    data = source.read_bytes()
                with trace.span("hash", file=name):
                    hashes.append(hashlib.sha256(data).hexdigest())
                with trace.span("compress", file=name):
                    packed = lzma.compress(data, preset=4)
                with trace.span("write", file=name):
                    (Path(directory) / f"{number}.{len(hashes) - 1}.xz").write_bytes(packed)
                told |= {"bytes": len(data), "packed": len(packed)}
            read += len(data)
            written += len(packed)
        with trace.span("write hashes"):
            (Path(directory) / f"{number}.json").write_text(json.dumps([package.name, hashes]))
            trace.arrow_from_here("packed", number)
        trace.log("info", f"{read // 1000} kB became {written // 1000} kB", files=len(hashes))
    trace.close()


def check(path: str, directory: str) -> None:
    """Unpack everything and compare the hashes."""
    trace = Trace(path, "check")
    with trace.span("check", "process"):
        lists = sorted(Path(directory).glob("*.json"), key=lambda path: int(path.stem))
        trace.arrow_to_here("start", len(lists) + 1)
        with trace.span("import"):
            import hashlib
            import lzma
        files = 0
        for hashes in lists:
            package, expected = json.loads(hashes.read_text())
            with trace.span(f"check {package}"):
                trace.arrow_to_here("packed", int(hashes.stem))
                for number, digest in enumerate(expected):
                    data = lzma.decompress((hashes.with_suffix(f".{number}.xz")).read_bytes())
                    if hashlib.sha256(data).hexdigest() != digest:
                        sys.exit(f"a file of {package} is not what it was")
                    files += 1
        trace.log("info", f"all {files} files are as they were")
    trace.close()


def main(role: str, path: str, directory: str, *rest: str) -> None:
    """Play one of the three roles."""
    if role == "pack":
        number, package = rest
        pack(path, directory, int(number), Path(package))
    else:
        {"build": build, "check": check}[role](path, directory)


if __name__ == "__main__":
    main(*sys.argv[1:])
