"""How many jobs a build tool was asked to run at once."""

import re
from itertools import pairwise
from typing import Final

from tracerd.builds.steps import Step

UNLIMITED: Final = 1_000_000
"""What `make -j` without a number allows."""

_TOOLS: Final = {
    "make": ("-j", "--jobs"),
    "gmake": ("-j", "--jobs"),
    "ninja": ("-j",),
    "samu": ("-j",),
    "cmake": ("-j", "--parallel"),
    "cargo": ("-j", "--jobs"),
    "xargs": ("-P", "--max-procs"),
}
_NINJA_JOBS: Final = {1: 2, 2: 3}
"""What ninja runs at once on so many processors; on more, two more than there are."""

_SEQUENTIAL: Final = frozenset({"make", "gmake", "xargs"})
"""They run one job at a time unless they are asked for more."""


def jobs_of(step: Step, cpus: int | None = None) -> int | None:
    """How many steps this one may run at once: as its command line says, or that of a tool around it.

    Args:
        step: The step.
        cpus: How many processors there were, for the default of ninja.

    Returns:
        None: it is no tool that runs jobs, or its default is not known.
    """
    if step.program not in _TOOLS:
        return None
    sequential = False
    for tool in (step, *step.ancestors()):
        if (asked := _asked(tool)) is not None:
            return asked
        sequential = sequential or tool.program in _SEQUENTIAL
    if sequential:
        return 1
    return _NINJA_JOBS.get(cpus, cpus + 2) if cpus and step.program in ("ninja", "samu") else None


def _asked(step: Step) -> int | None:
    argv = step.main.argv[1:]
    for option in _TOOLS.get(step.program, ()):
        for word, following in pairwise([*argv, ""]):
            if word == option:
                return int(following) if following.isdecimal() else UNLIMITED
            if match := re.fullmatch(re.escape(option) + r"=?([0-9]+)", word):
                return int(match[1])
    return None
