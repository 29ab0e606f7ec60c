// SHA-512 (FIPS 180-4), written out with whole numbers of 64 bits: for signatures in a page, which need few of them. What is hashed
// often is hashed by sha256.js.

const BLOCK_BYTES = 128;
const WORD = (1n << 64n) - 1n;

// The first 64 bits of the fractional parts of the cube and square roots of the first primes.
const PRIMES = [];
for (let n = 2; PRIMES.length < 80; n++) if (PRIMES.every(p => n % p)) PRIMES.push(n);
const ROUND_CONSTANTS = PRIMES.map(p => root(BigInt(p) << 192n, 3n) & WORD);
const START = PRIMES.slice(0, 8).map(p => root(BigInt(p) << 128n, 2n) & WORD);

/** The whole part of a root. */
function root(value, degree) {
  let low = 0n, high = 1n << 72n;
  while (high - low > 1n) {
    const middle = (low + high) >> 1n;
    if (middle ** degree <= value) low = middle;
    else high = middle;
  }
  return low;
}

const rotate = (x, n) => ((x >> n) | (x << (64n - n))) & WORD;

/** The 64 bytes of a message's hash; the message is bytes. */
export function sha512(message) {
  const padded = new Uint8Array(Math.ceil((message.length + 17) / BLOCK_BYTES) * BLOCK_BYTES);
  padded.set(message);
  padded[message.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setBigUint64(padded.length - 8, BigInt(message.length) * 8n);
  const state = [...START];
  for (let at = 0; at < padded.length; at += BLOCK_BYTES) compress(state, view, at);
  const digest = new DataView(new ArrayBuffer(64));
  state.forEach((word, at) => digest.setBigUint64(8 * at, word));
  return new Uint8Array(digest.buffer);
}

function compress(state, view, offset) {
  const w = Array.from({ length: 16 }, (_, t) => view.getBigUint64(offset + 8 * t));
  for (let t = 16; t < 80; t++) {
    const x = w[t - 15], y = w[t - 2];
    const s0 = rotate(x, 1n) ^ rotate(x, 8n) ^ (x >> 7n);
    const s1 = rotate(y, 19n) ^ rotate(y, 61n) ^ (y >> 6n);
    w[t] = (w[t - 16] + s0 + w[t - 7] + s1) & WORD;
  }
  let [a, b, c, d, e, f, g, h] = state;
  for (let t = 0; t < 80; t++) {
    const s1 = rotate(e, 14n) ^ rotate(e, 18n) ^ rotate(e, 41n);
    const t1 = (h + s1 + ((e & f) ^ (~e & WORD & g)) + ROUND_CONSTANTS[t] + w[t]) & WORD;
    const s0 = rotate(a, 28n) ^ rotate(a, 34n) ^ rotate(a, 39n);
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) & WORD;
    [h, g, f, e, d, c, b, a] = [g, f, e, (d + t1) & WORD, c, b, a, (t1 + t2) & WORD];
  }
  [a, b, c, d, e, f, g, h].forEach((word, at) => { state[at] = (state[at] + word) & WORD; });
}
