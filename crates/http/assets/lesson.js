// What the lessons share: the places on the screen of one, and how something is said there.

import { element } from "./dom.js";

/** The screen of one lesson. */
export class Stage {
  constructor(section) {
    this.section = section;
    this.figure = section.querySelector(".lesson-figure");
    this.tries = section.querySelector(".tries");
    this.insight = section.querySelector(".insight");
  }

  /** Says what to do (`todo`), or what has been seen (`well`, `wrong`, or nothing). */
  say(text, kind = "") {
    this.insight.className = `insight ${kind}`;
    if (this.insight.textContent !== text) this.insight.textContent = text;
  }

  /** Adds a button below. One in a lesson is `strong`. */
  button(words, act, isStrong = false) {
    const made = element("button", { type: "button", class: isStrong ? "strong" : "", click: act }, words);
    this.tries.append(made);
    return made;
  }

  /** Draws the figure anew. */
  draw(...children) {
    this.figure.replaceChildren(...children);
  }
}

/** Digits in groups of three. */
export const grouped = number => Math.round(number).toLocaleString("en");
