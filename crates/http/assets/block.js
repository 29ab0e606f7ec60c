// What of a block is hashed, and which guess its proof is the answer to.
//
//   classic, classic-2018   hash = SHA-256(canonical JSON of the whole block)
//   sealed                  seal = SHA-256(canonical JSON of the block without proof and transactions)
//                           hash = SHA-256(seal and decimal proof)

import { canonical, read, write } from "./canonical.js";
import { sha256Hex, toNumber } from "./sha256.js";
import { FOUR_HEX_ZEROS } from "./target.js";

/** What a text lacks to be a block. */
export class NoBlock extends Error {}

/** Reads any JSON text of a block, and computes its hash: nobody's word is taken for it. */
export function readBlock(rules, text) {
  const value = read(text);
  if (value.kind !== "object") throw new NoBlock("a block is an object");
  const field = name => value.members.get(name);
  const list = field("transactions");
  if (list?.kind !== "list") throw new NoBlock("transactions: expected a list");
  if (!field("previous_hash")) throw new NoBlock("previous_hash: expected a hash, found nothing");
  const block = {
    value,
    text: write(value),
    index: integer("index", field("index")),
    proof: integer("proof", field("proof")),
    previousHash: field("previous_hash").string ?? write(field("previous_hash")),
    transactions: list.items.map(item => write(item)),
  };
  const sealed = rules === "sealed" ? readSealed(field) : {};
  const preimage = rules === "sealed" ? write(value, ["proof", "transactions"]) : block.text;
  const digest = sha256Hex(preimage);
  const hash = rules === "sealed" ? sha256Hex(`${digest}${block.proof}`) : digest;
  // preimage: the text that is hashed; digest: its hash, which is the seal under `sealed`.
  return { ...block, ...sealed, preimage, digest, hash };
}

/** What only sealed blocks have. */
function readSealed(field) {
  const hex = name => {
    const text = field(name)?.string ?? "";
    if (!/^[0-9a-f]{64}$/.test(text)) throw new NoBlock(`${name}: expected 64 lower-case hex digits`);
    return text;
  };
  return {
    version: integer("version", field("version")),
    timestamp: integer("timestamp", field("timestamp")),
    merkleRoot: hex("merkle_root"),
    target: toNumber(hex("target")),
    params: field("params") ? readParams(field("params")) : null,
  };
}

/** What a sealed chain is like: stands in its genesis block. */
function readParams(params) {
  if (params.kind !== "object") throw new NoBlock("params: expected an object");
  const found = name => params.members.get(name);
  const whole = name => integer(`params: ${name}`, found(name));
  return {
    initial_target: toNumber(found("initial_target")?.string ?? "0"),
    pow_limit: toNumber(found("pow_limit")?.string ?? "0"),
    block_interval_ms: whole("block_interval_ms"),
    half_life_ms: whole("half_life_ms"),
    reward: whole("reward"),
    max_block_bytes: whole("max_block_bytes"),
    max_data_bytes: whole("max_data_bytes"),
    future_limit_ms: whole("future_limit_ms"),
    allocations: [...(found("allocations")?.members ?? [])].map(([address, amount]) => [address, integer(address, amount)]),
  };
}

/** A whole number in 0..2^64-1, as a BigInt. */
export function integer(name, value) {
  const isInteger = value?.kind === "number" && /^[0-9]+$/.test(value.text) && BigInt(value.text) < 2n ** 64n;
  if (!isInteger) throw new NoBlock(`${name}: expected an integer in 0..2^64-1, found ${value ? write(value) : "nothing"}`);
  return BigInt(value.text);
}

/**
 * The guess that a block's proof is: SHA-256(prefix + proof + suffix) must not exceed the target.
 * Null for a genesis block, which nobody worked for.
 */
export function guessOf(rules, block, parent) {
  if (block.index === 1n) return null;
  const puzzle = puzzleOf(rules, block, parent);
  const text = `${puzzle.prefix}${block.proof}${puzzle.suffix}`;
  const hash = sha256Hex(text);
  return { ...puzzle, proof: block.proof, text, hash, holds: toNumber(hash) <= puzzle.target };
}

/** What stands before and after the proof. In the classics it says nothing about the block itself. */
export function puzzleOf(rules, block, parent) {
  switch (rules) {
    case "sealed": return { prefix: block.digest, suffix: "", target: block.target };
    case "classic-2018": return { prefix: `${parent.proof}`, suffix: parent.hash, target: FOUR_HEX_ZEROS };
    default: return { prefix: `${parent.proof}`, suffix: "", target: FOUR_HEX_ZEROS };
  }
}

/**
 * A transaction's id: the hash of its canonical JSON, under `sealed` without the signature.
 */
export function transactionId(rules, text) {
  if (rules !== "sealed") return sha256Hex(canonical(text));
  return sha256Hex(write(read(text), ["signature"]));
}
