"""What a person would call a command: `cc lvm.o`, `cc1 lvm.c`, `ld lua`, `git log`, `sh: cc -c a.c`.

The name is the same in each build of one tree: it has no temporary file and no number of a process, so that the steps
of two builds can be compared by it.
"""

import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Final

MAX_CHARACTERS: Final = 60
"""Longer names are cut: nobody could read them on a slice."""

_PROGRAMS: Final = 1024
"""Of so many programs it is remembered what they are."""

_TEMPORARY = re.compile(r"cc[A-Za-z0-9]{6}\.\w+(?:\.\w+)*|tmp[A-Za-z0-9_]{6,}|tmp\.[A-Za-z0-9]{6,}")
_HASH = re.compile(r"(?:^|[-_.])[0-9a-f]{16,}(?![A-Za-z0-9])")
"""What build tools put into names to tell configurations apart; a digest of 64 bits at least."""

_RANDOM = re.compile(r"(TryCompile|cmTC|conftest)[-_][A-Za-z0-9]{5,6}\b")
"""What CMake calls its trials; the rest differs each time."""

_SOURCE = re.compile(r".+\.(?:c|cc|cpp|cxx|c\+\+|C|m|mm|S|s|i|ii|f|f90|F90|cu|rs|go)")
_COMPILER = re.compile(r"(?:.*-)?(?:cc|c\+\+|gcc|g\+\+|clang|clang\+\+|c99|c89|tcc|icc|icpc|gfortran)(?:-[0-9.]+)?")
_SHELL = re.compile(r"(?:ba|da|z|k|a)?sh")
_INTERPRETER = re.compile(r"(?:pypy|python|perl|ruby|node|lua|php)[0-9.]*")
_WITH_VALUE: Final = frozenset(
    (
        *("-o", "-x", "-I", "-L", "-D", "-U", "-isystem", "-include", "-MF", "-MT", "-MQ", "-l", "-T", "-m", "-z"),
        *("-A", "-h", "-arch", "-target", "-Xlinker", "-dynamic-linker", "-plugin", "-rpath", "-soname", "-quiet"),
        *("-imultiarch", "-dumpdir", "-dumpbase", "-dumpbase-ext", "-auxbase", "-auxbase-strip"),
    )
)
"""Options of compilers, linkers and archivers whose value is the next argument."""


@lru_cache(_PROGRAMS)
def program_at(path: str) -> str:
    """The name of the program at a path: the last part of it."""
    return _base(path)


_PLAIN: Final = re.compile(r"[\w@%+=:,./-]+(?: [\w@%+=:,./-]+)*", re.ASCII)
"""Words that a shell takes as they are, if there are as many of them as of arguments."""


def command_line(argv: list[str]) -> str:
    """A command line as a shell takes it."""
    line = " ".join(argv)
    return line if _PLAIN.fullmatch(line) and line.count(" ") + 1 == len(argv) else shlex.join(argv)


@lru_cache(_PROGRAMS)
def is_compiler(program: str) -> bool:
    """Whether a program of this name compiles C and the like, and starts others for parts of that."""
    return _COMPILER.fullmatch(program) is not None


def is_archiver(program: str) -> bool:
    """Whether a program of this name makes or changes static libraries."""
    return program in ("ar", "ranlib") or program.endswith(("-ar", "-ranlib"))


def is_shell(program: str) -> bool:
    """Whether a program of this name is a shell."""
    return _SHELL.fullmatch(program) is not None


def is_chosen(argv: list[str], name: str) -> bool:
    """Whether what the trace calls a step is not its program, but a name that a person has chosen."""
    return not argv or name != program_at(argv[0])


