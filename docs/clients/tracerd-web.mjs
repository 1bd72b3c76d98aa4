// Logs, spans and metrics of a JavaScript program, to `tracerd web`: OpenTelemetry's protocol as JSON, no dependency.
// Node 18 and later; a browser needs a path of its own site that leads to the server, for example { url: '/tracerd' }.
//
//   import { Tracerd } from './tracerd-web.mjs';
//   const tracerd = new Tracerd({ service: 'shop' });
//   tracerd.info('user logged in', { userId: '123' });
//   const total = await tracerd.run('checkout', async span => {  // a span, which ends with the function
//     span.set('items', 3);
//     span.error('card declined', { code: 51 });                  // a log message in this span
//     return span.run('pay', pay);                                // a span in this span
//   });
//   tracerd.metric('queue', 3, { host: 'a' });
//   await tracerd.flush();                                        // true if tracerd has all of it
//
// It throws nothing into the program, prints nothing, and keeps no process alive: what is left at the end is sent then,
// in a second at most. Call flush() before process.exit(). What the server does not take now is kept and sent again;
// what is lost, because there is too much of it or it is refused, is counted in `dropped`, and `problem` says why.

const BATCH = 200, BATCH_CHARS = 1 << 20, BUFFER = 10_000, BUFFER_CHARS = 8 << 20; // items, and characters of JSON
const TEXT_CHARS = 4096, VALUES = 128, DEPTH = 5; // of one item
const FLUSH_MS = 1000, TIMEOUT_MS = 5000, EXIT_MS = 1000, PAUSE_MS = 250, LONG_PAUSE_MS = 15_000, TRIES = 4;
const SEVERITY = { debug: 5, info: 9, warn: 13, error: 17, fatal: 21 };
const KINDS = {
  spans: ['traces', 'resourceSpans', 'scopeSpans', 'spans'],
  logs: ['logs', 'resourceLogs', 'scopeLogs', 'logRecords'],
  metrics: ['metrics', 'resourceMetrics', 'scopeMetrics', 'metrics'],
};
const node = globalThis.process?.versions?.node ? globalThis.process : undefined, env = node?.env ?? {};

const hex = digits => Array.from({ length: digits }, () => (Math.random() * 16 | 0).toString(16)).join('');

let origin = performance.timeOrigin; // when performance.now() was 0; it stands still while the machine sleeps
function now() { // nanoseconds since 1970
  if (Math.abs(Date.now() - origin - performance.now()) > 1000) origin = Date.now() - performance.now();
  return `${Math.round((origin + performance.now()) * 1000)}000`;
}

function text(given) { // half of a surrogate pair, also of one that is cut here, is no text for a server
  try { return String(given).slice(0, TEXT_CHARS).replace(/\p{Surrogate}/gu, '\ufffd'); } catch { return '?'; }
}

let left = 0; // how many values the item that is being made may still have
function value(read, depth = 0) { // of what a function gives, which may throw
  try { return known(read(), depth); } catch { return { stringValue: '?' }; }
}
function known(given, depth) {
  if (typeof given === 'boolean') return { boolValue: given };
  if (Number.isSafeInteger(given)) return { intValue: String(given) };
  if (Number.isFinite(given)) return { doubleValue: given };
  if (given === null || given === undefined) return {};
  if (given instanceof Date) return { stringValue: text(given.toJSON()) };
  if (given instanceof Error) return { stringValue: text(given.stack || given) };
  if (typeof given !== 'object' || depth === DEPTH) return { stringValue: text(given) };
  if (!Array.isArray(given)) return { kvlistValue: { values: pairs(given, depth + 1) } };
  return { arrayValue: { values: some(given).map(one => value(() => one, depth + 1)) } };
}
function pairs(given, depth = 0) {
  let keys = [];
  try { keys = some(Object.keys(given ?? {})); } catch { /* it has none that can be read */ }
  return keys.map(key => ({ key: text(key), value: value(() => given[key], depth) }));
}
const some = values => values.slice(0, Math.max(left, 0)).filter(() => left-- > 0);

function context(parent) {
  const given = value(() => parent?.traceparent ?? parent).stringValue;
  const [, traceId, spanId] = /^00-([0-9a-f]{32})-([0-9a-f]{16})-/.exec(given) ?? [];
  return { traceId, spanId };
}
const inherited = context(env.TRACEPARENT); // of the command that this program is, as of `tracerd exec`

