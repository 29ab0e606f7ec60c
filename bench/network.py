#!/usr/bin/env python3
"""Measures real nodes that talk with each other, on this machine, and prints a table.

    python3 bench/network.py                 30 nodes; takes some minutes
    python3 bench/network.py --quick         a smoke test; its numbers mean nothing
    python3 bench/network.py --only c        some of it

a  a block of one reward, seen by all: from its first line in a node's log to its last, and what it costs a link
b  what an idle peer costs: bytes a second
c  the memory of a node with 125 idle peers
d  a first sync: blocks a second, beside `adit chain import` of the same chain

Nodes run on 127.0.0.1 with data folders in a new temporary folder, and end with it. All of them share this machine's cores.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from datetime import datetime
from pathlib import Path

from chains import write_chain

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 120
LOG = re.compile(r'^(\S+) .*? block index=(\d+) hash=(\w+)')


def get(port, path):
    with urllib.request.urlopen(f'http://127.0.0.1:{port}{path}', timeout=PATIENCE) as answer:
        return answer.read()


def status(port):
    return json.loads(get(port, '/api/v1/status'))


def until(what, look):
    end = time.monotonic() + PATIENCE
    while not (seen := look()):
        if time.monotonic() > end:
            sys.exit(f'waited in vain until {what}')
        time.sleep(0.05)
    return seen


class Node:
    """A node, and its log."""

    def __init__(self, adit, folder, name, options=()):
        self.log = folder / f'{name}.log'
        command = [adit, 'node', '-p', '0', '--data-dir', folder / name, '--log', 'warn,adit_node=debug,adit=info', *options]
        self.process = subprocess.Popen(command, stderr=self.log.open('wb'), stdin=subprocess.DEVNULL)
        found = until('it listens', lambda: re.search(r'listening .*?address=\S+:(\d+)', self.text()))
        self.port = int(found.group(1))

    def text(self):
        return self.log.read_text(errors='replace')

    def place(self):
        return status(self.port)['p2p']['addresses'][0]

    def said_bytes(self):
        """All bytes of messages that it sent, before encryption."""
        lines = get(self.port, '/metrics').decode().splitlines()
        return sum(float(line.rsplit(' ', 1)[1]) for line in lines if line.startswith('adit_p2p_bytes_total{way="out"'))

    def talks(self):
        return len(json.loads(get(self.port, '/api/v1/peers'))['talking'])

    def memory_mib(self):
        text = Path(f'/proc/{self.process.pid}/status').read_text()
        return int(re.search(r'VmRSS:\s+(\d+)', text).group(1)) / 1024

    def stop(self):
        self.process.terminate()
        self.process.wait(PATIENCE)


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))]


def seen_by_all(nodes):
    """For each block that all have, the milliseconds between its first line in a log and its last."""
    seen = {}
    for node in nodes:
        for line in node.text().splitlines():
            if found := LOG.match(line):
                at = datetime.fromisoformat(found.group(1)).timestamp()
                seen.setdefault(found.group(3), {}).setdefault(node.port, at)
    return [1000 * (max(times.values()) - min(times.values())) for times in seen.values() if len(times) == len(nodes)]


def measure_blocks(bench, count, blocks):
    nodes = [bench.node('node0')]
    for number in range(1, count):
        others = [nodes[number // 2].place(), nodes[number - 1].place()]
        nodes.append(bench.node(f'node{number}', ['--connect', ','.join(others)]))
    until('all talk', lambda: all(node.talks() for node in nodes))
    time.sleep(10)  # addresses go round, and further links are made
    links = sum(node.talks() for node in nodes) / 2
    idle_before, start = [node.said_bytes() for node in nodes], time.monotonic()
    time.sleep(bench.idle_s)
    idle = sum(node.said_bytes() for node in nodes) - sum(idle_before)
    idle_rate = idle / (time.monotonic() - start) / (2 * links)
    length = status(nodes[0].port)['length']
    before = sum(node.said_bytes() for node in nodes)
    for number in range(blocks):
        get(nodes[number * 7 % count].port, '/mine')
        length += 1
        until('all have the block', lambda: all(status(node.port)['length'] >= length for node in nodes))
        time.sleep(0.2)
    said = sum(node.said_bytes() for node in nodes) - before
    times = seen_by_all(nodes)[-blocks:]
    for node in nodes:
        node.stop()
    bench.row(f'a block seen by all of {count} nodes ({links:.0f} links), p50', f'{percentile(times, .5):.0f} ms')
    bench.row('the same, p95', f'{percentile(times, .95):.0f} ms')
    bench.row('bytes of a block a link, both ways', f'{said / blocks / links:.0f}')
    bench.row('bytes a second of an idle peer, each way', f'{idle_rate:.1f}')


def measure_memory(bench, peers):
    node = bench.node('alone')
    alone = node.memory_mib()
    command = [bench.example('idle_peers'), node.place(), status(node.port)['chain']['genesis'], str(peers)]
    crowd = subprocess.Popen(command, stdin=subprocess.PIPE)
    until('all are there', lambda: node.talks() >= min(peers, 114))
    time.sleep(5)
    bench.row('memory of a node without peers', f'{alone:.0f} MiB')
    bench.row(f'with {node.talks()} idle peers of {peers} that dialled', f'{node.memory_mib():.0f} MiB')
    crowd.stdin.close()
    crowd.wait(PATIENCE)
    node.stop()


def measure_sync(bench, blocks):
    file = bench.folder / 'chain.json'
    write_chain(file, blocks, 'classic', transactions_a_block=2)

    def bring_in(name):
        start = time.monotonic()
        command = [bench.adit, 'chain', 'import', '--data-dir', bench.folder / name, file]
        subprocess.run(command, check=True, capture_output=True)
        return time.monotonic() - start

    bring_in('first')
    import_s = bring_in('imported')
    classic = ['--network', 'bench', '--resolve-every', '0']
    first = Node(bench.adit, bench.folder, 'first', classic)
    there, start = first.place(), time.monotonic()
    second = Node(bench.adit, bench.folder, 'second', [*classic, '--connect', there])
    until('all has come', lambda: status(second.port)['length'] == blocks)
    sync_s = time.monotonic() - start
    first.stop()
    second.stop()
    bench.row(f'a first sync of {blocks} blocks of 2 transactions (classic), with the start', f'{blocks / sync_s:.0f} blocks a second')
    bench.row('`adit chain import` of the same', f'{blocks / import_s:.0f} blocks a second')


class Bench:
    """What all measurements share."""

    def __init__(self, adit, folder, options):
        self.adit, self.folder, self.options = adit, folder, options
        self.idle_s = 5 if options.quick else 60
        env = {**os.environ, 'ADIT_WALLET_DIR': str(folder / 'wallets')}
        password = folder / 'password'
        password.write_text('bench\n')
        env['ADIT_PASSWORD_FILE'] = str(password)
        subprocess.run([adit, 'wallet', 'new'], env=env, check=True, capture_output=True)
        found = subprocess.run([adit, 'wallet', 'address'], env=env, check=True, capture_output=True, text=True)
        self.reward = found.stdout.strip()
        subprocess.run([adit, 'chain', 'new', '--name', 'bench', '--difficulty', '16', '--block-interval', '1s',
                        '--alloc', f'{self.reward}=1000'], cwd=folder, check=True, capture_output=True)
        self.chain = folder / 'bench.json'

    def node(self, name, options=()):
        return Node(self.adit, self.folder, name, ['--chain', self.chain, '--reward-to', self.reward, *options])

    def example(self, name):
        command = ['cargo', 'build', '--release', '--locked', '-p', 'adit-p2p', '--example', name, '--message-format=json']
        built = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
        lines = (json.loads(line) for line in built.stdout.splitlines())
        return next(line['executable'] for line in lines if line.get('target', {}).get('name') == name and line.get('executable'))

    def row(self, what, value):
        print(f'| {what} | {value} |', flush=True)


def main():
    parser = argparse.ArgumentParser(description='Measures real nodes that talk with each other.')
    parser.add_argument('--quick', action='store_true', help='small sizes, for a smoke test')
    parser.add_argument('--only', default='abcd', metavar='LETTERS', help='which measurements (a and b go together)')
    parser.add_argument('--nodes', type=int, default=30)
    parser.add_argument('--adit', metavar='FILE', type=Path, help='measure this binary (default: the one that cargo builds here)')
    options = parser.parse_args()
    adit = options.adit or ROOT / 'target' / 'release' / 'adit'
    if not options.adit:
        subprocess.run(['cargo', 'build', '--release', '--locked'], cwd=ROOT, check=True)
    folder = Path(tempfile.mkdtemp(prefix='adit-network-'))
    try:
        bench = Bench(adit, folder, options)
        print('| what | measured |\n|---|---|')
        if set(options.only) & set('ab'):
            measure_blocks(bench, 5 if options.quick else options.nodes, 5 if options.quick else 40)
        if 'c' in options.only:
            measure_memory(bench, 10 if options.quick else 125)
        if 'd' in options.only:
            measure_sync(bench, 200 if options.quick else 20_000)
    finally:
        shutil.rmtree(folder)


if __name__ == '__main__':
    main()
