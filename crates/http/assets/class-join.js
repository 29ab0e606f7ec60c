// The page in a pocket: takes part in a class, pays classmates, checks the chain by itself, and mines if that is wanted. The
// key is made here and stays here; the class is told a name and an address.

import { urlOf } from "./chain-source.js";
import { element } from "./dom.js";
import { Key } from "./key.js";
import { LightClient } from "./light-client.js";

const LOOK_INTERVAL_MS = 2_000;
const UNITS_A_COIN = 1_000_000;
const SHOWN_PAYMENTS = 8;
const START_LIMIT = 2 ** 40;

const byId = id => document.getElementById(id);
const { chain, genesis } = byId("main").dataset;
const kept = { get: name => read(`adit-class-${chain}-${name}`), set: (name, value) => write(`adit-class-${chain}-${name}`, value) };

let key = null, node = 0, people = new Map(), client = null;
const sure = new Set(), seenIn = new Map(Object.entries(JSON.parse(kept.get("seen") ?? "{}")));

// A browser that keeps nothing (private windows) still takes part until it is closed.
function read(name) { try { return localStorage.getItem(name); } catch { return null; } }
function write(name, value) { try { localStorage.setItem(name, value); } catch { /* it is not kept */ } }

async function ask(path, options) {
  const answer = await fetch(urlOf(path), options);
  const text = await answer.text();
  if (answer.ok) return text;
  let problem = {};
  try { problem = JSON.parse(text); } catch { /* it is no problem document */ }
  throw Object.assign(new Error(problem.detail ?? `answered with ${answer.status}`), { status: answer.status, rule: problem.rule });
}
const post = (path, value) => ask(path, { method: "POST", headers: { "content-type": "application/json" }, body: typeof value === "string" ? value : JSON.stringify(value) });
const ofNode = (path, options) => ask(`/node/${node}/api/v1${path}`, options);

/** An amount in coins, as people write it. */
const coins = units => `${Math.floor(units / UNITS_A_COIN)}${units % UNITS_A_COIN ? `.${`${units % UNITS_A_COIN}`.padStart(6, "0").replace(/0+$/, "")}` : ""}`;
const unitsOf = text => {
  const match = /^(\d{1,9})(?:[.,](\d{1,6}))?$/.exec(text.trim());
  return match ? Number(match[1]) * UNITS_A_COIN + Number((match[2] ?? "").padEnd(6, "0")) : 0;
};
const nameOf = address => people.get(address)?.name ?? (address === "0" ? "a new block" : "the class");

// Joining

byId("join").addEventListener("submit", async event => {
  event.preventDefault();
  const said = byId("join-said");
  said.textContent = "";
  try {
    const words = byId("words-in").value.trim();
    await join(new Key(words || null), byId("name").value);
  } catch (error) {
    said.textContent = error.message;
  }
});

async function join(made, name) {
  const joined = JSON.parse(await post("/class/pupils", { name, address: made.address }));
  key = made;
  node = joined.node;
  kept.set("words", key.words.join(" "));
  kept.set("name", name);
  client = new LightClient(genesis, path => ofNode(path));
  byId("node").textContent = joined.node_name;
  byId("title").textContent = name;
  byId("join").hidden = true;
  byId("wallet").hidden = false;
  look();
}

/** Whoever was here before is here again. */
async function begin() {
  const words = kept.get("words");
  if (words) {
    try {
      await join(new Key(words), kept.get("name") ?? "");
      return;
    } catch (error) {
      byId("join-said").textContent = error.message;
    }
  }
  byId("join").hidden = false;
}

// Looking

let lookedLast = Promise.resolve();
function look() {
  lookedLast = lookedLast.then(lookOnce).catch(error => { lost(true, error); });
  return lookedLast;
}

