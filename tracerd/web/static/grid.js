// Rows that scroll by the ten thousand: only those in sight are in the page.

import {duration, element, printable} from '/static/text.js';

const ROW = 28, MORE = 8, MAX_NAME = 300, MAX_INDENT = 24;

/** A treegrid over rows; `chosen` is called with the row that a person chooses, `folds` with one to fold. */
export class Grid {
  constructor(box, scale, {chosen, folds}) {
    Object.assign(this, {box, scale, chosen, folds, rows: [], at: 0, from: 0, to: 1, isFolded: () => false});
    this.spacer = element('div', {class: 'spacer', role: 'presentation'});
    box.append(this.spacer);
    box.addEventListener('scroll', () => this.draw(), {passive: true});
    box.addEventListener('keydown', (event) => this.key(event));
    box.addEventListener('click', (event) => this.click(event));
    new ResizeObserver(() => this.draw()).observe(box);
  }

  /** Shows rows; the one that had the mark keeps it, if it is there still. */
  show(rows, isFolded) {
    const marked = this.rows[this.at]?.id;
    this.rows = rows;
    this.isFolded = isFolded;
    this.at = Math.max(0, rows.findIndex((row) => row.id === marked));
    this.spacer.style.height = `${rows.length * ROW}px`;
    this.box.setAttribute('aria-rowcount', rows.length);
    this.draw();
  }

  /** The part of time that the bars show. */
  range(from, to) {
    this.from = from;
    this.to = Math.max(to, from + 0.001);
    this.draw();
  }

  go(at) {
    if (!this.rows.length) return;
    this.at = Math.min(Math.max(at, 0), this.rows.length - 1);
    const top = this.at * ROW, {scrollTop, clientHeight} = this.box;
    if (top < scrollTop) this.box.scrollTop = top;
    else if (top + ROW > scrollTop + clientHeight) this.box.scrollTop = top + ROW - clientHeight;
    this.draw();
  }

  draw() {
    const first = Math.max(0, Math.floor(this.box.scrollTop / ROW) - MORE);
    const last = Math.min(this.rows.length, Math.ceil((this.box.scrollTop + this.box.clientHeight) / ROW) + MORE);
    const made = [];
    for (let index = first; index < last; index++) made.push(this.row(this.rows[index], index));
    this.spacer.replaceChildren(...made);
    const marked = made.find((row) => row.classList.contains('marked'));
    if (marked) this.box.setAttribute('aria-activedescendant', marked.id);
    else this.box.removeAttribute('aria-activedescendant');
    this.scale.replaceChildren(element('span', {}, duration(this.from - this.origin)), element('span', {}, duration(this.to - this.origin)));
  }

  row(row, index) {
    const hasMore = row.children.length > 0, isFolded = this.isFolded(row);
    const name = printable(row.name.length > MAX_NAME ? `${row.name.slice(0, MAX_NAME)}…` : row.name);
    const label = element('span', {class: 'label'});
    label.style.paddingInlineStart = `${Math.min(row.depth, MAX_INDENT) * 14}px`;
    label.append(element('span', {class: hasMore ? 'fold' : 'leaf', 'aria-hidden': 'true'}, hasMore ? (isFolded ? '▸' : '▾') : ''));
    if (row.log) label.append(element('span', {class: `badge level ${row.error ? 'bad' : row.level === 'warning' ? 'warn' : ''}`}, printable(row.level).slice(0, 12)));
    else if (row.error) label.append(element('span', {class: 'badge bad'}, 'error'));
    label.append(element('bdi', {}, name));
    const took = row.log ? (row.isPlaced ? duration(row.start - this.origin) : '–') : row.end === null ? 'open' : duration(row.end - row.start);
    const made = element('div', {
      role: 'row', id: `row-${row.id}`, class: `row${index === this.at ? ' marked' : ''}${row.fits ? '' : ' around'}`,
      'aria-level': row.depth + 1, 'aria-rowindex': index + 1, 'aria-expanded': hasMore ? String(!isFolded) : null,
      'aria-selected': String(index === this.at),
    },
    element('span', {role: 'rowheader', class: 'cell'}, label),
    element('span', {role: 'gridcell', class: 'cell right mono'}, row.log ? `at ${took}` : took),
    element('span', {role: 'gridcell', class: 'cell track', 'aria-hidden': 'true'}, this.bar(row)));
    made.style.transform = `translateY(${index * ROW}px)`;
    made.dataset.index = index;
    return made;
  }

  bar(row) {
    const part = (time) => 100 * Math.min(Math.max((time - this.from) / (this.to - this.from), 0), 1);
    const from = part(row.start), to = part(row.end ?? this.to);
    const isOut = !row.isPlaced || row.start > this.to || (row.end ?? this.to) < this.from;
    const kind = row.log ? `tick ${row.error ? 'failed' : row.level === 'warning' ? 'warned' : ''}` : row.error ? 'failed' : row.critical ? 'critical' : '';
    const bar = element('i', {class: `bar ${kind}${isOut ? ' out' : ''}`});
    bar.style.insetInlineStart = `${from}%`;
    bar.style.width = `${to - from}%`;
    return bar;
  }

  click(event) {
    const row = event.target.closest('[data-index]');
    if (!row) return;
    this.go(Number(row.dataset.index));
    if (event.target.classList.contains('fold')) this.folds(this.rows[this.at], !this.isFolded(this.rows[this.at]));
    else this.chosen(this.rows[this.at]);
  }

  key(event) {
    const page = Math.max(1, Math.floor(this.box.clientHeight / ROW) - 1), row = this.rows[this.at];
    const to = {ArrowDown: this.at + 1, ArrowUp: this.at - 1, PageDown: this.at + page, PageUp: this.at - page, Home: 0, End: this.rows.length - 1}[event.key];
    if (event.ctrlKey || event.altKey || event.metaKey || !row) return;
    if (to !== undefined) this.go(to);
    else if (event.key === 'Enter' || event.key === ' ') this.chosen(row);
    else if (event.key === 'ArrowRight' && row.children.length) this.isFolded(row) ? this.folds(row, false) : this.go(this.at + 1);
    else if (event.key === 'ArrowLeft' && row.children.length && !this.isFolded(row)) this.folds(row, true);
    else if (event.key === 'ArrowLeft' && row.parent) this.go(this.rows.indexOf(row.parent));
    else return;
    event.preventDefault();
  }
}
