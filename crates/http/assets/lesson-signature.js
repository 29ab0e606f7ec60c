// Lesson 8: a text is signed, altered, and the signature fits no longer. Plain http lends a page no curves, so Ed25519 is a library
// of others (ed25519.js), loaded when the lesson is opened for the first time: the one thing here that needs the node by then.

import { drawStrip, strip } from "./block-figure.js";
import { element } from "./dom.js";
import { toHex, utf8 } from "./sha256.js";

const TEXT = "Mia pays Jonas 5";
const NOTHING = "0".repeat(64);

export async function start(stage) {
  let curve, key, signature = null, wasAltered = false;
  const field = element("input", { "aria-label": "What is signed", autocomplete: "off", spellcheck: "false", maxlength: "60", input: look });
  field.value = TEXT;
  const mark = part("signature"), open = part("Mia’s public key");
  const verdict = element("b", {}, "not signed");
  stage.draw(element("div", { class: "signed" }, element("div", { class: "signed-text" }, field, verdict), mark.element, open.element));
  const sign = stage.button("Sign it with Mia’s key", () => { signature = curve.sign(utf8(field.value), key.secretKey); wasAltered = false; look(); }, true);
  const back = stage.button("Put it back", () => { field.value = TEXT; look(); });
  sign.disabled = back.disabled = true;
  stage.say("Sign the payment, then alter it.", "todo");
  try {
    curve = await import("./ed25519.js");
  } catch {
    return stage.say("The library for signatures could not be loaded. Open this lesson once while the node answers.", "wrong");
  }
  key = curve.newKey();
  open.show(toHex(key.publicKey));
  sign.disabled = back.disabled = false;

  function look() {
    if (!signature) return;
    mark.show(toHex(signature));
    const fits = curve.verify(signature, utf8(field.value), key.publicKey);
    verdict.className = fits ? "good" : "bad";
    verdict.textContent = fits ? "✓ fits" : "✗ does not fit";
    wasAltered ||= !fits;
    if (!fits) stage.say("The signature is for another text. For this one it takes Mia’s key.", "wrong");
    else if (wasAltered) stage.say("The old text again, so the old signature fits.", "well");
    else stage.say("Everybody can check it with Mia’s public key. Now alter the text.", "todo");
  }
}

/** A named number: its strip, and so many of its digits as two lines hold. */
function part(name) {
  const bars = strip(NOTHING), code = element("code", {}, "…");
  return {
    element: element("div", { class: "signed-part" }, element("span", {}, name), bars, code),
    show(hex) {
      drawStrip(bars, hex);
      code.textContent = hex.length > 64 ? `${hex.slice(0, 63)}…` : hex;
    },
  };
}