def step_name(argv: list[str], name: str) -> str:
    """What to call a step.

    Args:
        argv: Its command line; empty if that was not recorded.
        name: What the trace calls it. If that is not its program, a person has chosen it, and it stays.
    """
    if is_chosen(argv, name):
        return _fitting(name)
    program = name
    words = [word for word in argv[1:] if word]
    if target_of := _target_namer(program):
        target = _stable(target_of(words)) or (_stable(_input(words)) if is_compiler(program) else "")
        return _fitting(f"{program} {target}" if target.isprintable() else program).rstrip()
    if _SHELL.fullmatch(program):
        return _fitting(_shell(program, words))
    if _INTERPRETER.fullmatch(program):
        return _fitting(_interpreted(program, words))
    return _fitting(f"{program} {_NAMING[program](words)}".rstrip())


@lru_cache(_PROGRAMS)
def _target_namer(program: str) -> Callable[[list[str]], str] | None:
    """What finds the file that a command of this program is about; None if it is not called after a file."""
    if program in ("cc1", "cc1plus", "cc1obj", "f951"):
        return _source
    if is_compiler(program):
        return _compiled
    if is_archiver(program):
        return _archive
    is_about_more = program in _NAMING or _SHELL.fullmatch(program) or _INTERPRETER.fullmatch(program)
    return None if is_about_more else _made


def _source(words: list[str]) -> str:
    return value_of(words, "-dumpbase") or next(filter(_SOURCE.fullmatch, words), "")


def _archive(words: list[str]) -> str:
    return next((word for word in words if word.endswith((".a", ".lib"))), "")


def _made(words: list[str]) -> str:
    return output_of(words) or _only(words)


def _input(words: list[str]) -> str:
    """What a compiler reads: the first source, or `-` for its standard input."""
    return next((word for word in _plain(words) if is_source(word)), "-" if "-" in words else "")


def _stable(path: str) -> str:
    """The last part of a path as it is in each build, without a hash; empty for a temporary file or none."""
    base = _base(path)
    if path.startswith(("/proc/", "/dev/")) or path.endswith(".tmp") or _TEMPORARY.fullmatch(base):
        return ""
    name = _HASH.sub("", base)
    return base if name == base else "" if name.startswith(".") else name.lstrip("-_")


def _fitting(name: str) -> str:
    line = _RANDOM.sub(lambda found: f"{found[1]}-", " ".join(name.split()))
    return line if len(line) <= MAX_CHARACTERS else line[: MAX_CHARACTERS - 3] + "..."


def _base(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2] or path


def value_of(words: list[str], option: str) -> str:
    """The argument after an option; empty if there is none."""
    return words[words.index(option) + 1] if option in words[:-1] else ""


def is_source(word: str) -> bool:
    """Whether a file of this name is compiled."""
    return _SOURCE.fullmatch(word) is not None


def output_of(words: list[str]) -> str:
    """What a command writes, after `-o`; empty if that is not given."""
    return value_of(words, "-o") or next((word[9:] for word in words if word.startswith("--output=")), "")


def _plain(words: list[str]) -> Iterator[str]:
    """The arguments that are neither options nor values of well-known ones, or numbers after one: `-n 2`."""
    before = ""
    for word in words:
        is_value = before in _WITH_VALUE or (word.isdigit() and before.startswith("-"))
        if not word.startswith(("-", "@")) and not is_value:
            yield word
        before = word


def _only(words: list[str]) -> str:
    """The argument that sets one command apart: the only one, or the last if it is where something goes."""
    plain = list(_plain(words))
    return plain[0] if len(plain) == 1 else ""


def _compiled(words: list[str]) -> str:
    if target := output_of(words):
        return target
    source = next(filter(_SOURCE.fullmatch, _plain(words)), "")
    if "-c" in words and source:
        return f"{_base(source).rpartition('.')[0]}.o"
    if not source:
        return next((word for word in words if word.startswith(("--version", "-v", "-print", "--print"))), "")
    return source if {"-E", "-S", "-M", "-MM", "-fsyntax-only"} & set(words) else "a.out"


_SHORT: Final = 30
"""A script of so many characters is shown as it is."""

_REDIRECTION = re.compile(r"\s*[0-9]*(?:>>?|<)\s*&?\s*[^\s;&|)]+")
_CHANGE_DIR = re.compile(r"\s*cd\s+(?:'[^']*'|\"[^\"]*\"|[^\s;&|]+)\s*(?:&&|;)\s*")


