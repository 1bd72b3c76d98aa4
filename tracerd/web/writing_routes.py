"""The routes that write."""

from typing import Final

from tracerd.web import otlp, tracer, xtrace

ROUTES: Final = (*otlp.ROUTES, tracer.ROUTE, *xtrace.ROUTES)
"""What stores something: each of them needs the token."""
