"""What the kernel says about a running daemon."""

import os
from pathlib import Path


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
