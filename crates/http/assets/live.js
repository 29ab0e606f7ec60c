// Keeps a page as the node is. The node says that something has changed; then the page is fetched again, and each of its
// parts that is marked `data-live` takes the place of the old one. So there is one way to make a page: the server's.

import { morph } from './morph.js';

const TOPICS = 'block,reorg,tx,peer';
const PAUSE_MS = 1_000;

let last = 0;
let waiting = null;
let underWay = null;

/** What each part was made of, as the node sent it; scripts have changed the part itself since. */
const sources = new WeakMap();
for (const part of document.querySelectorAll('[data-live]')) sources.set(part, part.innerHTML);

/** Fetches this page again, at most once a second, and puts what is new in its place. */
export function renew() {
  if (waiting) return waiting;
  const pause = Math.max(0, last + PAUSE_MS - Date.now());
  waiting = new Promise((resolve) => { setTimeout(resolve, pause); }).then(async () => {
    await underWay;
    waiting = null;
    last = Date.now();
    underWay = replaceParts().catch(() => {});
    await underWay;
  });
  return waiting;
}

async function replaceParts() {
  const answer = await fetch(location.href, { headers: { accept: 'text/html' } });
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
  document.title = page.title;
  const changed = [...document.querySelectorAll('[data-live]')]
    .map((old) => [old, page.querySelector(`[data-live="${CSS.escape(old.dataset.live)}"]`)])
    .filter(([old, fresh]) => fresh && fresh.innerHTML !== sources.get(old));
  for (const [old, fresh] of changed) sources.set(old, fresh.innerHTML);
  // Others change the new parts as they have changed the old ones; so what has stayed the same is the same.
  document.dispatchEvent(new CustomEvent('adit:renewing', { detail: page }));
  for (const [old, fresh] of changed) replace(old, fresh);
}

function replace(old, fresh) {
  const known = new Set([...old.querySelectorAll('[data-key]')].map((element) => element.dataset.key));
  for (const element of fresh.querySelectorAll('[data-key]')) {
    if (!known.has(element.dataset.key)) element.classList.add('is-new');
  }
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  morph(old, fresh);
  if (focused && !focused.isConnected) document.getElementById('main')?.focus({ preventScroll: true });
}

function say(state, words) {
  const place = document.querySelector('[data-connection]');
  if (!place) return;
  place.hidden = false;
  place.dataset.connection = state;
  if (place.textContent !== words) place.textContent = words;
  const lost = document.querySelector('[data-lost]');
  if (lost && state !== 'opening') lost.hidden = state !== 'cut';
}

/** Follows the node's events for as long as the page is looked at. */
export function follow() {
  if (!document.querySelector('[data-live]')) return;
  let events = null;
  // Something may have happened between the page and its first event.
  let mayBeOld = true;
  const open = () => {
    say('opening', 'Connecting');
    events = new EventSource(new URL(`../api/v1/events?topics=${TOPICS}`, import.meta.url));
    events.onopen = () => {
      say('live', 'Live');
      if (mayBeOld) renew();
      mayBeOld = false;
    };
    events.onerror = () => {
      mayBeOld = true;
      const isOver = events.readyState === EventSource.CLOSED;
      say('cut', isOver ? 'Not live: load the page again' : 'Not connected, trying again');
    };
    for (const topic of [...TOPICS.split(','), 'missed']) events.addEventListener(topic, () => { renew(); });
  };
  const close = () => {
    events?.close();
    events = null;
    mayBeOld = true;
  };
  const look = () => {
    if (document.visibilityState === 'hidden') close();
    else if (!events) open();
  };
  // A browser opens few connections to one host: a page that nobody sees gives its own back.
  document.addEventListener('visibilitychange', look);
  addEventListener('pagehide', close);
  addEventListener('pageshow', look);
  look();
}
