"""Ninja's files of a build, if they are still where it ran: one of the files here that do I/O.

They are read as they are now. If another build has replaced them, they say nothing of this one, and are left out.
"""

import posixpath
from itertools import pairwise
from pathlib import Path
from typing import Final

from tracerd.builds.ninja import needed_steps, read_deps, read_log, read_manifest
from tracerd.builds.steps import Build, Step
from tracerd.errors import UnsafePathError
from tracerd.store.files import open_for_reading

MAX_BYTES: Final = 100_000_000
"""Larger files are left out."""


def learn(build: Build) -> None:
    """Note in a build what its ninjas say of which step needs which."""
    for step in build.steps:
        if step.program in ("ninja", "samu") and (directory := _directory(step)):
            build.needs |= _needs(step, directory)


def _directory(step: Step) -> str:
    """Where a ninja works; empty if that is not known."""
    cwd = step.main.args.get("cwd")
    if not isinstance(cwd, str):
        return ""
    changes = [following for word, following in pairwise(step.main.argv) if word == "-C"]
    return posixpath.join(cwd, *changes[:1])


def _needs(step: Step, directory: str) -> dict[Step, list[Step]]:
    files = [following for word, following in pairwise(step.main.argv) if word == "-f"]

    def text_of(name: str) -> str | None:
        data = _read(posixpath.join(directory, name))
        return None if data is None else data.decode(errors="replace")

    text, log = text_of(files[0] if files else "build.ninja"), text_of(".ninja_log")
    if text is None or log is None:
        return {}
    manifest = read_manifest(text, text_of)
    for output, inputs in read_deps(_read(posixpath.join(directory, ".ninja_deps")) or b"").items():
        if output in manifest.inputs:
            manifest.inputs[output] = [*manifest.inputs[output], *inputs]
    return needed_steps(step.inner, directory, manifest, read_log(log))


def _read(path: str) -> bytes | None:
    """A file; None if it is not there, is no file, or is too large."""
    try:
        with open(open_for_reading(Path(path)), "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, UnsafePathError):
        return None
    return data if len(data) <= MAX_BYTES else None
