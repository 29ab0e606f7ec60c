// Makes one part of a page like another, and touches only what differs: what is focused, selected or open stays so.

/** Makes `old` like `fresh`, whose nodes it may take. Elements are told apart by `data-key` or `id`, else by their order. */
export function morph(old, fresh) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
    return;
  }
  morphAttributes(old, fresh);
  morphChildren(old, fresh);
}

function morphAttributes(old, fresh) {
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  for (const { name } of [...old.attributes]) {
    // The reader of the page opens a <details>, not the node.
    const isTheirs = name === 'open' && old.localName === 'details';
    if (!isTheirs && !fresh.hasAttribute(name)) old.removeAttribute(name);
  }
}

function morphChildren(old, fresh) {
  const freshChildren = [...fresh.childNodes];
  const wanted = new Set(freshChildren.map(nameOf));
  const known = new Map();
  for (const child of [...old.childNodes]) {
    const name = nameOf(child);
    if (!wanted.has(name)) child.remove();
    else if (known.has(name)) known.get(name).push(child);
    else known.set(name, [child]);
  }
  let next = old.firstChild;
  for (const child of freshChildren) {
    const same = known.get(nameOf(child))?.shift();
    if (same) morph(same, child);
    if (same && same === next) next = next.nextSibling;
    else old.insertBefore(same ?? document.adoptNode(child), next);
  }
  while (next) {
    const after = next.nextSibling;
    next.remove();
    next = after;
  }
}

const nameOf = (node) => `${node.nodeName} ${node.dataset?.key ?? node.id ?? ''}`;