async function lookOnce() {
  if (!key) return;
  const state = JSON.parse(await ask("/class/state"));
  people = new Map(state.people.map(one => [one.address, one]));
  if (!people.has(key.address)) {
    byId("wallet").hidden = true;
    byId("join").hidden = false;
    byId("join-said").textContent = "The teacher has taken you out.";
    key = null;
    stopMining();
    return;
  }
  byId("title").textContent = people.get(key.address).name;
  fillPayees(state.people);
  await showChecked();
  const [account, list] = await Promise.all([ofNode(`/address/${key.address}`), ofNode(`/address/${key.address}/txs?limit=${SHOWN_PAYMENTS}`)]);
  await showPayments(JSON.parse(account), JSON.parse(list).transactions);
  if (byId("mine").checked) await mineOn();
  lost(false);
}

function lost(isLost, error) {
  byId("lost").hidden = !isLost;
  if (isLost && error) console.debug(error);
}

function fillPayees(all) {
  const select = byId("payee");
  const others = all.filter(one => one.address !== key.address);
  const wanted = others.map(one => `${one.address} ${one.name}`).join();
  if (select.dataset.filled === wanted) return;
  const chosen = select.value;
  select.replaceChildren(element("option", { value: "" }, "a classmate"), ...others.map(one => element("option", { value: one.address }, one.name)));
  select.value = others.some(one => one.address === chosen) ? chosen : "";
  select.dataset.filled = wanted;
}

async function showChecked() {
  const place = byId("checked");
  try {
    const fallen = await client.follow();
    place.classList.remove("bad");
    const aside = fallen > 0 ? `; ${fallen} fell aside` : "";
    place.textContent = `✓ I checked ${client.length - 1} headers myself${aside}`;
  } catch (error) {
    if (error.status) throw error;
    place.classList.add("bad");
    place.textContent = `✗ The headers do not hold: ${error.message}`;
  }
}

async function showPayments(account, transactions) {
  const pending = transactions.filter(one => one.status === "pending" && one.transaction.sender === key.address);
  const onTheWay = pending.reduce((sum, one) => sum + one.transaction.amount, 0);
  byId("balance").textContent = coins(Math.max(0, account.balance - onTheWay));
  byId("on-the-way").textContent = onTheWay ? `${coins(onTheWay)} more are on their way` : "";
  const slips = [];
  for (const one of transactions) slips.push(await slip(one));
  for (const [id, then] of seenIn) {
    if (then.isMine && !transactions.some(one => one.id === id) && !(await isKnown(id))) slips.unshift(goneSlip(then));
  }
  byId("history").replaceChildren(...slips);
  kept.set("seen", JSON.stringify(Object.fromEntries([...seenIn].slice(-40))));
}

async function isKnown(id) {
  try {
    await ofNode(`/tx/${id}`);
    return true;
  } catch (error) {
    return error.status !== 404;
  }
}

async function slip({ id, status, transaction, block_index: index, block_hash: hash, confirmations }) {
  const isOut = transaction.sender === key.address;
  const title = isOut ? `to ${nameOf(transaction.recipient)}` : `from ${nameOf(transaction.sender)}`;
  const sum = element("b", { class: isOut ? "sum" : "sum in" }, `${isOut ? "−" : "+"}${coins(transaction.amount)}`);
  const before = seenIn.get(id);
  if (status === "confirmed") {
    seenIn.set(id, { index, hash, title, sum: sum.textContent, isMine: true });
    const words = (await isProved(id, hash)) ? `✓ proved in block ${index} · ${confirmations} confirmations` : `block ${index} · ${confirmations} confirmations`;
    return element("li", { class: "slip" }, element("b", {}, title), sum, element("p", {}, words));
  }
  if (!before?.index) seenIn.set(id, { title, sum: sum.textContent, isMine: true });
  const words = before?.index
    ? `↩ Block ${before.index} fell aside, so this waits again. Nothing is lost: the next block can take it.`
    : "waits for a block";
  return element("li", { class: before?.index ? "slip again" : "slip" }, element("b", {}, title), sum, element("p", {}, words));
}

const goneSlip = then => element("li", { class: "slip gone" }, element("b", {}, then.title), element("b", { class: "sum" }, then.sum),
  element("p", {}, "✗ No block and no node has this any more: the same coins were spent elsewhere."));

