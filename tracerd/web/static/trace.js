// One trace: its spans and log events as a tree beside their times. What is chosen and sought is in the address.

import {ask, paced} from '/static/asking.js';
import {showDetail} from '/static/detail.js';
import {Grid} from '/static/grid.js';
import {shownRows, treeOf, walk} from '/static/rows.js';

const LOGS = 1000, SPANS = 100000, BUSY = 5;  // a trace that grows is loaded again after BUSY times as long as that took

const section = document.getElementById('timeline');
const part = (id) => document.getElementById(id);
const wish = {find: '', errors: false, logs: true}, folded = new Set();
let roots = [], chosen = null, zoomed = false, origin = 0, end = 1;

const grid = new Grid(part('rows'), part('scale'), {
  chosen: (row) => choose(row),
  folds(row, isFolded) {
    folded[isFolded ? 'add' : 'delete'](row.id);
    update();
  },
});

async function json(path) {
  return (await ask(path)).json();
}

/** The first SPANS spans, which come in pages, and whether there are more. */
async function allSpans(path) {
  const found = [];
  for (let cursor = ''; found.length < SPANS;) {
    const page = await json(`${path}?limit=${SPANS}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`);
    for (const span of page.observations) found.push(span);
    cursor = page.meta.nextCursor;
    if (cursor === null) return {found, hasMore: false};
  }
  return {found, hasMore: true};
}

async function load() {
  const {spans: spansPath, build: buildPath, trace} = section.dataset;
  const [spans, logs] = await Promise.all([allSpans(spansPath), json(`/api/logs?limit=${LOGS}&trace=${trace}`)]);
  const isBuild = buildPath && spans.found.some((span) => span.category === 'process');
  roots = treeOf(spans.found, logs.data, isBuild ? await json(buildPath).catch(() => null) : null);
  origin = Infinity;
  end = -Infinity;
  let errors = 0;
  walk(roots, () => true, (row) => {
    if (row.isPlaced) [origin, end] = [Math.min(origin, row.start), Math.max(end, row.end ?? row.start)];
    errors += row.error ? 1 : 0;
  });
  if (origin > end) origin = end = 0;
  grid.origin = origin;
  part('next-error').disabled = !errors;
  part('next-error').textContent = errors ? `Next of ${errors} errors` : 'No errors';
  section.dataset.left = [
    spans.hasMore ? `the first ${spans.found.length.toLocaleString()} spans` : '',
    logs.meta.nextCursor ? `the last ${LOGS.toLocaleString()} log events` : '',
  ].filter(Boolean).join(', ');
  for (const id of ['grid', 'timeline']) part(id).hidden = false;
  if (!zoomed) grid.range(origin, end);
  update();
}

function update() {
  const rows = shownRows(roots, wish, folded);
  grid.show(rows, (row) => folded.has(row.id) && !wish.find && !wish.errors);
  const fitting = wish.find || wish.errors ? `${rows.filter((row) => row.fits).length.toLocaleString()} fit; ` : '';
  const left = section.dataset.left ? ` (only ${section.dataset.left})` : '';
  part('shown').textContent = `${fitting}${rows.length.toLocaleString()} rows${left}`;
}

// ------------------------------------------------------------------ what is chosen, and the address

function choose(row, isStep = true) {
  show(row);
  remember(isStep);
  if (!row) part('rows').focus();
}

function show(row) {
  chosen = row;
  showDetail(part('detail'), row, {origin, trace: section.dataset.trace, close: () => choose(null), choose: (one) => reveal(one)});
  part('rows').parentElement.parentElement.classList.toggle('has-detail', Boolean(row));
  part('zoom').disabled = !zoomed && !row?.isPlaced;
}

/** Chooses a row wherever it is: what hides it gives way. */
function reveal(row, isStep = true) {
  goTo(row);
  if (!grid.rows.includes(row)) {
    Object.assign(wish, {find: '', errors: false, logs: true});
    fields();
    goTo(row);
  }
  choose(row, isStep);
}

/** Marks a row; what is folded around it is unfolded. */
function goTo(row) {
  for (let at = row.parent; at; at = at.parent) folded.delete(at.id);
  update();
  if (grid.rows.includes(row)) grid.go(grid.rows.indexOf(row));
}

