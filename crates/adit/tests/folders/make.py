#!/usr/bin/env python3
"""Makes data folders with a given program, for the versions after it to open: crates/adit/tests/folders.rs.

    python3 crates/adit/tests/folders/make.py PROGRAM FOLDER

FOLDER is called like the version. In it, each NAME.tar.gz is a data folder, and NAME.json what a node told of it when it was made.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.request
from pathlib import Path

PATIENCE_S = 60
PASSWORD = 'made for tests'
# The phrase of everybody's examples: nothing of value can be kept by it.
PHRASE = 'abandon ' * 23 + 'art'
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Node:
    """A node of the program, on a free port."""

    def __init__(self, program, folder, *arguments):
        self.folder = folder
        self.process = subprocess.Popen(
            [program, 'node', '-p', '0', '--resolve-every', '0', '--data-dir', folder, *arguments],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment())
        self.url = None
        for line in self.process.stderr:
            found = re.search(r'listening.*?(http://[0-9.:]+)', line)
            if found:
                self.url = found[1]
                break
        assert self.url, 'the node did not start'

    def get(self, path):
        with OPENER.open(self.url + path, timeout=PATIENCE_S) as answer:
            return json.load(answer)

    def post(self, path, body):
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), {'Content-Type': 'application/json'})
        with OPENER.open(request, timeout=PATIENCE_S) as answer:
            return json.load(answer)

    def pay(self, sender, recipient, amount):
        self.post('/transactions/new', {'sender': sender, 'recipient': recipient, 'amount': amount})

    def resolve_with(self, other):
        self.post('/nodes/register', {'nodes': [other.url]})
        self.get('/nodes/resolve')

    def end(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        self.process.wait(PATIENCE_S)
        self.process.stderr.close()


def environment():
    kept = {name: value for name, value in os.environ.items() if not name.startswith('ADIT_')}
    return kept | {'ADIT_PASSWORD': PASSWORD}


def adit(program, *arguments, stdin=None):
    done = subprocess.run([program, *arguments], capture_output=True, text=True, env=environment(), check=True, input=stdin)
    return done.stdout.strip()


def told(node, addresses):
    """What a node tells of itself, as far as a later version has to tell the same."""
    deadline = time.monotonic() + PATIENCE_S
    while node.process.poll() is None:
        try:
            tips = node.get('/api/v1/chain-tips')
            if any(tip['status'] != 'active' for tip in tips['tips']):
                break
        except urllib.error.HTTPError as error:
            if error.code != 503:
                raise
        assert time.monotonic() < deadline, 'the node tells of no branch'
        time.sleep(0.05)
    status = node.get('/api/v1/status')
    mempool = node.get('/api/v1/mempool')
    return {
        'rules': status['rules'],
        'tip': status['tip'],
        'length': status['length'],
        'pending': sorted(one['id'] for one in mempool['transactions']),
        'tips': sorted(tip['hash'] for tip in tips['tips']),
        'peers': sorted(peer['id'] for peer in node.get('/api/v1/peers')['peers']),
        'addresses': {name: state_of(node, name) for name in addresses},
    }


def state_of(node, name):
    state = node.get(f'/api/v1/address/{name}')
    return {key: state.get(key) for key in ('balance', 'nonce', 'transaction_count')}


def classic(program, scratch, rules, ending):
    """Three shared blocks; one of ours that lost against two of a neighbour; three transactions that wait, one of them returned."""
    ours = Node(program, f'{scratch}/{rules}', '--rules', rules)
    theirs = Node(program, f'{scratch}/{rules}-other', '--rules', rules)
    ours.pay('alice', 'bob', 5)
    ours.get('/mine')
    ours.pay('bob', 'carol', 2.5)
    ours.get('/mine')
    theirs.resolve_with(ours)
    ours.pay('carol', 'alice', 1)
    ours.get('/mine')
    theirs.pay('dave', 'bob', 7)
    theirs.get('/mine')
    theirs.get('/mine')
    ours.resolve_with(theirs)
    ours.get('/mine')
    ours.pay('alice', 'bob', 11)
    ours.pay('\u00e9ric', 'bob', 12)
    theirs.get('/mine')
    theirs.get('/mine')
    ours.get('/nodes/resolve')
    expected = told(ours, ['alice', 'bob', 'carol', 'dave', '0'])
    ours.end(ending)
    theirs.end()
    return ours.folder, expected


def sealed(program, scratch, ending):
    """A chain with two accounts, transfers with and without data, a branch that lost, and two transactions that wait."""
    wallets = ['--wallet-dir', f'{scratch}/wallets']
    adit(program, 'wallet', 'import', *wallets, '--name', 'rich', stdin=PHRASE + '\n')
    adit(program, 'wallet', 'new', *wallets, '--name', 'other')
    rich = adit(program, 'wallet', 'address', *wallets, '--name', 'rich')
    other = adit(program, 'wallet', 'address', *wallets, '--name', 'other')
    chain = f'{scratch}/kept.json'
    adit(program, 'chain', 'new', '--name', 'kept', '--block-interval', '1s', '--alloc', f'{rich}=1000', '--output', chain)
    arguments = ['--chain', chain, '--reward-to', other]
    ours = Node(program, f'{scratch}/sealed', *arguments)
    theirs = Node(program, f'{scratch}/sealed-other', '--chain', chain, '--reward-to', rich)

    def send(node, name, to, amount, *more):
        adit(program, 'send', *wallets, '--name', name, '--node', node.url, to, amount, *more)

    send(ours, 'rich', other, '2.5')
    send(ours, 'rich', other, '1', '--data', 'a text in the chain')
    ours.get('/mine')
    ours.get('/mine')
    theirs.resolve_with(ours)
    send(ours, 'rich', other, '3')
    ours.get('/mine')
    send(theirs, 'other', rich, '0.5')
    for _ in range(4):
        theirs.get('/mine')
    ours.resolve_with(theirs)
    send(ours, 'other', rich, '0.25', '--data', 'this one waits')
    expected = told(ours, [rich, other])
    ours.end(ending)
    theirs.end()
    return ours.folder, expected


def pack(folder, archive):
    def plain(entry):
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = ''
        return entry

    with tarfile.open(archive, 'w:gz', compresslevel=9) as packed:
        packed.add(folder, arcname='.', filter=plain)


def main():
    program, made = sys.argv[1], Path(sys.argv[2])
    made.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        for name, (folder, expected) in {
            'classic': classic(program, scratch, 'classic', signal.SIGTERM),
            'classic-2018-killed': classic(program, scratch, 'classic-2018', signal.SIGKILL),
            'sealed': sealed(program, scratch, signal.SIGTERM),
        }.items():
            pack(folder, made / f'{name}.tar.gz')
            (made / f'{name}.json').write_text(json.dumps(expected, indent=2, sort_keys=True) + '\n')


main()
