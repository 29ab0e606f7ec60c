// The page /tamper: a private copy of the last blocks, in which everything can be changed. What
// it does to a block, and to all behind it, is seen at once; a reader who wants it to be right again
// has to do the work again. Nothing leaves the page unless it is offered to the node.

import { bytes, element, findingItem, verdict } from "./dom.js";
import { fetchText, genesisBlock, lastBlocks, urlOf } from "./chain-source.js";
import { canonical } from "./canonical.js";
import { ChainCheck } from "./verify.js";
import { Copy, newBlock } from "./tamper-copy.js";
import { measureRate, mine } from "./miner.js";
import { bitsOf } from "./target.js";
import { readBlock } from "./block.js";
import { bounds, showCost } from "./cost.js";

const BLOCKS_SHOWN = 6;

const page = document.getElementById("tamper");
const { rules } = page.dataset;
const list = page.querySelector("#tamper-blocks");
const status = page.querySelector("[role=status]");
const slider = page.querySelector("input[type=range]");
const offers = page.querySelector("#tamper-offers");
const button = name => page.querySelector(`button[name=${name}]`);

// given: the two blocks before the copy, against which its first is checked.
let given = [], genesis = null, copies = [], ownBits = 16, perSecond = 0, searching = null;

// Judging waits for signatures; of several that overlap, only the last one shows what it found.
let judging = 0;

button("reload").addEventListener("click", load);
button("add").addEventListener("click", add);
button("offer").addEventListener("click", offer);
button("stop").addEventListener("click", () => searching?.abort());
slider.addEventListener("input", drawCost);

await load();
perSecond = await measureRate();
drawCost();
page.querySelector("#tamper-controls").hidden = false;

async function load() {
  searching?.abort();
  page.removeAttribute("data-invalid"); // nothing is judged yet
  const fetched = await lastBlocks(rules, BLOCKS_SHOWN + 2);
  given = fetched.slice(0, Math.max(0, fetched.length - BLOCKS_SHOWN)).map(({ text }) => readBlock(rules, text));
  genesis = rules === "sealed" ? readBlock(rules, await genesisBlock()) : null;
  copies = fetched.slice(given.length).map(({ text }) => new Copy(rules, text));
  const tip = copies.at(-1).read();
  ownBits = rules === "sealed" ? bitsOf(tip.target) : 16;
  Object.assign(slider, bounds(ownBits));
  slider.value = ownBits;
  offers.replaceChildren();
  status.textContent = `${copies.length === 1 ? "This is the only block" : `These are the last ${copies.length} blocks`}, yours to change.`;
  draw();
}

/** Draws everything again: a block was added, or taken from the node. */
function draw() {
  list.replaceChildren(...copies.map(card));
  drawCost();
  return judge();
}

/** One block, with all that can be changed in it. */
function card(copy, at) {
  const title = element("h3", {}, `Block ${at + 1} of this copy`);
  const findings = element("ul", { class: "findings" });
  const change = () => { copy.isTouched = true; judge(); };
  const fields = copy.fields.map(field => labelled(field.name, field, change));
  const transactions = copy.transactions.map((transaction, i) => labelled(`transaction ${i}`, transaction, change));
  const act = (name, words, action) => element("button", { type: "button", name, click: action }, words);
  copy.card = element("article", { class: "copy", "data-position": `${at}` },
    title, findings, element("p", {}, "Its hash: ", element("span", { class: "hash" })),
    ...fields, ...transactions,
    element("p", { class: "actions" },
      act("mine", "Mine again", () => repair(at, at)),
      act("repair", "Mine again, and all after it", () => repair(at, copies.length - 1)),
      act("add-field", "Add a field", () => { copy.addField(); draw(); }),
      act("add-transaction", "Add a transaction", () => { copy.addTransaction(); draw(); })));
  return copy.card;
}

function labelled(name, holder, change) {
  const area = element("textarea", { rows: "1", spellcheck: "false", "data-field": name,
    input: () => { holder.text = area.value; change(); } });
  area.value = holder.text;
  holder.area = area;
  return element("label", {}, element("span", {}, name), area);
}

