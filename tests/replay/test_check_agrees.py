"""The verdicts of `check` and those of the real Perfetto: the same problems, the same number of times."""

import json
from collections import Counter
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.perfetto.judge import Judge
from tests.perfetto.own_cases import CAPTURES, Case, cases
from tests.replay.replay_cases import ROWS
from tracerd.core.messages import Events
from tracerd.core.protocol import MessageReader
from tracerd.replay.kinds import Findings
from tracerd.replay.player import Player
from tracerd.store.snapshot import snapshot
from tracerd.trace_json.export import export_to_file


def predicted(log: bytes, *, piece: int | None = None) -> dict[str, int]:
    """What `check` says that Perfetto counts."""
    found = Findings(0)
    linter = Player(found)
    lines = BytesIO(log).readlines()  # bytes.splitlines would split at a \r, too
    step = piece or len(lines) or 1
    for at in range(0, len(lines), step):
        linter.feed(b"".join(lines[at : at + step]))
    linter.finish()
    stats: Counter[str] = Counter()
    for kind, count in found.counts.items():
        if kind.perfetto:
            stats[kind.perfetto] += count
    return dict(stats)


def counted(log: bytes, directory: Path, perfetto: Judge) -> dict[str, int]:
    """What Perfetto counts in the trace.json of a log."""
    path, out = directory / "t.jsonl", directory / "t.json"
    path.write_bytes(log)
    export_to_file(snapshot(path, "t"), str(out))
    return perfetto.problems(out)


def log_of(events: list[dict[str, object]]) -> bytes:
    return b"".join(json.dumps(event, ensure_ascii=False).encode() + b"\n" for event in events)


# --------------------------------------------------------------- known traces


@pytest.mark.parametrize("lines", [pytest.param(row[1], id=row[0]) for row in ROWS])
def test_rows(lines: list[str], perfetto: Judge, tmp_path: Path) -> None:
    log = "".join(line + "\n" for line in lines).encode()

    assert predicted(log) == counted(log, tmp_path, perfetto)


@pytest.mark.parametrize("case", [pytest.param(case, id=case["name"]) for case in cases()])
def test_perfettos_own_cases(case: Case, perfetto: Judge, tmp_path: Path) -> None:
    log = log_of(case["events"])

    assert predicted(log) == counted(log, tmp_path, perfetto)
    assert predicted(log) == case.get("problems", {})


@pytest.mark.parametrize("session", sorted((CAPTURES / "ocaml").glob("*.bin")), ids=lambda path: path.stem)
def test_recorded_ocaml_sessions(session: Path, perfetto: Judge, tmp_path: Path) -> None:
    messages = MessageReader().feed(session.read_bytes())
    log = b"".join(message.block for message in messages if isinstance(message, Events))

    assert log
    assert predicted(log) == counted(log, tmp_path, perfetto)


@pytest.mark.parametrize("log", sorted(CAPTURES.glob("*/*.jsonl")), ids=lambda path: path.stem)
def test_recorded_logs(log: Path, perfetto: Judge, tmp_path: Path) -> None:
    assert predicted(log.read_bytes()) == counted(log.read_bytes(), tmp_path, perfetto)


# --------------------------------------------------------------- any small trace

Strategy = st.SearchStrategy[Any]

TIMES = st.sampled_from([0, 1, 2, 3, 5, 8])
NAMES = st.sampled_from(["a", "b"])
IDS = st.sampled_from([1, 2, "1", "0x2", "zz", "", None])
ID2: list[dict[str, object]] = [{"local": 1}, {"global": 1}, {"global": "1", "local": 2}, {}]
COUNTER_VALUES: list[object] = [1, "1", "x", "", True, [], {}]
PLACE = {
    "ts": TIMES | st.sampled_from([-1, 1.5]),
    "pid": st.sampled_from([1, 2]),
    "tid": st.sampled_from([0, 1, 5]),
}
OPTIONAL_NAME = {"name": NAMES, "cat": st.sampled_from(["c", "d"])}
BINDING = {
    "bind_id": st.sampled_from([0, 1, "1", "zz"]),
    "flow_in": st.booleans(),
    "flow_out": st.booleans(),
}


def event_of(
    phases: str, needed: Mapping[str, Strategy], optional: Mapping[str, Strategy]
) -> st.SearchStrategy[dict[str, object]]:
    return st.fixed_dictionaries({"ph": st.sampled_from(phases), **needed}, optional=dict(optional))


SPANS = event_of("BE", {**PLACE, "name": NAMES}, {"cat": st.sampled_from(["c", "d"])}) | event_of(
    "BE", PLACE, OPTIONAL_NAME | BINDING
)
COMPLETE = event_of("X", {**PLACE, "dur": TIMES | st.sampled_from([-2, -0.001])}, OPTIONAL_NAME | BINDING)
INSTANTS = event_of("iIR", {"ts": TIMES}, {"pid": PLACE["pid"], "tid": PLACE["tid"], "s": st.sampled_from("gptx")})
ASYNC = event_of(
    "bne",
    {**PLACE},
    {"id": IDS, "id2": st.sampled_from(ID2)} | OPTIONAL_NAME | BINDING,
)
ASYNC_PAIRS = event_of("be", {**PLACE, "id": st.sampled_from([1, 2])}, OPTIONAL_NAME)
ARROWS = event_of("stf", {**PLACE, "id": st.sampled_from([1, 2, "1", "zz"])}, {"bp": st.just("e"), "name": NAMES})
COUNTERS = event_of("C", PLACE, {"args": st.dictionaries(NAMES, st.sampled_from(COUNTER_VALUES))})
METADATA = event_of(
    "M",
    {"pid": PLACE["pid"], "name": st.sampled_from(["process_name", "thread_name", "other"])},
    {"ts": TIMES, "args": st.dictionaries(st.sampled_from(["name", "x"]), st.sampled_from(["", "n", 1]))},
)
EVENTS = st.lists(SPANS | COMPLETE | INSTANTS | ASYNC | ARROWS | COUNTERS | METADATA, max_size=30)


def check_agreement(events: list[dict[str, object]], directory: Path, perfetto: Judge) -> None:
    log = log_of(events)
    expected = counted(log, directory, perfetto)
    assert predicted(log) == expected
    assert predicted(log, piece=1) == expected


FUZZ = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "events",
    [
        pytest.param(EVENTS, id="anything"),
        pytest.param(st.lists(SPANS, max_size=30), id="spans"),
        pytest.param(st.lists(SPANS | COMPLETE, max_size=30), id="spans and complete ones"),
        pytest.param(st.lists(ASYNC | ASYNC_PAIRS, max_size=30), id="async"),
        pytest.param(st.lists(ARROWS | COMPLETE | SPANS, max_size=30), id="arrows"),
    ],
)
def test_any_small_trace(events: st.SearchStrategy[list[dict[str, object]]], perfetto: Judge, tmp_path: Path) -> None:
    @FUZZ
    @given(events)
    def agrees(drawn: list[dict[str, object]]) -> None:
        check_agreement(drawn, tmp_path, perfetto)

    agrees()
