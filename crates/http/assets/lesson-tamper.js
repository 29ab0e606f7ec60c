// Lesson 5: one word of block 2 is changed, and red runs to the right.

import { element } from "./dom.js";
import { digits, drawStrip, fact } from "./block-figure.js";
import { figure, goodChain, hasZeros, judge, mine, payment, ZEROS } from "./lesson-chain.js";

const CHANGED = 1;

export function start(stage) {
  let blocks = goodChain(), searching = null;
  const field = element("input", { "aria-label": "What block 2 says", autocomplete: "off", spellcheck: "false", maxlength: "60", input: () => { blocks[CHANGED].line = field.value; look(); } });
  field.value = blocks[CHANGED].line;
  const proof = fact("proof", "");
  const list = element("ol", { class: "chain signs" });
  stage.draw(list);
  const again = stage.button("Mine block 2 again", dig, true);
  const back = stage.button("Put it back", () => { searching?.abort(); blocks = goodChain(); field.value = blocks[CHANGED].line; look(); });
  let figures = [];
  look();
  stage.say("Change the 5 into 50, and look to the right.", "todo");

  /** Shows what holds; the field stays where it is, so that one can type on. */
  function look() {
    const judged = judge(blocks);
    const first = Math.max(0, judged.findIndex(({ state }) => state !== "good"));
    const made = blocks.map((block, at) => figure(block, judged[at], at === CHANGED ? (figures.length ? [] : [field, proof]) : [payment(block.line), fact("proof", `${block.proof}`)]));
    if (figures.length === 0) {
      figures = made;
      list.append(...made.map(one => element("li", {}, one)));
    } else {
      made.forEach((one, at) => update(figures[at], one));
    }
    figures.forEach((one, at) => { one.parentElement.dataset.late = `${Math.max(0, at - first)}`; });
    proof.lastChild.textContent = `${blocks[CHANGED].proof}`;
    told(judged);
  }

  /** Makes a figure say what another one says, its body left alone. */
  function update(old, fresh) {
    old.className = fresh.className;
    old.querySelector(".chip")?.replaceWith(fresh.querySelector(".chip"));
    for (const part of [".link", ".own"]) {
      const [from, to] = [fresh.querySelector(part), old.querySelector(part)];
      if (from && to) to.replaceWith(from);
    }
  }

  function told(judged) {
    const isMended = judged.every(({ state }) => state === "good");
    again.disabled = hasZeros(judged[CHANGED].hash);
    back.disabled = isMended;
    if (isMended) stage.say("Each block names the one before. All four hold.", "well");
    else if (hasZeros(judged[CHANGED].hash)) stage.say("Block 2 holds again, under another hash. Block 3 still names the old one.", "wrong");
    else stage.say("Block 3 still names the old block 2, which no longer exists.", "wrong");
  }

  async function dig() {
    searching?.abort();
    searching = new AbortController();
    again.disabled = true;
    const block = blocks[CHANGED];
    const found = await mine(block, guesses => { block.proof = guesses; count(judge(blocks)[CHANGED].hash); }, searching.signal);
    if (found === null || block !== blocks[CHANGED]) return;
    block.proof = found;
    look();
  }

  function count(hash) {
    proof.lastChild.textContent = `${blocks[CHANGED].proof}`;
    const own = figures[CHANGED].querySelector(".own");
    drawStrip(own.querySelector(".strip"), hash);
    own.querySelector("code").replaceWith(digits(hash, ZEROS));
  }
}
