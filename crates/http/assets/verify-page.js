// The page /verify: takes the chain from the node, block by block, and checks every one of them
// here, in the browser. The rules are in verify.js; this shows what they find.

import { ChainCheck } from "./verify.js";
import { fetchText, genesisBlock, lastBlocks, wholeChain } from "./chain-source.js";
import { readBlock } from "./block.js";
import { done } from "./sha256.js";
import { breathe, bytes, element, findingItem, verdict } from "./dom.js";

/** This many rows of valid blocks are shown; older ones are only counted. */
const ROWS_LIMIT = 500;

/** As many blocks are squares, the newest. */
const CELLS_LIMIT = 1_000;

/** The page is drawn again after this much work. */
const DRAW_AFTER_MS = 40;

const counted = (number, noun) => `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;

const page = document.getElementById("verify");
const { rules } = page.dataset;
const form = page.querySelector("form");
const status = page.querySelector("[role=status]");
const progress = page.querySelector("progress");
const rows = page.querySelector("tbody");
const cells = page.querySelector(".verify-cells");
const explained = page.querySelector(".verify-rules");
const stop = form.elements.stop;

let run = 0;

form.hidden = false;
form.addEventListener("submit", event => {
  event.preventDefault();
  start(form.elements.extent.value, Number(form.elements.count.value), form.elements.genesis.value.trim());
});
stop.addEventListener("click", () => { run++; });

async function start(extent, count, pinnedGenesis) {
  const mine = ++run;
  const isStopped = () => mine !== run;
  rows.replaceChildren();
  cells.replaceChildren();
  explained.querySelector("dl").replaceChildren();
  explained.hidden = false;
  Object.assign(speed, { start: performance.now(), hashes: done.hashes });
  page.querySelector("table").hidden = progress.hidden = false;
  stop.disabled = false;
  page.removeAttribute("data-result");
  const check = new ChainCheck(rules);
  try {
    const blocks = extent === "whole" ? await theWholeChain() : await theLastBlocks(check, count);
    await checkAll(check, blocks, isStopped, pinnedGenesis);
    if (!isStopped()) await checkTip(check);
    conclude(check, isStopped());
  } catch (error) {
    say(false, `The check could not go on: ${error.message}`);
    page.dataset.result = "failed";
  }
  progress.hidden = stop.disabled = true;
}

async function theWholeChain() {
  progress.max = Number(await fetchText("/api/v1/blocks/tip/height"));
  return wholeChain();
}

/** The last blocks, and before them those that the first of these is checked against: they are taken for given. */
async function theLastBlocks(check, count) {
  progress.max = count;
  const fetched = await lastBlocks(rules, count + 2, number => { progress.value = number; });
  const given = fetched.slice(0, Math.max(0, fetched.length - count));
  if (given.length > 0 && rules === "sealed") check.begin(readBlock(rules, await genesisBlock()));
  given.forEach(({ text }) => check.assume(text));
  progress.max = fetched.length - given.length;
  return fetched.slice(given.length);
}

async function checkAll(check, blocks, isStopped, pinnedGenesis) {
  let drawn = performance.now();
  for await (const { text, askedFor } of blocks) {
    if (isStopped()) return;
    const isGenesis = check.parent === null;
    const result = await check.check(text, isGenesis && pinnedGenesis ? pinnedGenesis : askedFor);
    addRow(result, check.counts);
    if (performance.now() - drawn < DRAW_AFTER_MS) continue;
    progress.value = check.counts.blocks;
    status.textContent = `${counted(check.counts.blocks, "block")} checked … ${howFast(check)}`;
    await breathe();
    drawn = performance.now();
  }
}

const speed = { start: 0, hashes: 0 };

/** How fast this computer checks: a new one is as fast as it is, and no node can make it faster. */
function howFast(check) {
  const seconds = Math.max(performance.now() - speed.start, 1) / 1_000;
  const perSecond = (number) => Math.round(number / seconds).toLocaleString("en");
  return `${perSecond(check.counts.blocks)} blocks and ${perSecond(done.hashes - speed.hashes)} hashes a second`;
}

/** What a rule asks for, once: the rows say which of them hold. */
function explain(findings) {
  const list = explained.querySelector("dl");
  for (const { rule, says } of findings) {
    if (list.querySelector(`[data-rule="${CSS.escape(rule)}"]`)) continue;
    list.append(element("div", { "data-rule": rule }, element("dt", {}, rule), element("dd", {}, says.replace(/transaction \d+ is/, "each transaction is"))));
  }
}

/** What the node calls the last block must be what its text hashes to. */
async function checkTip(check) {
  const { index, hash } = check.parent;
  const stated = await fetchText(`/api/v1/block-height/${index}`);
  if (stated === hash) return;
  check.counts.invalid++;
  rows.append(element("tr", { class: "fails" },
    element("td", { ...label("Block"), class: "number" }, `${index}`), element("td", label("Verdict"), verdict(false)),
    element("td", label("Its hash"), bytes(hash)),
    element("td", label("Looked at"), element("ul", {}, findingItem({
      rule: "hash", holds: false, says: "the node names its last block by its hash", expected: hash, found: stated,
    })))));
}

function conclude(check, wasStopped) {
  const { blocks, invalid, transactions, signatures } = check.counts;
  page.dataset.result = wasStopped ? "stopped" : invalid === 0 ? "valid" : "invalid";
  const tip = check.parent ? ` The last one has the hash ${check.parent.hash}.` : "";
  const looked = `${counted(blocks, "block")} with ${counted(transactions, "transaction")} ${blocks === 1 ? "was" : "were"} checked${wasStopped ? ", then you stopped it" : ""}`;
  say(invalid === 0, `${looked}, ${howFast(check)}; ${invalid} ${invalid === 1 ? "is" : "are"} not valid.${tip}${notChecked(check, signatures)}`);
}

/** What nobody has looked at is said as well. */
function notChecked(check, signatures) {
  if (rules !== "sealed") return " Under these rules nobody signs, and nobody asks who owns what.";
  const signed = check.whyNoSignatures
    ? ` Signatures were NOT checked: ${check.whyNoSignatures}.`
    : ` ${counted(signatures, "signature")} ${signatures === 1 ? "was" : "were"} checked.`;
  const owned = check.accounts ? " Balances and nonces were followed from the genesis block." : " Balances and nonces were NOT checked: that takes the whole chain.";
  return signed + owned;
}

/** What a cell is, for narrow screens, which show no head of the table. */
function label(words) {
  return { "data-label": words };
}

function say(holds, words) {
  status.replaceChildren(verdict(holds), ` ${words}`);
}

function addRow({ block, text, findings, holds }, counts) {
  const failing = findings.filter(one => !one.holds);
  const details = element("td", label("Looked at"));
  if (holds) explain(findings);
  cells.append(element("li", { class: holds ? "holds" : "fails", title: `Block ${block?.index ?? counts.blocks}` }));
  if (cells.children.length > CELLS_LIMIT) cells.firstChild.remove();
  if (holds) details.append(`all ${new Set(findings.map(one => one.rule)).size} rules hold`);
  else details.append(element("ul", {}, ...failing.map(findingItem)), element("details", {}, element("summary", {}, "its bytes, as they came"), bytes(text)));
  rows.append(element("tr", { class: holds ? "holds" : "fails", "data-rules-broken": failing.map(one => one.rule).join(" ") },
    element("td", { ...label("Block"), class: "number" }, `${block?.index ?? counts.blocks}`),
    element("td", label("Verdict"), verdict(holds)),
    element("td", label("Its hash"), block ? bytes(block.hash) : "none"),
    details));
  if (rows.children.length > ROWS_LIMIT) rows.querySelector("tr.holds")?.remove();
}
