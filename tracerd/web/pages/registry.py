"""The pages that there are: each module of pages brings its own."""

from typing import Final

from tracerd.web.pages import alerts, build, compare, logs, metrics, overview, trace, traces

PAGES: Final = (
    *overview.PAGES,
    *traces.PAGES,
    *trace.PAGES,
    *build.PAGES,
    *logs.PAGES,
    *metrics.PAGES,
    *alerts.PAGES,
    *compare.PAGES,
)
"""In the order of the navigation."""
