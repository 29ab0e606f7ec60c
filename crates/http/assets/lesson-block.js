// Lesson 2: the payments of a block in another order are another block.

import { blockFigure, pays } from "./block-figure.js";
import { element } from "./dom.js";
import { sha256Hex } from "./sha256.js";

const PAYMENTS = [{ from: "Ida", to: "Zoë", amount: 7 }, { from: "Mia", to: "Jonas", amount: 5 }, { from: "Noor", to: "Emir", amount: 12 }];
const hashOf = payments => sha256Hex(payments.map(({ from, to, amount }) => `${from} pays ${to} ${amount}`).join("\n"));

export function start(stage) {
  let payments = [...PAYMENTS], wasSwapped = false;
  stage.button("Put it back", () => { payments = [...PAYMENTS]; draw(); });
  draw();

  function swap(at) {
    [payments[at - 1], payments[at]] = [payments[at], payments[at - 1]];
    wasSwapped = true;
    draw();
    stage.figure.querySelectorAll(".beside-list button")[Math.max(0, at - 2)].focus();
  }

  function draw() {
    const isEqual = hashOf(payments) === hashOf(PAYMENTS);
    const list = element("ol", { class: "beside-list" }, ...payments.map((payment, at) => element("li", {},
      `${payment.from} → ${payment.to} `, element("b", {}, `${payment.amount}`),
      ...(at > 0 ? [element("button", { type: "button", "aria-label": `Move ${payment.from}’s payment up`, click: () => swap(at) }, "↑")] : []))));
    stage.draw(element("div", { class: "beside" },
      blockFigure({ height: 1, body: [pays(PAYMENTS)], hash: hashOf(PAYMENTS) }),
      element("span", { class: isEqual ? "beside-sign is-equal" : "beside-sign" }, isEqual ? "=" : "≠"),
      blockFigure({ height: 1, state: isEqual ? "" : "changed", body: [list], hash: hashOf(payments) })));
    if (!wasSwapped) stage.say("Move a payment up in the block on the right.", "todo");
    else if (isEqual) stage.say("The old order again, and the old hash.");
    else stage.say("The same payments, another order: another text, so another hash.", "well");
  }
}
