// Lesson 10: a double spend. Each find goes to the attacker with the chance of their share; the seller hands the goods over after
// so many confirmations; the attack works once the hidden chain is the longer one.

import { smallBlock } from "./block-figure.js";
import { element } from "./dom.js";
import { sha256Hex } from "./sha256.js";

const SHARES = [10, 20, 30, 40, 51];
const CONFIRMATIONS = [1, 2, 6];
const TRIES = 1_000;
// Who lags so far behind gives up, unless they have more than half: then they catch up, sooner or later.
const HOPELESS_BLOCKS = 20, MOST_FINDS = 100_000;
const BLOCKS_SHOWN = 7;

/** One race: the makers of its blocks in order, and whether the attacker won. */
export function race(share, confirmations, random = Math.random) {
  const finds = [];
  let honest = 0, hidden = 0;
  const isHopeless = () => finds.length >= MOST_FINDS || (share < 50 && honest - hidden >= HOPELESS_BLOCKS);
  while (!(honest >= confirmations && hidden > honest) && !isHopeless()) {
    const isAttacker = random() < share / 100;
    if (isAttacker) hidden++;
    else honest++;
    finds.push(isAttacker);
  }
  return { finds, honest, hidden, isWon: hidden > honest };
}

export function start(stage) {
  const results = new Map();
  const [share, shareOut] = range("Attacker’s share of all guesses", SHARES, 2, value => `${value} %`, () => drawTable());
  const [confirmations, confirmationsOut] = range("Confirmations that the seller waits for", CONFIRMATIONS, 0, value => `${value}`);
  const lanes = element("div", {});
  const table = element("p", { class: "attack-results" });
  stage.draw(element("div", { class: "attack-controls" }, shareOut, confirmationsOut), lanes, table);
  stage.button("Try once", () => once(race(share(), confirmations())), true);
  stage.button(`Try ${TRIES.toLocaleString("en")} times`, often);
  drawLanes(null);
  stage.say("You are the attacker. You pay, and mine in hiding. Try it.", "todo");

  function once(result) {
    drawLanes(result);
    const { hidden, honest, isWon } = result;
    if (isWon) stage.say(`It worked: ${hidden} hidden blocks against ${honest}. The seller has nothing.`, "wrong");
    else stage.say(`It failed: ${honest} blocks against ${hidden}. You give up.`, "well");
  }

  function often() {
    const [of, after] = [share(), confirmations()];
    const won = Array.from({ length: TRIES }, () => race(of, after)).filter(({ isWon }) => isWon).length;
    results.set(`${of} ${after}`, Math.round(1000 * won / TRIES) / 10);
    drawTable();
    stage.say(`With ${of} %, ${won} of ${TRIES.toLocaleString("en")} double spends work after ${after} ${after === 1 ? "confirmation" : "confirmations"}.`, won > TRIES / 2 ? "wrong" : "");
  }

  function drawLanes(result) {
    const lane = (name, count, state, note) => {
      const blocks = Array.from({ length: Math.min(count, BLOCKS_SHOWN) }, (_, at) => element("li", {},
        smallBlock({ height: at + 1, state, hash: sha256Hex(`${name} ${at}`), link: at > 0 ? "whole" : null })));
      return element("div", { class: "lane" }, element("div", { class: "lane-name" }, element("b", {}, name)),
        element("ol", { class: "chain" }, ...blocks), element("p", { class: "lane-note" }, note));
    };
    const { honest = 1, hidden = 0, isWon = false } = result ?? {};
    const more = count => count > BLOCKS_SHOWN ? `${count} blocks in all` : `${count} ${count === 1 ? "block" : "blocks"}`;
    lanes.replaceChildren(lane("all others", honest, isWon ? "dropped" : "", result ? more(honest) : "block 1 has the payment"),
      lane("hidden", hidden, "hidden-chain", result ? more(hidden) : "nothing yet"));
  }

  /** What has come of the tries with this share, beside each other. */
  function drawTable() {
    const of = share();
    const tried = CONFIRMATIONS.filter(after => results.has(`${of} ${after}`));
    table.replaceChildren(...(tried.length ? [element("span", {}, `With ${of} %, they work:`)] : []),
      ...tried.map(after => element("span", {}, element("b", {}, `${results.get(`${of} ${after}`)} %`), ` after ${after}`)));
  }
}

/** A slider over a few values: what it says, and what to put on the page. */
function range(name, values, first, say, changed = () => {}) {
  const output = element("b", { class: "attack-value" }, say(values[first]));
  const input = element("input", { type: "range", min: "0", max: `${values.length - 1}`, step: "1",
    input: () => { output.textContent = say(values[input.value]); input.setAttribute("aria-valuetext", output.textContent); changed(); } });
  input.value = `${first}`;
  input.setAttribute("aria-valuetext", say(values[first]));
  return [() => values[input.value], element("label", {}, element("span", {}, name), input, output)];
}
