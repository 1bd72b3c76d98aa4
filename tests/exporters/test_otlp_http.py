"""`tracerd export --otlp URL`, against a real server of the standard library."""

import json
from pathlib import Path

import pytest

from tests.commands import invoke
from tests.exporters.collector import Collector, OtlpRequest, collecting, names, send, span_line, unused_port
from tests.http_server import Answer


@pytest.mark.parametrize("protocol", ["http/json", "http/protobuf"])
def test_all_signals_are_sent_as_they_are_in_a_file(protocol: str, collector: Collector, log: Path) -> None:
    done = send(log, collector.url, "--otlp-protocol", protocol)

    assert done.returncode == 0
    assert done.stdout == b""
    assert done.stderr.decode() == f"sent 4 spans, 2 log records and 2 points to {collector.url}\n"
    assert [request.path for request in collector.requests] == ["/v1/traces", "/v1/logs", "/v1/metrics"]
    lines = invoke("export", log, "--otlp", "-").stdout.splitlines()
    sent = [request.message() for request in collector.requests]
    if protocol == "http/json":
        assert sent == [json.loads(line) for line in lines]
    for request, line in zip(collector.requests, lines, strict=True):
        in_file = OtlpRequest(request.path, {"content-type": "application/json"}, line)
        for key in ("spans", "logRecords", "dataPoints"):
            ids = [(item.get("spanId"), item.get("timeUnixNano")) for item in request.parts(key)]
            assert ids == [(item.get("spanId"), item.get("timeUnixNano")) for item in in_file.parts(key)]


@pytest.mark.parametrize("path", ["", "/", "/v1/traces", "/v1/logs/"])
def test_a_url_is_a_base_or_the_path_of_a_signal(path: str, collector: Collector, log: Path) -> None:
    assert send(log, f"{collector.url}/otlp{path}?tenant=a").returncode == 0
    assert [request.path for request in collector.requests] == [
        f"/otlp/v1/{name}?tenant=a" for name in ("traces", "logs", "metrics")
    ]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_no_redirect_is_followed(status: int, collector: Collector, log: Path) -> None:
    with collecting() as other:
        collector.answer(Answer(status, {"Location": f"{other.url}/v1/traces?key=hunter2"}))
        done = send(log, collector.url, OTEL_EXPORTER_OTLP_HEADERS="api-key=hunter2")

    assert done.returncode == 1
    assert other.requests == []
    assert f"points to {other.url}/v1/traces; give that URL".encode() in done.stderr
    assert b"hunter2" not in done.stderr


def test_what_a_server_rejects_is_reported(collector: Collector, log: Path) -> None:
    partial = {"partialSuccess": {"rejectedSpans": "3", "errorMessage": "too\u001b[1m old"}}
    collector.answer(
        Answer(body=json.dumps(partial).encode()), Answer(body=b'{"partialSuccess":{"errorMessage":"slow"}}')
    )
    done = send(log, collector.url)

    assert done.returncode == 1
    assert done.stderr.decode().splitlines() == [
        f"{collector.url} rejects spans: too\\x1b[1m old",
        f"{collector.url} warns: slow",
        f"sent 1 span, 2 log records and 2 points to {collector.url}",
        "Error: not all was taken: 3 spans rejected",
    ]


def test_what_a_server_rejects_is_no_less_than_nothing(collector: Collector, log: Path) -> None:
    collector.answer(Answer(body=b'{"partialSuccess":{"rejectedSpans":-5}}'))
    done = send(log, collector.url)

    assert done.returncode == 0
    assert b"sent 4 spans, " in done.stderr


def test_a_partial_success_in_protobuf_is_read(collector: Collector, log: Path) -> None:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

    response = ExportTraceServiceResponse()
    response.partial_success.rejected_spans = 2
    headers = {"Content-Type": "application/x-protobuf"}
    collector.answer(Answer(headers=headers, body=response.SerializeToString()))
    done = send(log, collector.url, "--otlp-protocol", "http/protobuf")

    assert done.returncode == 1
    assert b"2 spans rejected" in done.stderr


@pytest.mark.parametrize("body", [b'{"code":3,"message":"no such tenant"}', b"\xff<html>", b""])
def test_a_refusal_ends_the_export_and_tells_why(body: bytes, collector: Collector, log: Path) -> None:
    collector.answer(Answer(400, body=body))
    done = send(log, collector.url)

    assert done.returncode == 1
    assert len(collector.requests) == 1
    assert b"does not take spans: it answers 400 Bad Request" in done.stderr
    assert (b"no such tenant" in done.stderr) == (b"tenant" in body)


def test_a_server_that_repeats_a_header_is_not_shown_so(collector: Collector, log: Path) -> None:
    collector.answer(Answer(401, body=b"no tenant for hunter2-x"))
    done = send(log, collector.url, OTEL_EXPORTER_OTLP_HEADERS="x-scope=hunter2-x")
    assert b"no tenant for ***" in done.stderr


