#!/usr/bin/env python3
"""Holds as many connections to one node as it takes, asks for long answers and reads them slowly or not at all, and says what the node
and the system hold meanwhile.

    python3 bench/slow_readers.py                      2,040 clients; a few minutes
    python3 bench/slow_readers.py --clients 200        fewer
    python3 bench/slow_readers.py --only raw,mempool   some of the answers; otherwise one after the other, and then all together
    python3 bench/slow_readers.py --adit PATH          another program than target/release/adit

A row a kind of answer: the most memory that the node held (VmHWM, reset before), the most that the system held for sockets on both
sides (/proc/net/sockstat), how long an ordinary client waited for `GET /api/v1/status` meanwhile (the longest of 20), and what the node
holds five seconds after the clients have gone. It needs Linux, and as many open files as there are clients; it exits with 1 if the
memory is above --limit-mib or an ordinary client was not answered.
"""

import argparse
import hashlib
import http.client
import itertools
import json
import os
import resource
import socket
import sys
import tempfile
import threading
from pathlib import Path
from time import perf_counter, sleep

from client import ask
from nodes import build_adit, start_adit

MIB = 1024 * 1024
ORDINARY_READS = 20
HELD_SECONDS = 8
PAGE_BYTES = os.sysconf('SC_PAGE_SIZE')


def post(port, path, body, expected):
    connection = http.client.HTTPConnection('127.0.0.1', port, timeout=60)
    connection.request('POST', path, body.encode())
    answer = connection.getresponse()
    text = answer.read()
    if answer.status != expected:
        raise SystemExit(f'{path}: expected {expected}, found {answer.status}: {text[:200]}')
    connection.close()


def transaction(number, length):
    return json.dumps({'sender': 'a', 'recipient': 'x' * length, 'amount': number})


def fill(port):
    """A chain with long blocks, long timestamps, somebody named often, and much that waits. Answers the paths to ask for."""
    for number in range(120):
        post(port, '/transactions/new', transaction(number, 60_000), 201)
        if number % 60 == 59:
            ask(port, 'GET', '/mine')
    last = json.loads(bytes(ask(port, 'GET', '/chain')[1]))['chain'][-1]
    parent_hash = bytes(ask(port, 'GET', '/api/v1/blocks/tip/hash')[1]).decode()
    index, proof = last['index'], last['proof']
    for number in range(40):
        index += 1
        next_proof = next(guess for guess in itertools.count()
                          if hashlib.sha256(f'{proof}{guess}'.encode()).hexdigest().startswith('0000'))
        proof = next_proof
        block = '{"index": %d, "previous_hash": "%s", "proof": %d, "timestamp": 1%s.5, "transactions": []}' % (
            index, parent_hash, proof, '0' * 60_000)
        if number == 39:
            block = block.replace('[]', '["%s"]' % ('x' * 8_200_000))
        post(port, '/api/v1/blocks', block, 200)
        parent_hash = bytes(ask(port, 'GET', '/api/v1/blocks/tip/hash')[1]).decode()
    for number in range(200):
        post(port, '/transactions/new', transaction(number, 60_000), 201)
    return {
        'chain': '/chain',
        'raw': f'/api/v1/block/{parent_hash}/raw',
        'txs': f'/api/v1/block/{parent_hash}/txs',
        'address': '/api/v1/address/a/txs?limit=100',
        'mempool': '/api/v1/mempool?limit=100',
        'blocks': '/api/v1/blocks?limit=100',
        'page': f'/block/{parent_hash}',
        'docs': '/docs/swagger-ui-bundle.js',
        'events': '/api/v1/events',
    }


class Clients:
    """Connections with the smallest receive buffer, that ask and do not read."""

    def __init__(self, port, count, paths):
        self.sockets = []
        for number in range(count):
            client = socket.socket()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            client.settimeout(30)
            client.connect(('127.0.0.1', port))
            request = f'GET {paths[number % len(paths)]} HTTP/1.1\r\nHost: localhost\r\n\r\n' * 3
            client.sendall(request.encode())
            self.sockets.append(client)

    def close(self):
        for client in self.sockets:
            client.close()


def status_of(pid, field):
    for line in Path(f'/proc/{pid}/status').read_text().splitlines():
        if line.startswith(field + ':'):
            return int(line.split()[1]) * 1024
    raise SystemExit(f'/proc/{pid}/status has no {field}')


def socket_bytes():
    for line in Path('/proc/net/sockstat').read_text().splitlines():
        if line.startswith('TCP:'):
            words = line.split()
            return int(words[words.index('mem') + 1]) * PAGE_BYTES
    return 0


def measure(node, name, paths, count):
    pid, port = node.process.pid, node.port
    Path(f'/proc/{pid}/clear_refs').write_text('5')
    sockets_before = socket_bytes()
    most_sockets, longest, answered = 0, 0.0, 0
    over = threading.Event()

    def watch():
        nonlocal most_sockets
        while not over.wait(0.05):
            most_sockets = max(most_sockets, socket_bytes() - sockets_before)

    watching = threading.Thread(target=watch)
    watching.start()
    clients = Clients(port, count, paths)
    end = perf_counter() + HELD_SECONDS
    for _ in range(ORDINARY_READS):
        start = perf_counter()
        try:
            status, _ = ask(port, 'GET', '/api/v1/status', timeout_seconds=30)
            answered += status == 200
        except OSError:
            pass
        longest = max(longest, perf_counter() - start)
    sleep(max(0.0, end - perf_counter()))
    over.set()
    watching.join()
    most = status_of(pid, 'VmHWM')
    clients.close()
    sleep(5)
    return {'answer': name, 'clients': count, 'node_mib': most // MIB, 'sockets_mib': most_sockets // MIB, 'status_ms': round(longest * 1000),
            'answered': answered, 'after_mib': status_of(pid, 'VmRSS') // MIB}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--clients', type=int, default=2_040)
    parser.add_argument('--only', default='')
    parser.add_argument('--adit', type=Path)
    parser.add_argument('--limit-mib', type=int, default=512)
    parser.add_argument('--json', action='store_true')
    options = parser.parse_args()
    _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))
    adit = options.adit or build_adit()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        with start_adit(adit, Path(folder), 'classic') as node:
            kinds = fill(node.port)
            only = [name for name in options.only.split(',') if name]
            chosen = [name for name in kinds if not only or name in only]
            empty = status_of(node.process.pid, 'VmRSS') // MIB
            turns = [(name, [kinds[name]]) for name in chosen]
            if len(chosen) > 1:
                turns.append(('all together', [kinds[name] for name in chosen]))
            print(f'before: {empty} MiB', flush=True)
            print('| answer | clients | node, most, MiB | sockets, most, MiB | status, longest, ms | node after, MiB |')
            print('|---|---|---|---|---|---|')
            for name, paths in turns:
                row = measure(node, name, paths, options.clients)
                rows.append(row)
                print('| {answer} | {clients} | {node_mib} | {sockets_mib} | {status_ms} ({answered} of %d) | {after_mib} |'.format(**row)
                      % ORDINARY_READS, flush=True)
    if options.json:
        print(json.dumps(rows))
    too_much = [row for row in rows
                if row['node_mib'] + row['sockets_mib'] > options.limit_mib or row['answered'] < ORDINARY_READS]
    return 1 if too_much else 0


if __name__ == '__main__':
    sys.exit(main())
