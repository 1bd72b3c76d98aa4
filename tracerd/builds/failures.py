"""What failed: of a chain of steps that failed one because of the other, the innermost."""

import re
from typing import Final

from tracerd.builds.names import is_shell, program_at, script_of
from tracerd.builds.steps import Build, Step

_ANSWERS: Final = frozenset({"[", "cmp", "diff", "egrep", "expr", "fgrep", "git", "grep", "pgrep", "test", "which"})
"""Programs whose exit code 1 is an answer."""


_ALTERNATIVE: Final = re.compile(r"\|\||\b(?:if|while|until)\s|!\s")
"""What a script has that goes on, on purpose, after a command that failed."""


def failures(build: Build) -> list[Step]:
    """The steps that failed: first those that led to the end of the command, then others; each in the order of starts.

    Left out are failures that the step around did not take for one.
    """
    found = [step for step in build.steps if is_failure(step) and not step.is_part and _is_cause(step)]
    return sorted(found, key=lambda step: not all(around.outcome for around in step.ancestors()))


def is_failure(step: Step) -> bool:
    """Whether a step failed, and not just answered or was tried out.

    An answer is `grep` without a match, or a pipe whose reader had enough (SIGPIPE), below a step that ended well. What
    a step tried out has failed below a script with an alternative (`cc ... && echo 1 || echo 0`), below `configure`, or
    below a `cmake` that configures, which did not fail because of it.
    """
    if not step.outcome:
        return False
    if step.parent is None:
        return True
    is_answer = step.signal == "SIGPIPE" or (step.code == 1 and step.program in _ANSWERS)
    return bool(step.parent.outcome) if is_answer else bool(step.signal) or not _is_tried_out(step)


def _is_cause(step: Step) -> bool:
    return not any(is_failure(child) and child.end <= step.end for child in step.inner)


def _is_tried_out(step: Step) -> bool:
    """Whether the nearest step around it that did not fail is one that tries things out."""
    around = next((one for one in step.ancestors() if not one.outcome), None)
    while around is not None and not around.main.argv:  # the part of a script that runs in a process of its own
        around = around.parent
    if around is None:
        return False
    argv = around.main.argv
    if is_shell(around.program) and (script := script_of(argv[1:])):
        return _ALTERNATIVE.search(script) is not None
    is_configuring = around.program == "cmake" and not {"--build", "--install", "-E", "-P"} & set(argv)
    return is_configuring or "configure" in map(program_at, argv[:2])
