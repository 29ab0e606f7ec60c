#!/usr/bin/env python3
"""Measures what people see of a long chain, on this machine, in one run, and prints a table.

    python3 bench/explorer.py                  all measurements, a few minutes
    python3 bench/explorer.py --only a,c       some of them
    python3 bench/explorer.py --quick          a short chain: shows that everything works, measures nothing worth quoting
    python3 bench/explorer.py --json           with every sample

a  the first page of a chain of 100,000 blocks: how long it is with all that it needs, and when a browser has painted it
b  every page, and every read of the API, of that chain, while another client mines as fast as it can
c  1,000 listeners of /api/v1/events at once: how long after a block was made the last of them knew
d  how long a node needs until it knows every transaction and every name of a chain that it has not seen before

It needs Linux and cargo, and for a browser's times `apt-get install chromium` and `pip install playwright`; without them, it says so and
leaves those out. What it asks for it makes from fixed seeds. A wrong answer makes a measurement invalid, not slow: then it says so and
exits with 1.
"""

import argparse
import json
import multiprocessing
import os
import re
import resource
import selectors
import shutil
import socket
import statistics
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter, sleep

from chains import write_chain
from client import AnswerError, KeptConnection, ask, ask_json, request_bytes, split_answer
from compare import describe, formatted
from measurements import MeasurementError, require
from nodes import NodeError, build_adit, import_chain, start_adit

READY_TIMEOUT_SECONDS = 600
EVENT_TIMEOUT_SECONDS = 30
PAINTS = 10
ASSET = re.compile(rb'(?:href|src)="(/assets/[^"]+)"')
IMPORT = re.compile(rb'(?:from|import) *"(\.?/[^"]+)"|(?:from|import) *\'(\.?/[^\']+)\'')


@dataclass(frozen=True)
class Sizes:
    blocks: int = 100_000
    reads: int = 101
    listeners: int = 1_000
    told: int = 10


QUICK = Sizes(blocks=300, reads=11, listeners=100, told=3)


@dataclass
class Row:
    measurement: str
    quantity: str
    unit: str
    samples: list
    wanted: str = ''
    note: str = ''

    @property
    def median(self):
        return statistics.median(self.samples)


@dataclass
class Setting:
    folder: Path
    adit: Path
    sizes: Sizes
    data_folder: Path = field(init=False)
    catching_up_seconds: float = field(init=False)

    def __post_init__(self):
        chain = write_chain(self.folder / 'chain.json', self.sizes.blocks, 'classic')
        self.data_folder = self.folder / 'data'
        import_chain(self.adit, chain.path, self.data_folder, 'classic')
        chain.path.unlink()
        with self.node() as node:
            self.catching_up_seconds = wait_for_history(node)

    def node(self):
        return start_adit(self.adit, self.folder, 'classic', self.data_folder)


def wait_for_history(node):
    """Until then, the node says how far it has read. Returns the seconds that took since its start."""
    started = perf_counter()
    while perf_counter() - started < READY_TIMEOUT_SECONDS:
        if ask(node.port, 'GET', '/api/v1/chain-tips')[0] == 200:
            return node.start_seconds + perf_counter() - started
        sleep(0.01)
    raise MeasurementError('the node does not know its chain')


def first_page(setting):
    with setting.node() as node:
        wait_for_history(node)
        page_bytes = sum(sizes_of_page(node.port).values())
        rows = [Row('a', 'the first page and all that it needs', 'KB', [page_bytes / 1000], '< 100')]
        started = perf_counter()
        require(ask(node.port, 'GET', '/')[0] == 200, 'GET / is not answered')
        rows.append(Row('a', 'its HTML alone, without a browser', 'ms', [1000 * (perf_counter() - started)]))
        return rows + paints(node.port)


def sizes_of_page(port):
    """What a browser reads to show the first page, and how long each is."""
    sizes, wanted = {}, ['/']
    while wanted:
        path = wanted.pop()
        status, body = ask(port, 'GET', path)
        require(status == 200, f'GET {path}: {status}')
        sizes[path] = len(body)
        named = [name.decode() for name in ASSET.findall(body)] if path == '/' else []
        if path.endswith('.js'):
            relative = [(double or single).decode() for double, single in IMPORT.findall(body)]
            named += [name if name.startswith('/') else f'/assets/{name[2:]}' for name in relative]
        wanted += [name for name in named if name not in sizes and name not in wanted]
    return sizes


