// A program with the SDK of OpenTelemetry for JavaScript: `node sdk.mjs proto|http URL TOKEN`, with its packages in
// $NODE_PATH. It sends spans that lie in each other, log records and metrics, and ends with 0 if all was taken.

import { createRequire } from "node:module";

const require = createRequire(`${process.env.NODE_PATH}/`);
const { context, trace, SpanKind, SpanStatusCode } = require("@opentelemetry/api");
const { SeverityNumber } = require("@opentelemetry/api-logs");
const { resourceFromAttributes } = require("@opentelemetry/resources");
const { BasicTracerProvider, BatchSpanProcessor } = require("@opentelemetry/sdk-trace-base");
const { LoggerProvider, BatchLogRecordProcessor } = require("@opentelemetry/sdk-logs");
const sdkMetrics = require("@opentelemetry/sdk-metrics");

const [kind, url, token] = process.argv.slice(2);
const headers = { Authorization: `Bearer ${token}` };
const { OTLPTraceExporter } = require(`@opentelemetry/exporter-trace-otlp-${kind}`);
const { OTLPLogExporter } = require(`@opentelemetry/exporter-logs-otlp-${kind}`);
const { OTLPMetricExporter } = require(`@opentelemetry/exporter-metrics-otlp-${kind}`);

const ATTRIBUTES = { text: "\u00fc\u{1F600} \"'\n", yes: true, int: 2 ** 40, double: 0.1, list: ["a", "b"], ints: [1, -2] };
const resource = resourceFromAttributes({ "service.name": `js-${kind}`, ...ATTRIBUTES });
const pause = () => new Promise((resolve) => setTimeout(resolve, 5));

async function sendSpans() {
  const exporter = new OTLPTraceExporter({ url: `${url}/v1/traces`, headers });
  const provider = new BasicTracerProvider({ resource, spanProcessors: [new BatchSpanProcessor(exporter)] });
  const tracer = provider.getTracer("library", "1.2", { schemaUrl: "https://example.org/schema" });
  const within = (span) => trace.setSpan(context.active(), span);
  const outer = tracer.startSpan("outer", { kind: SpanKind.SERVER, attributes: ATTRIBUTES });
  const first = tracer.startSpan("first", { attributes: { n: 1 } }, within(outer));
  first.addEvent("event", { at: 1.5 });
  const links = [{ context: outer.spanContext(), attributes: { why: "test" } }];
  const inner = tracer.startSpan("inner", { links }, within(first));
  await pause();
  inner.end();
  await pause(); // a span begins at a whole millisecond, and ends so much later as it took: up to 1 ms too early
  first.end();
  await pause();
  const second = tracer.startSpan("second", { kind: SpanKind.CLIENT }, within(outer));
  second.setStatus({ code: SpanStatusCode.ERROR, message: "it fell" });
  second.recordException(new Error("no"));
  await pause();
  second.end();
  await pause();
  const [one, two] = ["one", "two"].map((name) => tracer.startSpan(name, {}, within(outer))); // at the same time
  await pause();
  one.end();
  two.end();
  await pause();
  outer.end();
  await provider.forceFlush();
  await provider.shutdown();
}

async function sendLogs() {
  const exporter = new OTLPLogExporter({ url: `${url}/v1/logs`, headers });
  const provider = new LoggerProvider({ resource, processors: [new BatchLogRecordProcessor({ exporter })] });
  const logger = provider.getLogger("logs", "0.1");
  for (const body of ["text", 7, 1.5, true, ["a", 1], { a: { b: [1] } }, new Uint8Array([0, 255])]) {
    const severity = { severityNumber: SeverityNumber.ERROR, severityText: "ERROR" };
    logger.emit({ ...severity, body, attributes: ATTRIBUTES, eventName: "named", timestamp: Date.now() });
  }
  await provider.forceFlush();
  await provider.shutdown();
}

async function sendMetrics() {
  const exporter = new OTLPMetricExporter({ url: `${url}/v1/metrics`, headers });
  const reader = new sdkMetrics.PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 2 ** 30 });
  const aggregation = { type: sdkMetrics.AggregationType.EXPONENTIAL_HISTOGRAM };
  const views = [{ instrumentName: "exponential", aggregation }];
  const provider = new sdkMetrics.MeterProvider({ resource, readers: [reader], views });
  const meter = provider.getMeter("meter", "0.2", { schemaUrl: "https://example.org/metrics" });
  meter.createCounter("counter", { unit: "1", description: "counts" }).add(3, ATTRIBUTES);
  meter.createUpDownCounter("updown").add(-2.5, { a: "b" });
  meter.createGauge("gauge").record(7, { a: "b" });
  for (const name of ["histogram", "exponential"]) {
    const histogram = meter.createHistogram(name, { unit: "ms" });
    for (const value of [0, 1, 2.5, 1e6]) histogram.record(value, { a: "b" });
  }
  await provider.shutdown();
}

await sendSpans();
await sendLogs();
await sendMetrics();
