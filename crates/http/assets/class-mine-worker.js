// Searches for a proof beside the page, held to a pace: so many guesses a second, however fast the phone is. It is told
// { prefix, suffix, target, start, perSecond }, or { stop: true }; it says { guesses } now and then, and { proof } once.

import { Search } from "./search.js";

const TURN_MS = 50;

let timer = null;

addEventListener("message", ({ data }) => {
  clearInterval(timer);
  if (data.stop) return;
  const search = new Search(data);
  search.place(`${data.start}`);
  let last = performance.now(), owed = 0;
  timer = setInterval(() => {
    const now = performance.now();
    owed = Math.min(owed + (now - last) * data.perSecond / 1000, data.perSecond);
    last = now;
    const guesses = Math.floor(owed);
    if (guesses === 0) return;
    owed -= guesses;
    const proof = search.try(guesses);
    postMessage({ proof, guesses });
    if (proof !== null) clearInterval(timer);
  }, TURN_MS);
});
