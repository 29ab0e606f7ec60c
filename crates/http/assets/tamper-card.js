// One block of the page /tamper: its payments as fields (or all of it as JSON), what became of it, and the search for its proof
// while it lasts. What a change does to other blocks is not known here.

import { chip, digits, drawStrip, hashHalf, link } from "./block-figure.js";
import { bytes, element, findingItem } from "./dom.js";
import { guessOf } from "./block.js";
import { sha256Hex } from "./sha256.js";

const ROWS_SHOWN = 2, GUESSES_SHOWN = 3;
const grouped = number => Math.round(number).toLocaleString("en").replaceAll(",", " ");

export class Card {
  /** `act` does what the buttons ask for: change(), mine(), stop(), draw(). */
  constructor(copy, at, isFirst, act) {
    const { change } = act;
    // What a search has found is no longer so once something is changed.
    act = { ...act, change: () => { this.hideSearch(); change(); } };
    Object.assign(this, { copy, at, act });
    this.hash = hashHalf("own", "0".repeat(64));
    this.previous = hashHalf("previous", isFirst ? null : "0".repeat(64));
    this.marks = element("span", { class: "tamper-marks" });
    this.heightText = element("span", { class: "block-height" });
    this.link = element("span", { hidden: true });
    this.says = element("p", { class: "tamper-says" });
    this.search = element("div", { class: "tamper-search", hidden: true });
    this.mineButton = element("button", { type: "button", name: "mine", click: () => act.mine(at) }, "Mine again");
    this.findings = element("ul", { class: "findings" });
    this.element = element("article", { class: "block", "data-position": `${at}` },
      element("header", { class: "block-head" }, this.heightText, this.marks),
      this.payments(), this.proof(), this.proofHash = element("p", { class: "block-line tamper-guess" }),
      element("div", { class: "block-foot" }, this.link, this.previous, this.hash),
      this.says, this.search, this.mineButton, this.json());
  }

  /** The payments as rows of fields; the first ones, where there are many. */
  payments() {
    const cell = (row, at, name) => {
      const payment = this.copy.payment(at);
      if (payment === null || (name === "from" && payment.isReward)) return element("span", { class: "tamper-new" }, payment ? "new" : "?");
      const input = element("input", { "aria-label": `${name}, payment ${at + 1} of this block`, "data-field": name, "data-payment": `${at}`,
        autocomplete: "off", spellcheck: "false", input: () => { this.copy.setPayment(at, name, input.value); this.mark(input, at, name); this.act.change(); } });
      input.value = payment[name];
      return input;
    };
    const rows = this.copy.transactions.slice(0, ROWS_SHOWN).map((_, at) =>
      element("div", { class: "tamper-row" }, ...["from", "to", "amount"].map(name => cell(this, at, name))));
    const more = this.copy.transactions.length - rows.length;
    this.was = element("span", {}, "amount");
    return element("div", { class: "tamper-fields" },
      element("div", { class: "tamper-row tamper-names" }, element("span", {}, "from"), element("span", {}, "to"), this.was),
      ...rows, ...(more > 0 ? [element("p", { class: "block-line" }, `and ${more} more, as JSON`)] : []),
      ...(rows.length ? [] : [element("p", { class: "block-line" }, "It holds no payment.")]));
  }

  /** Marks a field that is not as it was, and says what it was. */
  mark(input, at, name) {
    const before = this.copy.paymentBefore(at)?.[name];
    const isChanged = before !== undefined && before !== input.value;
    input.classList.toggle("is-changed", isChanged);
    if (name === "amount") this.was.replaceChildren(...(isChanged ? ["was ", element("s", {}, before)] : ["amount"]));
  }

  proof() {
    const input = element("input", { inputmode: "numeric", "data-field": "proof", autocomplete: "off", input: () => { this.copy.set("proof", input.value); this.act.change(); } });
    this.proofField = input;
    return element("label", { class: "tamper-proof" }, element("span", {}, "proof"), input);
  }

  /** All of the block, as it is hashed; hidden until it is asked for. */
  json() {
    const area = (name, holder) => {
      const made = element("textarea", { rows: "1", spellcheck: "false", "data-field": name, input: () => { holder.text = made.value; this.act.change(); } });
      made.value = holder.text;
      holder.area = made;
      return element("label", {}, element("span", {}, name), made);
    };
    const button = (name, words, action) => element("button", { type: "button", name, click: () => { action(); this.act.draw(); } }, words);
    return element("div", { class: "tamper-json" },
      ...this.copy.fields.map(field => area(field.name, field)),
      ...this.copy.transactions.map((transaction, at) => area(`transaction ${at}`, transaction)),
      element("p", { class: "actions" }, button("add-field", "Add a field", () => this.copy.addField()),
        button("add-transaction", "Add a transaction", () => this.copy.addTransaction())),
      this.findings);
  }