def test_an_export_goes_on_where_it_has_ended(collector: Collector, tmp_path: Path) -> None:
    log = tmp_path / "a:b.jsonl"
    log.write_text("".join(span_line(number) for number in range(2500)))
    collector.answer(Answer(), Answer(400))
    done = send(log, collector.url)
    assert done.stderr.decode().splitlines()[0] == "to go on where this ended, add --resume a:b:traces:1000"

    with open(log, "a") as file:  # the log has grown meanwhile
        file.write(span_line(2500))
    done = send(log, collector.url, "--resume", "a:b:traces:1000")
    assert done.returncode == 0
    taken = [collector.requests[0], *collector.requests[2:]]
    assert names(taken) == [f"n{number}" for number in range(2501)]
    assert len({span["spanId"] for request in taken for span in request.parts("spans")}) == 2501


def test_of_several_traces_those_before_the_position_are_left_out(collector: Collector, tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / f"{name}.jsonl").write_text(span_line(ord(name)))
    done = invoke("export", "a", "b", "c", "-d", tmp_path, "--otlp", collector.url, "--resume", "b:traces:0")

    assert done.returncode == 0
    assert names(collector.requests) == ["n98", "n99"]


def test_all_traces_go_on_although_one_was_written_meanwhile(collector: Collector, tmp_path: Path) -> None:
    for name in "bca":
        (tmp_path / f"{name}.jsonl").write_text(span_line(ord(name)))
    collector.answer(Answer(), Answer(400))
    all_of_it = ("export", "--all", "-d", tmp_path, "--otlp", collector.url)
    assert b"--resume b:traces:0" in invoke(*all_of_it).stderr

    with open(tmp_path / "b.jsonl", "a") as file:
        file.write(span_line(1))
    assert invoke(*all_of_it, "--resume", "b:traces:0").returncode == 0
    assert names(collector.requests) == ["n97", "n98", "n98", "n1", "n99"]


@pytest.mark.parametrize("position", ["", "b", "t:spans:1", "t:traces:-1", "t:traces:x", "other:traces:1"])
def test_a_position_that_is_none_is_misuse(position: str, collector: Collector, log: Path) -> None:
    done = send(log, collector.url, "--resume", position)
    assert done.returncode == 2
    assert collector.requests == []


def test_headers_come_by_the_environment_and_by_a_file(collector: Collector, log: Path, tmp_path: Path) -> None:
    file = tmp_path / "headers"
    file.write_text("# for the collector\n\nAuthorization: Bearer a:b=c\nX-Both: file\n")
    file.chmod(0o600)
    environ = "api-key=a%20b, x-both=environ"
    assert send(log, collector.url, "--header-file", file, OTEL_EXPORTER_OTLP_HEADERS=environ).returncode == 0

    headers = collector.requests[0].headers
    assert (headers["authorization"], headers["api-key"], headers["x-both"]) == ("Bearer a:b=c", "a b", "file")


@pytest.mark.parametrize(
    ("mode", "text"),
    [
        (0o640, "A: hunter2\n"), (0o604, "A: hunter2\n"), (0o600, "hunter2\n"), (0o600, "A: hunter2\x01\n"),
        (0o600, "A B: hunter2\n"), (0o600, "Content-Type: hunter2\n"),
    ],
)  # fmt: skip
def test_a_bad_header_file_is_refused_and_not_shown(
    mode: int, text: str, collector: Collector, log: Path, tmp_path: Path
) -> None:
    file = tmp_path / "headers"
    file.write_text(text)
    file.chmod(mode)
    done = send(log, collector.url, "--header-file", file)

    assert done.returncode == 1
    assert collector.requests == []
    assert b"hunter2" not in done.stderr


@pytest.mark.parametrize(
    "url",
    ["http://", "http://h:x", "http://ada:hunter2@localhost", "http://hunter2@localhost", "http://h#f", "http://a b",
     "http://[::1"],
)  # fmt: skip
def test_a_url_that_is_none_is_refused(url: str, log: Path) -> None:
    done = send(log, url)
    assert done.returncode == 1
    assert b"hunter2" not in done.stderr
    assert b"URL" in done.stderr


def test_a_server_that_is_not_there_is_an_error_at_once(log: Path) -> None:
    done = send(log, f"http://127.0.0.1:{unused_port()}")
    assert done.returncode == 1
    assert b"cannot reach http://127.0.0.1:" in done.stderr


def test_tls_is_verified(collector: Collector, log: Path) -> None:
    done = send(log, collector.url.replace("http:", "https:"))  # the server speaks no TLS at all
    assert done.returncode == 1
    assert b"no safe connection" in done.stderr
    assert collector.requests == []


def test_the_timeout_is_that_of_the_environment(collector: Collector, log: Path) -> None:
    done = send(log, collector.url, OTEL_EXPORTER_OTLP_TIMEOUT="soon")
    assert done.returncode == 1
    assert b"expected milliseconds" in done.stderr


def test_secrets_are_hidden_on_demand(collector: Collector, tmp_path: Path) -> None:
    log = tmp_path / "t.jsonl"
    log.write_text(span_line(1, argv=["x", "--token=hunter2"]))
    send(log, collector.url)
    send(log, collector.url, "--redact")
    assert [b"hunter2" in request.body for request in collector.requests] == [True, False]
