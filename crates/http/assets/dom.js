// Makes elements. Text goes in as text, never as HTML: blocks hold what anybody has written.

/** An element with attributes (`class`, `href`, ...; functions are listeners) and children. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(key, value);
    else if (typeof value === "boolean") made.toggleAttribute(key, value);
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

/** Lets the page draw and answer before work goes on. */
export const breathe = () => new Promise(resolve => setTimeout(resolve));

/** "valid" or "NOT VALID": a word and a sign, for those who see no green and red. */
export function verdict(holds, words = holds ? "valid" : "NOT VALID") {
  return element("strong", { class: holds ? "verdict holds" : "verdict fails" }, `${holds ? "✓" : "✗"} ${words}`);
}

/** A finding as a list item: the rule in words, and where it does not hold, what was expected and found. */
export function findingItem({ rule, holds, says, expected, found }) {
  const item = element("li", { "data-rule": rule }, verdict(holds, holds ? "holds" : "DOES NOT HOLD"), ` ${says} (${rule})`);
  if (!holds && expected !== found) item.append(comparison(expected, found));
  return item;
}

/** Expected and found, one below the other, so that the eye finds the difference. */
export function comparison(expected, found) {
  return element("dl", { class: "comparison" },
    element("dt", {}, "expected"), element("dd", {}, bytes(expected)),
    element("dt", {}, "found"), element("dd", {}, bytes(found)));
}

/** A text byte for byte: a long one in a box of its own, in which it can be scrolled. */
export const bytes = text => `${text}`.length > LINE_LENGTH
  ? element("code", { class: "bytes tall", tabindex: "0" }, `${text}`)
  : element("code", { class: "bytes" }, `${text}`);

const LINE_LENGTH = 100;