def paints(port):
    chromium = shutil.which('chromium')
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        chromium = None
    if not chromium:
        return [Row('a', 'painted by a browser', 'ms', [float('nan')], note='chromium or playwright is missing')]
    samples = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=['--no-sandbox'])
        for _ in range(PAINTS + 1):
            context = browser.new_context()
            page = context.new_page()
            page.goto(f'http://127.0.0.1:{port}/')
            page.wait_for_function('() => performance.getEntriesByName("first-contentful-paint").length')
            samples.append(page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime"))
            context.close()
        browser.close()
    # The first one starts the browser's own parts.
    return [Row('a', 'painted by a browser that has nothing of it yet', 'ms', samples[1:], '< 300')]


def reading_while_mining(setting):
    rows = []
    with setting.node() as node:
        wait_for_history(node)
        paths = paths_of(node.port)
        with mining_client(node.port):
            for path in paths:
                rows.append(Row('b', shown(path), 'ms', read_times(node.port, path, setting.sizes.reads), '< 20'))
        mined = ask_json(node.port, 'GET', '/api/v1/status')['length'] - setting.sizes.blocks
    require(mined > 0, 'nothing was mined meanwhile')
    worst = max(rows, key=lambda row: row.median)
    worst.note = f'the slowest; {mined:,} blocks were mined meanwhile'
    return rows


def paths_of(port):
    """Every page and every read, of a block in the middle of the chain and of what stands in it."""
    length = ask_json(port, 'GET', '/api/v1/status')['length']
    block = ask(port, 'GET', f'/api/v1/block-height/{length // 2}')[1].decode()
    transactions = ask_json(port, 'GET', f'/api/v1/block/{block}/txs')
    name, miner = transactions[0]['sender'], transactions[-1]['recipient']
    by_name = ask_json(port, 'GET', f'/api/v1/address/{name}/txs')
    by_miner = ask_json(port, 'GET', f'/api/v1/address/{miner}/txs')
    transaction, reward = by_name['transactions'][0]['id'], by_miner['transactions'][0]['id']
    return [
        '/', '/blocks', f'/blocks?cursor={length // 2:x}', f'/block/{block}', f'/tx/{transaction}', f'/tx/{reward}',
        f'/address/{name}', f'/address/{miner}', '/pending', '/peers', f'/search?q={transaction}', '/forks', '/charts', '/verify',
        '/tamper', '/api/v1/status', '/api/v1/blocks', '/api/v1/blocks?limit=100', f'/api/v1/block/{block}',
        f'/api/v1/block/{block}/txs', f'/api/v1/block/{block}/raw', f'/api/v1/block/{block}/preimage',
        f'/api/v1/block-height/{length // 3}', '/api/v1/blocks/tip/hash', '/api/v1/blocks/tip/height', f'/api/v1/tx/{transaction}',
        f'/api/v1/tx/{reward}', f'/api/v1/tx/{transaction}/status', f'/api/v1/address/{name}', f'/api/v1/address/{name}/txs',
        f'/api/v1/address/{miner}/txs?limit=100', '/api/v1/mempool', '/api/v1/chain-tips', '/api/v1/reorgs', '/api/v1/peers',
        f'/api/v1/search?q={block}', '/api/v1/stats', '/metrics', '/openapi.json',
    ]


def shown(path):
    return re.sub(r'([0-9a-f]{6})[0-9a-f]{20,}', r'\1…', path)


def read_times(port, path, count):
    request = request_bytes(port, 'GET', path)
    samples = []
    with KeptConnection(port) as connection:
        for _ in range(count):
            started = perf_counter()
            status, body = split_answer(connection.exchange(request))
            samples.append(1000 * (perf_counter() - started))
            require(status in (200, 303), f'GET {path}: {status} {bytes(body[:200])!r}')
    return samples


@contextmanager
def mining_client(port):
    """Another client, a process of its own, that mines as fast as it can until this ends."""
    processes = multiprocessing.get_context('fork')
    over = processes.Event()
    process = processes.Process(target=mine_until, args=(port, over))
    process.start()
    try:
        yield
        require(process.is_alive(), 'the mining client has ended')
    finally:
        over.set()
        process.join(10)
        process.kill()
        process.join()


def mine_until(port, over):
    request = request_bytes(port, 'GET', '/mine')
    with KeptConnection(port) as connection:
        while not over.is_set():
            require(split_answer(connection.exchange(request))[0] == 200, 'GET /mine is refused')


def listening(setting):
    """From the answer to whoever made a block to the moment when the last of the listeners has its event."""
    count = setting.sizes.listeners
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 2 * count + 200), hard))
    with setting.node() as node:
        wait_for_history(node)
        listeners = [listener(node.port) for _ in range(count)]
        samples = [told_seconds(node.port, listeners) for _ in range(setting.sizes.told)]
        memory = node.memory_kib()['VmRSS'] / 1024
        for one in listeners:
            one.close()
    return [
        Row('c', f'until the last of {count:,} listeners knows of a block', 'ms', [1000 * sample for sample in samples], '< 1,000'),
        Row('c', 'memory of the node with all of them', 'MiB', [memory]),
    ]


