// Checks a chain block by block, from the exact texts of its blocks. No hash that somebody states
// is taken for true: every one is computed here, and then compared with what is stated.

import { applyBlock, checkReward, firstAccounts } from "./accounts.js";
import { JsonError } from "./canonical.js";
import { NoBlock, guessOf, readBlock } from "./block.js";
import { finding } from "./finding.js";
import { leaf, merkleRoot } from "./merkle.js";
import { isSigned, whyNotChecked } from "./signature.js";
import { expectedTarget, targetHex } from "./target.js";

const GENESIS_PROOF = 100n;
const SEALED_FIELDS = "index merkle_root previous_hash proof target timestamp transactions version";

/** Everything that a block can be judged by without the accounts. */
export function checkBlock(rules, block, parent, grandparent, params) {
  const isSealed = rules === "sealed";
  if (block.index === 1n && !parent) return checkGenesis(isSealed, block);
  const findings = [
    finding("index", block.index === parent.index + 1n, "index is one more than the last block's", parent.index + 1n, block.index),
    finding("previous-hash", block.previousHash === parent.hash, "previous_hash is the last block's hash", parent.hash, block.previousHash),
    checkProof(rules, block, parent),
  ];
  return isSealed ? [...findings, ...checkSealed(block, parent, grandparent, params)] : findings;
}

/** A block's proof solves its puzzle. */
export function checkProof(rules, block, parent) {
  const guess = guessOf(rules, block, parent);
  if (!guess) return finding("index", false, "only the first block has index 1", "another index", block.index);
  const expected = `SHA-256("${guess.text}") at most ${targetHex(guess.target)}`;
  return finding("proof", guess.holds, "the proof solves the puzzle", expected, guess.hash);
}

// The classics ask nothing of the first block: every node starts a chain of its own.
function checkGenesis(isSealed, block) {
  if (!isSealed) return [finding("genesis", true, "the chain's first block: the classics ask nothing of it", "any", block.hash)];
  const { params } = block;
  const findings = [checkFields(block, `${SEALED_FIELDS} params`), checkMerkleRoot(block)];
  const genesis = (holds, says, expected, found) => findings.push(finding("genesis", holds, says, expected, found));
  genesis(block.previousHash === "0".repeat(64), "the genesis block names no block before it", "0".repeat(64), block.previousHash);
  genesis(block.proof === GENESIS_PROOF, "nobody worked for it", GENESIS_PROOF, block.proof);
  genesis(block.transactions.length === 0, "it has no transactions", 0, block.transactions.length);
  genesis(params !== null && block.target === params.initial_target, "it has the initial target", params && targetHex(params.initial_target), targetHex(block.target));
  return findings;
}

function checkSealed(block, parent, grandparent, params) {
  const target = expectedTarget(parent, grandparent, params);
  const latest = BigInt(Date.now()) + params.future_limit_ms;
  return [
    checkFields(block, SEALED_FIELDS),
    checkMerkleRoot(block),
    checkReward(block, params),
    finding("target", block.target === target, "the target follows from the blocks before", targetHex(target), targetHex(block.target)),
    finding("timestamp", block.timestamp > parent.timestamp, "timestamp is later than the last block's", `more than ${parent.timestamp}`, block.timestamp),
    finding("future", block.timestamp <= latest, "timestamp is not ahead of this computer's clock", `at most ${latest}`, block.timestamp),
    finding("size", BigInt(block.text.length) <= params.max_block_bytes, "it is not too long", `at most ${params.max_block_bytes} bytes`, block.text.length),
  ];
}

function checkFields(block, names) {
  const expected = names.split(" ").sort().join(" ");
  const found = [...block.value.members.keys()].sort().join(" ");
  return finding("fields", found === expected && block.version === 1n, "exactly the known fields, version 1", expected, found);
}

function checkMerkleRoot(block) {
  const root = merkleRoot(block.transactions.map(leaf));
  return finding("merkle-root", block.merkleRoot === root, "merkle_root is that of the transactions", root, block.merkleRoot);
}

/** Checks the blocks of one chain in order. */
export class ChainCheck {
  constructor(rules) {
    this.rules = rules;
    this.params = null;
    this.chain = null;
    this.accounts = null;
    this.parent = null;
    this.grandparent = null;
    this.isBroken = false;
    this.counts = { blocks: 0, invalid: 0, transactions: 0, signatures: 0 };
    this.whyNoSignatures = undefined;
  }

  /** A sealed chain's genesis block: says what the chain is like, and its hash names the chain. */
  begin(genesis) {
    this.params = genesis.params;
    this.chain = genesis.hash.slice(0, 16);
  }

  /** Takes a block for given: what comes behind it is checked against it. */
  assume(text) {
    this.step(readBlock(this.rules, text));
  }

  /**
   * Checks the next block. `askedFor` is the hash under which it was asked for, if it was.
   * Returns { block, findings, holds }: whether the block is valid, and everything before it.
   */
  async check(text, askedFor = null) {
    this.counts.blocks++;
    let block = null;
    const findings = [];
    try {
      block = readBlock(this.rules, text);
      findings.push(finding("json", text === block.text, "it came in its canonical form", block.text, text));
      if (askedFor) findings.push(finding("hash", block.hash === askedFor, "it is the block that was asked for", askedFor, block.hash));
      findings.push(...(await this.judge(block)));
    } catch (error) {
      if (!(error instanceof JsonError || error instanceof NoBlock)) throw error;
      findings.push(finding("fields", false, "it is a block", "a block", error.message));
    }
    if (this.isBroken) findings.push(finding("chain-broken", false, "every block before it is valid", "", ""));
    const holds = findings.every(one => one.holds);
    if (!holds) this.counts.invalid++;
    this.isBroken ||= !holds;
    if (block) this.step(block);
    return { block, text, findings, holds };
  }

  async judge(block) {
    if (!this.parent && block.index !== 1n) return [finding("index", false, "the first block has index 1", 1, block.index)];
    if (!this.parent && block.params) {
      this.begin(block);
      this.accounts = firstAccounts(block.params);
    }
    const findings = checkBlock(this.rules, block, this.parent, this.grandparent, this.params);
    this.counts.transactions += block.transactions.length;
    if (this.rules !== "sealed" || !this.parent) return findings;
    findings.push(...(await this.checkSignatures(block)));
    // Once something is wrong, what the accounts hold is anybody's guess.
    const holds = !this.isBroken && findings.every(one => one.holds);
    if (this.accounts && holds) findings.push(...applyBlock(this.accounts, block, this.params, this.chain));
    return findings;
  }

  async checkSignatures(block) {
    this.whyNoSignatures ??= (await whyNotChecked()) ?? "";
    if (this.whyNoSignatures) return [];
    const findings = [];
    for (const [position, text] of block.transactions.entries()) {
      if (position === 0) continue; // the reward, which nobody signs
      const holds = await isSigned(text);
      findings.push(finding("signature", holds, `transaction ${position} is signed by its sender`, "a valid signature", holds ? "one" : text));
      this.counts.signatures++;
    }
    return findings;
  }

  step(block) {
    this.grandparent = this.parent;
    this.parent = block;
  }
}
