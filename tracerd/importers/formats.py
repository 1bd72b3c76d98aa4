"""The formats: which one a file has, by its content alone."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tracerd.errors import ImportFileError
from tracerd.importers import tef
from tracerd.importers.head import Head
from tracerd.importers.source import Source
from tracerd.importers.timeline import Timeline


@dataclass(frozen=True, slots=True)
class Format:
    """A format.

    Attributes:
        name: For --format.
        fits: Whether a file that begins so has it.
        read: Puts a file into a timeline; may raise ImportFileError.
    """

    name: str
    fits: Callable[[Head], bool]
    read: Callable[[Source, Timeline], None]


FORMATS: Final = (
    Format("tef", tef.fits, tef.read),
)  # fmt: skip
"""In the order in which they are tried."""

BY_NAME: Final = {kind.name: kind for kind in FORMATS}

_NO_SPANS: Final[tuple[tuple[str, Callable[[Head], bool]], ...]] = (
    ("a sampled profile", lambda head: head.has("nodes", "samples") or head.has("shared", "profiles")),
    ("a list of types", lambda head: head.first.keys() >= {"id", "symbolName"}),
)


def format_of(head: bytes) -> Format:
    """The format of a file that begins so.

    Raises:
        ImportFileError: None.
    """
    known = Head(head)
    for kind in FORMATS:
        if kind.fits(known):
            return kind
    for what, fits in _NO_SPANS:
        if fits(known):
            raise ImportFileError(f"it is {what}: there are no spans with a start in it")
    raise ImportFileError("no format that is known; docs/import.md lists them")
