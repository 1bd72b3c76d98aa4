// What is known of one row: its times, its arguments, and the log events in it.

import {walk} from '/static/rows.js';
import {duration, element, printable} from '/static/text.js';

const MAX_VALUE = 10000, MAX_LOGS = 50;

/** Fills the box beside the rows with what is known of a row; hides it for null. */
export function showDetail(box, row, {origin, trace, close, choose}) {
  box.hidden = !row;
  if (!row) return;
  const shut = element('button', {type: 'button', class: 'close', 'aria-label': 'Close'}, '×');
  shut.onclick = close;
  const title = element('h3', {}, element('bdi', {}, printable(row.name)));
  box.replaceChildren(shut, title, ...(row.log ? ofLog(row, origin) : ofSpan(row, origin)), ...logsIn(row, origin, trace, choose));
}

function ofSpan(row, origin) {
  const {span} = row, parts = [];
  if (row.error) parts.push(element('p', {class: 'bad message'}, element('bdi', {}, printable(span.statusMessage ?? 'This span has an error.'))));
  const args = {...span.metadata}, command = args.cmd ?? args.argv;
  if (command) {
    parts.push(element('pre', {tabindex: '0', 'aria-label': 'Command line'}, printable(Array.isArray(command) ? command.map(quoted).join(' ') : command)));
    delete args.cmd;
    delete args.argv;
  }
  const inner = row.children.reduce((sum, child) => sum + (child.log || child.end === null ? 0 : child.end - child.start), 0);
  parts.push(facts({
    took: span.latency === null ? 'not ended' : duration(span.latency * 1e6),
    ...(row.children.some((child) => child.span) ? {'in its children': duration(inner)} : {}),
    begins: `${after(row, origin)}${span.startTime ? `, ${new Date(span.startTime).toLocaleString()}` : ''}`,
    process: `${span.process || 'no name'}, pid ${span.pid}`,
    ...(span.thread ? {thread: span.thread} : {}),
    ...(span.category ? {category: span.category} : {}),
  }));
  if (Object.keys(args).length) parts.push(element('h4', {}, 'Arguments'), facts(args));
  return parts;
}

function after(row, origin) {
  return row.isPlaced ? `${duration(row.start - origin)} after the start` : 'at no time of the trace';
}

function ofLog(row, origin) {
  const {level, message, ...rest} = row.log.args ?? {};
  const parts = [facts({level: level ?? 'info', at: after(row, origin), pid: row.log.pid, thread: row.log.tid})];
  if (Object.keys(rest).length) parts.push(element('h4', {}, 'Fields'), facts(rest));
  return parts;
}

function facts(values) {
  const list = element('dl', {class: 'facts'});
  for (const [key, value] of Object.entries(values)) {
    const text = typeof value === 'string' ? value : JSON.stringify(value, null, typeof value === 'object' ? 1 : 0);
    const shown = text.length > MAX_VALUE ? `${text.slice(0, MAX_VALUE)}… (${text.length.toLocaleString()} characters)` : text;
    const lines = element('dd', {}, ...shown.split('\n').flatMap((line, at) => [at ? element('br') : '', element('bdi', {}, printable(line))]));
    list.append(element('div', {}, element('dt', {}, element('bdi', {}, printable(key))), lines));
  }
  return list;
}

/** The log events below a span, the first first. */
function logsIn(row, origin, trace, choose) {
  const found = [];
  if (row.span) walk(row.children, () => true, (one) => { if (one.log) found.push(one); });
  if (!found.length) return [];
  const list = element('ul', {class: 'logs'});
  for (const one of found.slice(0, MAX_LOGS)) {
    const button = element('button', {type: 'button', class: 'plain'},
        element('span', {class: 'mono muted'}, one.isPlaced ? duration(one.start - origin) : '–'), ' ',
        element('span', {class: `badge ${one.error ? 'bad' : one.level === 'warning' ? 'warn' : ''}`}, printable(one.level).slice(0, 12)), ' ',
        element('bdi', {}, printable(one.name.slice(0, 300))));
    button.onclick = () => choose(one);
    list.append(element('li', {}, button));
  }
  const more = found.length > MAX_LOGS ? [element('p', {class: 'muted'}, `and ${found.length - MAX_LOGS} more`)] : [];
  return [element('h4', {}, `Log events in it: ${found.length.toLocaleString()}`), list, ...more];
}

function quoted(word) {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${String(word).replaceAll("'", "'\\''")}'`;
}
