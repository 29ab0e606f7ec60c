// The one figure of a block, and the strip that stands for a hash, made in the browser: the same elements and classes as
// templates/block-figure.html, which block-figure.css draws. A test compares the two. Which page shows them is not known here.

import { element } from "./dom.js";

const SVG = "http://www.w3.org/2000/svg";
const BARS = 16, HEIGHT = 40;

/** An SVG element with attributes and children. */
export function svg(name, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** The strip of a hash: a bar for each of its first 16 digits, in the colours of its last two. */
export function strip(hash) {
  const made = svg("svg", { class: "strip", viewBox: `0 0 160 ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true", focusable: "false" },
    svg("path", { class: "wash", d: "M0 0h80v40h-80z" }), svg("path", { class: "wash", d: "M80 0h80v40h-80z" }),
    svg("path", { class: "bars" }), svg("path", { class: "bars" }), svg("path", { class: "zeros" }));
  drawStrip(made, hash);
  return made;
}

/** Makes a strip that of another hash. */
export function drawStrip(strip, hash) {
  const digits = Array.from(hash, digit => parseInt(digit, 16));
  const bars = ["", ""];
  let zeros = "";
  digits.slice(0, BARS).forEach((digit, at) => {
    const x = 10 * at + 5;
    if (digit === 0) zeros += `M${x} ${HEIGHT}v-3`;
    else bars[Math.floor(at / (BARS / 2))] += `M${x} ${HEIGHT}v-${4 + Math.floor(34 * digit / 15)}`;
  });
  const [left, right, leftBars, rightBars, zeroBars] = strip.children;
  const colours = [colourOf(hash), `t${digits.at(-2)}`];
  left.setAttribute("class", `wash ${colours[0]}`);
  right.setAttribute("class", `wash ${colours[1]}`);
  leftBars.setAttribute("class", `bars ${colours[0]}`);
  rightBars.setAttribute("class", `bars ${colours[1]}`);
  leftBars.setAttribute("d", bars[0]);
  rightBars.setAttribute("d", bars[1]);
  zeroBars.setAttribute("d", zeros);
}

/** The class with a hash's first colour. */
export const colourOf = hash => `t${parseInt(hash.at(-1), 16)}`;

/** A hash in a few digits. With `zeros`, so many at its beginning are work, and what is there in their place is marked. */
export function digits(hash, zeros = 0) {
  if (zeros === 0) return element("code", {}, `…${hash.slice(-6)}`);
  const start = hash.slice(0, zeros);
  const isThere = /^0+$/.test(start);
  return element("code", {}, element("b", { class: isThere ? "zeros-count" : "zeros-count lacking" }, start), `…${hash.slice(-4)}`);
}

const SHAPES = {
  a: "M12 1a11 11 0 0 1 0 22 11 11 0 0 1 0-22z",
  b: "M4 2h16a2 2 0 0 1 2 2v16a2 2 0 0 1-2 2H4a2 2 0 0 1-2-2V4a2 2 0 0 1 2-2z",
  c: "M12 0 24 12 12 24 0 12z",
  d: "M6 1.6h12L24 12l-6 10.4H6L0 12z",
};

/** The mark of a miner: { name, letter, kind }, the kind being a, b, c or d. */
export function miner({ name, letter, kind }) {
  const text = svg("text", { x: "12", y: "16.3" });
  text.textContent = letter;
  return svg("svg", { class: "miner", viewBox: "0 0 24 24", role: "img", "aria-label": `made by ${name}` }, svg("path", { class: `miner-${kind}`, d: SHAPES[kind] }), text);
}

const CHIPS = {
  tip: ["tip", "tip"],
  good: ["good", "✓ holds"],
  changed: ["changed", "✎ changed"],
  broken: ["bad", "✗ broken"],
  rests: ["bad", "✗ broken"],
  dropped: ["dropped", "dropped"],
  "hidden-chain": ["hidden-chain", "hidden"],
};

/** The mark of a state, with its own words or others; null for a state that has none. */
export function chip(state, words = CHIPS[state]?.[1]) {
  return CHIPS[state] ? element("span", { class: `chip ${CHIPS[state][0]}` }, words) : null;
}

/** Payments as lines: a list of { from, to, amount }; new coins come from nobody. */
export function pays(payments) {
  return element("ul", { class: "pays" }, ...payments.map(({ from, to, amount }) => element("li", {},
    element("span", {}, from === null ? "new" : element("bdi", {}, from), " ", element("span", { class: "pays-arrow" }, "→"), " ", element("bdi", {}, to)),
    " ", element("b", {}, `${amount}`))));
}

/** A named fact in a block. */
export const fact = (name, value) => element("p", { class: "block-line" }, element("span", {}, name), " ", element("code", {}, value));

/** The link to the block on the left: whole, broken or dashed. */
export function link(kind, previous) {
  const made = element("span", { class: `link ${kind}${previous ? ` ${colourOf(previous)}` : ""}` });
  if (kind === "broken") made.append(element("span", { class: "unseen" }, "The link is broken."));
  return made;
}

/** One half of a block's foot: `which` is previous or own; no hash is drawn as a place for one. */
export function hashHalf(which, hash, { zeros = 0, none = which === "own" ? "…?" : "none" } = {}) {
  return element("div", { class: `block-hash ${which}` }, element("span", {}, which === "own" ? "hash" : "previous"),
    ...(hash ? [strip(hash), digits(hash, zeros)] : [element("span", { class: "strip-none" }), element("code", {}, none)]));
}

/**
 * A block: { height, state, chip, miner, body, previous, hash, zeros, link }. `chip` are other words for its state's mark,
 * `body` is a list of what stands between head and foot; `zeros` says how many digits at the start of a hash are work.
 */
export function blockFigure({ height, state = "", chip: words, marks = [], miner: made, body = [], previous, hash, zeros = 0, link: kind }) {
  const mark = chip(state, words);
  const head = element("header", { class: "block-head" },
    element("span", { class: "block-height" }, element("span", { class: "unseen" }, "Block "), `${height}`));
  for (const one of [mark, ...marks, made ? miner(made) : null]) if (one) head.append(" ", one);
  const foot = element("div", { class: "block-foot" }, ...(kind ? [link(kind, previous)] : []),
    hashHalf("previous", previous, { zeros }), hashHalf("own", hash, { zeros }));
  return element("article", { class: `block ${state}`, "aria-label": `Block ${height}` }, head, ...body, foot);
}

/** A small block, where many stand together: its height, its miner and its own strip. */
export function smallBlock({ height, state = "", miner: made, hash, link: kind }) {
  const head = element("header", { class: "block-head" },
    element("span", { class: "block-height" }, element("span", { class: "unseen" }, "Block "), `${height}`), ...(made ? [" ", miner(made)] : []));
  return element("article", { class: `block small ${state}`, "aria-label": `Block ${height}` },
    head, hash ? strip(hash) : element("span", { class: "strip-none" }), ...(kind ? [element("span", { class: `link ${kind}` })] : []));
}
