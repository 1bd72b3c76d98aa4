"""Which files a command makes and which it reads, as far as its command line shows."""

import posixpath
import re
from collections.abc import Iterator

from tracerd.builds.names import is_archiver, is_compiler, is_shell, value_of
from tracerd.builds.steps import Program, Step

_REDIRECTED = re.compile(r"(?:^|[^0-9&>])1?>>?\s*([^\s;&|<>()]+)")
_SOURCE_END = re.compile(r"\.[A-Za-z+]+$")


def makes(step: Step) -> set[str]:
    """The files that a step makes, with all steps that it starts; what parts of a compiler make is temporary."""
    return {file for program in _programs(step) for file in _outputs(program)}


def reads(step: Step) -> set[str]:
    """The files that a step names, with all steps that it starts, without what it makes itself."""
    named = {file for program in _programs(step) for file in _named(program)}
    return named - {file for program in _programs(step) for file in _outputs(program) if _is_new(program)}


def _programs(step: Step) -> Iterator[Program]:
    steps = [step]
    for one in steps:  # and of what is added meanwhile
        yield from one.programs
        steps.extend(one.inner)


def _is_new(program: Program) -> bool:
    """Whether it makes a file anew, instead of changing one that is there, as ranlib does."""
    return program.tool != "ranlib"


def _outputs(program: Program) -> Iterator[str]:
    argv, tool = program.argv, program.tool
    for option in ("-o", "--output"):
        if file := value_of(argv, option):
            yield _path(program, file)
    if is_shell(tool):
        yield from (_path(program, file) for file in _REDIRECTED.findall(value_of(argv, "-c")))
    if is_archiver(tool):
        yield from (_path(program, word) for word in argv[1:] if word.endswith((".a", ".lib")))
    if is_compiler(tool) and "-c" in argv and "-o" not in argv:
        sources = [word for word in argv[1:] if not word.startswith("-") and _SOURCE_END.search(word)]
        yield from (_path(program, _SOURCE_END.sub(".o", posixpath.basename(source))) for source in sources)
    if tool in ("cp", "mv", "ln", "install"):
        yield _path(program, argv[-1])


def _named(program: Program) -> Iterator[str]:
    """All arguments that may be files; `-L. -llua` names `liblua.a` in some folder."""
    for word in program.argv[1:]:
        if word.startswith("-l") and len(word) > 2:
            yield f"lib{word[2:]}.a"
        elif word and not word.startswith("-") and len(word) < 4096 and " " not in word:
            yield _path(program, word)


def _path(program: Program, word: str) -> str:
    cwd = program.args.get("cwd")
    if isinstance(cwd, str) and not word.startswith("/"):
        word = f"{cwd}/{word}"
    return posixpath.normpath(word)
