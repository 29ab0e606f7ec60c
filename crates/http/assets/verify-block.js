// Fills every <section data-verify data-hash="BLOCK" data-rules="RULES" [data-tx="ID"]>: shows how
// the hash of that block, or the place of that transaction in it, comes about, computed here.

import { guessOf, readBlock, transactionId } from "./block.js";
import { checkBlock } from "./verify.js";
import { fetchText, genesisBlock, rawBlock } from "./chain-source.js";
import { bytes, element, findingItem, verdict } from "./dom.js";
import { climb, leaf } from "./merkle.js";
import { canonical, read, write } from "./canonical.js";
import { sha256Hex, toHex } from "./sha256.js";
import { isSigned, whyNotChecked } from "./signature.js";
import { targetHex } from "./target.js";

for (const section of document.querySelectorAll("section[data-verify]")) {
  const { hash, rules, tx } = section.dataset;
  const filled = tx ? fillTransaction(section, rules, tx, hash) : fillBlock(section, rules, hash);
  filled.catch(error => section.append(element("p", {}, verdict(false, "could not be checked"), ` ${error.message}`)));
}

async function fillBlock(section, rules, hash) {
  const block = readBlock(rules, await rawBlock(hash));
  const parent = block.index > 1n ? readBlock(rules, await rawBlock(block.previousHash)) : null;
  const isSealed = rules === "sealed";
  const grandparent = isSealed && parent && parent.index > 1n ? readBlock(rules, await rawBlock(parent.previousHash)) : null;
  const { params } = isSealed ? readBlock(rules, await genesisBlock()) : { params: null };
  const findings = checkBlock(rules, block, parent, grandparent, params);
  const isSame = block.hash === hash;
  section.append(
    element("h2", {}, "Checked in your browser"),
    element("p", {}, verdict(isSame && findings.every(one => one.holds)), " computed here, from the block's text alone"),
    preimage(isSealed, block, hash),
    guess(rules, block, parent),
    element("h3", {}, "Every rule"),
    element("ul", {}, ...findings.map(findingItem)));
  section.dataset.result = isSame && findings.every(one => one.holds) ? "valid" : "invalid";
}

function preimage(isSealed, block, hash) {
  const what = isSealed ? "The header: the block without proof and transactions. It stands for them by merkle_root." : "The whole block, as canonical JSON.";
  const part = element("div", {}, element("h3", {}, "What is hashed"), element("p", {}, what), bytes(block.preimage));
  const digest = isSealed ? "SHA-256 of it is the seal:" : "SHA-256 of it is the block's hash:";
  part.append(element("p", {}, digest, " ", bytes(block.digest)));
  if (isSealed) part.append(element("p", {}, "SHA-256 of seal and proof is the block's hash: ", bytes(block.hash)));
  part.append(element("p", {}, verdict(block.hash === hash, block.hash === hash ? "the same hash as on this page" : "ANOTHER HASH than on this page")));
  return part;
}

function guess(rules, block, parent) {
  const made = guessOf(rules, block, parent);
  if (!made) return element("p", {}, "The first block: nobody searched for its proof.");
  const parts = {
    sealed: "the seal, then the proof",
    "classic-2018": "the last proof, the proof, the last block's hash",
    classic: "the last proof, then the proof: nothing of what the block holds",
  };
  return element("div", {},
    element("h3", {}, "The work"),
    element("p", {}, `The guess is ${parts[rules]}.`), bytes(made.text),
    element("p", {}, "Its SHA-256: ", bytes(made.hash)),
    element("p", {}, "must not exceed: ", bytes(targetHex(made.target))),
    element("p", {}, verdict(made.holds, made.holds ? "it does not" : "IT DOES")));
}

async function fillTransaction(section, rules, id, hash) {
  section.append(element("h2", {}, "Checked in your browser"));
  if (!hash) return section.append(element("p", {}, "It waits for a block: no work stands for it yet."));
  if (rules !== "sealed") return fillClassicTransaction(section, rules, id, hash);
  // The answer as text: JSON.parse would round large numbers.
  const proof = read(await fetchText(`/api/v1/tx/${encodeURIComponent(id)}/merkle-proof`)).members;
  const text = write(proof.get("transaction"));
  const header = proof.get("header");
  const seal = sha256Hex(write(header));
  const root = header.members.get("merkle_root").string;
  const number = name => Number(proof.get(name).text);
  const path = proof.get("path").items.map(item => item.string);
  const climbed = climb(leaf(text), number("position"), number("leaf_count"), path);
  const blockHash = sha256Hex(`${seal}${proof.get("proof").text}`);
  const checks = [
    ["the id is the hash of the transaction without its signature", transactionId(rules, text) === id],
    ["the path leads to the header's merkle_root", climbed?.root === root],
    ["the header's seal and the proof hash to the block", blockHash === proof.get("block_hash").string && blockHash === hash],
    ...(await signatureCheck(text)),
  ];
  const holds = checks.every(([, one]) => one !== false);
  section.append(
    element("p", {}, verdict(holds), " computed here, from the transaction's text up to the block's hash"),
    element("p", {}, "The transaction, as it is hashed: ", bytes(text)),
    element("p", {}, "Its leaf, SHA-256 of a zero byte and this text: ", bytes(toHex(leaf(text)))),
    element("ol", {}, ...(climbed?.steps ?? []).map(step => element("li", {}, `with the sibling on the ${step.side}, `, bytes(step.sibling), ", the hash is ", bytes(step.hash)))),
    element("p", {}, "merkle_root in the header: ", bytes(root)),
    element("ul", {}, ...checks.map(([says, one]) => element("li", {}, one === null ? "not checked:" : verdict(one, one ? "holds" : "DOES NOT HOLD"), ` ${says}`))));
  section.dataset.result = holds ? "valid" : "invalid";
}

async function signatureCheck(text) {
  if (read(text).members.get("sender")?.string === "0") return [["a reward, which nobody signs", null]];
  const why = await whyNotChecked();
  return why ? [[`the signature: ${why}`, null]] : [["the sender has signed it", await isSigned(text)]];
}

/** A classic block has no tree: the transaction stands in the text that is hashed. */
async function fillClassicTransaction(section, rules, id, hash) {
  const block = readBlock(rules, await rawBlock(hash));
  const text = block.transactions.find(one => transactionId(rules, one) === id);
  const holds = block.hash === hash && text !== undefined;
  section.append(
    element("p", {}, verdict(holds, holds ? "it stands in the block" : "IT DOES NOT STAND IN THE BLOCK"), " whose text hashes to ", bytes(block.hash)),
    element("p", {}, "The transaction: ", bytes(text ?? "none")),
    element("p", {}, "Its SHA-256: ", bytes(text ? sha256Hex(canonical(text)) : "none")));
  section.dataset.result = holds ? "valid" : "invalid";
}
