// The lessons' own chain: four blocks with one payment each, hashed in the page. It has nothing to do with the node's chain; what
// is hashed of a block is its height, the previous hash, its payment and its proof, with a bar between. learn/figures.rs has
// the same blocks.

import { blockFigure, fact, pays } from "./block-figure.js";
import { Search } from "./search.js";
import { sha256Hex } from "./sha256.js";

const LINES = ["Ida pays Zoë 7", "Mia pays Jonas 5", "Noor pays Emir 12", "Lena pays Paul 3"];
const PROOFS = [529_060, 91_332, 9_857, 25_850];

export const ZEROS = 4;
const SLICE_MS = 12, GUESSES_AT_A_TIME = 200;

/** The hash of a block { height, previous, line, proof }. */
export const hashOf = ({ height, previous, line, proof }) => sha256Hex(`${height}|${previous}|${line}|${proof}`);

/** Whether a hash begins with the zeros that are asked for. */
export const hasZeros = (hash, zeros = ZEROS) => hash.startsWith("0".repeat(zeros));

/** The four blocks, as they hold. */
export function goodChain() {
  let previous = "";
  return LINES.map((line, at) => {
    const block = { height: at + 1, previous, line, proof: PROOFS[at] };
    previous = hashOf(block);
    return block;
  });
}

/** What is so of blocks in a row: { hash, state, link } for each. */
export function judge(blocks) {
  let before = "", isBroken = false;
  return blocks.map((block, at) => {
    const hash = hashOf(block);
    const isLinked = block.previous === before;
    const holds = isLinked && hasZeros(hash);
    const state = !holds ? "broken" : isBroken ? "rests" : "good";
    isBroken ||= !holds;
    before = hash;
    return { hash, state, link: at === 0 && isLinked ? null : isLinked ? "whole" : "broken" };
  });
}

/** A block of the chain as a figure, with `body` in place of its payment if that is given. */
export function figure(block, { hash, state, link }, body = [payment(block.line), fact("proof", `${block.proof}`)]) {
  return blockFigure({ height: block.height, state, chip: state === "rests" ? `✗ rests on ${block.height - 1}` : undefined,
    body, previous: block.previous || null, hash, zeros: ZEROS, link });
}

/** "Mia pays Jonas 5", as a line of a block. What is said in another way stays as it is. */
export function payment(line) {
  const [, from, to, amount] = /^(.+) pays (.+) (\S+)$/.exec(line) ?? [];
  return pays([from ? { from, to, amount } : { from: line, to: "", amount: "" }]);
}

/**
 * Searches the proof of a block, from 0 on, in slices that leave the page awake. `report` hears the number of guesses after
 * each; `signal` stops it. Answers the proof, or null if it was stopped.
 */
export async function mine({ height, previous, line }, report, signal, zeros = ZEROS) {
  const search = new Search({ prefix: `${height}|${previous}|${line}|`, suffix: "", target: 2n ** BigInt(256 - 4 * zeros) - 1n });
  for (let guesses = 0; !signal?.aborted;) {
    const until = performance.now() + SLICE_MS;
    while (performance.now() < until) {
      const proof = search.try(GUESSES_AT_A_TIME);
      if (proof !== null) return Number(proof);
      guesses += GUESSES_AT_A_TIME;
    }
    report(guesses);
    await new Promise(resolve => setTimeout(resolve, 4));
  }
  return null;
}
