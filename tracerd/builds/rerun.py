"""The line that runs a step again: where it ran, and its command."""

import shlex
from collections.abc import Callable, Iterator

from tracerd.builds.failures import failures
from tracerd.builds.files import makes
from tracerd.builds.steps import Build, Step
from tracerd.builds.work import steps_of


def find_steps(build: Build, text: str) -> list[Step]:
    """The steps that a person means, by pid, name, what they make, or a part of the name or of the command line.

    Returns:
        What fits best: of several the steps that failed, in the order of their starts; none if nothing fits.
    """
    for fits in _tests(text):
        found = [step for step in steps_of(build) if fits(step)] or [step for step in build.steps if fits(step)]
        if found:
            failed = set(failures(build))
            return [step for step in found if step in failed] or found
    return []


def _tests(text: str) -> Iterator[Callable[[Step], bool]]:
    yield lambda step: str(step.pid) == text
    yield lambda step: step.name == text
    yield lambda step: not step.inner and any(f"/{file}".endswith(f"/{text}") for file in makes(step))
    yield lambda step: step.name.endswith(f" {text}") and not step.inner
    yield lambda step: text in step.name and not step.inner
    yield lambda step: text in step.name
    yield lambda step: text in step.command


def commands(steps: list[Step]) -> list[str]:
    """The lines that run these steps again, each once: `cd src && cc -c a.c`."""
    return list(dict.fromkeys(map(command, steps)))


def command(step: Step) -> str:
    """The line that runs a step again; without a directory if that is not recorded, empty without a command line."""
    argv, cwd = step.main.argv, step.main.args.get("cwd")
    if not argv:
        return ""
    line = " ".join(map(_quoted, argv))
    return f"cd {_quoted(cwd)} && {line}" if isinstance(cwd, str) else line


def _quoted(word: str) -> str:
    """A word as a shell takes it, in one line: what is not printable is escaped, as bash, ksh and zsh read it."""
    if word.isprintable():
        return shlex.quote(word)
    return f"$'{''.join(map(_escaped, word))}'"


def _escaped(character: str) -> str:
    if character in "'\\":
        return f"\\{character}"
    if character.isprintable():
        return character
    return "".join(f"\\x{byte:02x}" for byte in character.encode(errors="surrogateescape"))
