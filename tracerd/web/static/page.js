// What all pages share: times in the zone of the browser, and parts that are drawn anew when a trace has grown.

import {ask, paced} from '/static/asking.js';
import {follow} from '/static/follow.js';
import {element} from '/static/text.js';

const FILL_MS = 3000, BUSY = 10;  // what takes long is fetched again after BUSY times as long

const zone = new Intl.DateTimeFormat(undefined, {dateStyle: 'medium', timeStyle: 'medium'});

/** Shows times as the person who looks has them; the title says what the log says. */
function localise(root) {
  for (const element of root.querySelectorAll('time[datetime]')) {
    const date = new Date(element.dateTime);
    if (isNaN(date)) continue;
    element.title = element.dateTime;
    element.textContent = zone.format(date);
  }
}

async function fetched(path) {
  return new DOMParser().parseFromString(await (await ask(path)).text(), 'text/html');
}

/** Fetches this page again, and replaces the parts that are live and have changed, if that is wanted still. */
async function refresh(isWanted) {
  const page = await fetched(location.href);
  if (!isWanted()) return;
  for (const fresh of page.querySelectorAll('[data-live][id]')) {
    const old = document.getElementById(fresh.id);
    if (old) replace(old, fresh);
  }
}

/** Puts what has changed in the place of what is there; what a person has opened or reached stays so. */
function replace(old, fresh) {
  localise(fresh);
  const opened = new Map([...old.querySelectorAll('details')].map((one) => [whatOf(one), one.open]));
  for (const one of fresh.querySelectorAll('details')) one.open = opened.get(whatOf(one)) ?? one.open;
  if (old.innerHTML === fresh.innerHTML) return;
  const focused = old.contains(document.activeElement) ? pathTo(old, document.activeElement) : null;
  old.replaceChildren(...fresh.childNodes);
  if (focused) at(old, focused)?.focus();
}

/** What tells details from others: the row that they are in, and what they are called. */
function whatOf(details) {
  return `${details.closest('tr')?.textContent}\n${details.querySelector('summary').textContent}`;
}

/** Where an element lies inside another one, so that what takes its place can have the focus. */
function pathTo(root, element) {
  const path = [];
  for (let at = element; at !== root; at = at.parentElement) path.unshift([...at.parentElement.children].indexOf(at));
  return path;
}

function at(root, path) {
  return path.reduce((element, index) => element?.children[index], root);
}

/** Gives a function that puts what another page has under the same id into a part of this one. */
function filling(section) {
  const fill = paced(async () => {
    section.setAttribute('aria-busy', 'true');
    try {
      replace(section, (await fetched(section.dataset.fragment)).getElementById(section.id));
    } catch (error) {
      for (const old of section.querySelectorAll('[data-waits], .unread')) old.remove();
      section.append(element('p', {class: 'unread message bad', role: 'status'}, `This could not be read: ${error.message}`));
      if (error.status >= 429) fill();  // the server is busy: again after the rest
    } finally {
      section.setAttribute('aria-busy', 'false');
    }
  }, FILL_MS, BUSY);
  return fill;
}

localise(document);
for (const waits of document.querySelectorAll('[data-waits]')) waits.prepend('Reading … ');
const fills = [...document.querySelectorAll('[data-fragment]')].map(filling);
for (const fill of fills) fill();
if (document.querySelector('[data-live]')) {
  follow(document.getElementById('live'), document.getElementById('notice'), async (isWanted) => {
    await refresh(isWanted);
    if (!isWanted()) return;
    for (const fill of fills) fill();
    document.dispatchEvent(new CustomEvent('refreshed'));
  });
}
