// Perfetto's trace processor (the WebAssembly build of its web UI) as a service on standard input and output.
//
//     node --liftoff-only trace_processor.mjs DIRECTORY-WITH-trace_processor.wasm
//
// The first line out is {"ready": true}. Then each line in is a request and has one line out as its answer:
//
//     {"id": 1, "path": "/tmp/trace.json", "sql": ["select name from slice"]}
//     {"id": 1, "rows": [[["outer"], ["inner"]]], "problems": {}}
//     {"id": 1, "stage": "load", "error": "..."}          stage: "load" or "query"
//
// The module is compiled once; each request has an instance of its own, so that no trace meets another one. Making one
// ready takes half of the time of a small trace, so it is done once: all others start with the memory that it left.
// Some bad JSON makes Perfetto loop for ever, and nothing in here can stop it: who asks keeps the time and kills.
import fs from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';

const MIB = 1 << 20, PAGE = 1 << 16;
const REQUEST_BUFFER = MIB;            // room for a piece of a request inside the wasm heap; longer ones come in pieces
const TRACE_CHUNK = 32 * MIB;          // bytes of trace per request, as the UI does it: where chunks end can matter
const MAX_HEAP = 0xffff0000;           // the most whole 64 KiB pages that a 32-bit heap can have
const NOENT = -44, NOSYS = -52;        // errno values as this C library numbers them
const APPEND = 1, FINALIZE = 2, QUERY = 3;           // TraceProcessorRpc.TraceProcessorMethod

const PROBLEMS = `select name, sum(value) from stats where severity != 'info' and value > 0 group by name`;

// ---------------------------------------------------------------- protobuf
// The requests and answers are TraceProcessorRpc messages; the few fields needed are written and read by hand.

function varint(n) {
  const out = [];
  for (; n > 127; n = Math.floor(n / 128)) out.push((n % 128) | 128);
  return Buffer.from([...out, n]);
}

const number = (field, n) => Buffer.concat([varint(field * 8), varint(n)]);
const bytes = (field, content) => Buffer.concat([varint(field * 8 + 2), varint(content.length), content]);

/** Returns [value, offset behind it]; the value is a number where that is exact, else a bigint. */
function readVarint(buffer, at) {
  let value = 0n, shift = 0n, byte;
  do {
    byte = buffer[at++];
    value |= BigInt(byte & 127) << shift;
    shift += 7n;
  } while (byte > 127);
  value = BigInt.asIntN(64, value);
  return [Number.isSafeInteger(Number(value)) ? Number(value) : value, at];
}

/** Yields [field, value]; a value is a number, a bigint or a Buffer. */
function* fields(buffer) {
  for (let at = 0; at < buffer.length;) {
    let tag, value, end;
    [tag, at] = readVarint(buffer, at);
    switch (tag & 7) {
      case 0: [value, at] = readVarint(buffer, at); break;
      case 1: value = buffer.subarray(at, at += 8); break;
      case 2: [end, at] = readVarint(buffer, at); value = buffer.subarray(at, at += end); break;
      case 5: value = buffer.subarray(at, at += 4); break;
      default: throw new Error(`wire type ${tag & 7} in an answer of the trace processor`);
    }
    yield [tag >> 3, value];
  }
}

/** Adds the cells of one QueryResult.CellsBatch to `cells`. */
function readCells(batch, cells) {
  const kinds = [], integers = [], floats = [];
  let strings = [];
  for (const [field, value] of fields(batch)) {
    if (field === 1) kinds.push(...value);
    if (field === 2) for (let at = 0, n; at < value.length;) { [n, at] = readVarint(value, at); integers.push(n); }
    if (field === 3) for (let at = 0; at < value.length; at += 8) floats.push(new Real(value.readDoubleLE(at)));
    if (field === 5) strings = value.toString().split('\0');
  }
  for (const kind of kinds) {
    if (kind === 1) cells.push(null);
    else if (kind === 2) cells.push(integers.shift());
    else if (kind === 3) cells.push(floats.shift());
    else if (kind === 4) cells.push(strings.shift());
    else throw new Error(`a cell of kind ${kind}`);
  }
}

/** A floating-point cell, kept apart from integers so that the answer shows which of the two it was. */
class Real {
  constructor(value) { this.value = value; }
}

