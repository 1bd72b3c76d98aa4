"""A program with the SDK of OpenTelemetry for Python: `python sdk.py proto|json URL TOKEN`.

It sends spans that lie in each other, log records and metrics, and ends with 0 if each exporter was content.
"""

# mypy: ignore-errors
# pyright: basic, reportMissingImports=false, reportAttributeAccessIssue=false

import importlib
import sys
import time
from typing import Any

from opentelemetry import trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import Counter, MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, Status, StatusCode

ATTRIBUTES = {
    "text": "\u00fc\U0001f600 \"'\n",
    "yes": True,
    "int": 2**62,
    "double": 0.1,
    "list": ["a", "b"],
    "ints": [1, -2],
}


def exporter(kind: str, signal: str, name: str, url: str, token: str, **more: object) -> Any:
    """The exporter of a signal."""
    module = importlib.import_module(f"opentelemetry.exporter.otlp.{kind}.http.{signal}_exporter")
    headers = {"Authorization": f"Bearer {token}"}
    return getattr(module, name)(endpoint=url, headers=headers, **more)


def send_spans(resource: Resource, made: Any) -> bool:
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(made))
    tracer = provider.get_tracer("library", "1.2", "https://example.org/schema", {"scope": 1})
    with tracer.start_as_current_span("outer", kind=trace.SpanKind.SERVER, attributes=ATTRIBUTES) as outer:
        with tracer.start_as_current_span("first", attributes={"n": 1}) as first:
            first.add_event("event", {"at": 1.5})
            with tracer.start_as_current_span("inner", links=[Link(outer.get_span_context(), {"why": "test"})]):
                time.sleep(0.001)
        with tracer.start_as_current_span("second", kind=trace.SpanKind.CLIENT) as second:
            second.set_status(Status(StatusCode.ERROR, "it fell"))
            second.record_exception(ValueError("no"))
        one, two = tracer.start_span("one"), tracer.start_span("two")  # at the same time
        time.sleep(0.001)
        one.end()
        two.end()
    outer_ok = provider.force_flush()
    provider.shutdown()
    return outer_ok


def send_logs(resource: Resource, made: Any) -> bool:
    provider = LoggerProvider(resource=resource)
    provider.add_log_record_processor(BatchLogRecordProcessor(made))
    logger = provider.get_logger("logs", "0.1", attributes={"scope": "l"})
    for body in ("text", 7, 1.5, True, ["a", 1, None], {"a": {"b": [1]}}, b"\x00\xff"):
        logger.emit(
            LogRecord(
                timestamp=time.time_ns(),
                severity_number=SeverityNumber.ERROR,
                severity_text="ERROR",
                body=body,
                attributes=ATTRIBUTES,
                event_name="named",
            )
        )
    flushed = provider.force_flush()
    provider.shutdown()
    return flushed


def send_metrics(resource: Resource, made: Any) -> bool:
    views = [View(instrument_name="exponential", aggregation=ExponentialBucketHistogramAggregation())]
    reader = PeriodicExportingMetricReader(made, export_interval_millis=float("inf"))
    provider = MeterProvider([reader], resource, views=views)
    meter = provider.get_meter("meter", "0.2", "https://example.org/metrics", {"scope": 2.5})
    meter.create_counter("counter", "1", "counts").add(3, ATTRIBUTES)
    meter.create_up_down_counter("updown").add(-2.5, {"a": "b"})
    meter.create_gauge("gauge").set(7, {"a": "b"})
    for name in ("histogram", "exponential"):
        histogram = meter.create_histogram(name, "ms")
        for value in (0, 1, 2.5, 1e6):
            histogram.record(value, {"a": "b"})
    flushed = provider.force_flush()
    provider.shutdown()
    return flushed


def main(kind: str, url: str, token: str) -> int:
    """Send all of it."""
    resource = Resource.create({"service.name": f"python-{kind}", **ATTRIBUTES})
    delta = {"preferred_temporality": {Counter: AggregationTemporality.DELTA}}
    fine = [
        send_spans(resource, exporter(kind, "trace", "OTLPSpanExporter", f"{url}/v1/traces", token)),
        send_logs(resource, exporter(kind, "_log", "OTLPLogExporter", f"{url}/v1/logs", token)),
        send_metrics(resource, exporter(kind, "metric", "OTLPMetricExporter", f"{url}/v1/metrics", token, **delta)),
    ]
    return 0 if all(fine) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
