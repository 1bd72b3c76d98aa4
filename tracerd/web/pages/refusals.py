"""A refusal as whoever asked can read it: a page for a person, JSON for a program."""

from typing import Final

from tracerd.web.answers import Answer, Refusal
from tracerd.web.guard import Headers
from tracerd.web.pages.rendering import rendered

_TITLES: Final = {
    "BAD_REQUEST": "That cannot be asked",
    "UNAUTHORIZED": "This browser is not logged in",
    "FORBIDDEN": "Not from here",
    "NOT_FOUND": "There is no such page",
    "INTERNAL_ERROR": "A bug in tracerd",
}


def refused(refusal: Refusal, headers: Headers) -> Answer:
    """The answer to a request that is refused."""
    if not headers.get(b"accept").startswith("text/html"):
        return refusal.answer()
    title = _TITLES.get(refusal.code, "Not now")
    page = rendered("refusal.html", {"title": title, "message": str(refusal), "code": refusal.code}, refusal.status)
    return Answer(page.body, page.media_type, page.status, refusal.headers)