/** JSON with exact 64-bit integers, and a point in every float; JSON.stringify can do neither. */
function json(value) {
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Real) {
    const text = Number.isFinite(value.value) ? String(value.value) : 'null';
    return /^-?\d+$/.test(text) ? text + '.0' : text;
  }
  if (Array.isArray(value)) return `[${value.map(json)}]`;
  if (value instanceof Object) return `{${Object.entries(value).map(([k, v]) => JSON.stringify(k) + ':' + json(v))}}`;
  return JSON.stringify(value);
}

// ------------------------------------------------- the C runtime of the wasm

/** Returns the functions that the module imports: time, a growing heap, messages; files, of which there are none. */
function runtime(memory, said) {
  const u8 = () => new Uint8Array(memory().buffer);          // a heap that grows gets a new buffer
  const view = () => new DataView(memory().buffer);
  const text = (at) => Buffer.from(u8().subarray(at >>> 0, u8().indexOf(0, at >>> 0))).toString();
  const known = {
    emscripten_get_now: () => performance.now(),
    emscripten_date_now: () => Date.now(),
    emscripten_get_heap_max: () => MAX_HEAP | 0,
    emscripten_resize_heap: (wanted) => {
      const have = memory().buffer.byteLength;
      const goal = Math.min(Math.max(wanted >>> 0, have * 1.5), MAX_HEAP);
      try { memory().grow(Math.ceil((goal - have) / PAGE)); return 1; } catch { return 0; }
    },
    emscripten_err: (at) => { said.push(text(at)); },
    _abort_js: () => { throw new Error('aborted'); },
    __assert_fail: (what, file, line) => { throw new Error(`assertion ${text(what)} failed, ${text(file)}:${line}`); },
    _tzset_js: () => {},
    clock_time_get: (_id, _precision, out) => { view().setBigInt64(out >>> 0, process.hrtime.bigint(), true); return 0; },
    environ_sizes_get: (count, size) => {
      view().setUint32(count >>> 0, 0, true);
      view().setUint32(size >>> 0, 0, true);
      return 0;
    },
    environ_get: () => 0,
    fd_write: (_fd, vectors, count, out) => {
      let all = 0;
      for (let at = vectors >>> 0; count-- > 0; at += 8) {
        const start = view().getUint32(at, true), length = view().getUint32(at + 4, true);
        said.push(Buffer.from(u8().subarray(start, start + length)).toString());
        all += length;
      }
      view().setUint32(out >>> 0, all, true);
      return 0;
    },
    __syscall_openat: () => NOENT, __syscall_stat64: () => NOENT, __syscall_lstat64: () => NOENT,
    __syscall_newfstatat: () => NOENT, __syscall_faccessat: () => NOENT, __syscall_readlinkat: () => NOENT,
  };
  return (name) => known[name] ?? (() => NOSYS);
}

/** Returns `fn` as a wasm function (i32, i32) -> (), the only kind that the module's function table takes. */
function wasmFunction(fn) {
  const module = new WebAssembly.Module(Uint8Array.from([
    0, 97, 115, 109, 1, 0, 0, 0,
    1, 6, 1, 0x60, 2, 0x7f, 0x7f, 0,   // type 0: (i32, i32) -> ()
    2, 7, 1, 1, 104, 1, 102, 0, 0,     // import "h" "f" of type 0
    7, 5, 1, 1, 102, 0, 0,             // export it as "f"
  ]));
  return new WebAssembly.Instance(module, {h: {f: fn}}).exports.f;
}

/** Returns the size of a memory, and its pages that are others than before; new ones were full of zeros. */
function changes(before, now) {
  const zeros = Buffer.alloc(PAGE), pages = [];
  for (let at = 0; at < now.length; at += PAGE) {
    const page = now.subarray(at, at + PAGE), old = at < before.length ? before.subarray(at, at + PAGE) : zeros;
    if (!page.equals(old)) pages.push([at, Buffer.from(page)]);
  }
  return {size: now.length, pages};
}

// ------------------------------------------------------- one trace processor

