// Lesson 9: five offers for a block with little room. learn/figures.rs has the same offers.

import { element } from "./dom.js";

const ROOM_BYTES = 600;
const OFFERS = [["Noor pays Emir 12", 9, 600], ["Mia pays Jonas 5", 6, 200], ["Ida pays Zoë 7", 5, 250], ["Lena pays Paul 3", 4, 100], ["Emir pays Ida 1", 2, 200]]
  .map(([line, fee, bytes]) => ({ line, fee, bytes, rate: 100 * fee / bytes }));
const BY_RATE = [...OFFERS].sort((a, b) => b.rate - a.rate);

/** What a miner takes: the best per byte first, as long as it fits. */
function best() {
  let room = ROOM_BYTES;
  return new Set(BY_RATE.filter(({ bytes }) => bytes <= room && (room -= bytes, true)));
}

const sum = (chosen, name) => [...chosen].reduce((total, offer) => total + offer[name], 0);
const BEST = sum(best(), "fee");

export function start(stage) {
  let chosen = new Set();
  stage.button("Do as a miner does", () => { chosen = best(); draw(); }, true);
  stage.button("Empty the block", () => { chosen = new Set(); draw(); });
  draw();

  function toggle(offer, at) {
    if (chosen.has(offer)) chosen.delete(offer);
    else if (sum(chosen, "bytes") + offer.bytes > ROOM_BYTES) return stage.say(`No room: ${ROOM_BYTES - sum(chosen, "bytes")} bytes are left, and this wants ${offer.bytes}.`, "wrong");
    else chosen.add(offer);
    draw();
    stage.figure.querySelectorAll("button")[at].focus();
  }

  function draw() {
    const used = sum(chosen, "bytes"), earned = sum(chosen, "fee");
    const meter = element("progress", { max: `${ROOM_BYTES}`, "aria-label": "How full the block is" });
    meter.value = used;
    stage.draw(
      element("ul", { class: "offers" }, ...OFFERS.map((offer, at) => element("li", {}, element("button",
        { type: "button", class: `offer${chosen.has(offer) ? " is-in" : ""}`, "aria-pressed": `${chosen.has(offer)}`, click: () => toggle(offer, at) },
        element("b", {}, offer.line), element("span", {}, `offers ${offer.fee}`), element("span", {}, `${offer.bytes} bytes`),
        element("span", {}, `${offer.rate.toFixed(1)} for 100 bytes`), element("span", {}, chosen.has(offer) ? "✓ in the block" : "outside"))))),
      element("div", { class: "room-left" }, element("span", {}, `${used} of ${ROOM_BYTES} bytes`), meter, element("b", {}, `earns ${earned}`)));
    if (chosen.size === 0) stage.say("You are the miner: fill your block, and earn as much as you can.", "todo");
    else if (earned === BEST) stage.say(`${earned}: nobody can earn more. It is the fee for each byte that counts.`, "well");
    else stage.say(`Your block earns ${earned}. The best one earns ${BEST}.`);
  }
}
