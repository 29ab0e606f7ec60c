// Words that are explained: a tooltip at a link of the class `term`, for the pointer and for the keyboard. It can be
// pointed at, and Escape closes it. Without scripts the link leads to the page /glossary.

import { element } from "./dom.js";

const EDGE_PX = 8;
const tip = element("span", { class: "tip", id: "tip", role: "tooltip" });
let shownAt = null;

const termOf = event => event.target.closest?.("a.term[data-says]");

function show(term) {
  if (shownAt === term) return;
  hide();
  shownAt = term;
  tip.textContent = term.dataset.says;
  term.setAttribute("aria-describedby", tip.id);
  (term.closest("main, header, footer") ?? document.body).append(tip);
  place(term.getBoundingClientRect());
}

/** Below the word, or above it where there is no room; never over an edge. */
function place(word) {
  const { clientWidth, clientHeight } = document.documentElement;
  const { width, height } = tip.getBoundingClientRect();
  const isBelow = word.bottom + EDGE_PX + height <= clientHeight;
  tip.style.left = `${Math.max(EDGE_PX, Math.min(word.left, clientWidth - width - EDGE_PX))}px`;
  tip.style.top = `${isBelow ? word.bottom + 2 : Math.max(0, word.top - height - 2)}px`;
}

/** The word has moved on the screen: a browser scrolls what is pointed at or focused into view. */
function follow() {
  if (shownAt) place(shownAt.getBoundingClientRect());
}

function hide() {
  shownAt?.removeAttribute("aria-describedby");
  tip.remove();
  shownAt = null;
}

/** Shows tooltips on this page from now on. */
export function explainTerms() {
  for (const name of ["mouseover", "focusin"]) document.addEventListener(name, event => {
    const term = termOf(event);
    if (term) show(term);
    else if (shownAt !== document.activeElement && !tip.contains(event.target)) hide();
  });
  document.addEventListener("focusout", event => { if (termOf(event) === shownAt) hide(); });
  document.addEventListener("scroll", follow, { capture: true, passive: true });
  document.addEventListener("keydown", event => { if (event.key === "Escape") hide(); });
}