def script_of(words: list[str]) -> str:
    """What a shell with these arguments runs by `-c`; empty if it does not."""
    for at, word in enumerate(words[:-1]):
        if not word.startswith("-"):
            break
        if "c" in word and not word.startswith("--"):
            return words[at + 1]
    return ""


def _shell(program: str, words: list[str]) -> str:
    """A script's name, or the first command of `-c`."""
    if (script := script_of(words)).strip():
        return f"{program}: {_command(script)}"
    file = next((word for word in words if not word.startswith("-")), "")
    return f"{program} {_base(file)}" if file and not script else program


def _command(script: str) -> str:
    """The first line of a script that does something, without what it redirects; long commands by their names."""
    first = next((line.strip() for line in script.splitlines() if line.strip(" :;\t")), "")
    while (shorter := _CHANGE_DIR.sub("", first, count=1)) != first and shorter.strip():
        first = shorter
    first = re.sub(r"^(?::\s*&&\s*|set -\w+\s*[;&]+\s*)+", "", first)
    first = re.sub(r"(?:\s*&&\s*:)+\s*$", "", first)
    first = _REDIRECTION.sub("", first).strip() or first
    return first if len(first) <= _SHORT else " && ".join(map(_short, first.split(" && ")))


def _short(command: str) -> str:
    """One command of a script by its name."""
    try:
        argv = shlex.split(command)
    except ValueError:  # it goes on in another part
        return command
    is_plain = argv and not set(command) & set("|;$`")
    return step_name(argv, _base(argv[0])) if is_plain else command


def _interpreted(program: str, words: list[str]) -> str:
    for at, word in enumerate(words):
        if word == "-m" and at + 1 < len(words):
            return f"{program} -m {words[at + 1]}"
        if word in ("-c", "-e"):
            return f"{program} {word}"
        if not word.startswith("-"):
            return f"{program} {_base(word)}"
    return program


_GIT_VALUES: Final = ("-C", "-c", "--git-dir", "--work-tree", "--namespace", "--exec-path")


def _subcommand(words: list[str]) -> str:
    """The first word that is no option: `git log`, `cargo build`."""
    before = ""
    for word in words:
        if not word.startswith(("-", "+")) and before not in _GIT_VALUES:
            return word
        before = word
    return ""


def _make(words: list[str]) -> str:
    """The directory and the targets."""
    directory = value_of(words, "-C")
    targets = [word for word in _plain_after(words, ("-C", "-f", "-j", "-I", "-k", "-l")) if "=" not in word]
    return " ".join([*(["-C", _base(directory)] if directory else []), *targets])


def _plain_after(words: list[str], options: tuple[str, ...]) -> Iterator[str]:
    """The words that are no options and no values of these."""
    before = ""
    for word in words:
        if not word.startswith("-") and not (before in options and (before not in ("-j", "-k") or word.isdigit())):
            yield word
        before = word


def _cmake(words: list[str]) -> str:
    for option in ("--build", "--install", "-P"):
        if target := value_of(words, option):
            return f"{option} {_base(target)}"
    if words[:1] == ["-E"]:
        return " ".join(words[:2])
    return _base(value_of(words, "-B") or _only(words))


def _last(words: list[str]) -> str:
    """Where something goes."""
    plain = [*_plain(words)]
    return _stable(plain[-1]) if plain else ""


def _edited(words: list[str]) -> str:
    """The file after the script."""
    return _last([*_plain(words)][1:])


_NAMING: Final[Mapping[str, Callable[[list[str]], str]]] = (
    dict.fromkeys(("make", "gmake", "ninja", "samu"), _make)
    | dict.fromkeys(("git", "cargo", "go", "npm", "docker", "podman", "apt-get", "pip", "pip3", "meson"), _subcommand)
    | dict.fromkeys(("cp", "mv", "ln", "install", "mkdir", "rm", "touch"), _last)
    | dict.fromkeys(("sed", "gsed", "awk", "gawk", "mawk"), _edited)
    | {"cmake": _cmake}
)