class Span {
  constructor(client, name, parent) {
    const { traceId, spanId } = parent === undefined ? inherited : context(parent);
    this.client = client;
    this.span = { traceId: traceId ?? hex(32), spanId: hex(16), parentSpanId: spanId, startTimeUnixNano: now() };
    this.name = name;
    this.attributes = Object.create(null);
  }
  get traceparent() { return `00-${this.span.traceId}-${this.span.spanId}-01`; } // for the headers of a request
  set(key, given) { this.attributes[text(key)] = given; return this; }
  start(name) { return new Span(this.client, name, this); }
  run(name, work) { return run(this.start(name), work); }
  end(error) { // with what was thrown, if something was
    if (this.span.endTimeUnixNano) return;
    this.span.endTimeUnixNano = now();
    this.client.keep('spans', () => ({
      ...this.span, name: text(this.name), kind: 1, attributes: pairs(this.attributes),
      status: error === undefined ? {} : { code: 2, message: text(error?.message ?? error) },
    }));
  }
}

function run(span, work) {
  const failed = error => { span.end(error ?? 'failed'); throw error; };
  const done = result => { span.end(); return result; };
  let result;
  try { result = work(span); } catch (error) { failed(error); }
  return typeof result?.then === 'function' ? result.then(done, failed) : done(result);
}

export class Tracerd {
  dropped = 0;
  problem = '';
  #queues = { spans: [], logs: [], metrics: [] }; // of { number, json }, the oldest first
  #kept = 0; // how many items came, which is the number of the latest
  #count = 0; // of items that are not sent yet
  #chars = 0; // of their JSON
  #sending = null; // a promise, while something is sent
  #timer = null; // until the next batch is sent
  #failures = 0; // in a row
  #pauseMs = 0; // what the server asks for
  #isExit = false;

