// The page /learn: makes one screen of each lesson, walked through by arrow keys, by swiping, or by links. Which lessons are done
// is kept in this browser; where it keeps nothing, the page works all the same. What a lesson does is in its own module.
// Everything is loaded with the page, so that it works without the network from then on (but see lesson-signature.js).

import { explainTerms } from "./terms.js";
import { Stage } from "./lesson.js";
import { start as hash } from "./lesson-hash.js";
import { start as block } from "./lesson-block.js";
import { start as proof } from "./lesson-proof.js";
import { start as chain } from "./lesson-order.js";
import { start as tamper } from "./lesson-tamper.js";
import { start as fork } from "./lesson-fork.js";
import { start as reorganisation } from "./lesson-reorganisation.js";
import { start as signature } from "./lesson-signature.js";
import { start as fees } from "./lesson-fees.js";
import { start as attack } from "./lesson-attack.js";

const LESSONS = { hash, block, proof, chain, tamper, fork, reorganisation, signature, fees, attack };
const NAMES = Object.keys(LESSONS);
const CONTENTS = "lessons";
const KEPT_AS = "adit-learn";
const SWIPE_PX = 60;

const titles = Object.fromEntries(NAMES.map(name => [name, document.querySelector(`#${name}-title`).lastChild.textContent]));
const started = new Set();
const where = document.querySelector(".room-where");
const hint = document.querySelector(".room-hint");
const [back, on] = document.querySelectorAll(".lesson-nav > a");

// Progress

/** The names of the lessons that are done; none where the browser keeps nothing. */
function readDone() {
  try {
    const kept = JSON.parse(localStorage.getItem(KEPT_AS) ?? "[]");
    return new Set(Array.isArray(kept) ? kept.filter(name => name in LESSONS) : []);
  } catch {
    return new Set();
  }
}

const done = readDone();

function keepDone() {
  try {
    localStorage.setItem(KEPT_AS, JSON.stringify([...done]));
  } catch {
    // Then it is known until the page is closed.
  }
}

for (const name of NAMES) {
  document.getElementById(name).querySelector(".turn").addEventListener("change", event => {
    const label = event.target.closest("label");
    const reply = document.getElementById(name).querySelector(`.reply-${event.target.value}`);
    where.textContent = reply.textContent; // said to those who do not see it
    if (label.classList.contains("right")) done.add(name);
    keepDone();
    draw();
  });
}

// Which lesson is shown

const here = () => {
  const name = location.hash.slice(1);
  return name in LESSONS ? name : CONTENTS;
};

function go(name) {
  if (name) location.hash = name;
}

const neighbour = step => {
  const at = NAMES.indexOf(here()) + step;
  return at === -1 ? CONTENTS : NAMES[at];
};

function show() {
  const name = here();
  document.documentElement.dataset.at = name;
  for (const section of document.querySelectorAll(".lesson")) section.classList.toggle("is-here", section.id === name);
  if (name !== CONTENTS && !started.has(name)) {
    started.add(name);
    LESSONS[name](new Stage(document.getElementById(name)));
  }
  document.title = `${titles[name] ?? "Learn"} · adit`;
  draw();
  scrollTo(0, 0);
}

/** Says where one is, and what is done. */
function draw() {
  const name = here();
  const at = NAMES.indexOf(name);
  const next = NAMES.find(one => !done.has(one));
  where.textContent = at < 0 ? (done.size ? `${done.size} of ${NAMES.length} done` : "Ten lessons") : `Lesson ${at + 1} of ${NAMES.length}`;
  hint.replaceChildren(at < 0 ? keys(["1", "–", "0"], "open a lesson") : keys(["↑"], "all lessons", `#${CONTENTS}`));
  for (const tile of document.querySelectorAll(".tile")) {
    const isNext = tile.dataset.lesson === next;
    tile.classList.toggle("is-next", isNext);
    tile.querySelector(".tile-mark").textContent = done.has(tile.dataset.lesson) ? "✓ done" : isNext ? "next" : "";
  }
  for (const dot of document.querySelectorAll(".dots a")) {
    const { lesson } = dot.dataset;
    dot.parentElement.classList.toggle("done", done.has(lesson) && lesson !== name);
    dot.textContent = done.has(lesson) && lesson !== name ? "✓" : `${NAMES.indexOf(lesson) + 1}`;
    dot.setAttribute("aria-label", `${NAMES.indexOf(lesson) + 1}, ${titles[lesson]}${done.has(lesson) ? ": done" : ""}`);
    if (lesson === name) dot.setAttribute("aria-current", "page");
    else dot.removeAttribute("aria-current");
  }
  lead(back, at < 0 ? null : neighbour(-1));
  lead(on, neighbour(1));
}

function lead(link, name) {
  link.hidden = !name;
  if (!name) return;
  link.href = `#${name}`;
  link.querySelector("span").textContent = titles[name] ?? "All lessons";
}

function keys(names, words, href) {
  const made = document.createElement(href ? "a" : "span");
  if (href) made.href = href;
  for (const name of names) {
    const key = document.createElement(name === "–" ? "span" : "kbd");
    key.textContent = name;
    made.append(key);
  }
  made.append(` ${words}`);
  return made;
}

// Keys and fingers

document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.("input, textarea, select")) return;
  if (event.key === "ArrowRight") go(neighbour(1));
  else if (event.key === "ArrowLeft") go(here() === CONTENTS ? null : neighbour(-1));
  // Where the page scrolls, the key scrolls it first.
  else if (event.key === "ArrowUp" && scrollY === 0 && here() !== CONTENTS) go(CONTENTS);
  else if (here() === CONTENTS && /^[0-9]$/.test(event.key)) go(NAMES[(Number(event.key) + 9) % 10]);
  else return;
  event.preventDefault();
});

let touch = null;
document.addEventListener("touchstart", event => {
  const isOfUse = event.touches.length === 1 && !event.target.closest("input, .chain");
  touch = isOfUse ? { x: event.touches[0].clientX, y: event.touches[0].clientY } : null;
}, { passive: true });
document.addEventListener("touchend", event => {
  if (!touch) return;
  const [x, y] = [event.changedTouches[0].clientX - touch.x, event.changedTouches[0].clientY - touch.y];
  touch = null;
  if (Math.abs(x) < SWIPE_PX || Math.abs(x) < 2 * Math.abs(y)) return;
  if (x < 0) go(neighbour(1));
  else if (here() !== CONTENTS) go(neighbour(-1));
}, { passive: true });

addEventListener("hashchange", show);
explainTerms();
show();
