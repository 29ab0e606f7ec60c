#!/usr/bin/env python3
"""Five nodes in bad company: two hostile peers, hostile clients, readers, writers, miners, and kills, for as long as is said.

    python3 tests/soak/soak.py target/release/adit --minutes 60 --seed 1

Three nodes have a chain of the tutorial's rules, two a sealed one. What happens when follows from the seed. At the end it says
what each node took at the start and at the end (memory, threads, files, disk), how long each was silent at most, and whether
everything that was acknowledged is still there; it fails if something is not as it should be. docs/reliability.md says more.

Linux, Python 3.8 or later; with `cryptography` it signs transactions too. Everything is on 127.0.0.1 and in a temporary folder.
"""

import argparse
import hashlib
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'bench'))

from bech32m import address  # noqa: E402
from hostile_client import ATTACKS, signed_spam, transaction_id  # noqa: E402
from hostile_peer import HostilePeer  # noqa: E402
from nodes import free_port  # noqa: E402
from world import Node, ask  # noqa: E402

WARM_UP_SECONDS = 60
SAMPLE_SECONDS = 30
KILL_SECONDS = 150
LOOK_SECONDS = 2
REST_SECONDS = 2
ACKNOWLEDGED_LIMIT = 5_000
# A node that is silent for longer has failed, unless it was killed.
SILENCE_LIMIT_SECONDS = 30


