// Draws a metric from the values in the page. The table below is its legend: it shows the values at the cursor.

const HEIGHT = 320, NARROW = 500, POINT_PX = 12;  // closer points are only a line

let chart = null;

/** Draws what is in the page now; a part that is live may have been replaced. */
function draw() {
  const box = document.getElementById('chart');
  chart?.destroy();
  chart = null;
  if (!box) return;
  const times = JSON.parse(box.dataset.times), values = JSON.parse(box.dataset.values);
  const step = Number(box.dataset.step);
  const style = getComputedStyle(box);
  const colour = (name) => style.getPropertyValue(name).trim();
  const colours = [...document.querySelectorAll('.lines .swatch rect')].map((swatch) => getComputedStyle(swatch).fill);
  const axis = {stroke: colour('--muted'), grid: {stroke: colour('--line'), width: 1}, ticks: {stroke: colour('--line'), width: 1}, font: '12px system-ui, sans-serif'};
  const options = {
    width: box.clientWidth,
    height: box.clientWidth < NARROW ? HEIGHT * 0.7 : HEIGHT,
    legend: {show: false},
    cursor: {drag: {x: true, y: false, setScale: false}},
    scales: {x: {range: () => around(times, step)}},
    padding: [null, 44, null, null],  // half of the longest label of a time
    axes: [{...axis, space: box.clientWidth < NARROW ? 50 : 70}, {...axis, size: 56, values: (_, ticks) => ticks.map(short)}],
    series: [{}, ...values.map((own, index) => ({
      stroke: colours[index],
      dash: index < 8 ? undefined : [4 + 2 * Math.floor(index / 8), 3],
      width: 1.75,
      spanGaps: true,
      points: {show: own.filter((value) => value !== null).length * POINT_PX < box.clientWidth, fill: colours[index]},
    }))],
    hooks: {setCursor: [(self) => read(self.cursor.idx, times, values)], setSelect: [(self) => zoom(self, times, step)]},
  };
  chart = new uPlot(options, [times, ...values], box);
  box.onkeydown = (event) => move(event, times);
}

/** From the first time to the last one; of one alone what is beside it. */
function around(times, step) {
  const [first, last] = [times[0], times[times.length - 1]];
  return first === last ? [first - step, first + step] : [first, last];
}

const compact = new Intl.NumberFormat('en', {notation: 'compact', maximumSignificantDigits: 4});
const full = new Intl.NumberFormat('en', {maximumSignificantDigits: 12});

function short(value) {
  return value !== 0 && Math.abs(value) < 0.001 ? value.toExponential(1) : compact.format(value);
}

const zone = new Intl.DateTimeFormat(undefined, {dateStyle: 'short', timeStyle: 'medium'});

/** Shows the values at the cursor; without one the latest, as the page came. */
function read(index, times, values) {
  const cells = document.querySelectorAll('.lines [data-value]');
  const head = document.getElementById('at');
  const isOn = index !== null && index !== undefined;
  head.dataset.text ??= head.textContent;
  head.textContent = isOn ? zone.format(times[index] * 1000) : head.dataset.text;
  cells.forEach((cell, at) => {
    cell.dataset.text ??= cell.textContent;
    const value = isOn ? values[at][index] : null;
    cell.textContent = !isOn ? cell.dataset.text : value === null ? '–' : full.format(value);
  });
}

/** Arrow keys move the cursor; Escape takes it away. */
function move(event, times) {
  const by = {ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity}[event.key];
  if (event.key === 'Escape') chart.setCursor({left: -10, top: -10});
  if (by === undefined) return;
  event.preventDefault();
  const from = chart.cursor.idx ?? (by < 0 ? times.length : -1);
  const index = Math.min(Math.max(from + by, 0), times.length - 1);
  chart.setCursor({left: chart.valToPos(times[index], 'x'), top: 0});
}

/** What was dragged over becomes the time of the page, so that `back` undoes it. */
function zoom(self, times, step) {
  if (self.select.width < 5) return;
  const at = (left) => self.posToVal(left, 'x');
  const iso = (seconds) => new Date(Math.floor(seconds / step) * step * 1000).toISOString();
  const url = new URL(location);
  url.searchParams.set('from', iso(at(self.select.left)));
  url.searchParams.set('to', iso(at(self.select.left + self.select.width) + step));
  location.assign(url);
}

let width = 0;
new ResizeObserver(() => {
  if (document.body.clientWidth === width) return;
  width = document.body.clientWidth;
  draw();
}).observe(document.body);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
document.addEventListener('refreshed', draw);
