// A block that can be changed: every field as the text that was typed. Also what it takes to make
// it right again behind other blocks: everything but the proof, which has to be searched for.

import { merkleRoot, leaf } from "./merkle.js";
import { puzzleOf, readBlock } from "./block.js";
import { quote, read, write } from "./canonical.js";
import { expectedTarget, ofBits, targetHex } from "./target.js";
import { sha256Hex, toNumber } from "./sha256.js";
import { pythonFloat } from "./json-number.js";

export class Copy {
  constructor(rules, text) {
    this.rules = rules;
    this.isTouched = false;
    const members = [...read(text).members];
    this.fields = members.filter(([name]) => name !== "transactions").map(([name, value]) => ({ name, text: write(value) }));
    this.transactions = read(text).members.get("transactions").items.map(item => ({ text: write(item) }));
  }

  /** The block's text, as it is typed. */
  text() {
    const list = this.transactions.map(one => one.text).filter(text => text.trim() !== "").join(", ");
    const members = this.fields.filter(({ text }) => text.trim() !== "").map(({ name, text }) => `${quote(name)}: ${text}`);
    return `{${[...members, `"transactions": [${list}]`].join(", ")}}`;
  }

  read() {
    return readBlock(this.rules, this.text());
  }

  set(name, text) {
    const field = this.fields.find(one => one.name === name);
    if (!field) throw new Error(`the block has no field ${name}`);
    field.text = `${text}`;
    if (field.area) field.area.value = field.text;
  }

  addField() {
    const count = this.fields.filter(({ name }) => name.startsWith("note")).length;
    this.fields.push({ name: count ? `note ${count + 1}` : "note", text: '"nobody asked for this"' });
    this.isTouched = true;
  }

  addTransaction() {
    this.transactions.push({ text: '{"amount": 1000, "recipient": "me", "sender": "you"}' });
    this.isTouched = true;
  }

  /**
   * Puts right what follows from the blocks before, and returns the puzzle that is left. With
   * `bits`, the hash has to start with this many zero bits, whatever the rules say.
   */
  prepare(before, params, bits) {
    const [grandparent, parent] = [before.at(-2), before.at(-1)];
    if (!parent) throw new Error("it is the genesis block, for which there is no puzzle");
    this.set("index", parent.index + 1n);
    this.set("previous_hash", quote(parent.hash));
    if (this.rules === "sealed") {
      const { timestamp, transactions } = this.read();
      if (timestamp <= parent.timestamp) this.set("timestamp", parent.timestamp + 1n);
      this.set("merkle_root", quote(merkleRoot(transactions.map(leaf))));
      this.set("target", quote(targetHex(bits ? ofBits(bits) : expectedTarget(parent, grandparent, params))));
    }
    const puzzle = puzzleOf(this.rules, this.read(), parent);
    return bits ? { ...puzzle, target: ofBits(bits) } : puzzle;
  }

  /** Whether the proof that stands in it solves the puzzle already. */
  isSolved({ prefix, suffix, target }) {
    return toNumber(sha256Hex(`${prefix}${this.read().proof}${suffix}`)) <= target;
  }
}

/** A block to stand behind these, without a proof: who adds it pays themselves. */
export function newBlock(rules, before, params) {
  const parent = before.at(-1);
  const index = parent.index + 1n;
  const common = `"index": ${index}, "previous_hash": ${quote(parent.hash)}, "proof": 0`;
  const now = Date.now();
  const text = rules === "sealed"
    ? `{${common}, "merkle_root": ${quote("0".repeat(64))}, "target": ${quote(targetHex(parent.target))}, "timestamp": ${now}, "version": 1,
        "transactions": [{"amount": ${params.reward}, "index": ${index}, "recipient": ${quote(finderOf(parent))}, "sender": "0"}]}`
    : `{${common}, "timestamp": ${pythonFloat(now / 1000)}, "transactions": [{"amount": 1, "recipient": "me", "sender": "0"}]}`;
  const copy = new Copy(rules, text);
  copy.isTouched = true;
  return copy;
}

const finderOf = block => read(block.transactions[0] ?? "{}").members.get("recipient")?.string ?? "an address of yours";
