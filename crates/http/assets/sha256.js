// SHA-256 (FIPS 180-4), written out, because a browser lends its own (crypto.subtle) only to
// pages that came over https or from localhost. Everything else here is built on this one function.

// The first 32 bits of the fractional parts of the cube and square roots of the first primes.
const PRIMES = [];
for (let n = 2; PRIMES.length < 64; n++) if (PRIMES.every(p => n % p)) PRIMES.push(n);
const fraction = x => Math.floor((x - Math.floor(x)) * 2 ** 32);
const ROUND_CONSTANTS = Int32Array.from(PRIMES, p => fraction(Math.cbrt(p)));
const START = Int32Array.from(PRIMES.slice(0, 8), p => fraction(Math.sqrt(p)));

const BLOCK_BYTES = 64;
const schedule = new Int32Array(64);
const rotate = (x, n) => (x >>> n) | (x << (32 - n));

/** The state before the first block. */
export const startState = () => START.slice();

/** Mixes one block of 64 bytes, found at `offset`, into the state. */
export function compress(state, bytes, offset = 0) {
  const w = schedule;
  for (let t = 0, at = offset; t < 16; t++, at += 4) {
    w[t] = (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
  }
  for (let t = 16; t < 64; t++) {
    const x = w[t - 15], y = w[t - 2];
    const s0 = rotate(x, 7) ^ rotate(x, 18) ^ (x >>> 3);
    const s1 = rotate(y, 17) ^ rotate(y, 19) ^ (y >>> 10);
    w[t] = (w[t - 16] + s0 + w[t - 7] + s1) | 0;
  }
  let a = state[0], b = state[1], c = state[2], d = state[3];
  let e = state[4], f = state[5], g = state[6], h = state[7];
  for (let t = 0; t < 64; t++) {
    const s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
    const choose = (e & f) ^ (~e & g);
    const t1 = (h + s1 + choose + ROUND_CONSTANTS[t] + w[t]) | 0;
    const s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
    const majority = (a & b) ^ (a & c) ^ (b & c);
    h = g; g = f; f = e; e = (d + t1) | 0;
    d = c; c = b; b = a; a = (t1 + s0 + majority) | 0;
  }
  state[0] += a; state[1] += b; state[2] += c; state[3] += d;
  state[4] += e; state[5] += f; state[6] += g; state[7] += h;
}

/** The last bytes of a message, those not mixed in yet, with the padding: a one bit, zeros, the length in bits. */
export function padded(rest, messageBytes) {
  const blocks = new Uint8Array(Math.ceil((rest.length + 9) / BLOCK_BYTES) * BLOCK_BYTES);
  blocks.set(rest);
  blocks[rest.length] = 0x80;
  const view = new DataView(blocks.buffer);
  view.setUint32(blocks.length - 8, Math.floor(messageBytes / 2 ** 29));
  view.setUint32(blocks.length - 4, messageBytes * 8);
  return blocks;
}

/** How many messages were hashed here, for those who want to know how fast that goes. */
export const done = { hashes: 0 };

/** The 32 bytes of a message's hash. The message is text (hashed as UTF-8) or bytes. */
export function sha256(message) {
  const bytes = typeof message === "string" ? utf8(message) : message;
  done.hashes++;
  const state = startState();
  const whole = bytes.length - (bytes.length % BLOCK_BYTES);
  for (let at = 0; at < whole; at += BLOCK_BYTES) compress(state, bytes, at);
  const end = padded(bytes.subarray(whole), bytes.length);
  for (let at = 0; at < end.length; at += BLOCK_BYTES) compress(state, end, at);
  const digest = new Uint8Array(32);
  const view = new DataView(digest.buffer);
  state.forEach((word, i) => view.setInt32(4 * i, word));
  return digest;
}

/** The same as 64 hex digits: how hashes are written everywhere else. */
export const sha256Hex = message => toHex(sha256(message));

/** A text's bytes in UTF-8. */
export const utf8 = text => new TextEncoder().encode(text);

/** Bytes as lower-case hex digits. */
export const toHex = bytes => Array.from(bytes, byte => byte.toString(16).padStart(2, "0")).join("");

/** Hex digits as bytes. */
export const fromHex = hex => Uint8Array.from(hex.match(/../g) ?? [], pair => parseInt(pair, 16));

/** Bytes or hex digits, read as one big-endian number. */
export const toNumber = hash => BigInt(`0x${typeof hash === "string" ? hash : toHex(hash)}`);
