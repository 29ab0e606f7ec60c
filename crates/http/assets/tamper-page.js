// The page /tamper: a private copy of the last blocks, in which everything can be changed. What it does to a block, and to all
// behind it, is seen at once; a reader who wants it to be right again has to do the work again. Nothing leaves the page unless
// it is offered to the node.

import { element } from "./dom.js";
import { fetchText, genesisBlock, lastBlocks, urlOf } from "./chain-source.js";
import { canonical } from "./canonical.js";
import { ChainCheck } from "./verify.js";
import { Copy, newBlock } from "./tamper-copy.js";
import { Card } from "./tamper-card.js";
import { measureRate, mine } from "./miner.js";
import { bitsOf, work } from "./target.js";
import { readBlock } from "./block.js";
import { ownZeros, showCost } from "./cost.js";

const BLOCKS_SHOWN = 5;
// A search is announced to those who hear the page at this pace at most.
const SAID_EVERY_MS = 1_000;

const page = document.getElementById("tamper");
const { rules } = page.dataset;
const list = page.querySelector("#tamper-blocks");
const status = page.querySelector("[role=status]");
const slider = page.querySelector("input[type=range]");
const offers = page.querySelector("#tamper-offers");
const button = name => page.querySelector(`.tamper-controls button[name=${name}]`);

// given: the two blocks before the copy, against which its first is checked.
let given = [], genesis = null, copies = [], cards = [], tip = null, perSecond = 0, searching = null;

// Judging waits for signatures; of several that overlap, only the last one shows what it found.
let judging = 0;

button("reload").addEventListener("click", load);
button("add").addEventListener("click", add);
button("offer").addEventListener("click", offer);
button("repair").addEventListener("click", () => repair(firstBroken(), copies.length - 1));
slider.addEventListener("input", drawCost);
const asJson = page.querySelector("input[name=json]");
asJson.addEventListener("change", () => { list.classList.toggle("as-json", asJson.checked); draw(); });

await load();
for (const part of page.querySelectorAll(".tamper-controls")) part.hidden = false;
page.dataset.ready = "";
perSecond = await measureRate();
drawCost();

async function load() {
  searching?.abort();
  page.removeAttribute("data-invalid"); // nothing is judged yet
  const fetched = await lastBlocks(rules, BLOCKS_SHOWN + 2);
  given = fetched.slice(0, Math.max(0, fetched.length - BLOCKS_SHOWN)).map(({ text }) => readBlock(rules, text));
  genesis = rules === "sealed" ? readBlock(rules, await genesisBlock()) : null;
  copies = fetched.slice(given.length).map(({ text }) => new Copy(rules, text));
  tip = copies.at(-1).read();
  slider.value = ownZeros(ownBits());
  offers.replaceChildren();
  status.textContent = copies.length === 1 ? "This is the only block. Add one on top, or change it." : "";
  draw();
}

function ownBits() {
  return rules === "sealed" ? bitsOf(tip.target) : 16;
}

/** Draws everything again: a block was added, or taken from the node. */
function draw() {
  const act = { change, mine: at => repair(at, at), stop: () => searching?.abort(), draw };
  cards = copies.map((copy, at) => new Card(copy, at, given.length === 0 && at === 0, act));
  list.replaceChildren(...cards.map(card => element("li", {}, card.element)));
  drawCost();
  return judge();
}

/** What is searched for is another puzzle's proof once something is changed. */
function change() {
  searching?.abort();
  return judge();
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
  const invalid = results.filter(result => !result.holds).length;
  const first = results.findIndex(result => !result.holds);
  results.forEach((result, at) => {
    // Red runs to the right, one block after the other.
    cards[at].element.dataset.late = `${Math.max(0, at - Math.max(0, first))}`;
    cards[at].show(result, results[at - 1] ?? (given.length ? { block: given.at(-1) } : null));
  });
  page.dataset.invalid = invalid;
  button("repair").disabled = invalid === 0;
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

function firstChanged() {
  return copies.findIndex(copy => copy.isTouched);
}

function firstBroken() {
  return Math.max(0, cards.findIndex(card => card.element.classList.contains("fails")));
}

/** Makes the blocks from one to another right again, as far as work can. */
async function repair(from, to) {
  searching?.abort();
  searching = new AbortController();
  const { signal } = searching;
  try {
    for (let at = from; at <= to; at++) {
      await mineAgain(at, signal);
      await judge();
    }
  } catch (error) {
    cards.forEach(card => card.hideSearch());
    status.textContent = error.name === "AbortError" ? "The search was stopped." : `That cannot be mined: ${error.message}`;
    await judge();
  }
}

async function mineAgain(at, signal) {
  const copy = copies[at], card = cards[at];
  const before = [...given, ...copies.slice(0, at).map(one => one.read())];
  const zeros = Number(slider.value);
  const bits = zeros === ownZeros(ownBits()) ? null : 4 * zeros;
  const puzzle = copy.prepare(before, genesis?.params, bits);
  const name = `Block ${copy.read().index}`;
  if (copy.isSolved(puzzle)) {
    status.textContent = `${name}: the proof that it has solves the puzzle still. Nobody has to work for this change.`;
    return;
  }
  const average = Number(work(puzzle.target));
  card.element.scrollIntoView({ block: "nearest", inline: "nearest" });
  let saidAt = 0;
  const found = await mine(puzzle, signal, progress => {
    perSecond = progress.perSecond;
    if (progress.proof === null) card.showSearch({ ...progress, average, puzzle });
    if (performance.now() - saidAt < SAID_EVERY_MS) return;
    saidAt = performance.now();
    status.textContent = `${name}: ${progress.guesses.toLocaleString("en")} guesses, ${Math.round(perSecond).toLocaleString("en")} a second …`;
  });
  copy.set("proof", found.proof);
  copy.wasMined = true;
  card.showSearch({ guesses: found.guesses, average, puzzle, isFound: true });
  status.textContent = `${name}: proof ${found.proof} after ${found.guesses.toLocaleString("en")} guesses.`;
  drawCost();
}

function drawCost() {
  const ownGuesses = rules === "sealed" ? Number(work(tip.target)) : 65_536;
  showCost(page.querySelector("#tamper-cost"), { chosen: Number(slider.value), own: ownZeros(ownBits()), ownGuesses, perSecond });
}

async function add() {
  copies.push(newBlock(rules, [...given, ...copies.map(one => one.read())], genesis?.params));
  await draw();
  cards.at(-1).element.scrollIntoView({ block: "nearest", inline: "end" });
}

/** Offers every block from the first changed one on, until one is refused. */
async function offer() {
  offers.replaceChildren();
  for (const copy of copies.slice(firstChanged())) {
    const response = await fetch(urlOf("/api/v1/blocks"), { method: "POST", body: copy.text(), headers: { "content-type": "application/json" } });
    const answer = await response.json().catch(() => ({ detail: "an answer that is no JSON" }));
    offers.append(element("li", { class: response.ok ? "holds" : "fails", "data-rule": answer.rule ?? "", "data-outcome": answer.outcome ?? "refused" },
      element("b", {}, response.ok ? "✓ Taken." : "✗ Refused."), " ",
      response.ok
        ? `Block ${answer.index}: ${answer.outcome}.`
        : `${answer.block ? `Block ${answer.block.index}: ` : ""}${answer.detail} (${answer.rule ?? "no rule"})`));
    if (!response.ok) return;
    copy.settle();
  }
  const length = await fetchText("/api/v1/blocks/tip/height");
  offers.append(element("li", {}, `The node's chain has ${length} blocks now.`));
}
