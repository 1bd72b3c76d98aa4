"""Folders of shims: small scripts with the names of programs, for a place before them in PATH."""

import os
import sys

from tracerd.errors import ShimError
from tracerd.exec.environment import Environ, digest, state_directory
from tracerd.exec.programs import NOT_FOUND, SHIM_TAG, TAG_WITHIN_BYTES, is_shim, real_program
from tracerd.launcher import library

MAX_FIRST_LINE_BYTES = 127
"""Longer ones are cut by older kernels."""


_TEXT = """\
{first}
{tag} runs the next {name!a} in PATH, and records it if there is a trace
import sys

sys.path.insert(0, {library!a})
try:
    from tracerd.exec.shim import main
except ImportError:  # tracerd was removed, and what was configured with this shim is still there
    import os

    import _signal

    for number in (_signal.SIGPIPE, _signal.SIGXFSZ):  # Python ignores them
        _signal.signal(number, _signal.SIG_DFL)
    folders = os.environ.get("PATH", "").split(":")
    for path in ({program!a}, *(os.path.join(folder or ".", {name!a}) for folder in folders)):
        if os.access(path, os.X_OK) and os.path.isfile(path):
            with open(path, "rb") as file:
                is_shim = {tag!a} in str(file.read({within}))
            if not is_shim:
                os.execv(path, [path, *sys.argv[1:]])
    sys.stderr.write("there is no other " + {name!a} + " in PATH\\n")
    os._exit({not_found})

main({name!a}, {program!a})
"""


def text_of(name: str, program: str) -> bytes:
    """The shim for a program, which lies at this path now.

    It runs the interpreter without site packages, which take longer to find than all else takes.

    Raises:
        ShimError: This Python cannot be named in the first line of a script.
    """
    python = os.path.realpath(sys.executable)
    first = f"#!{python} -IS"
    if " " in python or len(os.fsencode(first)) > MAX_FIRST_LINE_BYTES:
        raise ShimError(f"{python} cannot stand in the first line of a script: its path is too long or has a blank")
    tag = SHIM_TAG.decode()
    values = {"first": first, "tag": tag, "name": name, "program": program, "library": library()}
    return os.fsencode(_TEXT.format(**values, within=TAG_WITHIN_BYTES, not_found=NOT_FOUND))


def check_name(name: str) -> None:
    """Reject what is no name of a program.

    Raises:
        ShimError: It is a path, or nothing.
    """
    if not name or "/" in name or name.startswith((".", "-")) or not name.isprintable():
        raise ShimError(f"{name!r} is not the name of a program; give names such as cc, not paths")


def programs_of(names: list[str], environ: Environ) -> tuple[dict[str, str], list[str]]:
    """The programs of these names in PATH that are no shims, and the names of which there is none.

    Raises:
        ShimError: A name is none.
    """
    found: dict[str, str] = {}
    missing: list[str] = []
    for name in names:
        check_name(name)
        program = real_program(name, environ)
        if program is None:
            missing.append(name)
        else:
            found[name] = os.path.abspath(program)
    return found, missing


def require(names: list[str], environ: Environ) -> dict[str, str]:
    """The programs of these names, by their names.

    Raises:
        ShimError: A name is none, or PATH has no program of it.
    """
    found, missing = programs_of(names, environ)
    if missing:
        raise ShimError(f"there is no {', '.join(missing)} in PATH; a shim would pretend that there is")
    return found


def fill(directory: str, programs: dict[str, str]) -> None:
    """Write a shim for each of these programs, whose paths are given by their names.

    Raises:
        OSError: The directory cannot be written.
        ShimError: A name is none, or a file of that name is there that is no shim, or PATH cannot name the folder.
    """
    if os.pathsep in directory:
        raise ShimError(f"{directory} cannot stand in PATH, where a colon ends a name; choose another folder")
    texts: dict[bytes, bytes] = {}
    for name, program in programs.items():
        path = os.path.join(os.fsencode(directory), os.fsencode(name))
        if os.path.lexists(path) and not is_shim(path):
            raise ShimError(f"{os.fsdecode(path)} exists and is not a shim; choose another folder")
        texts[path] = text_of(name, program)
    os.makedirs(directory, exist_ok=True)
    for path, text in texts.items():
        if _holds(path, text):
            continue
        new = path + b".%d.new" % os.getpid()
        with open(new, "wb", opener=lambda path, flags: os.open(path, flags | os.O_NOFOLLOW, 0o777)) as file:
            file.write(text)
        os.chmod(new, 0o777 & ~_umask())
        os.replace(new, path)


def _holds(path: bytes, text: bytes) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read() == text and os.access(path, os.X_OK)
    except OSError:
        return False


def _umask() -> int:
    umask = os.umask(0o077)
    os.umask(umask)
    return umask


class Shims:
    """A folder of shims that stays, for a build that was configured with them names their paths.

    Attributes:
        path: PATH with the folder at its beginning.
        missing: The names of which PATH has no program.

    Raises:
        OSError: The folder cannot be made.
        ShimError: A name is none, there is no place for the folder, or programs cannot run there.
    """

    def __init__(self, names: list[str], environ: Environ) -> None:
        programs, self.missing = programs_of(names, environ)
        place = [sys.executable, library(), *(word for pair in sorted(programs.items()) for word in pair)]
        state = state_directory(environ)
        if state is None:
            raise ShimError("shims need a place that stays: set HOME or XDG_STATE_HOME")
        directory = os.path.join(state, "tracerd", "shims", digest(os.fsencode("\0".join(place)))[:16])
        os.makedirs(directory, 0o700, exist_ok=True)
        status = os.stat(directory)
        if status.st_uid != os.geteuid() or status.st_mode & 0o022:
            raise ShimError(f"others may write in {directory}; set XDG_STATE_HOME to a directory of your own")
        fill(directory, programs)
        for name in programs:
            if not os.access(os.path.join(directory, name), os.X_OK):
                raise ShimError(f"no program may run in {directory}; set XDG_STATE_HOME to a place where it may")
        path = environ.get(b"PATH", b"/usr/local/bin:/bin:/usr/bin")
        self.path = b":".join(filter(None, [os.fsencode(directory), path]))
