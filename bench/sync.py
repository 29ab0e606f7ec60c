#!/usr/bin/env python3
"""Measures what two adit nodes cost each other: a new block, an idle peer, the first sync.

    python3 bench/sync.py                          builds adit if needed, prints a Markdown table, takes some minutes
    python3 bench/sync.py --only a,b               some measurements
    python3 bench/sync.py --adit FILE --adit FILE  other programs, side by side: the one before a change and the one after it
    python3 bench/sync.py --quick                  a smoke test; its numbers mean nothing

a  one new block between two nodes that know each other, on a chain of 20,000 blocks of 10 transactions (classic), and on a sealed
   chain: all bytes of HTTP that cross in both directions, in both connections' directions, from the request for the block until two
   seconds after both have it
b  the same in a second in which nothing happens, over half a minute of --resolve-every 10
c  the first sync of a chain of 20,000 small blocks, from the request for it until the last block is there, beside `adit chain import`
   of the same chain; and the 99th percentile of GET /api/v1/status of the syncing node meanwhile
d  the same when the syncing node is killed in the middle (SIGKILL) and started again: what crosses in all, compared with what
   crosses when it is not

Bytes are counted by relays through which the nodes speak to each other (bench/README.md), without what TCP and IP add. Nodes run on
127.0.0.1, in a temporary folder that is removed at the end.
"""

import argparse
import hashlib
import json
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from time import perf_counter, sleep

from chains import write_chain
from client import AnswerError, ask
from nodes import Node, NodeError, build_adit, free_port, import_chain

WAIT_SECONDS = 300
SETTLE_SECONDS = 2
STATUS_PAUSE_SECONDS = 0.005
EASIEST_TARGET = '00' + 'ff' * 31

# A chain whose target stays where it is, however fast blocks come.
GENESIS = {
    'index': 1, 'merkle_root': hashlib.sha256().hexdigest(), 'previous_hash': '0' * 64, 'proof': 100, 'target': EASIEST_TARGET,
    'timestamp': 1_795_300_000_000, 'transactions': [], 'version': 1,
    'params': {
        'allocations': {}, 'block_interval_ms': 1, 'future_limit_ms': 60_000, 'half_life_ms': 1_000, 'initial_target': EASIEST_TARGET,
        'max_block_bytes': 1_048_576, 'max_data_bytes': 1_024, 'name': 'bench', 'pow_limit': EASIEST_TARGET, 'reward': 1_000_000,
    },
}


class Relay:
    """Listens in place of a node, passes everything on and counts it."""

    def __init__(self, target_port):
        self.target_port = target_port
        self.bytes = 0
        self.connections = 0
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
                far = socket.create_connection(('127.0.0.1', self.target_port), timeout=10)
            except OSError:
                return
            self.connections += 1
            far.settimeout(None)
            for one, other in ((near, far), (far, near)):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self.pass_on, args=(one, other), daemon=True).start()

    def pass_on(self, one, other):
        try:
            while piece := one.recv(256 * 1024):
                self.bytes += len(piece)
                other.sendall(piece)
            other.shutdown(socket.SHUT_WR)
        except OSError:
            # One side has hung up: so does the relay.
            for end in (one, other):
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def close(self):
        self.listener.close()


def start(adit, folder, name, resolve_every='0', more=()):
    port = free_port()
    command = [str(adit), 'node', '-p', str(port), '--host', '127.0.0.1', '--data-dir', str(folder / name),
               '--resolve-every', resolve_every, *more]
    return Node(command, port, '/api/v1/status', 200, folder / f'{name}.log')


def status(node):
    return json.loads(bytes(ask(node.port, 'GET', '/api/v1/status')[1]))


def register(node, port):
    answered, _ = ask(node.port, 'POST', '/nodes/register', {'nodes': [f'http://127.0.0.1:{port}']})
    if answered != 201:
        raise NodeError(f'a peer was not registered: {answered}')


def resolve(node):
    return threading.Thread(target=lambda: quietly(node), daemon=True)


def quietly(node):
    try:
        ask(node.port, 'GET', '/nodes/resolve', timeout_seconds=WAIT_SECONDS)
    except (OSError, AnswerError):
        pass


def wait_for(node, tip, seconds=WAIT_SECONDS):
    deadline = perf_counter() + seconds
    while perf_counter() < deadline:
        if status(node)['tip'] == tip:
            return
        sleep(0.002)
    raise NodeError(f'a node has not got the tip {tip}')