/** Puts what is wished and chosen into the address; `back` undoes a step. */
function remember(isStep) {
  const url = new URL(location.href), given = {
    find: wish.find, errors: wish.errors ? 'true' : '', logs: wish.logs ? '' : 'false', span: chosen?.id ?? '',
  };
  for (const [key, value] of Object.entries(given)) value ? url.searchParams.set(key, value) : url.searchParams.delete(key);
  if (isStep && url.href !== location.href) history.pushState(null, '', url);
  else history.replaceState(null, '', url);
}

function fromAddress() {
  const query = new URL(location.href).searchParams;
  Object.assign(wish, {find: query.get('find') ?? '', errors: query.get('errors') === 'true', logs: query.get('logs') !== 'false'});
  fields();
  return query.get('span');
}

function fields() {
  part('find').value = wish.find;
  part('only-errors').checked = wish.errors;
  part('with-logs').checked = wish.logs;
}

/** The row that an address names: by its line, or by the pid and the start of a process. */
function named(name) {
  const [pid, start] = String(name).split(':');
  let found = null;
  walk(roots, () => !found, (row) => {
    const isIt = start === undefined ? row.id === name :
        row.span && String(row.span.pid) === pid && Math.abs(row.start - Number(start)) < 0.001 && row.span.category === 'process';
    if (isIt) found ??= row;
  });
  return found;
}

// ------------------------------------------------------------------ the tools

const on = (id, event, action) => part(id).addEventListener(event, action);
const wished = (isStep) => { update(); remember(isStep); };

on('find', 'input', (event) => { wish.find = event.target.value; wished(false); });
on('only-errors', 'change', (event) => { wish.errors = event.target.checked; wished(true); });
on('with-logs', 'change', (event) => { wish.logs = event.target.checked; wished(true); });
on('unfold', 'click', () => {
  const folds = folded.size === 0;
  folded.clear();
  if (folds) walk(roots, () => true, (row) => row.children.length && folded.add(row.id));
  part('unfold').textContent = folds ? 'Unfold all' : 'Fold all';
  update();
});
on('next-error', 'click', () => {
  const after = [], before = [];
  let passed = !grid.rows[grid.at];
  walk(roots, () => true, (row) => {
    if (row.error) (passed ? after : before).push(row);
    passed ||= row === grid.rows[grid.at];
  });
  const next = after[0] ?? before[0];
  if (next) reveal(next);
});
on('zoom', 'click', () => {
  zoomed = !zoomed;
  if (zoomed) grid.range(chosen.start, chosen.end ?? end);
  else grid.range(origin, end);
  part('zoom').textContent = zoomed ? 'Show all of the time' : 'Zoom to the span';
  part('zoom').disabled = !zoomed && !chosen?.isPlaced;
});
document.addEventListener('keydown', (event) => {
  if (event.key === 'Escape' && chosen && !event.target.matches('input')) choose(null);
});
addEventListener('popstate', () => {
  const row = named(fromAddress());
  update();
  if (row) goTo(row);
  show(row);
});
// What the build above names is on this page: a bar of the lanes, or a link.
document.addEventListener('click', (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  const link = event.target.closest?.('#build a[href]');
  const span = link ? new URL(link.href).searchParams.get('span') : event.target.closest?.('rect[data-span]')?.dataset.span;
  const row = span && named(span);
  if (!row) return;
  event.preventDefault();
  reveal(row);
  section.scrollIntoView();
});

// ------------------------------------------------------------------ the beginning, and what comes later

function begin() {
  const wanted = fromAddress();
  let isFirst = true;
  part('unfold').textContent = 'Fold all';
  part('zoom').disabled = true;
  section.querySelector('.tools').hidden = false;
  const reload = paced(async () => {
    try {
      await load();
    } catch (error) {
      part('shown').textContent = `The spans cannot be shown: ${error.message}`;
      return;
    }
    const row = named(isFirst ? wanted : chosen?.id);
    if (isFirst && row) {
      reveal(row, false);
      section.scrollIntoView();
    } else if (isFirst && wanted) {
      part('shown').textContent += '; the chosen span is not among them';
    } else if (row) {
      chosen = row;
    }
    isFirst = false;
  }, 0, BUSY);
  document.addEventListener('refreshed', reload);
  reload();
}

if (section.dataset.loads === 'yes') {
  begin();
} else {
  const button = document.createElement('button');
  button.type = 'button';
  button.textContent = `Load the first ${SPANS.toLocaleString()} spans`;
  button.onclick = () => { button.remove(); begin(); };
  part('timeline-title').after(button);
}
