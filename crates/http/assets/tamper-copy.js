// A block that can be changed: every field as the text that was typed. Also what it takes to make
// it right again behind other blocks: everything but the proof, which has to be searched for.

import { merkleRoot, leaf } from "./merkle.js";
import { puzzleOf, readBlock } from "./block.js";
import { canonical, quote, read, write } from "./canonical.js";
import { expectedTarget, ofBits, targetHex } from "./target.js";
import { sha256Hex, toNumber } from "./sha256.js";
import { pythonFloat } from "./json-number.js";

export class Copy {
  constructor(rules, text) {
    this.rules = rules;
    this.isNew = false;
    const members = [...read(text).members];
    this.fields = members.filter(([name]) => name !== "transactions").map(([name, value]) => ({ name, text: write(value) }));
    this.transactions = read(text).members.get("transactions").items.map(item => ({ text: write(item) }));
    this.before = text;
    this.paymentsBefore = this.transactions.map((_, at) => this.payment(at));
  }

  /** Whether it is not what it was. */
  get isTouched() {
    return this.isNew || this.canonicalText() !== this.before;
  }

  /** From now on, it is what it was. */
  settle() {
    this.isNew = false;
    this.before = this.canonicalText();
  }

  canonicalText() {
    try {
      return canonical(this.text());
    } catch {
      return this.text();
    }
  }

  /** A transaction as { from, to, amount, isReward }, all texts; null where it is none. Under `sealed` the amount is in coins. */
  payment(at) {
    try {
      const { members } = read(this.transactions[at].text);
      const from = members.get("sender").string, amount = members.get("amount");
      if (from === undefined || members.get("recipient").string === undefined) return null;
      const isUnits = this.rules === "sealed" && /^[0-9]+$/.test(amount.text);
      return { from, to: members.get("recipient").string, isReward: from === "0", amount: isUnits ? coins(amount.text) : amount.string ?? write(amount) };
    } catch {
      return null;
    }
  }

  /** The same, as it was. */
  paymentBefore(at) {
    return this.paymentsBefore[at];
  }

  /** Writes one field of a payment: `from`, `to` or `amount`. */
  setPayment(at, name, text) {
    const transaction = this.transactions[at];
    const value = read(transaction.text);
    value.members.set({ from: "sender", to: "recipient", amount: "amount" }[name], { kind: "string", text: name === "amount" ? this.amount(text) : quote(text) });
    transaction.text = write(value);
    if (transaction.area) transaction.area.value = transaction.text;
  }

  /** An amount as JSON: a number where one was typed. */
  amount(text) {
    if (this.rules === "sealed" && /^[0-9]+([.][0-9]{0,6})?$/.test(text.trim())) return units(text.trim());
    try {
      return canonical(text);
    } catch {
      return quote(text);
    }
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
  }

  addTransaction() {
    this.transactions.push({ text: '{"amount": 1000, "recipient": "me", "sender": "you"}' });
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
  copy.isNew = true;
  return copy;
}

const finderOf = block => read(block.transactions[0] ?? "{}").members.get("recipient")?.string ?? "an address of yours";

const UNIT_DIGITS = 6;

/** Base units as coins, nothing rounded: 12500000 is 12.5. */
function coins(units) {
  const padded = units.padStart(UNIT_DIGITS + 1, "0");
  return `${padded.slice(0, -UNIT_DIGITS)}.${padded.slice(-UNIT_DIGITS)}`.replace(/[.]?0+$/, "");
}

/** Coins as base units. */
function units(coins) {
  const [whole, rest = ""] = coins.split(".");
  return `${BigInt(whole + rest.padEnd(UNIT_DIGITS, "0"))}`;
}
