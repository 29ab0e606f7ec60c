// A key that is made in this browser and never leaves it: 16 bytes, which are twelve words, and what follows from them. The
// curve is noble-ed25519, as published; what is hashed is hashed here, since a page over plain http is lent nothing.

import { addressOf } from "./address.js";
import { canonical } from "./canonical.js";
import { publicKeyOf, sign } from "./ed25519.js";
import { sha256, toHex, utf8 } from "./sha256.js";
import { bytesOf, wordsOf } from "./words.js";

const SECRET_PREFIX = "adit class key v1\n";
const SIGNED_PREFIX = "adit transaction v1\n";

/** A key, made of words or new. */
export class Key {
  constructor(words) {
    const seed = words ? bytesOf(words) : crypto.getRandomValues(new Uint8Array(16));
    const prefix = utf8(SECRET_PREFIX);
    const bytes = new Uint8Array(prefix.length + seed.length);
    bytes.set(prefix);
    bytes.set(seed, prefix.length);
    this.words = wordsOf(seed);
    this.secret = sha256(bytes);
    this.address = addressOf(publicKeyOf(this.secret));
  }

  /** The text of a payment, signed. */
  pay({ chain, nonce, recipient, amount }) {
    const transfer = { amount, chain, fee: 0, nonce, recipient, sender: this.address };
    const text = canonical(JSON.stringify(transfer));
    const signature = toHex(sign(utf8(SIGNED_PREFIX + text), this.secret));
    return canonical(JSON.stringify({ ...transfer, signature }));
  }
}
