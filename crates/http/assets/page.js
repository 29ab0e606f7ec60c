// What every page gets in a browser that runs modules: times relative to now, buttons that copy, the key that leads to
// the search, forms that stay where they are. Without it, all pages say the same.

import { follow, renew } from './live.js';
import { explainTerms } from './terms.js';

const UNITS = [['year', 31_536_000], ['month', 2_592_000], ['day', 86_400], ['hour', 3_600], ['minute', 60], ['second', 1]];
const relative = new Intl.RelativeTimeFormat('en-GB', { numeric: 'auto' });

/** '3 minutes ago', of a number of seconds from now. */
export function fromNow(seconds) {
  const [unit, size] = UNITS.find(([, size]) => Math.abs(seconds) >= size) ?? UNITS.at(-1);
  return relative.format(Math.trunc(seconds / size), unit);
}

/** Says all times relative to now; what the server wrote stays as their title. */
function tellTimes(page = document) {
  for (const time of page.querySelectorAll('main time[datetime]')) {
    time.title ||= time.textContent;
    const text = fromNow((Date.parse(time.dateTime) - Date.now()) / 1000);
    if (time.textContent !== text) time.textContent = text;
  }
}

/** Shows the buttons that copy, where the browser lets a page copy. */
function showCopyButtons(page) {
  if (!navigator.clipboard) return;
  for (const button of page.querySelectorAll('button.copy[hidden]')) button.hidden = false;
}

function prepare(page) {
  tellTimes(page);
  showCopyButtons(page);
}

document.addEventListener('click', async (event) => {
  const button = event.target.closest?.('button.copy');
  if (!button) return;
  const words = button.innerHTML;
  try {
    // Without a text it is this page's address.
    await navigator.clipboard.writeText(button.dataset.copy || location.href);
    button.textContent = 'Copied';
  } catch {
    button.textContent = 'Not copied';
  }
  setTimeout(() => { button.innerHTML = words; }, 1500);
});

document.addEventListener('keydown', (event) => {
  const isTyping = event.target.closest?.('input, textarea, select, [contenteditable]');
  if (event.key !== '/' || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  document.getElementById('q')?.focus();
});

// A form that stays: sent in the background, and the page says what came of it.
document.addEventListener('submit', async (event) => {
  const form = event.target;
  if (!form.matches('form[data-stay]')) return;
  event.preventDefault();
  const button = form.querySelector('button');
  const said = form.querySelector('[data-said]');
  if (button.getAttribute('aria-busy') === 'true') return;
  button.setAttribute('aria-busy', 'true');
  say(form, 'Working …');
  try {
    const answer = await fetch(form.action, { method: 'POST', body: new URLSearchParams(new FormData(form)) });
    const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
    if (answer.ok) {
      const link = document.createElement('a');
      link.href = answer.url;
      link.textContent = page.querySelector('h1')?.textContent ?? 'Done';
      say(form, link, ` ${form.dataset.done ?? ''}`);
      said.classList.add('good');
      form.querySelector('[name=amount]')?.form.reset();
    } else {
      sayWrong(form, page.querySelector('main .lead')?.textContent ?? `The node answered ${answer.status}.`);
    }
  } catch {
    sayWrong(form, 'The node does not answer.');
  }
  button.removeAttribute('aria-busy');
  renew();
});

function say(form, ...words) {
  const said = form.querySelector('[data-said]');
  said.className = '';
  said.replaceChildren(...words);
  for (const field of form.querySelectorAll('[aria-invalid]')) {
    field.removeAttribute('aria-invalid');
    field.removeAttribute('aria-describedby');
  }
}

/** Says what is wrong, in red and at the field that it is about, if one of the form's is named. */
function sayWrong(form, words) {
  const said = form.querySelector('[data-said]');
  say(form, words);
  said.classList.add('bad');
  const field = [...form.elements].find((one) => one.name && new RegExp(`\\b${one.name}\\b`).test(words));
  if (!field) return;
  said.id ||= `said-${field.name}`;
  field.setAttribute('aria-invalid', 'true');
  field.setAttribute('aria-describedby', said.id);
  field.focus();
}

// A form whose answer takes a while: the page says so until it comes.
document.addEventListener('submit', ({ target: form }) => {
  if (!form.matches('form[data-waits]')) return;
  form.querySelector('button').setAttribute('aria-busy', 'true');
  const said = form.querySelector('[data-said]');
  if (said) said.textContent = 'Asking it … that can take a minute.';
});
// Whoever comes back to the page finds it as it was before.
addEventListener('pageshow', () => {
  for (const button of document.querySelectorAll('form[data-waits] [aria-busy]')) button.removeAttribute('aria-busy');
  for (const said of document.querySelectorAll('form[data-waits] [data-said]')) said.textContent = '';
});

document.addEventListener('adit:renewing', (event) => { prepare(event.detail); });
setInterval(tellTimes, 10_000);
prepare(document);
explainTerms();
follow();
