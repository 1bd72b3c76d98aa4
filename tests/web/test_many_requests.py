"""A busy service: each request of its users is a trace of its own, and all of a day are in one log."""

import pytest

from tests.web.recording import recording
from tracerd.otlp.wire import field

DAY_NS = 86_400 * 10**9
BEGIN_NS = 1_700_000_000 * 10**9
BATCH = 500
"""The spans that an SDK sends at once, or fewer."""


def fixed(number: int, value: int) -> bytes:
    """A field of 64 bits."""
    return bytes([number << 3 | 1]) + value.to_bytes(8, "little")


def batch(first: int, count: int) -> bytes:
    """The requests of so many users of a service, in the two days in which there are `count` of them."""
    spans: list[bytes] = []
    for number in range(first, first + BATCH):
        begin_ns = BEGIN_NS + 2 * DAY_NS * number // count
        ids = field(1, (number + 1).to_bytes(16, "big")) + field(2, (number + 1).to_bytes(8, "big"))
        times = fixed(7, begin_ns) + fixed(8, begin_ns + 1_000_000)
        spans.append(field(2, ids + field(5, b"GET /items") + times))
    service = field(1, field(1, b"service.name") + field(2, field(1, b"shop")))
    return field(1, field(1, service) + field(2, b"".join(spans)))


@pytest.mark.parametrize(
    "count",
    [pytest.param(2_000, id="a few"), pytest.param(1_000_000, id="a million", marks=pytest.mark.long)],
)
def test_requests_of_a_service_are_in_one_log_a_day(count: int) -> None:
    with recording() as both:
        for first in range(0, count, BATCH):
            reply = both.post("/v1/traces", batch(first, count))
            assert (reply.status, reply.body) == (200, b"")
        logs = both.traces()
        spans = sum((both.daemon.dir / f"{log}.jsonl").read_bytes().count(b'"ph":"X"') for log in logs)

    assert spans == count
    assert sorted(logs) == [f"otlp-shop-2023-11-{day}-wall" for day in (14, 15, 16)]
