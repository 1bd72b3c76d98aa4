"""Events that wait: in order, within limits, and one gap where there was no room."""

from hypothesis import given
from hypothesis import strategies as st

from tracerd.core.actions import Append
from tracerd.core.messages import Events
from tracerd.core.pending import RUN_BYTES, RUN_COST, PendingEvents
from tracerd.trace_id import TraceId

A, B = TraceId("a"), TraceId("b")
REASON = "No space left on device"


def run(number: int, count: int = 1, padding: int = 0) -> Events:
    lines = (b'{"ts":%d,"name":"%s"}\n' % (number + at, b"x" * padding) for at in range(count))
    return Events(b"".join(lines), count, repaired=count % 2, first_line=number)


def taken(pending: PendingEvents, trace_id: TraceId) -> list[tuple[int, Events]]:
    runs: list[tuple[int, Events]] = []
    while first := pending.first(trace_id):
        runs.append((first.client, first.events))
        pending.remove_first(trace_id)
    return runs


def test_runs_of_one_client_are_put_together_and_those_of_others_keep_their_place() -> None:
    pending = PendingEvents()
    for client, number in ((1, 0), (1, 1), (2, 2), (1, 3)):
        assert pending.add(A, client, run(number), REASON)
    assert pending.events(A) == 4
    assert taken(pending, A) == [
        (1, Events(run(0).block + run(1).block, 2, 2, 0)),
        (2, run(2)),
        (1, run(3)),
    ]
    assert pending.events(A) == 0


def test_what_was_not_settled_is_taken_again() -> None:
    pending = PendingEvents()
    pending.add(A, 1, run(0), REASON)
    pending.add(A, 2, run(1), REASON)
    assert pending.first(A) == Append(1, A, run(0), waited=True)
    assert [client for client, _ in taken(pending, A)] == [1, 2]


def test_after_the_first_loss_all_is_lost_until_nothing_waits() -> None:
    pending = PendingEvents(max_trace_bytes=1000)
    assert pending.add(A, 1, run(0, padding=900), REASON)
    assert not pending.add(A, 1, run(1, 2, padding=900), REASON)
    assert not pending.add(A, 1, run(3), REASON), "small enough, but it would come before what is missing"
    assert (pending.traces[A].lost, pending.traces[A].lost_event) == (3, run(2, padding=900).block)
    assert [events.count for _, events in taken(pending, A)] == [1]
    pending.end(A)
    assert pending.add(A, 1, run(4), REASON)


def test_what_is_lost_takes_no_memory() -> None:
    pending = PendingEvents(max_bytes=0)
    assert not pending.add(A, 1, run(1, padding=5000), REASON)
    assert pending.traces[A].lost_event == b""
    assert not pending.add(A, 1, run(2), REASON)
    assert (pending.traces[A].lost, pending.traces[A].lost_event) == (2, run(2).block)


def test_traces_share_one_limit() -> None:
    pending = PendingEvents(max_trace_bytes=10_000, max_bytes=10_000)
    assert pending.add(A, 1, run(0, padding=8_000), REASON)
    assert not pending.add(B, 2, run(0, padding=2_000), REASON)
    taken(pending, A)
    pending.end(A)
    pending.end(B)
    assert pending.add(B, 2, run(0, padding=2_000), REASON), "room that was given back can be taken again"


@given(
    adds=st.lists(st.tuples(st.sampled_from([A, B]), st.integers(1, 3), st.integers(1, 5), st.integers(0, 70_000))),
    limit=st.integers(1, 300_000),
)
def test_what_waits_is_a_prefix_of_what_came(adds: list[tuple[TraceId, int, int, int]], limit: int) -> None:
    pending = PendingEvents(max_trace_bytes=limit, max_bytes=2 * limit)
    came: dict[TraceId, bytes] = {A: b"", B: b""}
    counts: dict[TraceId, int] = {A: 0, B: 0}
    for number, (trace_id, client, count, padding) in enumerate(adds):
        events = run(number, count, padding)
        came[trace_id] += events.block
        counts[trace_id] += count
        pending.add(trace_id, client, events, REASON)
    waiting = list(pending.traces)
    assert sum(pending.traces[trace_id].size for trace_id in waiting) <= 2 * limit
    for trace_id in waiting:
        held, lost = pending.events(trace_id), pending.traces[trace_id].lost
        pieces = [events for _, events in taken(pending, trace_id)]
        blocks = b"".join(piece.block for piece in pieces)
        assert came[trace_id].startswith(blocks)
        assert len(blocks) <= limit
        assert sum(piece.count for piece in pieces) == held == blocks.count(b"\n")
        assert held + lost == counts[trace_id]
        assert all(len(piece.block) <= RUN_BYTES or piece.count <= 5 for piece in pieces)
        assert pending.traces[trace_id].size == 0
        pending.end(trace_id)
    assert pending.add(A, 1, Events(b"x" * limit, 1), REASON) or limit + RUN_COST > 2 * limit
