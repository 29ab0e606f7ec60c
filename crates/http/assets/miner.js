// Starts the worker that mines, and ends it.

const startWorker = () => new Worker(new URL("mine-worker.js", import.meta.url), { type: "module" });

/** Searches a proof. `signal` stops the search, `report` hears how it goes. */
export function mine(puzzle, signal, report) {
  const worker = startWorker();
  const search = new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => reject(new DOMException("stopped", "AbortError")));
    worker.addEventListener("error", () => reject(new Error("the worker failed")));
    worker.addEventListener("message", ({ data }) => {
      report(data);
      if (data.proof !== null) resolve(data);
    });
    worker.postMessage(puzzle);
  });
  return search.finally(() => worker.terminate());
}

/** How many guesses a second this computer makes in this browser: by a puzzle that has no solution. */
export async function measureRate() {
  const stop = new AbortController();
  let perSecond = 0, reports = 0;
  const unsolvable = { prefix: "100", suffix: "", target: 0n };
  await mine(unsolvable, stop.signal, progress => {
    perSecond = progress.perSecond;
    if (++reports === 10) stop.abort();
  }).catch(() => {});
  return perSecond;
}
