"""What ninja's files say of a build: which step needs which, and when each ran. Pure: texts in, values out.

The manifest (`build.ninja`) has the edges, `.ninja_deps` those that compilers have reported, such as generated headers,
and `.ninja_log` when each output was made: by that a step is found whose command line does not name its output, and
files of a later build are told from those of this one.
"""

import posixpath
import re
import struct
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Final

from tracerd.builds.files import makes
from tracerd.builds.steps import Step

_VARIABLE = re.compile(r"\$(?:\{([\w.-]+)\}|([\w-]+)|([ $:]))")
_TOKEN = re.compile(r"(?:\$.|[^\s$:|])+|\|\||\|@|\||:")
_MAX_INCLUDES: Final = 100

_DEPS_HEAD: Final = b"# ninjadeps\n"
_IS_DEPS: Final = 0x80000000


@dataclass(slots=True)
class Manifest:
    """The edges of a build.

    Attributes:
        inputs: Of each output what it needs, in the order of the file.
        phony: The outputs that are only names for their inputs.
    """

    inputs: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    phony: set[str] = field(default_factory=set[str])

    def needs(self, output: str) -> set[str]:
        """The files that must be there before an output is made."""
        found: set[str] = set()
        rest = list(self.inputs.get(output, ()))
        while rest:
            file = rest.pop()
            if file not in found:
                found.add(file)
                if file in self.phony:
                    rest += self.inputs[file]
        return found


def read_manifest(text: str, included: Callable[[str], str | None]) -> Manifest:
    """The edges of a `build.ninja`.

    Args:
        text: The file.
        included: The text of a file that it includes; None if that cannot be read.
    """
    manifest = Manifest()
    variables: dict[str, str] = {}
    texts = [text]
    for one in texts:  # and of what is added meanwhile
        for line in re.sub(r"\$\n[ ]*", "", one).splitlines():
            keyword, _, rest = line.partition(" ")
            if keyword == "build":
                _add_edge(manifest, rest, variables)
            elif keyword in ("include", "subninja") and len(texts) < _MAX_INCLUDES:
                texts.append(included(_expanded(rest.strip(), variables)) or "")
            elif (match := re.match(r"([\w.-]+)\s*=\s*(.*)", line)) is not None:
                variables[match[1]] = _expanded(match[2], variables)
    return manifest


def _add_edge(manifest: Manifest, text: str, variables: Mapping[str, str]) -> None:
    """Take `out | more: rule in | more || first`."""
    tokens = _TOKEN.findall(text)
    if ":" not in tokens:
        return
    middle = tokens.index(":")
    outputs, (rule, *inputs) = tokens[:middle], tokens[middle + 1 :] or [""]
    if "|@" in inputs:
        del inputs[inputs.index("|@") :]
    files = [_file(word, variables) for word in inputs if not word.startswith("|")]
    for word in outputs:
        if not word.startswith("|"):
            output = _file(word, variables)
            manifest.inputs[output] = files
            if rule == "phony":
                manifest.phony.add(output)


def _file(word: str, variables: Mapping[str, str]) -> str:
    return posixpath.normpath(_expanded(word, variables))


def _expanded(text: str, variables: Mapping[str, str]) -> str:
    return _VARIABLE.sub(lambda found: found[3] or variables.get(found[1] or found[2], ""), text)


def read_log(text: str) -> dict[str, tuple[int, int]]:
    """When each output was made: start and end in ms after the start of ninja; the one made last is the last."""
    found: dict[str, tuple[int, int]] = {}
    for line in text.splitlines():
        fields = line.split("\t")
        if len(fields) >= 4 and fields[0].isdecimal() and fields[1].isdecimal():
            output = posixpath.normpath(fields[3])
            found.pop(output, None)
            found[output] = int(fields[0]), int(fields[1])
    return found