class Soak:
    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.adit = str(Path(options.adit).resolve())
        self.end = threading.Event()
        self.problems, self.attacks = [], {}
        self.acknowledged = {}  # identity: node
        self.silence = {}
        self.samples = []

    def make_nodes(self):
        reward = address(hashlib.sha256(b'soak').digest())
        new = [self.adit, 'chain', 'new', '--name', 'soak', '--block-interval', '3s', '--alloc', f'{reward}=1000000']
        subprocess.run(new, check=True, cwd=self.folder, stdout=subprocess.DEVNULL)
        miner = ['--mine=1', '--mine-every', '5s']
        classic = [Node(self.adit, self.folder, f'classic-{number}', miner if number == 1 else []) for number in (1, 2, 3)]
        chain = ['--chain', str(self.folder / 'soak.json'), '--reward-to', reward]
        sealed = [Node(self.adit, self.folder, f'sealed-{number}', [*chain, *(['--mine=1'] if number == 1 else [])])
                  for number in (1, 2)]
        self.classic, self.sealed, self.nodes = classic, sealed, classic + sealed
        for node in self.nodes:
            node.start()

    def make_hostile_peers(self):
        while self.sealed[0].status()['length'] < 3:
            time.sleep(0.2)
        _, light = ask(self.sealed[0].port, 'GET', '/chain')
        ports = [free_port(), free_port()]
        self.hostile = {
            'classic': HostilePeer(ports[0], self.options.seed, lambda: self.length_of(self.classic[0])),
            'sealed': HostilePeer(ports[1], self.options.seed + 1, lambda: self.length_of(self.sealed[0]), light),
        }
        for group, nodes, port in (('classic', self.classic, ports[0]), ('sealed', self.sealed, ports[1])):
            for node in nodes:
                others = [f'http://127.0.0.1:{other.port}' for other in nodes if other is not node]
                body = {'nodes': [*others, f'http://127.0.0.1:{port}']}
                ask(node.port, 'POST', '/nodes/register', json.dumps(body))
        self.chain_id = self.sealed[0].status()['chain']['id']

    @staticmethod
    def length_of(node):
        try:
            return node.status()['length']
        except (OSError, ValueError, KeyError):
            return 1

    def run(self):
        self.make_nodes()
        self.make_hostile_peers()
        threads = [threading.Thread(target=self.guarded, args=(task,), daemon=True)
                   for task in (lambda: self.attack(1), lambda: self.attack(2), self.read, self.write, self.kill)]
        threads += [threading.Thread(target=self.guarded, args=(lambda node=node: self.look_at(node),), daemon=True)
                    for node in self.nodes]
        for thread in threads:
            thread.start()
        start = time.monotonic()
        while time.monotonic() - start < self.options.minutes * 60:
            time.sleep(min(SAMPLE_SECONDS, self.options.minutes * 30))
            self.sample(time.monotonic() - start)
        self.end.set()
        for thread in threads:
            thread.join(120)
        self.settle()

    def guarded(self, task):
        try:
            task()
        except Exception as error:  # a part of the soak that ends unseen would prove nothing
            self.problems.append(f'the soak itself: {type(error).__name__}: {error}')

    def attack(self, number):
        generator = random.Random(f'{self.options.seed} {number}')
        spam = signed_spam(self.chain_id)
        if not spam:
            print('no signed spam: Python lacks the package cryptography', flush=True)
        while not self.end.wait(REST_SECONDS):
            node = generator.choice(self.nodes)
            attacks = ATTACKS + ([spam] * 2 if spam and node in self.sealed else [])
            attack = generator.choice(attacks)
            group = 'sealed' if node in self.sealed else 'classic'
            try:
                attack(node, generator, [self.hostile[group].server_address[1]])
                outcome = 'done'
            except AssertionError as error:
                self.problems.append(str(error))
                outcome = 'did harm'
            except (OSError, ValueError):
                outcome = 'refused'  # cut off, or the node was just killed
            key = (attack.__name__, outcome)
            self.attacks[key] = self.attacks.get(key, 0) + 1

    def read(self):
        generator = random.Random(self.options.seed + 2)
        paths = ['/', '/blocks', '/api/v1/blocks', '/api/v1/mempool', '/api/v1/peers', '/api/v1/stats', '/charts', '/forks', '/metrics']
        while not self.end.wait(0.05):
            node = generator.choice(self.nodes)
            try:
                status, _ = ask(node.port, 'GET', generator.choice(paths))
                if status >= 500 and status != 503:
                    self.problems.append(f'{node.name}: a reader got {status}')
            except (OSError, ValueError):
                pass

    def write(self):
        number = 0
        while not self.end.wait(0.25) and len(self.acknowledged) < ACKNOWLEDGED_LIMIT:
            node = self.classic[number % len(self.classic)]
            number += 1
            transaction = {'sender': 'soak', 'recipient': f'one-{self.options.seed}-{number}', 'amount': number}
            try:
                status, _ = ask(node.port, 'POST', '/transactions/new', json.dumps(transaction))
            except (OSError, ValueError):
                continue
            if status == 201:
                self.acknowledged[transaction_id(transaction)] = node

    def kill(self):
        generator = random.Random(self.options.seed + 3)
        while not self.end.wait(KILL_SECONDS):
            generator.choice(self.nodes).kill_and_start()

    def look_at(self, node):
        """How long the node is silent at most, killing it aside."""
        last, kills = time.monotonic(), node.kills
        while not self.end.wait(LOOK_SECONDS):
            if node.has_ended() and not node.lock.locked():
                self.problems.append(f'{node.name} ended with {node.process.returncode}')
                return
            try:
                answered = ask(node.port, 'GET', '/api/v1/status')[0] == 200
            except (OSError, ValueError):
                answered = False
            now = time.monotonic()
            if node.kills != kills or node.lock.locked():
                last, kills = now, node.kills
            elif answered:
                self.silence[node.name] = max(self.silence.get(node.name, 0), now - last - LOOK_SECONDS)
                last = now
            elif now - last > 10 * SILENCE_LIMIT_SECONDS:
                self.problems.append(f'{node.name} does not answer any more')
                return

    def sample(self, seconds):
        sample = {'seconds': round(seconds), 'nodes': {}}
        for node in self.nodes:
            with node.lock:
                if node.has_ended():
                    continue
                sample['nodes'][node.name] = node.measured()
        self.samples.append(sample)
        print(json.dumps(sample), flush=True)

    def settle(self):
        """No attacks any more: the nodes come to rest, agree, and hold what they acknowledged."""
        for peer in self.hostile.values():
            for node in self.nodes:
                try:
                    ask(node.port, 'DELETE', f'/api/v1/peers/127.0.0.1:{peer.server_address[1]}')
                except OSError as error:
                    self.problems.append(f'{node.name}: {error}')
            peer.shutdown()
        time.sleep(min(60, self.options.minutes * 30))
        self.sample(self.options.minutes * 60)
        for group in (self.classic, self.sealed):
            lengths = [node.status()['length'] for node in group]
            if max(lengths) - min(lengths) > 10:
                self.problems.append(f'{group[0].name} and its peers have {lengths} blocks')
        lost = 0
        for identity, node in self.acknowledged.items():
            lost += ask(node.port, 'GET', f'/api/v1/tx/{identity}')[0] != 200
        print(f'{len(self.acknowledged)} transactions acknowledged, {lost} lost')
        if lost:
            self.problems.append(f'{lost} acknowledged transactions are gone')
        for name, seconds in self.silence.items():
            if seconds > SILENCE_LIMIT_SECONDS:
                self.problems.append(f'{name} was silent for {seconds:.0f} s')
        for node in self.nodes:
            code = node.stop()
            if code != 0:
                self.problems.append(f'{node.name} ended with {code}')

    def report(self):
        first = next((one for one in self.samples if one['seconds'] >= WARM_UP_SECONDS), self.samples[0])
        last = self.samples[-1]
        print('\n| node | kills | memory MiB: start, most, end | threads | files | disk MiB | silent at most |')
        print('|---|---|---|---|---|---|---|')
        for node in self.nodes:
            seen = [one['nodes'][node.name] for one in self.samples if node.name in one['nodes']]
            begin, end = first['nodes'].get(node.name, seen[0]), last['nodes'].get(node.name, seen[-1])

            def course(name, most=None):
                return f'{begin[name]}, {max(one[most or name] for one in seen)}, {end[name]}'

            print(f'| {node.name} | {node.kills} | {course("memory_mib", "peak_mib")} | {course("threads")} | {course("files")} '
                  f'| {course("disk_mib")} | {self.silence.get(node.name, 0):.1f} s |')
        print()
        for (name, outcome), count in sorted(self.attacks.items()):
            print(f'{name}: {count} {outcome}')
        for problem in self.problems:
            print(f'PROBLEM: {problem}')
        return 1 if self.problems else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('adit', help='the program')
    parser.add_argument('--minutes', type=float, default=60)
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--folder', help='where the nodes keep their data [default: a temporary folder]')
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder, ignore_cleanup_errors=True) as folder:
        soak = Soak(options, Path(folder))
        try:
            soak.run()
        finally:
            for node in getattr(soak, 'nodes', []):
                if node.process and not node.has_ended():
                    node.process.kill()
                    node.process.wait()
        return soak.report()


if __name__ == '__main__':
    sys.exit(main())
