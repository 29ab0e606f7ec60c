// What work costs: each further zero bit doubles the guesses that it takes on average.

import { element } from "./dom.js";

const number = { class: "number" };

/** Fewer zero bits are found too fast to be seen, and more take too long for a page. */
const FEWEST = 8, MOST = 24;

/** The least and the greatest number of zero bits that can be chosen: the chain's own is among them. */
export const bounds = own => ({ min: Math.min(FEWEST, own), max: Math.max(MOST, own) });

/** Fills `place` with a table of bits, guesses and seconds; marks the chosen and the chain's own row. */
export function showCost(place, chosen, own, perSecond) {
  const { min, max } = bounds(own);
  const all = Array.from({ length: max - min + 1 }, (_, i) => min + i);
  const rows = all.map(bits => element("tr", { class: bits === chosen ? "chosen" : "" },
    element("td", number, `${bits}${bits === own ? ", what this chain asks for" : ""}${bits === chosen ? ", chosen" : ""}`),
    element("td", number, (2 ** bits).toLocaleString("en")),
    element("td", number, perSecond ? seconds(2 ** bits / perSecond) : "not measured yet")));
  const head = ["Leading zero bits", "Guesses on average", "Time here, on average"].map(title => element("th", { scope: "col", class: "number" }, title));
  place.replaceChildren(
    element("p", {}, perSecond ? `This browser makes ${Math.round(perSecond).toLocaleString("en")} guesses a second.` : "Measuring how fast this browser guesses …"),
    element("table", {}, element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...rows)));
}

function seconds(time) {
  if (time >= 10) return `${Math.round(time)} s`;
  return time >= 0.01 ? `${time.toFixed(2)} s` : `${(1000 * time).toFixed(1)} ms`;
}
