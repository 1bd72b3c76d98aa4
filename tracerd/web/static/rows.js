// Spans and log events as a tree of rows: what lies in what, and which of them are shown.

const SINCE_1970 = 1e15, TOO_FAR = 2 ** 63 / 1000;  // us; later times Perfetto and `show` leave out, too

/** The rows of a trace.
 *
 * A row: {id, line, span|log, name, start, end, isPlaced, error, depth, parent, children, folded}; times are us of the
 * trace. What has no time, or one that no clock shows, has no place beside the others.
 * A span lies in its `parentObservationId`; a process in the one that started it; a log event in the innermost span
 * of its thread that was open then.
 */
export function treeOf(spans, logs, build) {
  const byId = new Map(), rows = [], placeOf = placesOf(spans);
  for (const span of spans) {
    const place = placeOf(span.tsUs), end = span.latency === null ? null : place.start + span.latency * 1e6;
    const row = {
      id: span.id.slice(span.traceId.length + 1), span, name: span.name, ...place, end,
      error: span.level === 'ERROR', children: [], parent: null, critical: false,
    };
    byId.set(span.id, row);
    rows.push(row);
  }
  const processes = build ? processesOf(rows, build) : null;
  for (const row of rows) {
    row.parent = byId.get(row.span.parentObservationId) ?? processes?.parentOf(row) ?? null;
    row.parent?.children.push(row);
  }
  addLogs(rows, logs, processes, placeOf);
  for (const row of rows) row.children.sort((a, b) => a.start - b.start);
  return rows.filter((row) => !row.parent).sort((a, b) => a.start - b.start);
}

/** Where times are: those since 1970 beside those of the clock that the others show, as `startTime` has them. */
function placesOf(spans) {
  const known = spans.find((span) => span.startTime && span.tsUs < SINCE_1970);
  const [, seconds, fraction = ''] = known ? /^(.*?)(?:\.(\d+))?Z$/.exec(known.startTime) : [];
  const offset = known ? Date.parse(`${seconds}Z`) * 1000 + Number(fraction.padEnd(6, '0')) - Math.round(known.tsUs) : 0;
  return (ts) => {
    const start = Number.isFinite(ts) ? ts : null;  // a span may have none, and a log event any
    const isPlaced = start !== null && start >= 0 && start < TOO_FAR;
    return {start: isPlaced && start >= SINCE_1970 ? start - offset : start, isPlaced};
  };
}

function processesOf(rows, build) {
  const programs = new Map();  // by pid, its programs in the order of their starts
  for (const row of rows) {
    if (row.span.category === 'process') programs.set(row.span.pid, [...(programs.get(row.span.pid) ?? []), row]);
  }
  const at = (pid, time) => programs.get(pid)?.findLast((row) => row.start <= time) ?? null;
  const parents = new Map(), stack = [];
  for (const step of build.tree) {
    stack.length = step.depth;
    const around = stack.at(-1), first = at(step.pid, step.start_us + 0.001);
    if (first && around) parents.set(first, at(around.pid, step.start_us + 0.001));
    if (first) longest(programs.get(step.pid), first, step).name = step.name;
    stack.push(step);
  }
  const keys = new Set(build.critical.map((step) => step.pid));
  for (const pid of keys) for (const row of programs.get(pid) ?? []) row.critical = true;
  return {
    at,
    /** What a span that lies in no other one belongs to. */
    parentOf(row) {
      if (row.span.category !== 'process') return at(row.span.pid, row.start);
      if (parents.has(row)) return parents.get(row);
      const before = programs.get(row.span.pid)?.findLast((one) => one.start < row.start);
      return before ? before.parent : null;  // the same process, as another program
    },
  };
}

/** The program that a process was for the longest time, which names its step: `cc lvm.o`, where the span is `cc`. */
function longest(programs, first, step) {
  const end = step.start_us + (step.dur_us ?? Infinity);
  const own = programs.slice(programs.indexOf(first)).filter((row) => row.start < end || row === first);
  return own.reduce((found, row) => ((row.end ?? end) - row.start > (found.end ?? end) - found.start ? row : found));
}

function addLogs(rows, logs, processes, placeOf) {
  const threads = new Map();
  for (const row of rows) {
    const key = `${row.span.pid} ${row.span.tid}`;
    if (!threads.has(key)) threads.set(key, []);
    threads.get(key).push(row);  // the spans come by their starts
  }
  const times = new Map();  // how many log events there were at a time: an address names one by both
  for (const {event} of [...logs].reverse()) {  // the first written first, so that later ones change no address
    const args = event.args ?? {}, place = placeOf(parseFloat(event.ts)), before = times.get(event.ts) ?? 0;
    times.set(event.ts, before + 1);
    const row = {
      id: `log${event.ts}${before ? `-${before}` : ''}`, log: event, name: String(args.message ?? event.name), ...place, end: place.start,
      level: String(args.level ?? 'info'), children: [], parent: null,
    };
    row.error = ['error', 'critical', 'fatal'].includes(row.level);
    const open = threads.get(`${event.pid} ${event.tid}`)?.findLast((one) => one.start <= row.start);
    for (row.parent = open ?? null; row.parent; row.parent = row.parent.parent) {
      if (row.parent.end === null || row.start <= row.parent.end) break;
    }
    row.parent ??= processes?.at(event.pid, row.start) ?? null;
    row.parent?.children.push(row);
    rows.push(row);
  }
}

/** The rows that are shown, from top to bottom, with their depths.
 *
 * wish: {find, errors, logs}; with `find` or `errors` only rows that fit are there, and those around them.
 */
export function shownRows(roots, wish, folded) {
  const text = wish.find.toLowerCase(), isFiltered = text !== '' || wish.errors;
  const fits = (row) => (wish.logs || !row.log) && (!wish.errors || row.error) &&
      (!text || row.name.toLowerCase().includes(text));
  const kept = new Set();
  if (isFiltered) {
    walk(roots, () => true, (row) => {
      if (!fits(row)) return;
      for (let at = row; at && !kept.has(at); at = at.parent) kept.add(at);
    });
  }
  const shown = [];
  walk(roots, (row) => isFiltered || !folded.has(row.id), (row, depth) => {
    if (!wish.logs && row.log || isFiltered && !kept.has(row)) return;
    row.depth = depth;
    row.fits = !isFiltered || fits(row);
    shown.push(row);
  });
  return shown;
}

/** Visits rows, each before its children, without recursion: a chain may have thousands of links. */
export function walk(roots, enters, visit) {
  const rest = [...roots].reverse().map((row) => [row, 0]);
  while (rest.length) {
    const [row, depth] = rest.pop();
    visit(row, depth);
    if (enters(row)) for (let at = row.children.length - 1; at >= 0; at--) rest.push([row.children[at], depth + 1]);
  }
}
