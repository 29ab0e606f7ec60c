// Says the values of a chart to whoever points at one, or goes through them with the arrow keys. Where each value stands, the
// page says (`data-places`); without this, the tables below the charts have the same.

const [WIDTH, HEIGHT] = [640, 270];
const SVG = 'http://www.w3.org/2000/svg';

/** Of each chart, its places: read once for each text that the page had. */
const read = new WeakMap();

function placesOf(plot) {
  const text = plot.dataset.places;
  if (read.get(plot)?.text !== text) {
    const places = text.split('\n').filter(Boolean).map((line) => {
      const [x, y, ...says] = line.split(' ');
      return { x: Number(x), y: Number(y), says: says.join(' ') };
    });
    read.set(plot, { text, places });
  }
  return read.get(plot).places;
}

/** Lets a chart be gone through like a slider. The page that was just fetched is prepared before it takes the old one's place. */
function prepare(page) {
  for (const plot of page.querySelectorAll('.plot[data-places]')) {
    if (!plot.dataset.places) continue;
    plot.tabIndex = 0;
    plot.setAttribute('role', 'slider');
    plot.setAttribute('aria-label', `${plot.dataset.name}, value by value`);
    const last = placesOf(plot).length - 1;
    plot.setAttribute('aria-valuemin', '0');
    plot.setAttribute('aria-valuemax', String(last));
    tell(plot, last);
  }
}

function tell(plot, at) {
  plot.setAttribute('aria-valuenow', String(at));
  plot.setAttribute('aria-valuetext', placesOf(plot)[at].says);
}

function show(plot, at) {
  const place = placesOf(plot)[at];
  tell(plot, at);
  const svg = plot.querySelector('svg');
  let mark = svg.querySelector('.mark');
  if (!mark) {
    mark = document.createElementNS(SVG, 'g');
    mark.setAttribute('class', 'mark');
    mark.append(document.createElementNS(SVG, 'path'), document.createElementNS(SVG, 'circle'));
    svg.append(mark);
  }
  mark.firstChild.setAttribute('d', `M${place.x} 14V218`);
  mark.lastChild.setAttribute('cx', place.x);
  mark.lastChild.setAttribute('cy', place.y);
  mark.lastChild.setAttribute('r', 4);
  let said = plot.querySelector('.value');
  if (!said) {
    said = document.createElement('span');
    said.className = 'value';
    plot.append(said);
  }
  said.textContent = place.says;
  const box = svg.getBoundingClientRect();
  const half = said.offsetWidth / 2;
  const left = Math.min(Math.max(place.x / WIDTH * box.width, half), box.width - half);
  said.style.left = `${left}px`;
  said.style.bottom = `${(1 - place.y / HEIGHT) * box.height + 10}px`;
}

function hide(plot) {
  plot.querySelector('.mark')?.remove();
  plot.querySelector('.value')?.remove();
}

const plotOf = (event) => event.target.closest?.('.plot[role=slider]');

document.addEventListener('pointermove', (event) => {
  const plot = plotOf(event);
  for (const other of document.querySelectorAll('.plot')) if (other !== plot && other !== document.activeElement) hide(other);
  if (!plot) return;
  const box = plot.querySelector('svg').getBoundingClientRect();
  const x = (event.clientX - box.left) / box.width * WIDTH;
  const places = placesOf(plot);
  const nearest = places.reduce((best, place, at) => Math.abs(place.x - x) < Math.abs(places[best].x - x) ? at : best, 0);
  show(plot, nearest);
});
document.addEventListener('keydown', (event) => {
  const plot = plotOf(event);
  const last = plot ? placesOf(plot).length - 1 : 0;
  const now = Number(plot?.getAttribute('aria-valuenow'));
  const next = { ArrowLeft: now - 1, ArrowDown: now - 1, ArrowRight: now + 1, ArrowUp: now + 1, PageDown: now - 10, PageUp: now + 10, Home: 0, End: last }[event.key];
  if (!plot || next === undefined) return;
  event.preventDefault();
  show(plot, Math.min(Math.max(next, 0), last));
});
document.addEventListener('focusin', (event) => {
  const plot = plotOf(event);
  if (plot) show(plot, Number(plot.getAttribute('aria-valuenow')));
});
document.addEventListener('focusout', (event) => {
  const plot = plotOf(event);
  if (plot) hide(plot);
});
document.addEventListener('adit:renewing', (event) => { prepare(event.detail); });
prepare(document);
