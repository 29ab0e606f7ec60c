// The Merkle tree of RFC 6962: one hash for a list, and short proofs that something stands in it.
// Leaves and nodes are hashed with different first bytes, so that neither passes for the other.

import { sha256, toHex, fromHex, utf8 } from "./sha256.js";

/** The hash of one element, given as text: under the rules `sealed`, a transaction's canonical JSON. */
export const leaf = text => sha256(joined([0], utf8(text)));

/** The hash of two hashes side by side. */
export const node = (left, right) => sha256(joined([1], left, right));

/** The root over a list of leaves, as hex digits. The root of nothing is the hash of nothing. */
export const merkleRoot = leaves => toHex(rootOf(leaves));

function rootOf(leaves) {
  if (leaves.length === 0) return sha256("");
  if (leaves.length === 1) return leaves[0];
  let left = 1;
  while (2 * left < leaves.length) left *= 2;
  return node(rootOf(leaves.slice(0, left)), rootOf(leaves.slice(left)));
}

/**
 * Goes from a leaf up to the root, and returns every step: on which side the sibling stands, its
 * hash, and the hash of both. `path` holds the siblings as hex digits, the nearest first. Null if
 * no tree of `count` leaves has a path of that length at that position (RFC 9162, 2.1.3.2).
 */
export function climb(leafHash, position, count, path) {
  if (position < 0 || position >= count) return null;
  let at = position, last = count - 1, hash = leafHash;
  const steps = [];
  for (const sibling of path) {
    if (last === 0) return null;
    const isRight = at % 2 === 1 || at === last;
    hash = isRight ? node(fromHex(sibling), hash) : node(hash, fromHex(sibling));
    steps.push({ side: isRight ? "left" : "right", sibling, hash: toHex(hash) });
    // On the right edge, levels without a sibling are skipped.
    if (isRight) while (at % 2 === 0 && at !== 0) [at, last] = [at >> 1, last >> 1];
    [at, last] = [at >> 1, last >> 1];
  }
  return last === 0 ? { root: toHex(hash), steps } : null;
}

function joined(...parts) {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
