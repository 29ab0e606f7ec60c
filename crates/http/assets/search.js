// Looks for the smallest proof: tries one number after the other until the hash is small enough.
// What stands before the digits is mixed into the hash once, and only the digits change.

import { compress, padded, startState, utf8 } from "./sha256.js";

const BLOCK_BYTES = 64;
const ZERO = 0x30, NINE = 0x39;

/** The search for a proof of a puzzle: SHA-256(prefix + proof + suffix) is at most the target. */
export class Search {
  constructor({ prefix, suffix, target }) {
    const bytes = utf8(prefix);
    const whole = bytes.length - (bytes.length % BLOCK_BYTES);
    this.middle = startState();
    for (let at = 0; at < whole; at += BLOCK_BYTES) compress(this.middle, bytes, at);
    this.mixedBytes = whole;
    this.rest = bytes.subarray(whole);
    this.suffix = utf8(suffix);
    this.target = targetWords(target);
    this.state = startState();
    this.place("0");
  }

  /** Tries this many proofs. Returns the first that solves the puzzle, as decimal text, or null. */
  try(count) {
    for (let tried = 0; tried < count; tried++) {
      if (this.isSolved()) return String.fromCharCode(...this.blocks.subarray(this.first, this.end));
      this.increment();
    }
    return null;
  }

  isSolved() {
    this.state.set(this.middle);
    for (let at = 0; at < this.blocks.length; at += BLOCK_BYTES) compress(this.state, this.blocks, at);
    for (let i = 0; i < 8; i++) {
      const word = this.state[i] >>> 0;
      if (word !== this.target[i]) return word < this.target[i];
    }
    return true;
  }

  /** The digits count up where they stand, 199 to 200. */
  increment() {
    let at = this.end - 1;
    while (at >= this.first && this.blocks[at] === NINE) this.blocks[at--] = ZERO;
    if (at >= this.first) this.blocks[at]++;
    else this.place(`1${"0".repeat(this.end - this.first)}`);
  }

  /** Lays out all that comes behind the middle state, with these digits. */
  place(digits) {
    const tail = [...this.rest, ...utf8(digits), ...this.suffix];
    this.blocks = padded(tail, this.mixedBytes + tail.length);
    this.first = this.rest.length;
    this.end = this.first + digits.length;
  }
}

function targetWords(target) {
  const hex = target.toString(16).padStart(64, "0");
  return Array.from({ length: 8 }, (_, i) => parseInt(hex.slice(8 * i, 8 * i + 8), 16));
}
