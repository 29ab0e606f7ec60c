// A client that believes no node: it follows the headers of a sealed chain, 48 bytes each, checks the work and the target of
// every one, and looks up by a Merkle proof whether a payment is in a block. Who asks it, is not known here.

import { readBlock } from "./block.js";
import { canonical } from "./canonical.js";
import { climb, leaf } from "./merkle.js";
import { sha256Hex, toNumber } from "./sha256.js";
import { expectedTarget, targetHex } from "./target.js";

const HEADER_DIGITS = 96;
const LOCATOR_LENGTH = 24;

/** The headers of one chain, from its genesis block on. */
export class LightClient {
  /** `fetchText` reads a path of the node's API. */
  constructor(genesis, fetchText) {
    this.genesis = genesis;
    this.fetchText = fetchText;
    this.headers = [];
  }

  /** How many headers were checked. */
  get length() { return this.headers.length; }

  /** Asks for what is new. Returns how many headers fell aside; throws if what came breaks a rule. */
  async follow() {
    if (this.headers.length === 0) await this.begin();
    const answer = await this.fetchText(`/headers?locator=${this.locator().join(",")}`);
    if (answer === "") return 0;
    const { start, headers } = JSON.parse(answer);
    if (this.headers[start.index - 1]?.hash !== start.hash) throw new Error("the headers do not begin where they say");
    const next = this.headers.slice(0, start.index);
    for (const hex of headers) next.push(this.checked(hex, next.at(-1), next.at(-2)));
    const fallen = this.headers.length - start.index;
    if (headers.length > 0 && workOf(next) > workOf(this.headers)) this.headers = next;
    else return 0;
    return fallen;
  }

  async begin() {
    const block = readBlock("sealed", await this.fetchText(`/block/${this.genesis}/raw`));
    if (block.hash !== this.genesis) throw new Error("the first block is that of another chain");
    this.params = block.params;
    this.headers = [{ index: 1n, hash: block.hash, target: block.target, timestamp: block.timestamp, merkleRoot: null }];
  }

  /** Some of the hashes that are here, the newest first, always farther apart. */
  locator() {
    const hashes = [];
    for (let at = this.headers.length - 1, step = 1; at > 0 && hashes.length < LOCATOR_LENGTH; at -= step) {
      hashes.push(this.headers[at].hash);
      if (hashes.length > 8) step *= 2;
    }
    return [...hashes, this.genesis];
  }

  /** The header behind these two, from its 48 bytes. */
  checked(hex, parent, grandparent) {
    if (hex.length !== HEADER_DIGITS) throw new Error("a header is not 48 bytes long");
    const merkleRoot = hex.slice(0, 64);
    const timestamp = BigInt(`0x${hex.slice(64, 80)}`), proof = BigInt(`0x${hex.slice(80)}`);
    const index = parent.index + 1n;
    const target = expectedTarget(parent, grandparent, this.params);
    const text = `{"index": ${index}, "merkle_root": "${merkleRoot}", "previous_hash": "${parent.hash}", ` +
      `"target": "${targetHex(target)}", "timestamp": ${timestamp}, "version": 1}`;
    const hash = sha256Hex(sha256Hex(text) + proof);
    if (timestamp <= parent.timestamp) throw new Error(`header ${index} is not later than the one before`);
    if (toNumber(hash) > target) throw new Error(`nobody has worked for header ${index}`);
    return { index, hash, target, timestamp, merkleRoot };
  }

  /** Whether a transaction is in the block whose header was checked here, by the node's proof. */
  holds(proof) {
    const header = this.headers[proof.block_index - 1];
    if (!header?.merkleRoot || header.hash !== proof.block_hash) return false;
    const text = canonical(JSON.stringify(proof.transaction));
    return climb(leaf(text), proof.position, proof.leaf_count, proof.path)?.root === header.merkleRoot;
  }
}

const workOf = headers => headers.slice(1).reduce((sum, header) => sum + 2n ** 256n / (header.target + 1n), 0n);
