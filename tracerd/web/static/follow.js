// Live updates: a button that shows whether they come, and a notice that says why not.

import {ask, paced} from '/static/asking.js';

const REST_MS = 1000, BUSY = 10, RETRY_MS = 15000;  // what takes long is fetched again after BUSY times as long

/** Follows the traces while the page is in sight, as a browser has only six connections to a server.
 *
 * Calls `changed` when something has been written; it throws if the page is no longer current. It is given a function
 * that says whether updates are wanted still, for a person may pause them while it fetches.
 */
export function follow(button, notice, changed) {
  const query = new URLSearchParams({changes: 'true'});
  if (button.dataset.trace) query.set('trace', button.dataset.trace);
  const address = `/api/stream?${query}`;
  let source = null, isWanted = true, isLost = false, retry = null;

  const state = (text, why = '') => {
    button.textContent = text;
    button.setAttribute('aria-pressed', String(text !== 'Paused'));
    button.classList.toggle('lost', isLost);
    notice.textContent = why;
    notice.hidden = !why;
  };
  const lost = (error) => {
    isLost = true;
    state(error.status ? 'Not live' : 'Offline', reason(error, button.dataset.trace));
    clearTimeout(retry);
    if (error.status !== 404) retry = setTimeout(sync, RETRY_MS);
  };
  const update = paced(async () => {
    if (!source) return;
    try {
      await changed(() => source !== null);
      isLost = false;
      if (source?.readyState === EventSource.OPEN) state('Live');
    } catch (error) {
      if (source) lost(error);
    }
  }, REST_MS, BUSY);
  const start = () => {
    source = new EventSource(address);
    source.onopen = () => {
      if (!isLost) state('Live');
      update();  // what was written after the page was made, and before the stream began
    };
    source.onmessage = update;
    source.onerror = () => {
      if (source.readyState === EventSource.CLOSED) refused();
      else lost(new Error('the connection has ended'));
    };
  };
  const stop = () => {
    clearTimeout(retry);
    source?.close();
    source = null;
  };
  /** An EventSource does not say why it was refused; another request does. */
  const refused = async () => {
    stop();
    await ask(address).then((response) => response.body.cancel()).catch(lost);
    if (!isLost) lost(new Error('the stream was refused'));
  };
  const sync = () => {
    if (!isWanted || document.hidden) return stop();
    if (!source) start();
    update();
  };

  button.hidden = false;
  button.onclick = () => {
    isWanted = !isWanted;
    sync();
    if (!isWanted) {
      isLost = false;
      state('Paused');
    }
  };
  document.addEventListener('visibilitychange', sync);
  addEventListener('pagehide', stop);
  addEventListener('pageshow', (event) => { if (event.persisted) sync(); });
  if (!document.hidden) start();
}

function reason({status, message}, trace) {
  if (status === 401) return 'This browser is no longer logged in: the server has been started again. On the machine of the traces, type: tracerd web --open';
  if (status === 404 && trace) return 'This trace is gone: it was removed after this page was opened.';
  if (status) return `There are no live updates for now: ${message}`;
  return `The server cannot be reached: ${message}`;
}
