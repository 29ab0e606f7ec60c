// Lesson 4: four shuffled blocks, to be put in order by their strips.

import { element } from "./dom.js";
import { figure, goodChain, judge, payment } from "./lesson-chain.js";

const SHUFFLED = [2, 0, 3, 1];

export function start(stage) {
  const all = goodChain();
  let order = [...SHUFFLED];
  stage.button("Shuffle again", () => { order = [...SHUFFLED]; draw(); });
  draw();

  function move(at, step) {
    [order[at], order[at + step]] = [order[at + step], order[at]];
    draw();
    const buttons = stage.figure.querySelectorAll(`li:nth-child(${at + step + 1}) button:enabled`);
    (buttons[step > 0 ? buttons.length - 1 : 0])?.focus();
  }

  function draw() {
    const blocks = order.map(at => all[at]);
    const judged = judge(blocks);
    const linked = judged.filter(({ link }, at) => link === "whole" && at > 0).length;
    const isDone = judged.every(({ state }) => state === "good");
    stage.draw(element("ol", { class: "chain signs" }, ...blocks.map((block, at) => element("li", {}, figure(
      { ...block, height: isDone ? block.height : "?" },
      { ...judged[at], state: isDone ? "good" : "", link: at === 0 ? null : judged[at].link },
      [payment(block.line), element("div", { class: "moves" },
        arrow("←", "to the left", at, -1, at > 0), arrow("→", "to the right", at, 1, at < 3))])))));
    if (isDone) stage.say("In order. Nobody had to say so: the hashes do.", "well");
    else if (linked) stage.say(`${linked} of 3 links ${linked === 1 ? "holds" : "hold"}. Equal strips belong side by side.`);
    else stage.say("Put the blocks in order: where does each “previous” find its hash?", "todo");
  }

  function arrow(sign, words, at, step, isThere) {
    return element("button", { type: "button", disabled: !isThere, "aria-label": `Move block ${at + 1} of the row ${words}`, click: () => move(at, step) }, sign);
  }
}
