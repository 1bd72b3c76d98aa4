"""What a request is answered with: a status, headers and a body, or a refusal with its code."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import orjson

from tracerd.text import printable

JSON: Final = "application/json"
HTML: Final = "text/html; charset=utf-8"
TEXT: Final = "text/plain; charset=utf-8"

STATUS: Final[Mapping[str, int]] = {
    "BAD_REQUEST": 400,
    "UNAUTHORIZED": 401,
    "FORBIDDEN": 403,
    "NOT_FOUND": 404,
    "METHOD_NOT_ALLOWED": 405,
    "REQUEST_TIMEOUT": 408,
    "PAYLOAD_TOO_LARGE": 413,
    "UNSUPPORTED_MEDIA_TYPE": 415,
    "TOO_MANY_REQUESTS": 429,
    "HEADERS_TOO_LARGE": 431,
    "INTERNAL_ERROR": 500,
    "SERVICE_UNAVAILABLE": 503,
    "INSUFFICIENT_STORAGE": 507,
}
"""The codes of refusals, and their statuses."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer.

    Attributes:
        body: Its body.
        media_type: What the body is; empty if there is none.
        status: The status.
        headers: More headers.
    """

    body: bytes = b""
    media_type: str = ""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


class Refusal(Exception):  # noqa: N818 (it is a word of HTTP's users, not a fault of ours)
    """Raised when a request is not answered as it asks.

    Args:
        code: One of STATUS.
        message: Why, in a line for a person.
        headers: More headers of the answer.
    """

    def __init__(self, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.status = STATUS[code]
        self.headers = headers or {}

    def answer(self) -> Answer:
        """The answer: `{"message", "code"}`."""
        body = encoded({"message": printable(str(self)), "code": self.code})
        return Answer(body, JSON, self.status, self.headers)


def bad_request(message: str) -> Refusal:
    """The refusal of what no repetition makes right."""
    return Refusal("BAD_REQUEST", message)


def json_answer(value: object, status: int = 200) -> Answer:
    """An answer of JSON."""
    return Answer(encoded(value), JSON, status)


def encoded(value: object) -> bytes:
    """JSON, in UTF-8. Logs may hold integers of any size, and texts that are no Unicode: these are escaped."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()
