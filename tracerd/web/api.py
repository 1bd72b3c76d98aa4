"""The routes of the API, and how one is answered: a request's values in, an answer out."""

import logging
from typing import Final

from tracerd.errors import NoSuchTraceError, QueryError, TracerdError
from tracerd.web import alerts, builds, comparison, login, logs, metrics, queries, services, spans, traces
from tracerd.web.answers import Answer, Refusal
from tracerd.web.routing import Asked, Route
from tracerd.web.work import GoneError

logger = logging.getLogger(__name__)

ROUTES: Final = (
    *traces.ROUTES, *spans.ROUTES, *builds.ROUTES, *comparison.ROUTES, *metrics.ROUTES, *logs.ROUTES,
    *queries.ROUTES, *services.ROUTES, *alerts.ROUTES, *login.ROUTES,
)  # fmt: skip
"""What reads the trace directory: each of them needs the token, and counts for the rate limit."""


def answered(route: Route, asked: Asked) -> Answer:
    """The answer of a route.

    Raises:
        Refusal: Whatever kept it from one.
    """
    try:
        asked.work.start()
        return route.render(route.answer(asked))
    except Refusal:
        raise
    except QueryError as error:
        raise Refusal("BAD_REQUEST", str(error)) from None
    except NoSuchTraceError as error:
        raise Refusal("NOT_FOUND", str(error)) from None
    except TracerdError as error:
        raise Refusal("SERVICE_UNAVAILABLE", str(error)) from None
    except GoneError:
        raise Refusal("SERVICE_UNAVAILABLE", "the client has gone") from None
    except Exception as error:
        raise bug(f"{route.method} {route.path}", error) from None


def bug(where: str, error: Exception) -> Refusal:
    """The refusal after a bug, which is logged with its traceback."""
    logger.error("a bug in %s", where, exc_info=error)
    return Refusal("INTERNAL_ERROR", "a bug in tracerd: its log has the traceback")