  /** Shows what became of it. `result` is that of a check, `neighbours` the results on both sides. */
  show(result, parent) {
    const { block, findings, holds } = result;
    const failing = findings.filter(one => !one.holds);
    const rules = failing.map(one => one.rule);
    const height = block?.index ?? "?";
    const restsOnly = rules.length > 0 && rules.every(rule => rule === "chain-broken");
    const state = holds ? "" : restsOnly ? "rests" : "broken";
    const isSealed = this.copy.rules === "sealed";
    this.element.className = `block ${state} ${holds ? "holds" : "fails"} ${this.copy.isTouched ? "is-touched" : ""}`;
    this.element.dataset.rulesBroken = rules.join(" ");
    this.element.setAttribute("aria-label", `Block ${height}`);
    this.heightText.replaceChildren(element("span", { class: "unseen" }, "Block "), `${height}`);
    const marks = [...(this.copy.isTouched ? [chip("changed")] : []), ...(holds ? [chip("good")] : [chip("broken", this.copy.isTouched ? "✗" : undefined)])];
    if (!holds && this.copy.isTouched) marks.at(-1).setAttribute("aria-label", "broken"), marks.at(-1).setAttribute("role", "img");
    this.marks.replaceChildren(...marks);
    if (document.activeElement !== this.proofField) this.proofField.value = block ? `${block.proof}` : "";
    const zeros = isSealed && block ? zerosAsked(block.target) : 0;
    // Nobody has worked for the first block, so its zeros are not asked for.
    if (block) redraw(this.hash, block.hash, block.index === 1n ? 0 : zeros);
    if (block && /^[0-9a-f]{64}$/.test(block.previousHash)) redraw(this.previous, block.previousHash, parent?.block?.index === 1n ? 0 : zeros);
    const isBroken = rules.includes("previous-hash");
    this.link.replaceWith(this.link = parent ? link(isBroken ? "broken" : "whole", block?.previousHash ?? "0") : element("span", { hidden: true }));
    this.showGuess(block, parent?.block, isSealed);
    const [headline, sentence] = explain(this.copy, result, rules, parent);
    this.says.replaceChildren(element("b", { class: holds ? "good" : "bad" }, headline), " ", sentence);
    this.mineButton.hidden = !parent || holds;
    this.findings.replaceChildren(...failing.map(findingItem), ...(block ? [element("li", {}, "Its hash: ", bytes(block.hash))] : []));
  }

  /** Under the classics the zeros are in the hash of the guess, so they are shown beside the proof. */
  showGuess(block, parent, isSealed) {
    const guess = block && parent && !isSealed ? guessOf(this.copy.rules, block, parent) : null;
    this.proofHash.replaceChildren(...(guess ? [element("span", {}, "gives"), digits(guess.hash, 4)] : []));
  }

  /** Shows the search for a proof: the guesses so far, out of so many on average, and the last of them. */
  showSearch({ guesses, average, puzzle, isFound }) {
    this.search.hidden = false;
    this.mineButton.hidden = true; // until it is judged again
    const zeros = zerosAsked(puzzle.target);
    const last = Array.from({ length: Math.min(GUESSES_SHOWN, guesses) }, (_, back) => guesses - 1 - back).reverse();
    const rows = last.map((proof, at) => {
      const hash = sha256Hex(`${puzzle.prefix}${proof}${puzzle.suffix}`);
      const found = isFound && at === last.length - 1;
      const start = /^0*/.exec(hash)[0].slice(0, zeros);
      return element("li", {}, element("span", {}, `${grouped(proof)} →`),
        element("span", {}, ...(start ? [element("b", { class: "zeros-count" }, start)] : []), `${hash.slice(start.length, 6)}… `,
          element("b", { class: found ? "good" : "bad" }, found ? "✓" : "✗")));
    });
    const meter = element("progress", { max: `${2 * average}`, "aria-label": `${grouped(guesses)} guesses; it takes ${grouped(average)} on average` });
    meter.value = Math.min(guesses, 2 * average);
    this.search.replaceChildren(
      element("p", { class: "tamper-count" }, element("span", {}, isFound ? "found after" : "guess"), element("b", {}, grouped(guesses))),
      element("div", { class: "tamper-meter" }, meter), element("p", { class: "tamper-average" }, `${grouped(average)} on average`),
      element("ul", { class: "tamper-guesses", "aria-label": "The last guesses" }, ...rows),
      ...(isFound ? [] : [this.stopButton ??= element("button", { type: "button", name: "stop", click: () => this.act.stop() }, "Stop")]));
  }

  hideSearch() {
    this.search.hidden = true;
  }
}

/** How many zero digits a hash at the target begins with at the least. */
export const zerosAsked = target => 64 - target.toString(16).length;

/** A first block's previous half has no strip, and keeps none. */
function redraw(half, hash, zeros) {
  const strip = half.querySelector(".strip");
  if (!strip) return;
  drawStrip(strip, hash);
  half.querySelector("code").replaceWith(digits(hash, zeros));
}

/** What is wrong with a block, in a few words and in a sentence. */
function explain(copy, { block, findings, holds }, rules, parent) {
  const before = parent?.block?.index ?? "before";
  if (holds && copy.isTouched) return ["Holds again.", copy.rules === "classic" && !copy.wasMined ? "Its proof says nothing of what it holds." : "It has a hash of its own now."];
  if (holds) return ["Holds.", parent ? `It names the hash of block ${before}.` : "The first of this copy."];
  const known = {
    "previous-hash": ["Names a hash that is gone.", `Block ${before} has another one now.`],
    "merkle-root": ["Its payments have changed.", "The header stands for the old ones."],
    signature: ["A signature is wrong.", "Only the payer could sign the change. No work mends that."],
    proof: copy.rules === "sealed" ? ["Its hash lacks the zeros.", "So nobody has worked for it."] : ["Its proof is wrong.", "What it gives lacks the zeros."],
    "chain-broken": ["Stands on a broken block.", `It fits block ${before}, but ${before} fails.`],
    target: ["It was too easy.", "The target is not the one that follows from the blocks before."],
    balance: ["Spends what is not there.", "The sender does not have so much."],
  };
  const rule = Object.keys(known).find(name => rules.includes(name));
  const other = findings.find(one => !one.holds && !(one.rule in known));
  if (other) return ["Not a block of this chain.", `It does not hold that ${other.says}.`];
  return known[rule];
}
