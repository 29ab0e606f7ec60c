// Where the texts of blocks come from. They are kept exactly as they came: what is hashed is text.

import { readBlock } from "./block.js";

/** The URL of a path of the node, which may be found below a path of its host: this file is one folder below it. */
export const urlOf = path => new URL(`..${path}`, import.meta.url);

/** The whole chain, the oldest block first, while it still comes: out of the answer to GET /chain. */
export async function* wholeChain() {
  const response = await fetch(urlOf("/chain"));
  if (!response.ok) throw new Error(`GET /chain was answered with ${response.status}`);
  const pieces = response.body.pipeThrough(new TextDecoderStream("utf-8", { fatal: true, ignoreBOM: true }));
  const splitter = new Splitter();
  const reader = pieces.getReader();
  for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
    for (const text of splitter.feed(piece.value)) yield { text, askedFor: null };
  }
  if (!splitter.isWhole) throw new Error("the answer to GET /chain broke off");
}

/**
 * The last blocks, the oldest first. Each one is asked for by the hash that the next one names,
 * so that the way back from the tip can be checked.
 */
export async function lastBlocks(rules, count, onBlock = () => {}) {
  const blocks = [];
  let askedFor = await fetchText("/api/v1/blocks/tip/hash");
  while (blocks.length < count) {
    const text = await rawBlock(askedFor);
    blocks.unshift({ text, askedFor });
    onBlock(blocks.length);
    const { index, previousHash } = readBlock(rules, text);
    if (index <= 1n) break;
    askedFor = previousHash;
  }
  return blocks;
}

/** The genesis block's text. */
export const genesisBlock = async () => rawBlock(await fetchText("/api/v1/block-height/1"));

/** The exact text of a block. */
export const rawBlock = hash => fetchText(`/api/v1/block/${encodeURIComponent(hash)}/raw`);

/** The text of an answer. */
export async function fetchText(path) {
  const response = await fetch(urlOf(path));
  if (!response.ok) throw new Error(`GET ${path} was answered with ${response.status}`);
  return response.text();
}

/** Cuts {"chain": [{...}, {...}], ...} into the texts of its blocks, without reading them. */
class Splitter {
  constructor() {
    this.depth = 0;
    this.inString = false;
    this.isEscaped = false;
    this.inChain = false;
    this.started = "";
    this.isWhole = false;
  }

  *feed(piece) {
    const inBlock = () => this.inChain && this.depth >= 3;
    let start = inBlock() ? 0 : -1;
    for (let at = 0; at < piece.length; at++) {
      const character = piece[at];
      if (this.inString) {
        if (this.isEscaped) this.isEscaped = false;
        else if (character === "\\") this.isEscaped = true;
        else if (character === '"') this.inString = false;
      } else if (character === '"') {
        this.inString = true;
      } else if (character === "{" || character === "[") {
        this.depth++;
        // The chain is the one list right inside the answer.
        if (this.depth === 2 && character === "[") this.inChain = true;
        if (this.inChain && this.depth === 3) start = at;
      } else if (character === "}" || character === "]") {
        if (this.inChain && this.depth === 3) {
          yield this.started + piece.slice(start, at + 1);
          this.started = "";
          start = -1;
        }
        this.depth--;
        if (this.depth === 1) this.inChain = false;
        this.isWhole = this.depth === 0;
      }
    }
    if (start >= 0) this.started += piece.slice(start);
  }
}
