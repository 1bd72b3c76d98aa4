"""What a route is: the server and the OpenAPI document are made of these."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tracerd.web.answers import Answer, json_answer
from tracerd.web.forms import Parameter, Values
from tracerd.web.perfetto import Opened
from tracerd.web.session import Session
from tracerd.web.store import Store
from tracerd.web.work import Work


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that has passed the guard.

    Attributes:
        store: The trace directory.
        values: Its parameters.
        path: What stands in the path in place of `{name}`.
        body: Its body, inflated.
        media_type: What the body is, in lower case, without parameters.
        work: Its time limit.
        opened: The traces that Perfetto shows.
        session: Of browsers; None on a Unix socket.
    """

    store: Store
    values: Values
    path: Mapping[str, str]
    body: bytes | bytearray
    media_type: str
    work: Work
    opened: Opened
    session: Session | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """A route that reads.

    Attributes:
        method: `GET` or `POST`.
        path: Its path, with `{name}`.
        summary: What it gives, in a sentence.
        answer: Gives the JSON of the answer. It is called in a thread, and calls `work.tick` on the way.
        parameters: Those of the query string.
        body: What the body is, by its media type; none for none.
        render: Makes the answer of what `answer` gives.
        is_page: Whether a browser shows it: requests are not limited, and an empty field of a form is not given.
    """

    method: str
    path: str
    summary: str
    answer: Callable[[Asked], Mapping[str, object]]
    parameters: Sequence[Parameter] = ()
    body: Sequence[str] = ()
    render: Callable[[Mapping[str, object]], Answer] = json_answer
    is_page: bool = False
