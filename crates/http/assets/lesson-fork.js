// Lesson 6: the line between two nodes is cut, and both make a block.

import { ANA, BEN, cut, grown, lane } from "./lesson-lanes.js";

const MOST_BLOCKS = 6;

export function start(stage) {
  const first = () => grown(grown([], ANA), BEN);
  let ana = first(), ben = ana, isCut = false, known = new Set(ana.map(block => block.hash));
  const line = stage.button("Cut the line", () => { isCut = true; draw(); }, true);
  const atAna = stage.button("Ana finds one", () => { ana = grown(ana, ANA); if (!isCut) ben = ana; draw(); });
  const atBen = stage.button("Ben finds one", () => { ben = grown(ben, BEN); if (!isCut) ana = ben; draw(); });
  stage.button("Again", () => { ana = ben = first(); isCut = false; draw(); });
  draw();

  function draw() {
    const isForked = ana.at(-1).hash !== ben.at(-1).hash;
    const note = chain => `${chain.length} blocks`;
    stage.draw(lane(ANA, ana, note(ana), known), ...(isCut ? [cut()] : []), lane(BEN, ben, note(ben), known));
    known = new Set([...ana, ...ben].map(block => block.hash));
    line.disabled = isCut;
    atAna.disabled = ana.length >= MOST_BLOCKS;
    atBen.disabled = ben.length >= MOST_BLOCKS;
    const both = ana[2] && ben[2] && ana[2].hash !== ben[2].hash;
    if (both && ana.length === ben.length) stage.say("Two tips of equal length. Neither is wrong: both build on block 2.", "well");
    else if (both) stage.say("Both chains are right, but one has more work. What when they hear of each other?", "well");
    else if (isForked) stage.say("One has heard of a block that the other has not. Now let the other find one.", "todo");
    else if (isCut) stage.say("Now let both find a block.", "todo");
    else if (ana.length > 2) stage.say("While they hear each other, both have the same chain. Cut the line.", "todo");
    else stage.say("Two nodes, one chain. Cut the line between them.", "todo");
  }
}
