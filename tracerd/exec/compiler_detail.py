"""`exec --compiler-detail`: asks clang for its phases by the environment, so that no command line has to change.

clang's driver edits its command line as `CCC_OVERRIDE_OPTIONS` says: `#` keeps it silent, `^X` puts X first. The two
options around `-ftime-trace` keep clang from warning where nothing is compiled, which `-Werror` would make an error.
"""

import os

from tracerd.exec.environment import Environ
from tracerd.exec.options import FULL

VARIABLE = b"CCC_OVERRIDE_OPTIONS"

MAX_FILES = 200_000
"""More files are not examined before the command."""

_ADDED = b"^--end-no-unused-arguments ^-ftime-trace ^--start-no-unused-arguments"
_SOURCES = ("c", "cc", "cpp", "cxx", "c++", "C", "m", "mm", "cu", "S", "s", "i", "ii", "f90", "F90")
_LEFT_OUT_DIRECTORIES = (".git", ".hg", ".svn", "node_modules", ".venv")


def added(environ: Environ, shown: str, *, compiles_are_recorded: bool) -> tuple[Environ, str]:
    """The variable for the command, or nothing and why there is none.

    Args:
        environ: That of exec; what the user has in the variable stays.
        shown: How much of command lines is recorded: the phases are found by it.
        compiles_are_recorded: Whether compilers are in the trace that nobody has wrapped.
    """
    given = environ.get(VARIABLE, b"")
    if _ADDED in given:  # an exec around us will take the phases
        return {}, ""
    if not compiles_are_recorded:
        return {}, "the compiles are not recorded"
    if shown != FULL:
        return {}, "it needs command lines, which --args leaves out"
    if path := _in_the_way("."):
        return {}, f"clang would overwrite {path}, for it writes beside the object of such a source; move it away"
    return {VARIABLE: given + b" " + _ADDED if given else b"# " + _ADDED}, ""


def _in_the_way(directory: str) -> str:
    """A file that clang would overwrite, since it is called after a source; empty: there is none."""
    sources: set[str] = set()
    documents: dict[str, str] = {}
    seen = 0
    for parent, directories, names in os.walk(directory):
        directories[:] = [name for name in directories if name not in _LEFT_OUT_DIRECTORIES]
        seen += len(names)
        if seen > MAX_FILES:
            break
        for name in names:
            stem, _, ending = name.rpartition(".")
            if ending == "json" and stem:
                documents[stem] = os.path.join(parent, name)
            elif ending in _SOURCES:
                sources |= {stem, name}  # a.c is compiled to a.o, or a.c.o
    return next((path for stem, path in documents.items() if stem in sources), "")