/** Whether a payment is in a block whose header was checked here. */
async function isProved(id, hash) {
  if (sure.has(`${id} ${hash}`)) return true;
  try {
    const proof = JSON.parse(await ofNode(`/tx/${id}/merkle-proof`));
    if (!client.holds(proof)) return false;
    sure.add(`${id} ${hash}`);
    return true;
  } catch {
    return false;
  }
}

// Paying

byId("pay").addEventListener("submit", async event => {
  event.preventDefault();
  const said = byId("pay-said"), button = event.target.querySelector("button");
  said.className = "";
  said.textContent = "";
  const amount = unitsOf(byId("amount").value), recipient = byId("payee").value;
  if (!amount || !recipient) {
    said.className = "said-bad";
    said.textContent = recipient ? "Write the amount as 2 or 1.5." : "Choose whom you pay.";
    return;
  }
  button.disabled = true;
  try {
    const { next_nonce: nonce } = JSON.parse(await ofNode(`/address/${key.address}`));
    await ofNode("/tx", { method: "POST", headers: { "content-type": "application/json" }, body: key.pay({ chain, nonce, recipient, amount }) });
    byId("amount").value = "";
    said.textContent = `✓ Signed here and sent: ${coins(amount)} to ${nameOf(recipient)}.`;
  } catch (error) {
    said.className = "said-bad";
    said.textContent = error.rule === "balance" ? "You do not have that much." : error.message;
  }
  button.disabled = false;
  look();
});

// Mining

let worker = null, work = null, guesses = 0, foundCount = 0, since = performance.now();

byId("mine").addEventListener("change", () => { if (byId("mine").checked) look(); else stopMining(); });

async function mineOn() {
  const { guesses_per_s: perSecond } = JSON.parse(await post("/class/mining", { address: key.address, is_mining: true }));
  const tip = await ofNode("/blocks/tip/hash");
  const now = performance.now();
  byId("rate").textContent = work ? Math.round(guesses * 1000 / (now - since)).toLocaleString("en-GB") : "0";
  [guesses, since] = [0, now];
  if (work && work.tip === tip && work.perSecond === perSecond && now < work.until) return;
  const template = JSON.parse(await ofNode(`/template?reward_to=${key.address}`));
  work = { tip: template.previous_hash, perSecond, until: now + template.keep_ms, template };
  worker ??= startWorker();
  const start = Math.floor(Math.random() * START_LIMIT);
  worker.postMessage({ prefix: template.prefix, suffix: template.suffix, target: BigInt(`0x${template.target}`), start, perSecond });
}

function startWorker() {
  const made = new Worker(new URL("./class-mine-worker.js", import.meta.url), { type: "module" });
  made.addEventListener("message", async ({ data }) => {
    guesses += data.guesses;
    if (data.proof === null || !work) return;
    const { template } = work;
    work = null;
    try {
      const { outcome } = JSON.parse(await ofNode("/blocks", { method: "POST", headers: { "content-type": "application/json" }, body: `${template.before_proof}${data.proof}${template.behind_proof}` }));
      if (["extended", "reorganised"].includes(outcome)) byId("found").textContent = `${++foundCount}`;
    } catch (error) {
      console.debug(error); // another was faster
    }
    look();
  });
  return made;
}

function stopMining() {
  byId("mine").checked = false;
  byId("rate").textContent = "0";
  worker?.postMessage({ stop: true });
  work = null;
  if (key) post("/class/mining", { address: key.address, is_mining: false }).catch(() => {});
}

// The key

byId("show-words").addEventListener("click", () => {
  const list = byId("words"), isShown = list.hidden;
  list.replaceChildren(...(isShown ? key.words.map(word => element("li", {}, word)) : []));
  list.hidden = !isShown;
  byId("show-words").textContent = isShown ? "Hide the words" : "Show the words";
  byId("show-words").setAttribute("aria-expanded", `${isShown}`);
});
addEventListener("blur", () => { if (!byId("words").hidden) byId("show-words").click(); });

setInterval(() => { if (document.visibilityState === "visible" && key) look(); }, LOOK_INTERVAL_MS);
begin();
