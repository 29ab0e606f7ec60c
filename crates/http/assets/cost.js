// What work costs: each further zero digit takes 16 times the guesses on average.

import { element } from "./dom.js";

const MOST = 6;
const grouped = number => number.toLocaleString("en").replaceAll(",", " ");

/** How many zero digits the slider says for the chain's own target. */
export const ownZeros = bits => Math.max(1, Math.min(MOST, Math.floor(bits / 4)));

/**
 * Fills the rows of a table with what each number of zeros costs. `own` is the column of the chain's own target, which
 * takes `ownGuesses` on average.
 */
export function showCost(table, { chosen, own, ownGuesses, perSecond }) {
  const all = Array.from({ length: MOST }, (_, i) => i + 1);
  const guesses = zeros => zeros === own ? ownGuesses : 16 ** zeros;
  const fill = (name, say) => {
    const row = table.querySelector(`tr[data-row=${name}]`);
    row.replaceChildren(row.querySelector("th"), ...all.map(zeros => element("td", { class: zeros === chosen ? "chosen" : "" }, ...say(zeros))));
  };
  fill("start", zeros => [element("span", { class: "wide-only" }, `${"0".repeat(zeros)}…`), element("span", { class: "narrow-only" }, `${zeros}`)]);
  fill("guesses", zeros => [about(guesses(zeros))]);
  fill("time", zeros => [perSecond ? seconds(guesses(zeros) / perSecond) : "…"]);
}

function about(count) {
  if (count < 1e6) return grouped(Math.round(count));
  return `${count < 1e7 ? Math.round(count / 1e5) / 10 : Math.round(count / 1e6)} million`;
}

function seconds(time) {
  if (time < 0.01) return "at once";
  if (time < 1) return `${time.toFixed(2)} s`;
  if (time < 90) return `${time < 10 ? time.toFixed(1) : Math.round(time)} s`;
  return `${(time / 60).toFixed(1)} min`;
}
