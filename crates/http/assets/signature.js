// Signatures of the rules `sealed`: Ed25519 over "adit transaction v1\n" and the canonical JSON of
// the transaction without its signature. The curve is the browser's own (crypto.subtle), where it
// has it and lends it; where not, nothing is claimed. Browsers and nodes (ZIP 215) can differ
// only on signatures that were crafted with points of small order.

import { publicKey } from "./address.js";
import { read, write } from "./canonical.js";
import { fromHex, utf8 } from "./sha256.js";

/** Why signatures can't be checked in this browser; null if they can. */
export async function whyNotChecked() {
  if (!globalThis.crypto?.subtle) return "a browser lends its curves only to pages from https or localhost";
  try {
    await crypto.subtle.importKey("raw", new Uint8Array(32).fill(1), "Ed25519", false, ["verify"]);
    return null;
  } catch {
    return "this browser does not know Ed25519";
  }
}

/** Whether a transaction, given as text, is signed by its sender. */
export async function isSigned(text) {
  const value = read(text);
  const member = name => value.members?.get(name)?.string ?? "";
  const key = publicKey(member("sender"));
  const signature = member("signature");
  if (!key || !/^[0-9a-f]{128}$/.test(signature)) return false;
  const signed = utf8(`adit transaction v1\n${write(value, ["signature"])}`);
  try {
    const imported = await crypto.subtle.importKey("raw", key, "Ed25519", false, ["verify"]);
    return await crypto.subtle.verify("Ed25519", imported, fromHex(signature), signed);
  } catch {
    return false; // the key is no point of the curve
  }
}
