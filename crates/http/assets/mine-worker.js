// Mines beside the page, so that the page stays awake. It is told { prefix, suffix, target }, says
// { guesses, perSecond } now and then, and at the end { proof, guesses, perSecond }.

import { Search } from "./search.js";

const GUESSES_AT_A_TIME = 1_000;
const REPORT_EVERY_MS = 40;

addEventListener("message", ({ data: puzzle }) => {
  const search = new Search(puzzle);
  const start = performance.now();
  let guesses = 0, proof = null, reported = start;
  while (proof === null) {
    proof = search.try(GUESSES_AT_A_TIME);
    guesses = proof === null ? guesses + GUESSES_AT_A_TIME : Number(proof) + 1;
    const now = performance.now();
    if (proof === null && now - reported < REPORT_EVERY_MS) continue;
    reported = now;
    const perSecond = guesses / ((now - start) / 1000);
    postMessage({ proof, guesses, perSecond });
  }
});
