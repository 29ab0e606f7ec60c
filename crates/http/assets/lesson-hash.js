// Lesson 1: two texts that start alike, and the hash of each, on every key.

import { drawStrip, strip } from "./block-figure.js";
import { element } from "./dom.js";
import { sha256Hex } from "./sha256.js";

const DIGITS_A_LINE = 32;

export function start(stage) {
  const rows = ["Ida pays Zoë 7", "Ida pays Zoë 7"].map((text, at) => row(text, at, draw));
  stage.draw(...rows.map(one => one.element));
  stage.button("Add a full stop", () => { rows[1].input.value += "."; draw(); }, true);
  draw(true);

  function draw(isFirst) {
    const hashes = rows.map(({ input }) => sha256Hex(input.value));
    rows.forEach((one, at) => one.show(hashes[at], hashes[1 - at]));
    const same = [...hashes[0]].filter((digit, at) => digit === hashes[1][at]).length;
    if (isFirst === true) return stage.say("Equal texts, equal hashes. Now change one letter.", "todo");
    if (hashes[0] === hashes[1]) return stage.say("Equal texts, equal hashes.");
    stage.say(`${64 - same} of 64 digits are other ones. The ${same} that are equal are so by chance.`, "well");
  }
}

function row(text, at, change) {
  const input = element("input", { "aria-label": at === 0 ? "A text" : "Another text", autocomplete: "off", spellcheck: "false", maxlength: "200", input: change });
  input.value = text;
  const bars = strip(sha256Hex(text));
  const code = element("code", {});
  return {
    input,
    element: element("div", { class: "hash-row" }, input, element("span", { class: "arrow", "aria-hidden": "true" }, "→"), element("div", { class: "hash-out" }, bars, code)),
    show(hash, other) {
      drawStrip(bars, hash);
      const digits = [...hash].map((digit, i) => digit === other[i] && hash !== other ? element("u", {}, digit) : digit);
      code.replaceChildren(...digits.slice(0, DIGITS_A_LINE), element("br", {}), ...digits.slice(DIGITS_A_LINE));
    },
  };
}