def listener(port):
    one = socket.create_connection(('127.0.0.1', port), timeout=EVENT_TIMEOUT_SECONDS)
    one.sendall(f'GET /api/v1/events?topics=block HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n'.encode())
    greeting = b''
    while b'retry: ' not in greeting:
        piece = one.recv(4096)
        require(piece, f'a listener is not taken: {greeting!r}')
        greeting += piece
    return one


def told_seconds(port, listeners):
    waiting = selectors.DefaultSelector()
    for one in listeners:
        one.setblocking(False)
        waiting.register(one, selectors.EVENT_READ, bytearray())
    block = ask_json(port, 'GET', '/mine')['index']
    started = perf_counter()
    wanted = f'"index":{block},'.encode()
    left = len(listeners)
    while left:
        ready = waiting.select(EVENT_TIMEOUT_SECONDS)
        require(ready, f'{left} listeners wait in vain for block {block}')
        for key, _ in ready:
            key.data.extend(key.fileobj.recv(65536))
            if wanted in key.data:
                waiting.unregister(key.fileobj)
                left -= 1
    return perf_counter() - started


def catching_up(setting):
    transactions = 10 * (setting.sizes.blocks - 1)
    return [Row('d', f'a node that has not seen the chain before knows {transactions:,} transactions', 's', [setting.catching_up_seconds])]


MEASUREMENTS = {'a': first_page, 'b': reading_while_mining, 'c': listening, 'd': catching_up}


def parse_options():
    parser = argparse.ArgumentParser(description='Measures what people see of a long chain.')
    parser.add_argument('--only', metavar='LETTERS', default=','.join(MEASUREMENTS), help='for example a,c (default: all)')
    parser.add_argument('--quick', action='store_true', help='small sizes, for a smoke test')
    parser.add_argument('--json', action='store_true', help='print JSON, with every sample, and no table')
    parser.add_argument('--adit', metavar='FILE', type=Path, help='measure this binary (default: the one that cargo builds here)')
    parser.add_argument('--folder', metavar='DIR', default=tempfile.gettempdir(),
                        help='where the temporary folder is made (default: %(default)s)')
    options = parser.parse_args()
    options.only = options.only.split(',')
    options.rules = 'classic'
    unknown = [letter for letter in options.only if letter not in MEASUREMENTS]
    if unknown:
        parser.error(f'no measurement {", ".join(unknown)}; there are {", ".join(MEASUREMENTS)}')
    return options


def table(machine, rows, failures):
    lines = [f'- {name}: {value}' for name, value in machine.items()]
    lines += ['', '| | quantity | unit | median | from | to | wanted | |', '|---|---|---|--:|--:|--:|--:|---|']
    for row in rows:
        values = [formatted(value) for value in (row.median, min(row.samples), max(row.samples))]
        lines.append(f'| {" | ".join([row.measurement, row.quantity, row.unit, *values, row.wanted, row.note])} |')
    lines += [''] * bool(failures) + [f'{letter} is invalid: {failure}' for letter, failure in failures.items()]
    return '\n'.join(lines)


def main():
    options = parse_options()
    rows, failures = [], {}
    adit = options.adit.resolve() if options.adit else build_adit()
    machine = describe(options, adit, None)
    machine['load average before'] = ', '.join(f'{load:.1f}' for load in os.getloadavg())
    with tempfile.TemporaryDirectory(prefix='adit-bench-', dir=options.folder) as folder:
        setting = Setting(Path(folder), adit, QUICK if options.quick else Sizes())
        for letter in options.only:
            try:
                rows += MEASUREMENTS[letter](setting)
            except (AnswerError, MeasurementError, NodeError, OSError) as error:
                failures[letter] = str(error)
    if options.json:
        rows_of = [{**vars(row), 'median': row.median} for row in rows]
        print(json.dumps({'machine': machine, 'rows': rows_of, 'failures': failures}, indent=2))
    else:
        print(table(machine, rows, failures))
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main())
