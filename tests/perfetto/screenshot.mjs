// Opens a trace in the real Perfetto UI, in a headless Chromium, and tells what a person would see.
//
//     node screenshot.mjs URL [--picture OUT.png] [--size 1400x800] [--expand NAMES] [--select SPAN]
//                         [--timeout SECONDS] [--browser PATH]
//
// The URL is that of the UI and the trace, as `tracerd open` prints it; but for 127.0.0.1 nothing is reached.
// NAMES are those of processes, separated by commas, whose tracks are shown opened; SPAN is the name of a span
// to select, so that its arrows are drawn.
// One JSON object on standard output:
//
//     {"shown": true, "complaints": [], "import_errors": 0, "badge": [], "tracks": ["build 4242", ...]}
//
// shown: the trace is there, and no error box. complaints: error boxes, exceptions in the page, time out.
// badge: what the top bar shows in red. tracks: the tracks at the top level, in the order of the page.
// The exit code is 1 only if the browser did not work.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import {parseArgs} from 'node:util';
import {spawn} from 'node:child_process';

const POLL_MS = 100, QUIET_MS = 400, CLOSE_MS = 5000;

/** A Chromium and one page of it, driven over its debugging pipe: JSON messages, each ended by a NUL. */
class Browser {
  constructor(executable, profile) {
    this.process = spawn(executable, ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--no-default-browser-check', '--disable-background-networking', '--disable-component-update', '--disable-sync',
      '--disable-extensions', '--disable-dev-shm-usage', '--mute-audio', '--hide-scrollbars',
      '--force-color-profile=srgb', '--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1',
      '--remote-debugging-pipe', `--user-data-dir=${profile}`, 'about:blank'],
    {stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe']});
    this.stderr = '';
    this.process.stderr.on('data', (data) => { this.stderr = (this.stderr + data).slice(-2000); });
    this.asked = new Map();
    this.count = 0;
    this.onEvent = () => {};
    this.ended = new Promise((ok) => this.process.on('exit', ok));
    this.broken = new Promise((_, fail) => {
      this.process.on('error', fail);
      this.ended.then(() => fail(new Error(`the browser ended\n${this.stderr}`)));
    });
    this.broken.catch(() => {});
    let partial = Buffer.alloc(0);
    this.process.stdio[4].on('data', (data) => {
      const messages = Buffer.concat([partial, data]).toString('latin1').split('\0');
      partial = Buffer.from(messages.pop(), 'latin1');
      for (const message of messages) this.take(JSON.parse(Buffer.from(message, 'latin1').toString()));
    });
    this.process.stdio[3].on('error', () => {});
  }
  take(message) {
    const question = this.asked.get(message.id);
    this.asked.delete(message.id);
    if (!question) this.onEvent(message);
    else if (message.error) question.fail(new Error(message.error.message));
    else question.ok(message.result);
  }
  send(method, params = {}) {
    const id = ++this.count;
    const answer = new Promise((ok, fail) => this.asked.set(id, {ok, fail}));
    const sessionId = method.startsWith('Target.') ? undefined : this.session;
    this.process.stdio[3].write(JSON.stringify({id, method, params, sessionId}) + '\0');
    return Promise.race([answer, this.broken]);
  }
  async open() {
    const {targetId} = await this.send('Target.createTarget', {url: 'about:blank'});
    this.session = (await this.send('Target.attachToTarget', {targetId, flatten: true})).sessionId;
    await this.send('Page.enable');
    await this.send('Runtime.enable');
  }
  /** Calls a function in the page, which sees nothing of this file. */
  async call(fn, ...args) {
    const expression = `(${fn})(...${JSON.stringify(args)})`;
    const {result, exceptionDetails: thrown} =
        await this.send('Runtime.evaluate', {expression, awaitPromise: true, returnByValue: true});
    if (thrown) throw new Error(thrown.exception?.description ?? thrown.text);
    return result.value;
  }
  async close() {
    const late = setTimeout(() => this.process.kill('SIGKILL'), CLOSE_MS);
    this.send('Browser.close').catch(() => {});
    if (this.process.pid) await this.ended;
    clearTimeout(late);
  }
}

// ------------------------------------------------------------------ what runs in the page

function look() {
  const texts = (selector) => [...document.querySelectorAll(selector)].map((e) => e.innerText.trim()).filter(Boolean);
  const app = self.app;
  const info = app?.isLoadingTrace ? null : app?.trace?.traceInfo;
  return {
    loaded: !!info,
    boxes: [...texts('.pf-modal-dialog'), ...texts('#app_load_failure_err')],
    import_errors: info?.importErrors ?? null,
    badge: [...document.querySelectorAll('.pf-topbar__error-box [title], .pf-topbar__error-box button')]
        .map((e) => e.title || e.innerText).filter(Boolean),
    tracks: (app?.trace?.workspace ?? app?.trace?.currentWorkspace)?.children.map((track) => track.name ?? track.title) ?? [],
  };
}

async function expand(names) {
  for (const track of (self.app.trace.workspace ?? self.app.trace.currentWorkspace).children) {
    if (names.some((name) => (track.name ?? track.title).startsWith(name + ' '))) track.expand();
  }
  self.app.raf.scheduleFullRedraw();
}

async function select(span) {
  const sql = `select id from slice where name = '${span.replaceAll("'", "''")}' limit 1`;
  const found = (await self.app.trace.engine.query(sql)).firstRow({id: 0});
  self.app.trace.selection.selectSqlEvent('slice', found.id, {switchToCurrentSelectionTab: false});
}

// ------------------------------------------------------------------ the whole

async function show(url, {picture, size, expand: names, select: span, timeout, browser: executable}) {
  const profile = fs.mkdtempSync(path.join(os.tmpdir(), 'tracerd-picture-'));
  const browser = new Browser(executable, profile);
  const complaints = [];
  const pause = (ms) => new Promise((ok) => setTimeout(ok, ms));
  const quiet = () => browser.call(`(ms) => self.waitForPerfettoIdle(ms)`, QUIET_MS);
  try {
    await browser.open();
    browser.onEvent = ({method, params}) => {
      if (method === 'Page.javascriptDialogOpening') {
        complaints.push(`dialog: ${params.message}`);
        browser.send('Page.handleJavaScriptDialog', {accept: true}).catch(() => {});
      } else if (method === 'Runtime.exceptionThrown') {
        const {exception, text} = params.exceptionDetails;
        complaints.push(`exception: ${String(exception?.description ?? text).split('\n')[0]}`);
      }
    };
    const [width, height] = size.split('x').map(Number);
    await browser.send('Emulation.setDeviceMetricsOverride', {width, height, deviceScaleFactor: 1, mobile: false});
    await browser.send('Page.navigate', {url});
    const until = Date.now() + 1000 * Number(timeout);
    let seen = await browser.call(look);
    while (!seen.loaded && !seen.boxes.length && Date.now() < until) {
      await pause(POLL_MS);
      seen = await browser.call(look);
    }
    if (seen.loaded) {
      await quiet();
      if (names) await browser.call(expand, names.split(','));
      if (span) await browser.call(select, span);
      await quiet();
      seen = await browser.call(look);
    } else if (!seen.boxes.length) {
      complaints.push(`not loaded after ${timeout} s`);
    }
    if (picture && seen.loaded && !seen.boxes.length) {  // of a page that is loading a picture shows nothing
      const {data} = await browser.send('Page.captureScreenshot', {format: 'png'});
      fs.writeFileSync(picture, Buffer.from(data, 'base64'));
    }
    const {loaded, boxes, ...rest} = seen;
    complaints.push(...boxes.map((text) => `error box: ${text.replace(/\s*\n\s*/g, ' | ')}`));
    return {shown: loaded && !boxes.length, complaints, ...rest};
  } finally {
    await browser.close();
    fs.rmSync(profile, {recursive: true, force: true, maxRetries: 5});
  }
}

const {values, positionals} = parseArgs({allowPositionals: true, options: {
  picture: {type: 'string'},
  size: {type: 'string', default: '1400x800'},
  expand: {type: 'string'},
  select: {type: 'string'},
  timeout: {type: 'string', default: '60'},
  browser: {type: 'string', default: 'chromium'},
}});
console.log(JSON.stringify(await show(positionals[0], values)));
