// Signatures in a page that plain http has brought, where the browser lends no curves: noble-ed25519 as it was published, on the
// SHA-512 beside it. It is loaded where it is used, and nowhere else.

import { getPublicKey, hashes, sign as nobleSign, utils, verify as nobleVerify } from "./noble-ed25519.js";
import { sha512 } from "./sha512.js";

hashes.sha512 = sha512;

/** A new key: { secretKey, publicKey }, 32 bytes each. It never leaves the page. */
export function newKey() {
  const secretKey = utils.randomSecretKey();
  return { secretKey, publicKey: getPublicKey(secretKey) };
}

/** The public key of a secret one. */
export const publicKeyOf = (secretKey) => getPublicKey(secretKey);

/** The 64 bytes of a signature under a message. */
export const sign = (message, secretKey) => nobleSign(message, secretKey);

/** Whether a signature is that of the key's owner under this message. */
export const verify = (signature, message, publicKey) => nobleVerify(signature, message, publicKey);