def read_deps(data: bytes) -> dict[str, list[str]]:
    """The inputs that compilers have reported, from `.ninja_deps`; none of another version of it."""
    paths: list[str] = []
    found: dict[str, list[str]] = {}
    at = len(_DEPS_HEAD) + 4
    if not data.startswith(_DEPS_HEAD) or data[len(_DEPS_HEAD) : at] not in (b"\3\0\0\0", b"\4\0\0\0"):
        return {}
    words_before = 3 if data[len(_DEPS_HEAD)] == 4 else 2  # the output, and its time in 64 or 32 bits
    while at + 4 <= len(data):
        [head] = struct.unpack_from("<I", data, at)
        size = head & ~_IS_DEPS
        record = data[at + 4 : at + 4 + size]
        at += 4 + size
        if len(record) < size or size % 4 or size < 4:
            break
        if head & _IS_DEPS:
            numbers: tuple[int, ...] = struct.unpack(f"<{size // 4}I", record)
            output, inputs = numbers[0], numbers[words_before:]
            if max(output, *inputs, 0) < len(paths):
                found[paths[output]] = [paths[number] for number in inputs]
        else:
            paths.append(posixpath.normpath(record[:-4].rstrip(b"\0").decode(errors="replace")))
    return found


# ------------------------------------------------------------------ files to steps

_NEAR_MS: Final = 30
"""ninja notes when it starts a step, which may be so much before the step begins on a busy machine."""

_CLEARLY: Final = 2
"""A time belongs to a step if no other time is so many times as far from it, or nearer."""

_FAR_MS: Final = 1e9
_SAME_MS: Final = 30
_SAME_PART: Final = 0.1
"""ninja's time of a step may differ by so much from ours."""


def needed_steps(
    steps: list[Step], directory: str, manifest: Manifest, log: Mapping[str, tuple[int, int]]
) -> dict[Step, list[Step]]:
    """What steps of one ninja needed, as far as these files are of this build.

    Args:
        steps: What ninja has started.
        directory: Where it ran.
        manifest: Its edges.
        log: When it made what.

    Returns:
        For each step that the files know the steps that had to end before it began; empty if they are of another build.
    """
    outputs = _outputs(steps, directory, manifest)
    outputs = {step: output for step, output in outputs.items() if output in log}
    outputs |= _by_time(steps, outputs, manifest, log)
    if 2 * sum(_lasts_as(step, *log[output]) for step, output in outputs.items()) <= len(outputs):
        return {}
    makers = {output: step for step, output in outputs.items()}
    return {
        step: [makers[file] for file in manifest.needs(output) if file in makers and makers[file] is not step]
        for step, output in outputs.items()
    }


def _outputs(steps: list[Step], directory: str, manifest: Manifest) -> dict[Step, str]:
    """What each step makes, by the name that the manifest has for it."""
    names = {posixpath.normpath(posixpath.join(directory, name)): name for name in manifest.inputs}
    found: dict[Step, str] = {}
    for step in steps:
        for file in makes(step):
            if name := names.get(posixpath.normpath(posixpath.join(directory, file))):
                found[step] = name
    return found


def _lasts_as(step: Step, start_ms: int, end_ms: int) -> bool:
    dur_ms = step.dur / 1e6
    return abs(dur_ms - (end_ms - start_ms)) <= _SAME_MS + _SAME_PART * dur_ms


def _by_time(
    steps: list[Step], known: Mapping[Step, str], manifest: Manifest, log: Mapping[str, tuple[int, int]]
) -> Iterator[tuple[Step, str]]:
    """Steps whose command line does not name their output: the one that began and ended when they did."""
    if known:
        offset = median(step.start / 1e6 - log[output][0] for step, output in known.items())
    else:  # the log has what ended well in the order of the ends; older lines before it
        ended = sorted((step for step in steps if step.code == 0), key=lambda step: step.end)
        times = list(dict.fromkeys(log.values()))[-len(ended) :] if ended else []
        if not times:
            return
        pairs = zip(reversed(ended), reversed(times), strict=False)
        offset = median(step.start / 1e6 - start for step, (start, _) in pairs)
    taken = set(known.values())
    free = sorted((times, name) for name, times in log.items() if name not in taken and name in manifest.inputs)
    for step in steps:
        if step not in known:
            start, end = step.start / 1e6 - offset, step.end / 1e6 - offset
            since = bisect_left(free, ((round(start - _NEAR_MS), 0), ""))
            until = bisect_right(free, ((round(start + _NEAR_MS), 0), ""))
            distances = sorted((abs(s - start) + abs(e - end), name) for (s, e), name in free[since:until])
            nearest, second = [*distances, *[(_FAR_MS, "")] * 2][:2]
            if nearest[0] <= 2 * _NEAR_MS and _CLEARLY * nearest[0] < second[0]:
                yield step, nearest[1]
