// Who owns what on a sealed chain: starts from the genesis block's allocations, and follows every
// transaction. A block whose payments do not add up is not valid, however much work it has cost.

import { publicKey } from "./address.js";
import { quote, read } from "./canonical.js";
import { integer } from "./block.js";
import { finding } from "./finding.js";

/** All accounts: a Map from address to { balance, nonce }, both BigInts. */
export function firstAccounts(params) {
  return new Map(params.allocations.map(([address, amount]) => [address, { balance: amount, nonce: 0n }]));
}

/** Lets a block, whose reward is right, do to the accounts what it does. Returns what it found, up to the first fault. */
export function applyBlock(accounts, block, params, chain) {
  const findings = [];
  let fees = 0n;
  for (const [position, text] of block.transactions.entries()) {
    if (position === 0) continue; // the reward, which comes last: nobody spends what this block brings
    const transfer = readTransfer(text);
    findings.push(...checkTransfer(accounts, transfer, chain, position));
    if (findings.some(one => !one.holds)) return findings;
    const sender = account(accounts, transfer.sender);
    sender.balance -= transfer.amount + transfer.fee;
    sender.nonce += 1n;
    account(accounts, transfer.recipient).balance += transfer.amount;
    fees += transfer.fee;
  }
  const finder = read(block.transactions[0]).members.get("recipient").string;
  account(accounts, finder).balance += params.reward + fees;
  return findings;
}

function checkTransfer(accounts, { amount, fee, nonce, sender, recipient, chain }, expectedChain, position) {
  const { balance, nonce: expectedNonce } = account(accounts, sender);
  const where = `transaction ${position}`;
  return [
    finding("chain", chain === expectedChain, `${where} is for this chain`, expectedChain, chain),
    finding("fields", publicKey(recipient) !== null, `${where} pays an address`, "an address", recipient),
    finding("nonce", nonce === expectedNonce, `${where} is the sender's next one`, expectedNonce, nonce),
    finding("balance", balance >= amount + fee, `${where} spends what the sender has`, `at most ${balance}`, amount + fee),
  ];
}

/** The first transaction is the reward: the chain's, and all fees of the block. */
export function checkReward(block, params) {
  const [reward = "no transaction", ...transfers] = block.transactions;
  const fees = transfers.reduce((sum, text) => sum + readTransfer(text).fee, 0n);
  const recipient = read(block.transactions[0] ?? "{}").members?.get("recipient")?.string ?? "";
  const expected = `{"amount": ${params.reward + fees}, "index": ${block.index}, "recipient": ${quote(recipient)}, "sender": "0"}`;
  const holds = reward === expected && publicKey(recipient) !== null;
  return finding("reward", holds, "the reward is the chain's, and all fees", expected, reward);
}

function account(accounts, address) {
  if (!accounts.has(address)) accounts.set(address, { balance: 0n, nonce: 0n });
  return accounts.get(address);
}

function readTransfer(text) {
  const members = read(text).members ?? new Map();
  const whole = name => integer(name, members.get(name));
  const string = name => members.get(name)?.string ?? "";
  return {
    amount: whole("amount"), fee: whole("fee"), nonce: whole("nonce"),
    sender: string("sender"), recipient: string("recipient"), chain: string("chain"),
  };
}
