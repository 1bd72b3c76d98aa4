"""What comes from OpenTelemetry goes out again as it came: import, export, compare, with its own messages."""

import json
from collections import Counter
from pathlib import Path

import orjson
import pytest
from google.protobuf.message import Message

from tests.exporters.otlp_messages import Maker, items
from tests.importers.reading import read_text
from tracerd.exporters.otlp import otlp_lines
from tracerd.exporters.tables import Tables
from tracerd.otlp import protobuf
from tracerd.rows.source import find_trace

SIGNALS = ("traces", "logs", "metrics")


def round_trip(directory: Path, *requests: tuple[str, Message]) -> list[tuple[str, Message]]:
    """Import the requests into a log, export that, and parse what it gives."""
    found = read_text(
        directory,
        b"".join(
            orjson.dumps(protobuf.decoded(type(request), request.SerializeToString())) + b"\n"
            for _, request in requests
        ),
    )
    (directory / "t.jsonl").write_text("".join(json.dumps(event) + "\n" for event in found.events))
    return exported(directory)


def exported(directory: Path) -> list[tuple[str, Message]]:
    answer: list[tuple[str, Message]] = []
    for line in otlp_lines(Tables(find_trace(directory, str(directory / "t.jsonl")))):
        request = orjson.loads(line)
        [signal] = [name for name, key in (("traces", "resourceSpans"), ("logs", "resourceLogs"),
                                           ("metrics", "resourceMetrics")) if key in request]  # fmt: skip
        kind = protobuf.request_type(signal)
        answer.append((signal, kind.FromString(protobuf.encoded(signal, request))))
    return answer


def all_items(requests: list[tuple[str, Message]]) -> Counter[str]:
    return Counter(item for signal, request in requests for item in items(signal, request))


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("signal", SIGNALS)
def test_no_field_is_lost(signal: str, seed: int, tmp_path: Path) -> None:
    maker = Maker(seed)
    requests = [(signal, maker.request(signal)) for _ in range(10)]
    requests = [(signal, request) for signal, request in requests if any(items(signal, request))]
    came = all_items(requests)
    went = all_items(round_trip(tmp_path, *requests))
    assert sorted((came - went).elements()) == sorted((went - came).elements()) == []
    assert came
