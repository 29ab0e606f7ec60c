// Lesson 3: a proof is guessed, first by hand, then by the page.

import { strip, blockFigure } from "./block-figure.js";
import { element } from "./dom.js";
import { goodChain, hashOf, hasZeros, mine, payment, ZEROS } from "./lesson-chain.js";
import { grouped } from "./lesson.js";

const GUESSES_SHOWN = 3;
const AVERAGE = 16 ** ZEROS;

export function start(stage) {
  const block = { ...goodChain()[1], proof: 0 };
  let guesses = [], count = 0, searching = null;
  const field = element("input", { inputmode: "numeric", autocomplete: "off", maxlength: "12", "aria-label": "proof", input: () => { if (/^\d+$/.test(field.value)) guess(Number(field.value)); } });
  const byHand = stage.button("Guess one", () => guess(block.proof + 1));
  const byPage = stage.button("Let the page guess", search, true);
  const list = element("ol", { class: "guesses", "aria-label": "The last guesses" });
  const told = element("p", { class: "proof-count" });
  const place = element("div", { class: "proof-block" });
  stage.draw(place, element("div", {}, told, list));
  draw();
  stage.say("Guess some numbers by hand: the hash has to begin with 0000.", "todo");

  function guess(proof) {
    count++;
    look(proof);
    if (hasZeros(hashOf(block))) return found();
    if (count > 2) stage.say(`${count} guesses, and no four zeros. On average it takes ${grouped(AVERAGE)}.`);
  }

  function look(proof) {
    block.proof = proof;
    guesses = [...guesses, proof].slice(-GUESSES_SHOWN);
    draw();
  }

  async function search() {
    if (searching) return searching.abort();
    searching = new AbortController();
    byPage.textContent = "Stop";
    byHand.disabled = true;
    const before = count;
    const proof = await mine(block, made => { count = before + made; guesses = [made - 3, made - 2]; look(made - 1); }, searching.signal);
    searching = null;
    byPage.textContent = "Let the page guess";
    byHand.disabled = false;
    if (proof === null) return stage.say("Stopped. No guess brings one nearer: the next is as good as the first.");
    count = before + proof + 1;
    guesses = [proof - 2, proof - 1];
    look(proof);
    found();
  }

  function found() {
    stage.say(`Found after ${grouped(count)} guesses. To check it takes one.`, "well");
    count = 0;
  }

  function draw() {
    const hash = hashOf(block);
    const isFound = hasZeros(hash);
    if (document.activeElement !== field) field.value = `${block.proof}`;
    const label = element("label", {}, "proof", field);
    const focused = document.activeElement === field;
    place.replaceChildren(blockFigure({ height: 2, state: isFound ? "good" : "", body: [payment(block.line), label], previous: block.previous, hash, zeros: ZEROS }));
    if (focused) field.focus();
    told.replaceChildren(element("b", {}, grouped(count)), count === 1 ? " guess" : " guesses", `; ${grouped(AVERAGE)} on average`);
    list.replaceChildren(...guesses.map(proof => {
      const one = hashOf({ ...block, proof });
      return element("li", { class: "guess" }, element("code", {}, `${proof}`), strip(one), element("b", { class: hasZeros(one) ? "good" : "bad" }, hasZeros(one) ? "✓ four zeros" : "✗"));
    }));
  }
}
