// How pages ask the server: errors have its words, and what is asked for often is paced.

/** Fetches something; an error has the `status` and the message of the server. */
export async function ask(path) {
  const response = await fetch(path);  // no HTML is asked for, so an error is JSON
  if (response.ok) return response;
  const {message} = await response.json().catch(() => ({}));
  throw Object.assign(new Error(message ?? `${response.status} ${response.statusText}`), {status: response.status});
}

/** A function that does `action`, never twice at once, and after each time rests for `leastMs`, or `busy` times as long
 * as it took. What is asked for meanwhile is done once, after the rest. */
export function paced(action, leastMs, busy) {
  let isDue = false, isBusy = false;
  return async () => {
    isDue = true;
    if (isBusy) return;
    isBusy = true;
    while (isDue) {
      isDue = false;
      const begun = performance.now();
      await action().catch(console.error);
      const restMs = Math.max(leastMs, busy * (performance.now() - begun));
      await new Promise((done) => { setTimeout(done, restMs); });
    }
    isBusy = false;
  };
}
