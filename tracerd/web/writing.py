"""The routes that write: each is answered when the daemon has what it sent."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tracerd.errors import TracerdError
from tracerd.web import api
from tracerd.web.answers import JSON, Answer, Refusal
from tracerd.web.recorder import Recorder
from tracerd.web.surrogates import replace_halves


@dataclass(frozen=True, slots=True)
class WritingRoute:
    """A route that writes; its method is POST, and it has no parameters.

    Attributes:
        path: Its path.
        summary: What it takes, in a sentence.
        body: What the body may be, by its media type.
        take: Stores what was sent, and gives the answer. It is called in a thread.
        refused: The answer to what is refused, for a media type.
        status: Of the answer if something was stored.
    """

    path: str
    summary: str
    body: Sequence[str]
    take: Callable[[Recorder, bytearray, str], Answer]
    refused: Callable[[Refusal, str], Answer] = lambda refusal, _media_type: refusal.answer()
    status: int = 200


def answered(route: WritingRoute, recorder: Recorder, content: Callable[[], bytearray], media_type: str) -> Answer:
    """The answer of a route, whatever happens.

    Args:
        route: The route.
        recorder: Stores what was sent.
        content: Gives the body, inflated.
        media_type: What the body is.
    """
    try:
        if media_type not in route.body:
            raise Refusal("UNSUPPORTED_MEDIA_TYPE", f"Content-Type must be {' or '.join(route.body)}")
        body = content()
        if media_type == JSON:
            replace_halves(body)
        return route.take(recorder, body, media_type)
    except Refusal as refusal:
        return route.refused(refusal, media_type)
    except TracerdError as error:
        return route.refused(Refusal("SERVICE_UNAVAILABLE", str(error)), media_type)
    except Exception as error:
        return route.refused(api.bug(f"POST {route.path}", error), media_type)
