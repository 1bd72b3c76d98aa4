"""A server for one browser of this user on this machine: one trace, and the files of the Perfetto UI if they are here.

Who may ask: processes of this user and of root, as with the daemon, for a log cannot be read by others either. Which
pages: the one that this server serves itself, or the one at `ONLINE`. A page elsewhere that has its name resolved to
127.0.0.1 (DNS rebinding) sends its own name as Host, and is refused.
"""

import os
import socketserver
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.message import Message
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import IO
from urllib.parse import quote, unquote

from tracerd.store.files import open_for_reading
from tracerd.ui.peer import Address, owner

HOST = "127.0.0.1"
"""Not `localhost`: there, Perfetto's UI reports its use to Google."""

PORT = 9001
"""The one port of this machine from which the page at `ONLINE` may load anything."""

ONLINE = "https://ui.perfetto.dev"

NO_REQUEST_S = 30.0
"""A browser asks within a second or two; after this time its page has stayed empty."""

TIMEOUT_S = 60.0
"""How long a connection may be idle."""

TYPES = {
    ".css": "text/css",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
    ".woff2": "font/woff2",
}


@dataclass(frozen=True, slots=True)
class Site:
    """What is served.

    Attributes:
        trace: The trace.json.
        name: Under which it is shown.
        ui: The files of the UI by the paths of their URLs; none if the page is the one at `ONLINE`.
    """

    trace: IO[bytes]
    name: str
    ui: Mapping[str, Path]

    @property
    def trace_path(self) -> str:
        """The path of the trace's URL, not quoted."""
        return f"/trace/{self.name}"


class Page(socketserver.ThreadingTCPServer):
    """The server, listening; `serve_forever` answers.

    Args:
        site: What is served.
        port: Where; 0 takes any that is free.
        warn: Called with a line for people when something seems to be wrong.

    Raises:
        OSError: The port is taken.
    """

    allow_reuse_address = True  # Linux: this port, though connections of an earlier server have just been closed
    daemon_threads = True

    def __init__(self, site: Site, port: int, warn: Callable[[str], None]) -> None:
        self.site = site
        self.asked = False
        self._warn = warn
        self._refused: set[int] = set()
        self.silent_until = time.monotonic() + NO_REQUEST_S
        super().__init__((HOST, port), partial(_Handler, self))
        self.port = int(self.socket.getsockname()[1])
        self.host = f"{HOST}:{self.port}"

    @property
    def url(self) -> str:
        """What a browser has to open."""
        trace = quote(f"http://{self.host}{quote(os.fsencode(self.site.trace_path))}", safe="")
        if self.site.ui:
            return f"http://{self.host}/#!/?url={trace}"
        return f"{ONLINE}/#!/?url={trace}&referrer=open_trace_in_ui"

    def verify_request(self, request: object, client_address: Address) -> bool:  # noqa: ARG002 (the server's interface)
        """Whether the connection is of this user or of root."""
        uid = owner(client_address, (HOST, self.port))
        if uid in (os.geteuid(), 0):
            return True
        if uid is not None and uid not in self._refused:
            self._refused.add(uid)
            self._warn(f"connections of user {uid} are refused: only your own processes may read the trace")
        return False

    def service_actions(self) -> None:
        """Called twice a second."""
        if not self.asked and time.monotonic() > self.silent_until:
            self.silent_until = float("inf")
            self._warn(self._what_may_be_wrong())

    def _what_may_be_wrong(self) -> str:
        silent = f"no browser has asked for the trace in {NO_REQUEST_S:.0f} seconds"
        if self.site.ui:
            return f"{silent}: the browser must run on this machine, or port {self.port} be forwarded to it"
        return (
            f"{silent}: the browser must run on this machine, reach {ONLINE}, and let that page load from {self.host}; "
            "Safari, Brave and blockers of advertisements may not, and Chrome asks for it"
        )

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that goes away is no error, nor is our own end meanwhile; anything else is a bug."""
        if not isinstance(sys.exc_info()[1], OSError) and not self.site.trace.closed:
            super().handle_error(request, client_address)  # type: ignore[arg-type]  # passed on as it came


class _Handler(BaseHTTPRequestHandler):
    """Answers the requests of one connection of a browser."""

    protocol_version = "HTTP/1.1"
    server_version = "tracerd"
    sys_version = ""
    timeout = TIMEOUT_S
    headers = Message()  # until those of a request have been read: it may be none

    def __init__(self, page: Page, *connection: object) -> None:
        self.page = page
        self.site = page.site
        super().__init__(*connection)  # type: ignore[arg-type]  # passed on as they came

    def do_GET(self) -> None:
        """Answer with a file of the page, or with the trace."""
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        """Answer as to GET, without the body."""
        self._answer(with_body=False)

    def do_OPTIONS(self) -> None:
        """What a browser asks before it lets a page of the internet load from this machine."""
        if self._is_for_us():
            self.send_response(HTTPStatus.NO_CONTENT)
            self.send_header("Allow", "GET, HEAD, OPTIONS")
            self.end_headers()

    def _is_for_us(self) -> bool:
        if self.headers.get_all("Host") == [self.page.host]:
            return True
        self.send_error(HTTPStatus.MISDIRECTED_REQUEST, f"this is http://{self.page.host}/ only")
        return False

    def _answer(self, *, with_body: bool) -> None:
        if not self._is_for_us():
            return
        path = unquote(self.path.partition("?")[0], errors="surrogateescape")
        if path == self.site.trace_path:
            self.page.asked |= with_body
            self._send(self.site.trace, ".json", with_body)
        elif path in self.site.ui:
            file = self.site.ui[path].resolve()
            with open(open_for_reading(file), "rb") as opened:
                self._send(opened, file.suffix, with_body)
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def _send(self, file: IO[bytes], suffix: str, with_body: bool) -> None:
        size = os.fstat(file.fileno()).st_size
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", TYPES.get(suffix, "application/octet-stream"))
        self.send_header("Content-Length", str(size))
        self.end_headers()
        if with_body and size and self.connection.sendfile(file, 0, size) < size:
            self.close_connection = True  # the file was cut meanwhile: so the browser notices

    def end_headers(self) -> None:
        """What every answer carries."""
        self.send_header("Cache-Control", "no-store")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("X-Content-Type-Options", "nosniff")
        if not self.site.ui and self.headers.get("Origin") == ONLINE:
            self.send_header("Access-Control-Allow-Origin", ONLINE)
            self.send_header("Vary", "Origin")
            if self.headers.get("Access-Control-Request-Private-Network") == "true":
                self.send_header("Access-Control-Allow-Private-Network", "true")
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the handler's interface)
        """Log no requests."""
