"""The ASGI application: the guard, the limits and the log of requests around the routes.

It uses anyio only, so it runs on any ASGI server; what is particular to ours is in `server.py`.
"""

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import anyio
import anyio.lowlevel
import anyio.to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route as StarletteRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tracerd.errors import QueryError
from tracerd.text import printable
from tracerd.web import api, forms, login, openapi, stream, writing, writing_routes
from tracerd.web.answers import JSON, Answer, Refusal, json_answer
from tracerd.web.bodies import check_queue, media_type, take_body
from tracerd.web.counts import MEDIA_TYPE, Counts
from tracerd.web.daemon import daemon_status
from tracerd.web.event_stream import EventStream
from tracerd.web.guard import Guard, Headers
from tracerd.web.limits import Budget, Rate
from tracerd.web.pages.refusals import refused
from tracerd.web.pages.registry import PAGES
from tracerd.web.pages.rendering import STATIC, static_files
from tracerd.web.perfetto import Opened
from tracerd.web.recorder import Recorder
from tracerd.web.routing import Asked, Route
from tracerd.web.store import Store
from tracerd.web.work import Work

logger = logging.getLogger(__name__)

THREADS: Final = 2
"""Queries that run at a time."""

WRITERS: Final = 4
"""Bodies that are stored at a time: they wait for the daemon."""

QUERY_S: Final = 30.0
"""How long a query may take."""

OPEN_PATHS: Final = frozenset({"/health", "/healthz", "/readyz"})
"""What needs no token."""

OTHER_PATHS: Final = {
    "/health": ("Whether the server answers.", JSON),
    "/healthz": ("The same, without a body.", ""),
    "/readyz": ("Whether the trace directory can be read; 503 if not.", JSON),
    "/metrics": ("The totals of the daemon and of this server, as Prometheus reads them.", MEDIA_TYPE),
    openapi.PATH: ("This document.", JSON),
}

SECURITY_HEADERS: Final[Mapping[str, str]] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

_CODES: Final = {404: ("NOT_FOUND", "there is no such route; see /openapi.json"), 405: ("METHOD_NOT_ALLOWED", "")}


@dataclass(slots=True)
class Settings:
    """What the application is made of.

    Attributes:
        store: The trace directory.
        guard: Who may ask.
        is_ours: Whether the process at the other end of a connection may ask, by the addresses of both ends.
        query_s: How long a query may take.
        clock: Gives the time in seconds, for the rate limit.
        counts: What was answered so far.
    """

    store: Store
    guard: Guard
    is_ours: Callable[[tuple[str, int], tuple[str, int]], bool]
    query_s: float = QUERY_S
    clock: Callable[[], float] = time.monotonic
    counts: Counts = field(default_factory=Counts)


