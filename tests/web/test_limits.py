"""How much may be asked at a time."""

import gzip
import zlib
from collections import Counter
from itertools import count
from pathlib import Path

import pytest
import trio
from starlette.types import Message, Scope

from tracerd.web.answers import Refusal
from tracerd.web.application import THREADS, Application, Settings
from tracerd.web.bodies import MAX_WAITING
from tracerd.web.guard import Guard
from tracerd.web.limits import BURST, MAX_ALL_BYTES, MAX_BODY_BYTES, MAX_INFLATED_BYTES, MIB, RATE, Budget, Rate
from tracerd.web.store import Store


def test_so_many_requests_at_once_and_so_many_for_long() -> None:
    now = 0.0
    rate = Rate(lambda: now)
    for _ in range(BURST):
        rate.take()
    with pytest.raises(Refusal) as refused:
        rate.take()
    assert (refused.value.status, refused.value.headers) == (429, {"Retry-After": "1"})

    now += 1
    for _ in range(int(RATE)):
        rate.take()
    with pytest.raises(Refusal):
        rate.take()

    now += 1000
    for _ in range(BURST):
        rate.take()
    with pytest.raises(Refusal):
        rate.take()


async def status_of(application: Application, path: str) -> tuple[int, dict[bytes, bytes]]:
    """Ask the application for a path, as a server does."""
    sent: list[Message] = []
    headers = [(b"host", b"localhost")]
    scope: Scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": headers}

    async def receive() -> Message:
        await trio.sleep_forever()
        raise AssertionError

    async def send(message: Message) -> None:
        await trio.lowlevel.checkpoint()
        sent.append(message)

    await application(scope, receive, send)
    return sent[0]["status"], dict(sent[0]["headers"])


async def test_so_many_queries_wait(tmp_path: Path) -> None:
    store = Store(tmp_path, tmp_path / "cache" / "c", tmp_path / "s")
    times = count()
    application = Application(Settings(store, Guard(None), lambda _client, _server: True, clock=lambda: next(times)))
    replies: list[tuple[int, bytes | None]] = []

    async def ask() -> None:
        status, headers = await status_of(application, "/api/public/metrics/names")
        replies.append((status, headers.get(b"retry-after")))

    async with trio.open_nursery() as nursery:
        for _ in range(3 * MAX_WAITING):
            nursery.start_soon(ask)

    answers = Counter(replies)
    assert {*answers} == {(200, None), (429, b"5")}
    assert answers[200, None] >= THREADS + MAX_WAITING


async def test_only_reading_counts_for_the_rate(tmp_path: Path) -> None:
    store = Store(tmp_path, tmp_path / "cache" / "c", tmp_path / "s")
    application = Application(Settings(store, Guard(None), lambda _client, _server: True, clock=lambda: 0.0))
    for _ in range(BURST + 1):
        assert (await status_of(application, "/health"))[0] == 200
    for _ in range(BURST):
        assert (await status_of(application, "/api/public/metrics/names"))[0] == 200
    status, headers = await status_of(application, "/api/public/metrics/names")

    assert (status, headers[b"retry-after"]) == (429, b"1")
    assert (await status_of(application, "/api/stream"))[0] == 429
    assert (await status_of(application, "/metrics"))[0] == 200


def test_a_body_as_it_is_and_inflated() -> None:
    budget = Budget()
    with budget.body() as body:
        for piece in (b"a", b"b"):
            body.add(piece)
        assert {bytes(body.content(encoding)) for encoding in ("", "Identity")} == {b"ab"}
        assert budget.used == 2
    with budget.body() as body:
        body.add(gzip.compress(b"a" * 100_000) + gzip.compress(b"b"))
        assert body.content("gzip") == b"a" * 100_000 + b"b"
        assert budget.used > 100_001
    assert budget.used == 0


def test_a_body_that_is_too_large() -> None:
    budget = Budget()
    with budget.body() as body:
        body.add(bytes(MAX_BODY_BYTES))
        with pytest.raises(Refusal) as refused:
            body.add(b"a")

    assert (refused.value.status, budget.used) == (413, 0)


def bomb(size: int) -> bytes:
    """So many zeros, as gzip."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    block = bytes(MIB)
    return b"".join(packer.compress(block) for _ in range(size // MIB)) + packer.flush()


def test_a_gzip_bomb_is_not_inflated() -> None:
    budget = Budget()
    with budget.body() as body:
        body.add(bomb(65 * MIB))
        with pytest.raises(Refusal) as refused:
            body.content("gzip")

    assert (refused.value.status, refused.value.headers) == (413, {})
    assert budget.used == 0


def test_the_largest_body_alone_fits() -> None:
    """As large as may be sent, and as large as may come of it."""
    stored = gzip.compress(bytes(MAX_BODY_BYTES - MIB), 0)
    packed = bomb(MAX_INFLATED_BYTES - (MAX_BODY_BYTES - MIB))
    with Budget().body() as body:
        body.add(stored + packed)
        assert len(body.content("gzip")) == MAX_INFLATED_BYTES


def test_a_body_of_empty_members_takes_linear_time() -> None:
    """A copy of the rest for each member would take minutes."""
    empty = gzip.compress(b"", mtime=0)
    with Budget().body() as body:
        body.add(empty * (MAX_BODY_BYTES // 4 // len(empty)))
        assert body.content("gzip") == b""


def test_all_bodies_together() -> None:
    budget = Budget()
    with budget.body() as first, budget.body() as second:
        first.add(bomb(60 * MIB))
        first.content("gzip")
        second.add(bytes(20 * MIB))
        with pytest.raises(Refusal) as refused, budget.body() as third:
            third.add(bytes(5 * MIB))
        assert budget.used <= MAX_ALL_BYTES

    assert (refused.value.code, refused.value.headers) == ("TOO_MANY_REQUESTS", {"Retry-After": "1"})
    assert budget.used == 0


@pytest.mark.parametrize(
    ("content", "encoding", "status"),
    [
        (b"no gzip", "gzip", 400),
        (gzip.compress(b"a" * 1000)[:-9], "gzip", 400),
        (gzip.compress(b"a") + b"rest", "gzip", 400),
        (b"a", "br", 415),
    ],
    ids=["no gzip", "cut", "more behind", "brotli"],
)
def test_what_cannot_be_inflated(content: bytes, encoding: str, status: int) -> None:
    with Budget().body() as body:
        body.add(content)
        with pytest.raises(Refusal) as refused:
            body.content(encoding)

    assert refused.value.status == status
