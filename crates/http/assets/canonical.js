// Canonical JSON: the one form of a JSON text that is hashed. It is what Python writes for
// json.dumps(json.loads(text), sort_keys=True), to the byte. JSON.parse would not do: it turns
// 1.0 into 1, rounds large integers, and reads no NaN. So this reads text and keeps text.

import { canonicalNumber } from "./json-number.js";

/** At most this many lists and objects stand inside each other. */
export const NESTING_LIMIT = 512;

/** A text is no JSON, or goes beyond a bound. */
export class JsonError extends Error {
  constructor(expected, offset, text) {
    const found = offset < text.length ? JSON.stringify(text[offset]) : "the end";
    super(`expected ${expected} at character ${offset}, found ${found}`);
    this.offset = offset;
  }
}

/** The canonical form of a JSON text. */
export const canonical = text => write(read(text));

/**
 * Reads a JSON text. A value is one of
 *   { kind: "number" | "literal", text }      text: the canonical one
 *   { kind: "string", text, string }
 *   { kind: "list", items }
 *   { kind: "object", members }               members: a Map from name to value
 */
export function read(text) {
  const reader = new Reader(text);
  const value = reader.value(0);
  reader.space();
  if (reader.at < text.length) reader.fail("nothing more");
  return value;
}

/** The canonical text of a value; of an object, without the members named in `leaveOut`. */
export function write(value, leaveOut = []) {
  if (value.kind === "list") return `[${value.items.map(item => write(item)).join(", ")}]`;
  if (value.kind !== "object") return value.text;
  const names = [...value.members.keys()].filter(name => !leaveOut.includes(name));
  const members = names.sort(byCodePoint).map(name => `${quote(name)}: ${write(value.members.get(name))}`);
  return `{${members.join(", ")}}`;
}

/** A string with its quotes: pure ASCII, everything else escaped. */
export function quote(string) {
  return `"${string.replace(/["\\]|[^ -~]/g, unit => SHORT_ESCAPES[unit] ?? longEscape(unit))}"`;
}

const SHORT_ESCAPES = { '"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f" };
const longEscape = unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;

// JavaScript compares strings by UTF-16 units, in which U+10000 comes before U+FFFF. Python
// compares code points. They differ only where one of two units is half of a pair.
function byCodePoint(a, b) {
  let at = 0;
  while (at < a.length && a[at] === b[at]) at++;
  const insidePair = at > 0 && isFirstHalf(a.charCodeAt(at - 1)) && (isSecondHalf(a.charCodeAt(at)) || isSecondHalf(b.charCodeAt(at)));
  if (insidePair) at--;
  return (a.codePointAt(at) ?? -1) - (b.codePointAt(at) ?? -1);
}

const isFirstHalf = unit => unit >= 0xd800 && unit < 0xdc00;
const isSecondHalf = unit => unit >= 0xdc00 && unit < 0xe000;

const LITERAL = /true|false|null|NaN|-?Infinity/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const PLAIN_CHARACTERS = /[^"\\\u0000-\u001f]*/y;
const ESCAPE = /\\(?:u([0-9a-fA-F]{4})|(["\\/bfnrt]))/y;
const MEANING = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };

class Reader {
  constructor(text) {
    this.text = text;
    this.at = 0;
  }

  fail(expected) {
    throw new JsonError(expected, this.at, this.text);
  }

  /** What `pattern` matches right here, stepped over; null if it does not. */
  match(pattern) {
    pattern.lastIndex = this.at;
    const match = pattern.exec(this.text);
    if (match) this.at = pattern.lastIndex;
    return match;
  }

  space() {
    while (" \t\n\r".includes(this.text[this.at] ?? "?")) this.at++;
  }

  /** Steps over this character, after white space, if it stands next. */
  takes(character) {
    this.space();
    const isNext = this.text[this.at] === character;
    if (isNext) this.at++;
    return isNext;
  }

  needs(character) {
    if (!this.takes(character)) this.fail(`'${character}'`);
  }

  value(depth) {
    this.space();
    switch (this.text[this.at]) {
      case "{": return this.object(depth + 1);
      case "[": return this.list(depth + 1);
      case '"': return this.string();
    }
    const literal = this.match(LITERAL);
    if (literal) return { kind: "literal", text: literal[0] };
    const number = this.match(NUMBER);
    if (number) return this.number(number[0]);
    return this.fail("a value");
  }

  number(text) {
    // What goes on after a number (01, 1., 1e) was no number.
    if (/[0-9.eE]/.test(this.text[this.at] ?? "")) this.fail("the number to be whole");
    return { kind: "number", text: canonicalNumber(text), source: text };
  }

  string() {
    let string = "";
    this.at++;
    for (;;) {
      string += this.match(PLAIN_CHARACTERS)[0];
      if (this.text[this.at] === '"') break;
      const escape = this.match(ESCAPE);
      if (!escape) this.fail("a character, an escape or '\"'");
      const [, hex, letter] = escape;
      string += hex ? String.fromCharCode(parseInt(hex, 16)) : MEANING[letter] ?? letter;
    }
    this.at++;
    return { kind: "string", text: quote(string), string };
  }

  list(depth) {
    this.bound(depth);
    const items = [];
    if (this.takes("]")) return { kind: "list", items };
    do items.push(this.value(depth)); while (this.takes(","));
    this.needs("]");
    return { kind: "list", items };
  }

  object(depth) {
    this.bound(depth);
    const members = new Map();
    if (this.takes("}")) return { kind: "object", members };
    do {
      this.space();
      if (this.text[this.at] !== '"') this.fail("a name in quotes");
      const name = this.string().string;
      this.needs(":");
      // A repeated name: the last one wins, as in Python.
      members.set(name, this.value(depth));
    } while (this.takes(","));
    this.needs("}");
    return { kind: "object", members };
  }

  /** Steps inside a list or an object. */
  bound(depth) {
    if (depth > NESTING_LIMIT) this.fail(`at most ${NESTING_LIMIT} levels of nesting`);
    this.at++;
  }
}
