"""A relay before a server of HTTP: it kills the client at a request that the test chooses."""

import http.client
import os
import signal
from collections.abc import Callable
from contextlib import AbstractContextManager

from tests.http_server import Answer, Request, serving


def relay(port: int, decide: Callable[[str], str], pid: Callable[[], int]) -> AbstractContextManager[int]:
    """A port that stands for another one.

    Args:
        port: The other port, on loopback.
        decide: What is done at a request, by its path: `before` and `after` kill the client, before the server gets the
            request, or when it has answered; anything else lets it pass.
        pid: The process to kill.
    """

    def answer(request: Request) -> Answer | None:
        what = decide(request.path)
        if what == "before":
            os.kill(pid(), signal.SIGKILL)
            return None
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("POST", request.path, request.body, {"X-ClickHouse-User": "default"})
        got = connection.getresponse()
        text = got.read()
        connection.close()
        if what == "after":
            os.kill(pid(), signal.SIGKILL)
            return None
        return Answer(got.status, body=text)

    return serving(answer)