def mine(node):
    answered, body = ask(node.port, 'POST', '/api/v1/mine')
    if answered != 200:
        raise NodeError(f'no block was made: {answered} {bytes(body)[:200]!r}')
    return json.loads(bytes(body))


def run(command, folder):
    result = subprocess.run([str(part) for part in command], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, timeout=WAIT_SECONDS)
    if result.returncode != 0:
        raise NodeError(f'{command}: {result.stdout.decode(errors="replace")[-1000:]}')
    return result.stdout.decode()


class Pair:
    """Two nodes with the same chain that know each other, each through a relay."""

    def __init__(self, adit, folder, chain, resolve_every):
        self.nodes = [start(adit, folder, name, resolve_every, chain.options) for name in ('one', 'other')]
        self.relays = [Relay(node.port) for node in self.nodes]
        one, other = self.nodes
        register(other, self.relays[0].port)
        resolve(other).start()
        wait_for(other, status(one)['tip'])
        register(one, self.relays[1].port)
        for node in self.nodes:
            quietly(node)

    def bytes(self):
        return sum(relay.bytes for relay in self.relays)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for relay in self.relays:
            relay.close()
        for node in self.nodes:
            node.kill()


class Classic:
    """A chain of the rules classic, out of a file."""

    name = 'classic'
    options = ['--rules', 'classic']

    def __init__(self, folder, blocks):
        self.file = write_chain(folder / f'classic-{blocks}.json', blocks, 'classic')
        self.blocks = blocks

    def prepare(self, adit, folder):
        """Returns the seconds that an import takes; the folder is that of the node `one` afterwards."""
        return import_chain(adit, self.file.path, folder / 'one', 'classic')


class Sealed:
    """A sealed chain whose blocks cost next to nothing to find: each holds its reward."""

    name = 'sealed'

    def __init__(self, adit, folder, blocks):
        self.genesis = folder / 'sealed-chain.json'
        self.genesis.write_text(json.dumps(GENESIS))
        self.blocks = blocks
        self.options = ['--chain', str(self.genesis), '--reward-to', REWARD_TO, '--force']
        self.export = folder / f'sealed-{blocks}.json'
        with start(adit, folder, 'maker', '0', self.options) as node:
            for _ in range(blocks - 1):
                mine(node)
        run([adit, 'chain', 'export', self.export, '--data-dir', folder / 'maker'], folder)

    def prepare(self, adit, folder):
        started = perf_counter()
        command = [adit, 'chain', 'import', self.export, '--data-dir', folder / 'one', '--chain', self.genesis, '--force']
        run(command, folder)
        return perf_counter() - started


# An address that anybody may be rewarded at, and nobody can spend from.
REWARD_TO = 'adit147n0lydu9j3v26vn099905fgzafurz2jdtytv5f7e92a9udmzefq5czcqu'


def new_block(adit, folder, chain):
    chain.prepare(adit, folder)
    with Pair(adit, folder, chain, '0') as pair:
        one, other = pair.nodes
        costs, waits = [], []
        for _ in range(5):
            before, started = pair.bytes(), perf_counter()
            made = mine(one)
            found = perf_counter()
            wait_for(other, made['hash'])
            waits.append(perf_counter() - found)
            sleep(SETTLE_SECONDS)
            costs.append(pair.bytes() - before)
        size = made['size_bytes']
    return [(f'a new block of {size:,} bytes, {chain.blocks:,} {chain.name} blocks', 'bytes', statistics.median(costs)),
            (f'until the other has it ({chain.name})', 'ms', statistics.median(waits) * 1000)]


def idle(adit, folder, chain, seconds):
    chain.prepare(adit, folder)
    with Pair(adit, folder, chain, '10s') as pair:
        sleep(SETTLE_SECONDS)
        before = pair.bytes()
        sleep(seconds)
        # Each is the other's peer.
        rate = (pair.bytes() - before) / seconds / 2
    return [(f'an idle peer ({chain.name})', 'bytes a second', rate)]


class StatusReader(threading.Thread):
    """Asks a node how it is, again and again, and notes how long that takes."""

    def __init__(self, node):
        super().__init__(daemon=True)
        self.node, self.seconds, self.is_over = node, [], False

    def run(self):
        while not self.is_over:
            started = perf_counter()
            status(self.node)
            self.seconds.append(perf_counter() - started)
            sleep(STATUS_PAUSE_SECONDS)

    def p99(self):
        self.is_over = True
        self.join()
        return sorted(self.seconds)[int(len(self.seconds) * 0.99)] if self.seconds else 0


