"""Values to HTML: every text is escaped, and characters that would change what is beside them are made visible."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from tracerd import __version__
from tracerd.text import plural, printable, size_text
from tracerd.view.tables import duration_text
from tracerd.web.answers import HTML, Answer

NAVIGATION: Final = (
    ("/", "Overview"),
    ("/traces", "Traces"),
    ("/logs", "Logs"),
    ("/charts", "Metrics"),
    ("/alerts", "Alerts"),
    ("/compare", "Compare"),
)
"""The pages that each page leads to."""

MAX_TEXT: Final = 4000
"""So many characters are shown of a text of several lines."""

STATIC: Final = "/static/"

_TYPES: Final = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}


def rendered(template: str, values: Mapping[str, object], status: int = 200) -> Answer:
    """A page.

    Args:
        template: Its file.
        values: The variables of the template.
        status: The status of the answer.
    """
    text = _environment().get_template(template).render(values)
    return Answer(text.encode(errors="backslashreplace"), HTML, status)


@cache
def static_files() -> Mapping[str, Answer]:
    """The files of the pages, by the path of their URLs."""
    return {
        f"{STATIC}{file.name}": Answer(file.read_bytes(), _TYPES[file.name.rpartition(".")[2]])
        for file in files("tracerd.web").joinpath("static").iterdir()
        if file.name.rpartition(".")[2] in _TYPES
    }


def duration(seconds: float | None) -> str:
    """A duration for people; a dash if it is not known."""
    return "\N{EN DASH}" if seconds is None else duration_text(round(seconds * 1e9))


def moment(text: str | None) -> Markup:
    """A time of the API, in UTC, as an element; a script shows it in the time zone of the browser."""
    if text is None:
        return Markup("\N{EN DASH}")
    return Markup(f'<time datetime="{escape(text)}">{escape(text[:10])} {escape(text[11:19])} UTC</time>')  # noqa: S704


def exact(text: str | None) -> Markup:
    """A text for the value of a field, which is sent back as it is; empty for None."""
    return escape(text or "")


def named(text: str, instead: str = "(no name)") -> str:
    """A name, or something to see and to click in place of one that is blank."""
    return instead if not text or text.isspace() else text


def lines(text: str) -> Markup:
    """A text of several lines, which stay lines; of a long one the end, where a traceback says what went wrong."""
    kept = text.strip("\n")[-MAX_TEXT:]
    cut = "\N{HORIZONTAL ELLIPSIS} " if len(kept) < len(text.strip("\n")) else ""
    return escape(cut + "\n".join(map(printable, kept.split("\n"))))


def _shown(value: object) -> object:
    if isinstance(value, str) and not isinstance(value, Markup):
        return printable(value)
    return "\N{EN DASH}" if value is None else value


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("tracerd.web"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Any] = {
        "duration": duration, "exact": exact, "lines": lines, "moment": moment, "named": named, "plural": plural,
        "size": size_text,
    }  # fmt: skip
    values: dict[str, Any] = {
        "version": __version__, "navigation": NAVIGATION, "has_page": dict(NAVIGATION).__contains__,
    }  # fmt: skip
    environment.filters.update(filters)
    environment.globals.update(values)
    return environment
