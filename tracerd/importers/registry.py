"""The formats: which one a file has, by its content alone."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tracerd.errors import ImportFileError
from tracerd.importers.formats import (
    cargo_log,
    cargo_page,
    git_trace2,
    github,
    go_test,
    jaeger,
    jest,
    junit,
    meson,
    next_trace,
    ninja,
    otlp,
    playwright,
    strace,
    tef,
    turbo_summary,
    zipkin,
)
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
        holds_runs: Whether a file holds many runs, with times since 1970.
    """

    name: str
    fits: Callable[[Head], bool]
    read: Callable[[Source, Timeline], None]
    holds_runs: bool = False


_TRACE2: Final = re.compile(rb"\d\d:\d\d:\d\d\.\d{6} \S+:\d+ +(?:\| d\d+ +\||version |start )")
_PERF: Final = re.compile(rb"\S.{0,40}\s+\d+(?:/\d+)?\s+(?:\[\d+\] )?\d+\.\d{6}:\s+\d* *\S+:")


def _is_profile(head: Head) -> bool:
    return head.has("nodes") or b"speedscope" in head.text[:1000] or (head.has("shared") and head.has("profiles"))


def _is_trace2_text(head: Head) -> bool:
    return _TRACE2.match(head.text) is not None


FORMATS: Final = (
    Format("tef", tef.fits, tef.read),
    Format("github", github.fits, github.read),
    Format("jaeger", jaeger.fits, jaeger.read),
    Format("zipkin", zipkin.fits, zipkin.read),
    Format("otlp", otlp.fits, otlp.read),
    Format("playwright", playwright.fits, playwright.read),
    Format("jest", jest.fits, jest.read),
    Format("meson", meson.fits, meson.read),
    Format("go-test", go_test.fits, go_test.read),
    Format("junit", junit.fits, junit.read),
    Format("ninja", ninja.fits, ninja.read, holds_runs=True),
    Format("next-trace", next_trace.fits, next_trace.read),
    Format("cargo-page", cargo_page.fits, cargo_page.read),
    Format("cargo-log", cargo_log.fits, cargo_log.read),
    Format("strace", strace.fits, strace.read),
    Format("git-trace2", git_trace2.fits, git_trace2.read),
    Format("turbo-summary", turbo_summary.fits, turbo_summary.read),
)
"""In the order in which they are tried."""

BY_NAME: Final = {kind.name: kind for kind in FORMATS}

_NO_SPANS: Final[tuple[tuple[str, Callable[[Head], bool]], ...]] = (
    ("a sampled profile, which has no spans with a start", _is_profile),
    ("tsc's list of types: its timeline is trace.json", lambda head: head.first.keys() >= {"id", "flags"}),
    ("tsc's list of projects: their timelines are the files that it names", lambda head: "typesPath" in head.first),
    ("Zipkin's version 1: ask its API v2 for the same trace", lambda head: "binaryAnnotations" in head.first),
    ("git's trace2 for people: GIT_TRACE2_EVENT writes what can be imported", _is_trace2_text),
    ("a trace of Perfetto's own format: ui.perfetto.dev shows it", lambda head: head.text.startswith(b"\n")),
    ("a zip archive: unpack it first", lambda head: head.text.startswith(b"PK\x03\x04")),
    ("samples of perf: they are no spans", lambda head: _PERF.match(head.text) is not None),
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
            raise ImportFileError(f"it is {what}")
    raise ImportFileError("no format that is known; docs/import.md lists them")
