"""A directory of traces of a given age, and `tracerd clear` of it."""

import os
import subprocess
import time
from pathlib import Path

from tests.commands import invoke
from tests.harness import event

DAY_S = 86400
AGES_D = {"old": 40, "middle": 20, "new": 1}


def put(directory: Path, name: str, age_d: float = 0, content: bytes = event(1)) -> Path:
    path = directory / name
    path.write_bytes(content)
    written_s = time.time() - age_d * DAY_S
    os.utime(path, (written_s, written_s))
    return path


def names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()} - {".lock"}


def clear(directory: Path, *arguments: str | Path) -> "subprocess.CompletedProcess[bytes]":
    return invoke("clear", "-d", directory, *arguments)
