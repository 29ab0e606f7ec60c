// Lesson 7: the line is mended, the longer chain wins, and the payment in the block that falls aside waits again.

import { smallBlock } from "./block-figure.js";
import { element } from "./dom.js";
import { ANA, BEN, cut, grown, lane } from "./lesson-lanes.js";

const PAYMENT = "Mia pays Jonas 5";

export function start(stage) {
  let ana, ben, isCut, dropped, known;
  const mend = stage.button("Mend the line", reconnect, true);
  const next = stage.button("Next block", () => { ana = grown(ana, ANA, PAYMENT); ben = ana; draw(); });
  stage.button("Again", begin);
  begin();

  function begin() {
    const both = grown(grown([], ANA), BEN);
    ana = grown(grown(both, ANA), ANA);
    ben = grown(both, BEN, PAYMENT);
    isCut = true;
    dropped = [];
    known = new Set([...ana, ...ben].map(block => block.hash));
    draw();
  }

  function reconnect() {
    const kept = new Set(ana.map(block => block.hash));
    dropped = ben.filter(block => !kept.has(block.hash));
    ben = ana;
    isCut = false;
    // What Ben had not heard of arrives at his lane.
    known = new Set(ana.slice(0, 2).map(block => block.hash));
    draw();
  }

  function draw() {
    const isPaid = ana.some(block => block.line === PAYMENT);
    const pill = words => element("span", { class: dropped.length ? "pill again" : "pill" }, words);
    const noteOfBen = isCut ? pill(`block 3: ${PAYMENT}`) : "the same tip";
    stage.draw(lane(ANA, ana, isPaid ? pill(`block 5: ${PAYMENT}`) : isCut ? "4 blocks" : "the same tip", isCut ? known : new Set(ana.map(block => block.hash))),
      ...(isCut ? [cut()] : []), lane(BEN, ben, noteOfBen, known), ...(dropped.length ? [aside(isPaid, pill)] : []));
    known = new Set([...ana, ...ben].map(block => block.hash));
    mend.disabled = !isCut;
    next.disabled = isCut || isPaid;
    if (isCut) stage.say("Ben’s block has Mia’s payment, but Ana’s chain is longer. Mend the line.", "todo");
    else if (isPaid) stage.say("Block 5 has taken the payment. Only Ben’s reward is lost.", "well");
    else stage.say("Ben’s block fell aside, and its payment waits again.", "well");
  }

  function aside(isPaid, pill) {
    return element("div", { class: "lane" }, element("div", { class: "lane-name" }, element("b", {}, "aside")),
      element("ol", { class: "chain" }, ...dropped.map(block => element("li", { class: isPaid ? "" : "is-falling" }, smallBlock({ height: block.height, state: "dropped", miner: block.maker, hash: block.hash })))),
      element("p", { class: "lane-note" }, isPaid ? "nothing waits" : pill(`${PAYMENT} waits again`)));
  }
}