class Application:
    """The application.

    Args:
        settings: What it is made of.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._counts = settings.counts
        self._rate = Rate(settings.clock)
        self._budget = Budget()
        self._opened = Opened()
        self._threads = anyio.CapacityLimiter(THREADS)
        self._writers = anyio.CapacityLimiter(WRITERS)
        self._recorder = Recorder(settings.store)
        routes = [_route(route.method, route.path, partial(self._read, route)) for route in (*api.ROUTES, *PAGES)]
        routes += [_route("POST", route.path, partial(self._write, route)) for route in writing_routes.ROUTES]
        routes += [
            _route("GET", stream.PATH, self._stream),
            _route("GET", openapi.PATH, self._openapi),
            _route("GET", f"{STATIC}{{name}}", self._static),
            _route("GET", "/health", self._health),
            _route("GET", "/healthz", self._healthz),
            _route("GET", "/readyz", self._readyz),
            _route("GET", "/metrics", self._metrics),
        ]
        self._document = json_answer(openapi.document(api.ROUTES, writing_routes.ROUTES, OTHER_PATHS))
        handlers = {Refusal: _refused, QueryError: _refused, HTTPException: _not_found}
        self._app: ASGIApp = Starlette(routes=routes, exception_handlers=handlers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, as ASGI asks for it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, status, sent = time.monotonic(), 0, 0
        self._counts.in_work += 1

        async def noted(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], *_SECURITY_HEADERS]
            else:
                sent += len(message.get("body", b""))
            await send(message)

        try:
            headers = Headers(scope["headers"])
            try:
                answer = await self._admit(scope, headers)
            except Refusal as refusal:
                answer = refused(refusal, headers)
            app = self._app if answer is None else _response(answer)
            await app(scope, receive, noted)
        finally:
            self._counts.in_work -= 1
            seconds = time.monotonic() - begun
            self._counts.take(scope.get("tracerd.route", "other"), status, seconds)
            # Never the query string, nor a header: a token may be in them.
            what = f"{scope['method']} {printable(scope['path'])}"
            logger.info("%s %d %.0f ms %d bytes", what, status, seconds * 1000, sent)

    async def _admit(self, scope: Scope, headers: Headers) -> Answer | None:
        """Check who asks; the answer if a browser has brought its code."""
        client, server = scope.get("client"), scope.get("server")
        if client and server:
            is_ours = self._settings.is_ours
            if not await anyio.to_thread.run_sync(is_ours, tuple(client), tuple(server)):
                raise Refusal("FORBIDDEN", "only processes of the user who runs tracerd web, and of root, may ask")
        guard, path, query = self._settings.guard, scope["path"], scope["query_string"]
        is_login = login.is_login(guard.session, scope["method"], path, query, headers)
        is_public = path in OPEN_PATHS or path.startswith(STATIC)
        guard.check(headers, needs_token=not (is_login or is_public))
        return login.logged_in(guard.session, query) if is_login and guard.session else None

    # ------------------------------------------------------------------ reading

    async def _read(self, route: Route, request: Request) -> Response:
        if not route.is_page:
            self._rate.take()
        check_queue(self._threads)
        values = forms.read(route.parameters, request.scope["query_string"], skips_empty=route.is_page)
        with self._budget.body() as body:
            content = bytearray()
            if route.body:
                await take_body(request, body.add)
                content = await anyio.to_thread.run_sync(body.content, request.headers.get("content-encoding", ""))
            work = Work(self._settings.query_s)
            store, session = self._settings.store, self._settings.guard.session
            path = dict(request.path_params)
            asked = Asked(store, values, path, content, media_type(request), work, self._opened, session)
            return _response(await self._in_thread(request, work, partial(api.answered, route, asked)))

    async def _write(self, route: writing.WritingRoute, request: Request) -> Response:
        kind = media_type(request)
        try:
            check_queue(self._writers)
            forms.read((), request.scope["query_string"])
            with self._budget.body() as body:
                await take_body(request, body.add)
                content = partial(body.content, request.headers.get("content-encoding", ""))
                store = partial(writing.answered, route, self._recorder, content, kind)
                # To its end, also if the client has gone: half of a body would be stored twice.
                return _response(await anyio.to_thread.run_sync(store, limiter=self._writers))
        except Refusal as refusal:
            return _response(route.refused(refusal, kind))

    async def _in_thread(self, request: Request, work: Work, answer: Callable[[], Answer]) -> Answer:
        """Run a function in a thread, which learns when the client has gone."""
        found: list[Answer | Refusal] = []
        async with anyio.create_task_group() as group:
            group.start_soon(_watch, request, work)
            try:
                found.append(await anyio.to_thread.run_sync(answer, limiter=self._threads, abandon_on_cancel=True))
            except Refusal as refusal:  # the group would wrap it
                found.append(refusal)
            finally:
                work.is_gone = True
                group.cancel_scope.cancel()
        [result] = found
        if isinstance(result, Refusal):
            raise result
        return result

    async def _stream(self, request: Request) -> Response:
        self._rate.take()
        values = forms.read(stream.PARAMETERS, request.scope["query_string"])
        if self._counts.streams >= stream.MAX_STREAMS:
            why = f"{stream.MAX_STREAMS} streams are open; close one, or try again later"
            raise Refusal("TOO_MANY_REQUESTS", why, {"Retry-After": "5"})
        return EventStream(self._counts, stream.followed(self._settings.store, values))

    # ------------------------------------------------------------------ what is known without the logs

    async def _static(self, request: Request) -> Response:
        found = static_files().get(request.url.path)
        if found is None:
            raise HTTPException(404)
        return _response(found)

    async def _openapi(self, _request: Request) -> Response:
        return _response(self._document)

    async def _health(self, _request: Request) -> Response:
        return _response(json_answer({"status": "ok"}))

    async def _healthz(self, _request: Request) -> Response:
        return Response()

    async def _readyz(self, _request: Request) -> Response:
        is_ready = await anyio.to_thread.run_sync(self._settings.store.is_readable)
        return _response(
            json_answer({"status": "ready"} if is_ready else {"status": "not_ready"}, 200 if is_ready else 503)
        )

    async def _metrics(self, _request: Request) -> Response:
        daemon = await anyio.to_thread.run_sync(daemon_status, self._settings.store)
        return Response(self._counts.text(daemon), media_type=MEDIA_TYPE)


_SECURITY_HEADERS: Final = [(name.lower().encode(), value.encode()) for name, value in SECURITY_HEADERS.items()]


def _route(method: str, path: str, answer: Callable[[Request], Awaitable[Response]]) -> StarletteRoute:
    async def endpoint(request: Request) -> Response:
        request.scope["tracerd.route"] = f"{method} {path}"
        try:
            return await answer(request)
        except ClientDisconnect:
            return Response(status_code=400)
        except (Refusal, QueryError):
            raise
        except Exception as error:
            raise api.bug(f"{method} {path}", error) from None

    return StarletteRoute(path, endpoint, methods=[method])


async def _watch(request: Request, work: Work) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    work.is_gone = True


def _response(answer: Answer) -> Response:
    return Response(answer.body, answer.status, dict(answer.headers), answer.media_type or None)


async def _refused(request: Request, error: Exception) -> Response:
    await anyio.lowlevel.checkpoint()
    refusal = error if isinstance(error, Refusal) else Refusal("BAD_REQUEST", str(error))
    return _response(refused(refusal, Headers(request.scope["headers"])))


async def _not_found(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 (it is registered for these)
    code, message = _CODES.get(error.status_code, ("BAD_REQUEST", ""))
    return await _refused(request, Refusal(code, message or error.detail, error.headers))