  constructor(options) {
    const { service = 'javascript', url = env.TRACERD_WEB_ADDRESS ?? '', token, attributes } = options ?? {};
    const short = text(url || 8742).replace(/\/$/, ''), host = short.includes(':') ? short : `127.0.0.1:${short}`;
    this.url = /^(https?:|\/)/.test(short) ? short : `http://${host}`;
    this.token = token;
    this.fileToken = undefined;
    left = VALUES;
    this.resource = JSON.stringify({
      attributes: [...pairs({ 'service.name': text(service), 'process.pid': node?.pid }), ...pairs(attributes)],
    });
    node?.once('beforeExit', () => { this.#isExit = true; this.#send(); });
    globalThis.addEventListener?.('pagehide', () => { this.#send(); });
  }

  start(name, parent) { return new Span(this, name, parent); } // parent: a Span, or the traceparent of a request
  run(name, work, parent) { return run(this.start(name, parent), work); }

  metric(name, number, labels) {
    this.keep('metrics', () => {
      const asDouble = Number(number);
      if (!Number.isFinite(asDouble)) throw new TypeError(`${text(name)}: no number`);
      const point = { timeUnixNano: now(), asDouble, attributes: pairs(labels) };
      return { name: text(name), gauge: { dataPoints: [point] } };
    });
  }

  log(level, message, fields, span) {
    this.keep('logs', () => ({
      timeUnixNano: now(), severityNumber: SEVERITY[level], severityText: level, body: { stringValue: text(message) },
      attributes: pairs(fields), ...(span ? context(span) : inherited),
    }));
  }

  async flush() { // whether tracerd has all that was given before; sends it again some times, for some seconds
    const before = this.#kept, lost = this.dropped;
    const isLeft = () => Object.values(this.#queues).some(queue => queue[0]?.number <= before);
    await this.#sending;
    for (let tries = 0; isLeft() && tries < TRIES && !(tries && this.#pauseMs > TIMEOUT_MS); tries++) {
      if (tries) await new Promise(resolve => setTimeout(resolve, this.#pause()));
      await this.#send();
    }
    return !isLeft() && this.dropped === lost;
  }

  keep(kind, make) {
    left = VALUES;
    try {
      const json = JSON.stringify(make()); // now: the program may change what it has given
      this.#queues[kind].push({ number: ++this.#kept, json });
      this.#changed(1, json.length);
    } catch (error) { this.#drop(1, text(error)); } // a getter that throws, or no number
    while (this.#count > BUFFER || this.#chars > BUFFER_CHARS) {
      const [oldest] = Object.values(this.#queues).filter(one => one.length).sort((a, b) => a[0].number - b[0].number);
      this.#changed(-1, -oldest.shift().json.length);
      this.#drop(1, 'too much to keep');
    }
    if (this.#queues[kind].length >= BATCH && !this.#failures) this.#send();
    else this.#later();
  }

  #changed(count, chars) { this.#count += count; this.#chars += chars; }

  #drop(count, why) { this.dropped += count; this.problem = why; }

  #pause() {
    const grown = Math.min(PAUSE_MS * 2 ** this.#failures, LONG_PAUSE_MS);
    return Math.max(this.#pauseMs, grown * (0.5 + Math.random() / 2)); // not all programs at one moment
  }

  #later() {
    if (this.#timer || this.#sending || this.#isExit) return;
    this.#timer = setTimeout(() => this.#send(), this.#failures ? this.#pause() : FLUSH_MS);
    this.#timer.unref?.();
  }

  #send() {
    clearTimeout(this.#timer);
    this.#timer = null;
    return this.#sending ??= this.#sendAll().finally(() => {
      this.#sending = null;
      if (this.#count) this.#later();
    });
  }

  async #sendAll() { // what is there now, until the server takes no more
    const end = this.#kept;
    for (const [kind, queue] of Object.entries(this.#queues)) {
      while (queue[0]?.number <= end) {
        let count = 0, chars = 0;
        do chars += queue[count++].json.length;
        while (count < Math.min(BATCH, queue.length) && chars + queue[count].json.length <= BATCH_CHARS);
        const batch = queue.splice(0, count);
        const isTaken = await this.#post(kind, batch.map(item => item.json));
        this.#failures = isTaken ? 0 : this.#failures + 1;
        if (!isTaken) { queue.unshift(...batch); return; }
        this.#changed(-count, -chars);
      }
    }
  }

  async #post(kind, items) { // whether they need not be sent again
    const [path, resources, scopes, name] = KINDS[kind];
    const body = `{"${resources}":[{"resource":${this.resource},"${scopes}":[{"${name}":[${items}]}]}]}`;
    try {
      const token = this.token ?? (this.fileToken ??= await usualToken());
      const response = await fetch(`${this.url}/v1/${path}`, {
        method: 'POST', body, redirect: 'manual', // nothing goes elsewhere
        keepalive: body.length < 60_000, // a browser sends that though the page goes
        headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
        signal: AbortSignal.timeout(this.#isExit ? EXIT_MS : TIMEOUT_MS),
      });
      const answer = await response.json().catch(() => null) ?? {};
      const { status } = response, { errorMessage = '', ...rejected } = answer.partialSuccess ?? {};
      this.#pauseMs = Math.min(1000 * (Number(response.headers.get('retry-after')) || 0), LONG_PAUSE_MS);
      for (const count of Object.values(rejected)) if (Number(count)) this.#drop(Number(count), errorMessage);
      if (response.ok) return true;
      this.problem = `${status} ${answer.message ?? response.statusText}`;
      if (status === 401) this.fileToken = undefined; // a new server may have a new one
      if (status === 401 || status === 429 || status >= 500) return false;
      this.#drop(items.length, this.problem);
      return true;
    } catch (error) { // no server, or one that hangs
      this.problem = text(error?.cause?.message || error);
      return false;
    }
  }
}

for (const level of Object.keys(SEVERITY)) {
  Tracerd.prototype[level] = function (message, fields) { this.log(level, message, fields); };
  Span.prototype[level] = function (message, fields) { this.client.log(level, message, fields, this); };
}

async function usualToken() { // of Node; in a browser, what the url leads to adds it
  if (!node) return '';
  const { readFile } = await import('node:fs/promises');
  const directory = env.XDG_RUNTIME_DIR || `/run/user/${node.getuid()}`;
  return (await readFile(env.TRACERD_WEB_TOKEN_FILE || `${directory}/tracerd-web.token`, 'utf8')).trim();
}
