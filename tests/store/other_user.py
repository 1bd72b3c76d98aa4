"""Another user, whom only root can act as."""

import ctypes
import subprocess
import sys
from pathlib import Path

from tests.harness import PATIENCE_S

NOBODY = 65534
"""Its uid, and its gid."""


# The interpreter itself may lie where only root can start it.
BECOME_NOBODY = f"import os, socket, sys; os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})\n"


def as_nobody(source: str, *arguments: str | Path) -> str:
    """What a few lines of Python print when another user runs them."""
    command = [sys.executable, "-I", "-S", "-c", BECOME_NOBODY + source, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, check=True, timeout=PATIENCE_S).stdout.decode().strip()


def without_roots_privileges() -> None:
    """Let root respect file modes, from its next exec on."""
    libc = ctypes.CDLL(None)
    for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        libc.prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP
