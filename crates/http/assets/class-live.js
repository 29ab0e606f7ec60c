// Keeps a page of a class as its nodes are: it is fetched again each second, and what is new takes the place of the old.
// Forms that stay are sent in the background.

import { renew } from './live.js';

const LOOK_INTERVAL_MS = 1_000;

setInterval(() => { if (document.visibilityState === 'visible' && !isBusy()) renew(); }, LOOK_INTERVAL_MS);

/** Whoever types a name is not disturbed. */
const isBusy = () => document.activeElement?.matches('details input[name=name]') ?? false;

document.addEventListener('submit', async (event) => {
  const form = event.target;
  if (!form.matches('form[data-stay]')) return;
  event.preventDefault();
  const said = form.querySelector('[data-said]');
  const button = form.querySelector('button');
  if (button.getAttribute('aria-busy') === 'true') return;
  button.setAttribute('aria-busy', 'true');
  said.textContent = 'Working …';
  try {
    const answer = await fetch(form.action, { method: 'POST', body: new URLSearchParams(new FormData(form)) });
    const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
    said.textContent = answer.ok ? 'Done.' : page.querySelector('main .lead')?.textContent ?? `Refused: ${answer.status}`;
    said.classList.toggle('unseen', answer.ok);
    if (answer.ok) form.querySelector('input[name=name]')?.blur();
    await renew();
  } catch {
    said.textContent = 'The class does not answer.';
    said.classList.remove('unseen');
  }
  button.removeAttribute('aria-busy');
});
