"""A log may hold anything, also where an import keeps what came from OpenTelemetry: an export stays well-formed."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson
from hypothesis import given
from hypothesis import strategies as st

from tracerd.exporters.otlp import batches
from tracerd.exporters.otlp_request import json_of
from tracerd.exporters.tables import Tables
from tracerd.otlp import forms, protobuf, schema
from tracerd.rows.source import find_trace

NAMES = sorted(
    {*schema.SPAN, *schema.EVENT, *schema.RECORD, *schema.RESOURCE, *schema.SCOPE, *schema.METRIC, *schema.DATA}
    | {name for kind in schema.POINTS.values() for name in kind}
    | {*forms.SPAN_ARGS, *forms.RECORD_ARGS, forms.SPAN_EVENT, "attributesTypes", "body", "bodyTypes", "scope", "id"}
    | {"metric", "kind", "name", "schemaUrl", "error", "service", "a"}
)
SCALARS = st.sampled_from(
    [None, True, 0, 1, -1, 2**63, 2**64, 10**30, 0.5, "", "1", "x", "NaN", "bytes", "AAE=", "a" * 16, "b" * 32]
)
VALUES = st.recursive(
    SCALARS | st.sampled_from([*schema.POINTS]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6),
    max_leaves=25,
)
OBJECTS = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=8)
LINES = ("otlp_resource", "otlp_scope", "otlp_metric", "otlp_point")


@st.composite
def log_events(draw: st.DrawFn) -> dict[str, object]:
    """An event that may have anything in its args."""
    args = draw(OBJECTS)
    if draw(st.booleans()):
        args = {**args, "otlp": draw(VALUES)}
    event = {"ph": draw(st.sampled_from("MXiC")), "name": draw(st.sampled_from(["n", *LINES])), "args": args}
    return {**event, "cat": "log", "pid": 1, "tid": 1, "ts": 5, "dur": 1}


def requests_of(log: Path) -> int:
    """How many rows an export of this log has; each must be JSON, and protobuf that its own classes parse."""
    count = 0
    for batch in batches(Tables(find_trace(log.parent, str(log)))):
        request = orjson.loads(json_of(batch.request()))
        name = batch.signal.name
        protobuf.request_type(name).FromString(protobuf.encoded(name, request))
        count += len(batch.rows)
    return count


@given(st.lists(log_events(), min_size=1, max_size=8))
def test_any_log_is_exported(events: list[dict[str, object]]) -> None:
    with TemporaryDirectory() as directory:
        log = Path(directory) / "t.jsonl"
        log.write_text("".join(json.dumps(event) + "\n" for event in events))
        assert requests_of(log) >= sum(event["ph"] == "X" for event in events)


def test_what_is_nested_too_deep_is_a_text(tmp_path: Path) -> None:
    deep: object = "x"
    for level in range(200):
        deep = [deep] if level % 2 else {"a": deep}
    log = tmp_path / "t.jsonl"
    event = {"ph": "X", "name": "n", "pid": 1, "tid": 1, "ts": 5, "dur": 1, "args": {"deep": deep, "n": 1}}
    log.write_text(json.dumps(event) + "\n")

    assert requests_of(log) == 1
    [batch] = batches(Tables(find_trace(tmp_path, str(log))))
    assert json_of(batch.request()).count(b"arrayValue") == 15
