// Addresses of the rules `sealed`: a public key of 32 bytes in bech32m (BIP 350), so that a wrong
// letter is noticed. Five bits make a letter, and the last six letters are a checksum.

const LETTERS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const HUMAN_PART = "adit";
const GENERATOR = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];
const BECH32M = 0x2bc830a3;

/** The public key that an address stands for; null if it is no address. */
export function publicKey(address) {
  if (!address.startsWith(`${HUMAN_PART}1`)) return null;
  const values = Array.from(address.slice(HUMAN_PART.length + 1), letter => LETTERS.indexOf(letter));
  // 256 bits are 52 letters, the last four of the 260 bits being zero.
  if (values.length !== 52 + 6 || values.includes(-1) || checksum(values) !== BECH32M) return null;
  const bits = values.slice(0, 52).map(value => value.toString(2).padStart(5, "0")).join("");
  if (!bits.endsWith("0000")) return null;
  return Uint8Array.from({ length: 32 }, (_, at) => parseInt(bits.slice(8 * at, 8 * at + 8), 2));
}

function checksum(values) {
  const codes = Array.from(HUMAN_PART, letter => letter.charCodeAt(0));
  const expanded = [...codes.map(code => code >> 5), 0, ...codes.map(code => code & 31)];
  let sum = 1;
  for (const value of [...expanded, ...values]) {
    const top = sum >>> 25;
    sum = ((sum & 0x1ffffff) << 5) ^ value;
    GENERATOR.forEach((mask, bit) => { if ((top >> bit) & 1) sum ^= mask; });
  }
  return sum;
}

/** The address of a public key of 32 bytes. */
export function addressOf(key) {
  const bits = Array.from(key, byte => byte.toString(2).padStart(8, "0")).join("").padEnd(260, "0");
  const values = Array.from({ length: 52 }, (_, at) => parseInt(bits.slice(5 * at, 5 * at + 5), 2));
  const sum = checksum([...values, 0, 0, 0, 0, 0, 0]) ^ BECH32M;
  const end = Array.from({ length: 6 }, (_, at) => (sum >>> (5 * (5 - at))) & 31);
  return `${HUMAN_PART}1${[...values, ...end].map(value => LETTERS[value]).join("")}`;
}
