"""`tracerd shim`: a folder to put first in PATH."""

import os
import shlex
from pathlib import Path

import click

from tracerd.text import printable


@click.command()
@click.argument("directory", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
def shim(directory: Path, names: tuple[str, ...]) -> None:
    """Fill a folder with shims, which record the programs of the same names.

    For example: tracerd shim shims cc ld ar

    Each shim runs the program of its name that comes after the folder in PATH, and records it if
    $TRACERD_TRACE_ID is set.
    With the folder first in PATH, a whole build is recorded without changing it.
    """
    from tracerd.exec.shims import fill, require

    programs = require(list(names), dict(os.environb))
    directory = directory.absolute()
    fill(str(directory), programs)
    path = shlex.quote(str(directory))
    click.echo(f'put them first in PATH: export PATH={printable(path)}:"$PATH"', err=True)