def first_sync(adit, folder, chain):
    import_seconds = chain.prepare(adit, folder)
    with start(adit, folder, 'one', '0', chain.options) as one, start(adit, folder, 'new', '0', chain.options) as new:
        tip = status(one)['tip']
        register(new, one.port)
        reader = StatusReader(new)
        reader.start()
        started = perf_counter()
        resolve(new).start()
        wait_for(new, tip)
        seconds = perf_counter() - started
        p99 = reader.p99()
    return [(f'first sync of {chain.blocks:,} {chain.name} blocks', 'blocks a second', chain.blocks / seconds),
            (f'`adit chain import` of the same ({chain.name})', 'blocks a second', chain.blocks / import_seconds),
            (f'the first sync compared with it ({chain.name})', 'times', import_seconds / seconds),
            (f'GET /api/v1/status meanwhile, 99th percentile ({chain.name})', 'ms', p99 * 1000)]


def killed_sync(adit, folder, chain):
    chain.prepare(adit, folder)
    rows = []
    with start(adit, folder, 'one', '0', chain.options) as one:
        tip = status(one)['tip']
        for killed in (False, True):
            relay = Relay(one.port)
            name = 'killed' if killed else 'whole'
            new = start(adit, folder, name, '0', chain.options)
            try:
                register(new, relay.port)
                asking = resolve(new)
                asking.start()
                kept = 1
                if killed:
                    while status(new)['length'] < chain.blocks // 2:
                        sleep(0.001)
                    new.kill()
                    new = start(adit, folder, name, '0', chain.options)
                    kept = status(new)['length']
                    resolve(new).start()
                wait_for(new, tip)
            finally:
                new.kill()
                relay.close()
            note = f'killed with {kept:,} blocks' if killed else 'not killed'
            rows.append((f'first sync of {chain.blocks:,} {chain.name} blocks, {note}', 'bytes', relay.bytes))
    return rows


def measurements(options, adit, scratch):
    blocks = 2_000 if options.quick else options.blocks
    sealed_blocks = 200 if options.quick else options.sealed_blocks
    chains = [Classic(scratch, blocks)]
    if 'classic' not in options.rules:
        chains = []
    if 'sealed' in options.rules:
        chains.append(Sealed(adit, scratch, sealed_blocks))
    steps = {'a': new_block, 'b': lambda *a: idle(*a, 12 if options.quick else 30), 'c': first_sync, 'd': killed_sync}
    for letter in options.only:
        for chain in chains:
            yield letter, chain, steps[letter]


def formatted(value):
    return f'{value:,.0f}' if value >= 100 else f'{value:.3g}'


def main():
    parser = argparse.ArgumentParser(description='Measures what two adit nodes cost each other.')
    parser.add_argument('--only', metavar='LETTERS', default='a,b,c,d', type=lambda text: text.split(','))
    parser.add_argument('--rules', default='classic,sealed', type=lambda text: text.split(','))
    parser.add_argument('--blocks', metavar='N', type=int, default=20_000, help='length of the classic chain')
    parser.add_argument('--sealed-blocks', metavar='N', type=int, default=20_000, help='length of the sealed chain')
    parser.add_argument('--quick', action='store_true', help='small sizes, for a smoke test')
    parser.add_argument('--adit', metavar='FILE', type=Path, action='append', help='measure this program; can be given more than once')
    parser.add_argument('--folder', metavar='DIR', default=tempfile.gettempdir())
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    programs = [path.resolve() for path in options.adit or [build_adit()]]
    rows = {}
    with tempfile.TemporaryDirectory(prefix='adit-sync-', dir=options.folder) as scratch:
        scratch = Path(scratch)
        for letter, chain, step in measurements(options, programs[-1], scratch):
            for number, adit in enumerate(programs):
                folder = scratch / f'{letter}-{chain.name}-{number}'
                folder.mkdir()
                for quantity, unit, value in step(adit, folder, chain):
                    place = quantity.split(', killed with')[0]
                    rows.setdefault((letter, place, unit), [quantity, {}])[1][number] = value
                    print(f'{letter} {adit}: {quantity}: {formatted(value)} {unit}', file=sys.stderr, flush=True)
    print('| | quantity | unit | ' + ' | '.join(str(path) for path in programs) + ' |')
    print('|---|---|---|' + '--:|' * len(programs))
    for (letter, _, unit), (quantity, values) in rows.items():
        cells = [formatted(values[number]) if number in values else '–' for number in range(len(programs))]
        print(f'| {letter} | {quantity} | {unit} | ' + ' | '.join(cells) + ' |')


if __name__ == '__main__':
    main()
