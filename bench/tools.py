"""The C programs of the benchmark: who writes events must not be slower than who reads them."""

import shutil
import subprocess
from pathlib import Path

SOURCES = Path(__file__).parent / "c"
NAMES = ("copier", "latency", "load", "render", "verify")


def compiler() -> str | None:
    """The path of a C compiler, or None."""
    return shutil.which("cc")


def build(directory: Path) -> Path:
    """Compile all programs into a directory; returns it.

    Raises:
        RuntimeError: There is no compiler.
    """
    cc = compiler()
    if cc is None:
        raise RuntimeError("no C compiler: install gcc, so that `cc` is on the PATH")
    for name in NAMES:
        command = [cc, "-std=gnu11", "-O2", "-Wall", "-Wextra"]
        subprocess.run([*command, "-o", str(directory / name), str(SOURCES / f"{name}.c")], check=True)
    return directory
