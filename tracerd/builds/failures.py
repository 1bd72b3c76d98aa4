"""What failed: of a chain of steps that failed one because of the other, the innermost."""

from typing import Final

from tracerd.builds.steps import Build, Step

_ANSWERS: Final = frozenset({"[", "cmp", "diff", "egrep", "expr", "fgrep", "git", "grep", "pgrep", "test", "which"})
"""Programs whose exit code 1 is an answer."""


def failures(build: Build) -> list[Step]:
    """The steps that failed, in the order of their starts.

    Left out are answers that the step around did not take for a failure: `grep` without a match, a pipe whose reader
    had enough (SIGPIPE).
    """
    return [step for step in build.steps if step.outcome and not step.is_part and _is_cause(step) and _counts(step)]


def _is_cause(step: Step) -> bool:
    return not any(child.outcome and _counts(child) and child.end <= step.end for child in step.inner)


def _counts(step: Step) -> bool:
    is_answer = step.signal == "SIGPIPE" or (step.code == 1 and step.program in _ANSWERS)
    return not is_answer or step.parent is None or bool(step.parent.outcome)
