// Two nodes with a chain each, as the lessons on forks show them: a lane of small blocks a node, and between them a line that is
// whole or cut.

import { miner, smallBlock, svg } from "./block-figure.js";
import { element } from "./dom.js";
import { sha256Hex } from "./sha256.js";

export const ANA = { name: "Ana", letter: "A", kind: "a" };
export const BEN = { name: "Ben", letter: "B", kind: "b" };

/** A chain with one more block, made by somebody; `line` is a payment in it. */
export function grown(chain, maker, line = "") {
  const previous = chain.at(-1)?.hash ?? "";
  const height = chain.length + 1;
  return [...chain, { height, maker, line, hash: sha256Hex(`${height}|${previous}|${maker.name}${line && `|${line}`}`) }];
}

/** A lane: who, the blocks, and a note; `known` are the hashes that were there before, so that what is new arrives. */
export function lane(who, chain, note, known = new Set()) {
  return element("div", { class: "lane" },
    element("div", { class: "lane-name" }, miner(who), " ", element("b", {}, who.name)),
    element("ol", { class: "chain", "aria-label": `${who.name}’s chain` }, ...chain.map((block, at) => element("li", { class: known.has(block.hash) ? "" : "is-arriving" },
      smallBlock({ height: block.height, state: at === chain.length - 1 ? "tip" : "", miner: block.maker, hash: block.hash, link: at > 0 ? "whole" : null })))),
    element("p", { class: "lane-note" }, note));
}

/** The line between two nodes that is cut, with words. */
export function cut() {
  const zigzag = svg("svg", { viewBox: "0 0 400 20", preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("path", { d: `M0 10${Array.from({ length: 20 }, (_, at) => `L${at * 20 + 10} ${at % 2 ? 18 : 2}`).join("")}L400 10` }));
  return element("p", { class: "cut" }, zigzag, "✗ cut: they hear nothing of each other", zigzag.cloneNode(true));
}