/** Checks all blocks by the chain's own rules, and shows what they find. */
async function judge() {
  const mine = ++judging;
  const check = new ChainCheck(rules);
  if (genesis) check.begin(genesis);
  given.forEach(block => check.assume(block.text));
  const results = [];
  for (const copy of copies) results.push(await check.check(inCanonicalForm(copy.text())));
  if (mine !== judging) return;
  results.forEach((result, at) => show(copies[at], result));
  const invalid = results.filter(result => !result.holds).length;
  page.dataset.invalid = invalid;
  button("offer").disabled = firstChanged() < 0;
}

/** Layout does not matter to the one who types; what is no JSON stays as it is. */
function inCanonicalForm(text) {
  try {
    return canonical(text);
  } catch {
    return text;
  }
}

function show(copy, { block, findings, holds }) {
  const failing = findings.filter(one => !one.holds);
  copy.card.className = holds ? "copy holds" : "copy fails";
  copy.card.dataset.rulesBroken = failing.map(one => one.rule).join(" ");
  copy.card.querySelector("h3").replaceChildren(`Block ${block?.index ?? "?"} `, verdict(holds));
  copy.card.querySelector(".findings").replaceChildren(...failing.map(findingItem));
  copy.card.querySelector(".hash").replaceChildren(block ? bytes(block.hash) : "none");
}

/** Makes the blocks from one to another right again, as far as work can. */
async function repair(from, to) {
  searching?.abort();
  searching = new AbortController();
  const { signal } = searching;
  button("stop").disabled = false;
  try {
    for (let at = from; at <= to; at++) await mineAgain(at, signal);
  } catch (error) {
    status.textContent = error.name === "AbortError" ? "The search was stopped." : `That cannot be mined: ${error.message}`;
  }
  button("stop").disabled = true;
  await judge();
}

async function mineAgain(at, signal) {
  const copy = copies[at];
  const before = [...given, ...copies.slice(0, at).map(one => one.read())];
  const bits = Number(slider.value);
  const puzzle = copy.prepare(before, genesis?.params, bits === ownBits ? null : bits);
  copy.isTouched = true;
  if (copy.isSolved(puzzle)) {
    status.textContent = `Block ${copy.read().index}: the proof that it has solves the puzzle still. Nobody has to work for this change.`;
    return;
  }
  const found = await mine(puzzle, signal, progress => {
    perSecond = progress.perSecond;
    status.textContent = `Block ${copy.read().index}: ${progress.guesses.toLocaleString("en")} guesses, ${Math.round(perSecond).toLocaleString("en")} a second …`;
  });
  copy.set("proof", found.proof);
  status.textContent = `Block ${copy.read().index}: proof ${found.proof} after ${found.guesses.toLocaleString("en")} guesses.`;
  drawCost();
}

function drawCost() {
  page.querySelector("output").value = slider.value;
  showCost(page.querySelector("#tamper-cost"), Number(slider.value), ownBits, perSecond);
}

function add() {
  copies.push(newBlock(rules, [...given, ...copies.map(one => one.read())], genesis?.params));
  draw();
}

function firstChanged() {
  return copies.findIndex(copy => copy.isTouched);
}

/** Offers every block from the first changed one on, until one is refused. */
async function offer() {
  offers.replaceChildren();
  for (const copy of copies.slice(firstChanged())) {
    const response = await fetch(urlOf("/api/v1/blocks"), { method: "POST", body: copy.text(), headers: { "content-type": "application/json" } });
    const answer = await response.json().catch(() => ({ detail: "an answer that is no JSON" }));
    offers.append(element("li", { class: response.ok ? "holds" : "fails", "data-rule": answer.rule ?? "", "data-outcome": answer.outcome ?? "refused" },
      response.ok
        ? `Block ${answer.index} was taken: ${answer.outcome}.`
        : `Refused${answer.block ? ` (block ${answer.block.index})` : ""}, by the rule ${answer.rule ?? "none"}: ${answer.detail}`));
    if (!response.ok) return;
    copy.isTouched = false;
  }
  const length = await fetchText("/api/v1/blocks/tip/height");
  offers.append(element("li", {}, `The node's chain has ${length} blocks now.`));
}