class TraceProcessor {
  /** Makes one ready; with what another one calls `ready` that is a matter of copying. */
  constructor(module, ready) {
    let wasm = null;
    this.said = [];
    const provide = runtime(() => wasm.memory, this.said);
    const imports = {};
    for (const {module: from, name} of WebAssembly.Module.imports(module)) (imports[from] ??= {})[name] = provide(name);
    wasm = new WebAssembly.Instance(module, imports).exports;
    wasm.emscripten_stack_init?.();
    this.wasm = wasm;
    this.sequence = 0;
    this.answer = [];
    const table = wasm.__indirect_function_table, slot = table.grow(1);
    table.set(slot, wasmFunction((at, length) => {
      this.answer.push(Buffer.copyBytesFrom(new Uint8Array(wasm.memory.buffer, at >>> 0, length >>> 0)));
    }));
    if (ready) {
      wasm.memory.grow((ready.size - wasm.memory.buffer.byteLength) / PAGE);
      for (const [at, page] of ready.pages) new Uint8Array(wasm.memory.buffer).set(page, at);
      this.buffer = ready.buffer;
    } else {
      const before = Buffer.from(wasm.memory.buffer.slice(0));
      wasm.__wasm_call_ctors();
      this.buffer = wasm.trace_processor_rpc_init(slot, REQUEST_BUFFER) >>> 0;
      this.ready = {buffer: this.buffer, ...changes(before, Buffer.from(wasm.memory.buffer))};
    }
  }

  /** Sends one request. Returns the contents of `field` in each message of the answer. */
  call(method, field, ...argument) {
    const body = Buffer.concat([number(1, this.sequence++), number(2, method), ...argument]);
    const request = bytes(1, body);
    this.answer = [];
    try {
      for (let at = 0; at < request.length; at += REQUEST_BUFFER) {
        const piece = request.subarray(at, at + REQUEST_BUFFER);
        new Uint8Array(this.wasm.memory.buffer).set(piece, this.buffer);
        this.wasm.trace_processor_on_rpc_request(piece.length);
      }
    } catch (error) {
      throw new Error(`crashed: ${error.message}; last words: ${this.said.slice(-5).join(' ')}`);
    }
    const found = [];
    for (const [, message] of fields(Buffer.concat(this.answer))) {
      for (const [at, content] of fields(message)) {
        if (at === 5) throw new Error(content.toString());                           // fatal_error
        if (at === field) found.push(content);
      }
    }
    return found;
  }

  load(file) {
    const trace = fs.readFileSync(file);
    // Perfetto takes an empty file for an empty trace; nobody who writes traces means that.
    if (trace.length === 0) throw new Error('the file is empty');
    for (let at = 0; at < trace.length; at += TRACE_CHUNK) {
      const chunk = bytes(101, trace.subarray(at, at + TRACE_CHUNK));
      for (const result of this.call(APPEND, 201, chunk)) refuse(result, 2);
    }
    for (const result of this.call(FINALIZE, 212)) refuse(result, 1);
  }

  /** Returns the rows of one SQL query, as arrays. */
  query(sql) {
    let columns = 0;
    const cells = [];
    for (const result of this.call(QUERY, 203, bytes(103, bytes(1, Buffer.from(sql))))) {
      refuse(result, 2);
      for (const [field, content] of fields(result)) {
        if (field === 1) columns++;
        if (field === 3) readCells(content, cells);
      }
    }
    const rows = [];
    while (cells.length) rows.push(cells.splice(0, columns));
    return rows;
  }
}

/** Throws what a result says in its error field, if it says anything. */
function refuse(result, errorField) {
  for (const [field, content] of fields(result)) {
    if (field === errorField && content.length) throw new Error(content.toString());
  }
}

// ------------------------------------------------------------------ the service

function answer(module, ready, {id, path: file, sql}) {
  let stage = 'load';
  try {
    const processor = new TraceProcessor(module, ready);
    processor.load(file);
    stage = 'query';
    const rows = sql.map((one) => processor.query(one));
    return {id, rows, problems: Object.fromEntries(processor.query(PROBLEMS))};
  } catch (error) {
    return {id, stage, error: error.message};
  }
}

const module = new WebAssembly.Module(fs.readFileSync(path.join(process.argv[2], 'trace_processor.wasm')));
const reply = (value) => process.stdout.write(json(value) + '\n');
const {ready} = new TraceProcessor(module);
reply({ready: true});
for await (const line of readline.createInterface({input: process.stdin})) reply(answer(module, ready, JSON.parse(line)));
