"""What the kernel says about a running daemon."""

import os
from collections import Counter
from contextlib import suppress
from pathlib import Path


def state_of(pid: int) -> str:
    """The state of its first thread: `S` sleeps, `T` is stopped, `D` waits for a disk."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]


def resident_mb(pid: int) -> float:
    """Memory in use now, in MB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def peak_mb(pid: int) -> float:
    """The most memory that was ever in use, in MB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    [peak_kib] = [int(line.split()[1]) for line in lines if line.startswith("VmHWM:")]
    return peak_kib * 1024 / 1e6


def open_files(pid: int) -> int:
    """The number of open file descriptors."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def open_targets(pid: int) -> Counter[str]:
    """What the open file descriptors refer to, and how often: a path, or `socket:[INODE]`.

    The difference of two of these names what was opened in between,
    whatever the daemon had open for a moment when the first was taken.
    """
    found: Counter[str] = Counter()
    for each in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed since it was listed
            found[os.readlink(each)] += 1
    return found
