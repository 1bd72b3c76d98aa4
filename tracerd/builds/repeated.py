"""Steps that ran more than once: the same command line in the same directory."""

import re
from collections.abc import Hashable

from tracerd.builds.steps import Build, Step
from tracerd.builds.work import steps_of, work_ns

_CHANGE_DIR = re.compile(r"\bcd\s+('[^']*'|\"[^\"]*\"|[^\s;&|]+)")


def repeated(build: Build) -> list[list[Step]]:
    """Groups of two steps and more that did the same again, what took longest in vain first."""
    groups: dict[Hashable, list[Step]] = {}
    for step in steps_of(build):
        if step.main.argv and not step.inner and "argv_left_out" not in step.main.args:
            groups.setdefault((tuple(step.main.argv), _directory(step)), []).append(step)
    again = [group for group in groups.values() if len(group) > 1]
    return sorted(again, key=wasted_ns, reverse=True)


def wasted_ns(group: list[Step]) -> int:
    """How long all but the first ran."""
    return sum(work_ns(step) for step in group[1:])


def _directory(step: Step) -> Hashable:
    """Where a step ran; with `--all` that is not recorded, and what the commands around it say has to do."""
    if isinstance(cwd := step.main.args.get("cwd"), str):
        return cwd
    changes: list[str] = []
    for around in step.ancestors():
        argv = around.main.argv
        changes += [argv[at + 1] for at, word in enumerate(argv[:-1]) if word == "-C"]
        changes += [str(found) for word in argv[1:] for found in _CHANGE_DIR.findall(word)]
    return tuple(changes)
