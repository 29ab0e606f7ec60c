#!/usr/bin/env python3
"""Measures chains of the rules `sealed`, on this machine, in one run, and prints a table.

    python3 bench/sealed.py                  all measurements, some minutes
    python3 bench/sealed.py --only a,d       some of them
    python3 bench/sealed.py --quick          small sizes: shows that everything works, measures nothing worth quoting
    python3 bench/sealed.py --json           with every sample

a  `adit chain import` of full blocks, and the check of their signatures alone on two threads, taking turns
b  POST /api/v1/tx over 32 connections, signed beforehand; each 201 is on the disk: after SIGKILL every one of them still waits
c  `adit dev`: how fast it starts, and transactions one after the other on one connection, each in a block when it is answered
d  a reorganisation as long as the chain of a, in a running node: from the checked branch to the new tip in /api/v1/status
e  GET /api/v1/status while the node searches on all cores, and without that, taking turns
f  how the target follows the hash power, simulated

It needs Linux, `wrk` and cargo. What it makes from fixed seeds it keeps in the folder of temporary files. A wrong answer makes a
measurement invalid, not slow: then it says so and exits with 1.
"""

import argparse
import hashlib
import json
import os
import re
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from time import perf_counter, sleep, time
from typing import List

from chains import ROOT
from client import AnswerError, KeptConnection, ask_json, connect, request_bytes, split_answer
from compare import describe, formatted
from measurements import CONNECTIONS, MeasurementError, latencies_of, percentile_of, require
from nodes import NodeError, Node, build_adit, free_port, start_static_peer

STATUS = '/api/v1/status'
TOOL_TIMEOUT_SECONDS = 1800
TIP_TIMEOUT_SECONDS = 300
IDLE_SECONDS = 1
SEARCH_WARM_UP_SECONDS = 0.3
# Of the log line that says when a branch, read and checked, is taken.
TAKING = re.compile(r"(\d{4}-\d\d-\d\dT[\d:.]+)Z.*taking the peer's chain")
COLOURS = re.compile(r'\x1b\[[\d;]*m')


@dataclass(frozen=True)
class Sizes:
    blocks: int = 100
    post_seconds: int = 3
    dev_transactions: int = 4_000
    repetitions: int = 3


QUICK = Sizes(blocks=8, post_seconds=1, dev_transactions=200, repetitions=1)


@dataclass
class Row:
    measurement: str
    quantity: str
    unit: str
    samples: List[float]
    wanted: str = ''
    note: str = ''

    @property
    def median(self):
        return statistics.median(self.samples)


@dataclass
class Setting:
    folder: Path
    adit: Path
    tool: Path
    sizes: Sizes
    made: dict = field(default_factory=dict)

    def run_tool(self, *arguments):
        return run([self.tool, *arguments])

    def load(self):
        """The folder with the chains and the payments, and what is in it; made at the first call on this machine."""
        if not self.made:
            made_by = hash_of(self.tool)
            data = Path(tempfile.gettempdir()) / f'adit-sealed-{os.getuid()}-{self.sizes.blocks}-fee-500'
            told = data / f'{made_by}.json'
            if not told.is_file():
                report(f'making two chains of {self.sizes.blocks} full blocks')
                shutil.rmtree(data, ignore_errors=True)
                said = self.run_tool('make', data, self.sizes.blocks)
                told.write_bytes(said)
            self.made = {'folder': data, **json.loads(told.read_text())}
        return self.made

    def node(self, options, data_folder=None, ready_path=STATUS):
        port = free_port()
        data_folder = data_folder or self.folder / f'data-{port}'
        command = [self.adit, 'node', '-p', port, '--host', '127.0.0.1', '--data-dir', data_folder, '--resolve-every', '0', *options]
        return Node([str(part) for part in command], port, ready_path, 200, self.folder / f'adit-{port}.log')


def report(message):
    print(message, file=sys.stderr, flush=True)


def run(command):
    """What a program prints; an error if it fails."""
    command = [str(part) for part in command]
    result = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            timeout=TOOL_TIMEOUT_SECONDS)
    require(result.returncode == 0, f'{" ".join(command[:3])}: {result.stderr.decode(errors="replace")[-500:]}')
    return result.stdout


def hash_of(file):
    return hashlib.sha256(file.read_bytes()).hexdigest()[:16]


# a. Import


def importing(setting):
    load = setting.load()
    data = load['folder']
    transactions = load['blocks'] * load['payments_a_block']
    imports, checks, ratios, costs = [], [], [], []

    def import_once():
        folder = setting.folder / 'imported'
        started, cost_before = perf_counter(), children_seconds()
        told = run([setting.adit, '--json', 'chain', 'import', data / 'chain.jsonl', '--chain', data / 'chain.json', '--data-dir', folder])
        imports.append(transactions / (perf_counter() - started))
        costs.append((children_seconds() - cost_before) / transactions * 1e6)
        require(json.loads(told) == {'length': load['blocks'] + 1, 'adopted': True}, f'not imported: {told!r}')
        shutil.rmtree(folder)

    def check_once():
        told = json.loads(setting.run_tool('signatures', data))
        require(told['transactions'] == transactions, f'{told["transactions"]} signatures instead of {transactions}')
        checks.append(transactions / told['seconds'])

    for turn in range(setting.sizes.repetitions):
        report(f'a: importing, turn {turn + 1}')
        for once in (import_once, check_once) if turn % 2 == 0 else (check_once, import_once):
            once()
        ratios.append(imports[-1] / checks[-1])
    note = f'{load["blocks"]} blocks of {load["payments_a_block"]:,} payments'
    return [Row('a', '`adit chain import`', 'signed transactions/s', imports, '60,000', note + ', from exec to exit'),
            Row('a', 'their signatures alone, as batches on 2 threads', 'signed transactions/s', checks),
            Row('a', 'import to signatures alone', 'times', ratios, '0.5', 'median of the ratios of the turns'),
            Row('a', "the import's processor time for each", 'µs', costs, '', 'of all threads')]


def children_seconds():
    """How long programs that have ended were on a processor."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


# b. Acceptance


def accepting(setting):
    load = setting.load()
    data = load['folder']
    rates, costs = [], []
    for turn in range(setting.sizes.repetitions):
        report(f'b: posting, turn {turn + 1}')
        folder = setting.folder / f'posted-{turn}'
        with setting.node(['--chain', data / 'chain.json'], folder) as node:
            told = json.loads(run(['wrk', '-t1', f'-c{CONNECTIONS}', f'-d{setting.sizes.post_seconds}s', '--timeout', '30s', '-s',
                                   ROOT / 'bench' / 'signed.lua', f'http://127.0.0.1:{node.port}/api/v1/tx', '--',
                                   data / 'posts.jsonl']).splitlines()[-1])
            costs.append(processor_seconds(node.process.pid) / told['answers'] * 1e6)
            node.kill()
        require(told['ran_out'] == 0, f'{load["posts"]:,} payments were not enough')
        require(told['wrong_status'] == told['socket_errors'] == 0, f'answers that were not 201: {told}')
        with setting.node(['--rules', 'sealed'], folder) as node:
            waiting = ask_json(node.port, 'GET', STATUS)['pending']
        require(told['answers'] <= waiting <= told['answers'] + CONNECTIONS, f'{told["answers"]} were accepted, {waiting} are left')
        shutil.rmtree(folder)
        rates.append(told['answers'] / told['microseconds'] * 1e6)
    return [Row('b', f'POST /api/v1/tx, {CONNECTIONS} connections', 'signed transactions/s', rates, '12,000',
                'all answers 201, all there after SIGKILL; `wrk` takes a share of the two cores'),
            Row('b', "the node's processor time for each", 'µs', costs, '', 'with its start')]


def processor_seconds(process_id):
    """How long it was on a processor, the kernel's work for it included."""
    fields = Path(f'/proc/{process_id}/stat').read_text().rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


# c. adit dev


def developing(setting):
    starts, rates = [], []
    count = setting.sizes.dev_transactions
    for turn in range(setting.sizes.repetitions):
        report(f'c: adit dev, turn {turn + 1}')
        port = free_port()
        log = setting.folder / f'dev-{port}.log'
        with Node([str(setting.adit), '--json', 'dev', '-p', str(port)], port, STATUS, 200, log) as node:
            starts.append(node.start_seconds * 1e3)
            told = json.loads(next(line for line in log.read_text().splitlines() if '"accounts"' in line))
            lines = setting.run_tool('pay', told['chain'], told['accounts'][1]['secret_key'], count).splitlines()
            head = request_bytes(port, 'POST', '/api/v1/tx', close=False)[:-2]
            requests = [head + b'Content-Type: application/json\r\nContent-Length: %d\r\n\r\n' % len(line) + line for line in lines]
            with KeptConnection(port) as connection:
                started = perf_counter()
                answers = [connection.exchange(request) for request in requests]
                rates.append(count / (perf_counter() - started))
            require(all(answer.startswith(b'HTTP/1.1 201 ') for answer in answers), 'an answer was not 201')
            status = ask_json(port, 'GET', STATUS)
            require((status['length'], status['pending']) == (count + 1, 0), f'not all are in blocks: {status}')
    return [Row('c', '`adit dev`, from exec to the first 200', 'ms', starts, '< 100'),
            Row('c', 'transactions one after the other, each in a block', 'transactions/s', rates, '2,000',
                'one connection, a client in Python')]


# d. Reorganisation


def reorganising(setting):
    load = setting.load()
    data = load['folder']
    first = setting.folder / 'long'
    run([setting.adit, 'chain', 'import', data / 'chain.jsonl', '--chain', data / 'chain.json', '--data-dir', first])
    steps, wholes = [], []
    with start_static_peer(setting.folder, data / 'branch.json') as peer:
        for turn in range(setting.sizes.repetitions):
            report(f'd: a reorganisation, turn {turn + 1}')
            folder = shutil.copytree(first, setting.folder / f'long-{turn}')
            with setting.node(['--rules', 'sealed', '--log', 'info,adit_node=debug'], folder) as node:
                require(ask_json(node.port, 'GET', STATUS)['tip'] == load['tip'], 'not the imported chain')
                ask_json(node.port, 'POST', '/nodes/register', {'nodes': [f'http://127.0.0.1:{peer.port}']}, expected_status=201)
                with connect(node.port) as resolving:
                    began = time()
                    resolving.sendall(request_bytes(node.port, 'GET', '/nodes/resolve'))
                    ended = wait_for_tip(node, load['branch_tip'])
                taken = TAKING.search(COLOURS.sub('', node.log_path.read_text()))
                require(taken, 'the log does not say when the branch was taken')
            taken = datetime.fromisoformat(taken[1][:26]).replace(tzinfo=timezone.utc).timestamp()
            steps.append(ended - taken)
            wholes.append(ended - began)
            shutil.rmtree(folder)
    blocks = load['blocks']
    return [Row('d', f'{blocks} full blocks back, {blocks + 1} others on', 's', steps, '< 2',
                'from the branch, read and checked, to the new tip in the status: blocks and accounts, on the disk'),
            Row('d', 'the same from the call of /nodes/resolve', 's', wholes, '', 'with reading and all signatures')]


def wait_for_tip(node, tip):
    """When the status shows that tip."""
    request = request_bytes(node.port, 'GET', STATUS)
    deadline = time() + TIP_TIMEOUT_SECONDS
    with KeptConnection(node.port) as connection:
        while time() < deadline:
            _, body = split_answer(connection.exchange(request))
            now = time()
            if json.loads(body)['tip'] == tip:
                return now
            sleep(0.001)
    raise MeasurementError('the branch was not adopted')


# e. Answers while the node mines


def answering_while_mining(setting):
    reward_to = setting.load()['reward_to']
    chain = setting.folder / 'hard.json'
    setting.run_tool('hard', chain)
    options = ['--chain', chain, '--reward-to', reward_to]
    medians, slowest = {'idle': [], 'mining': []}, {'idle': [], 'mining': []}
    with setting.node(options) as idle, setting.node([*options, '--mine', '--mine-every', '0']) as mining:
        nodes = {'idle': idle, 'mining': mining}
        for turn in range(2 * setting.sizes.repetitions):
            report(f'e: GET {STATUS}, turn {turn + 1}')
            for name in nodes if turn % 2 == 0 else reversed(nodes):
                # While the other is measured, the miner is stopped whole.
                with running_miner(mining, name == 'mining'), KeptConnection(nodes[name].port) as connection:
                    request = request_bytes(nodes[name].port, 'GET', STATUS)
                    latencies_of(connection, request, SEARCH_WARM_UP_SECONDS)
                    found = latencies_of(connection, request, IDLE_SECONDS)
                    medians[name].append(statistics.median(found) * 1e6)
                    slowest[name].append(percentile_of(found, 99) * 1e6)
        status = ask_json(mining.port, 'GET', STATUS)
        require(status['mining']['searching'] and status['length'] == 1, f'it does not search all the time: {status}')
        require(status['mining']['guesses'] > 0, 'it has not guessed')
    pairs = zip(medians['idle'], medians['mining'])
    return [Row('e', f'GET {STATUS}, median, idle', 'µs', medians['idle']),
            Row('e', f'GET {STATUS}, median, while it mines on all cores', 'µs', medians['mining']),
            Row('e', f'GET {STATUS}, median, mining to idle', 'times', [busy / quiet for quiet, busy in pairs], '≤ 2'),
            Row('e', f'GET {STATUS}, 99th percentile, idle', 'µs', slowest['idle']),
            Row('e', f'GET {STATUS}, 99th percentile, mining', 'µs', slowest['mining'])]


@contextmanager
def running_miner(node, runs):
    if not runs:
        node.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        node.process.send_signal(signal.SIGCONT)


# f. The target


def targeting(setting):
    told = json.loads(setting.run_tool('target'))
    intervals = [mean / told['interval_ms'] for mean in told['mean_interval_ms']]
    bursts = told['blocks_after_a_week']
    worst = max(intervals, key=lambda ratio: abs(ratio - 1))
    return [Row('f', 'mean interval of 2,000 blocks, hash power 30 times up and down every 250, to the wanted one', 'times',
                intervals, '0.9 to 1.1', f'{len(intervals)} seeds; the worst is {worst:.3f}'),
            Row('f', 'blocks in 10 minutes after a week of pause', 'blocks', bursts, '≤ 150',
                f'{len(bursts)} seeds; at most {max(bursts)}')]


MEASUREMENTS = {'a': importing, 'b': accepting, 'c': developing, 'd': reorganising, 'e': answering_while_mining, 'f': targeting}


def parse_options():
    parser = argparse.ArgumentParser(description='Measures chains of the rules sealed.')
    parser.add_argument('--only', metavar='LETTERS', default=','.join(MEASUREMENTS), help='for example a,d (default: all)')
    parser.add_argument('--quick', action='store_true', help='small sizes, for a smoke test')
    parser.add_argument('--json', action='store_true', help='print JSON, with every sample, and no table')
    parser.add_argument('--adit', metavar='FILE', type=Path, help='measure this binary (default: the one that cargo builds here)')
    parser.add_argument('--folder', metavar='DIR', default=tempfile.gettempdir(),
                        help='where the temporary folder is made; its disk is the one that is measured (default: %(default)s)')
    options = parser.parse_args()
    options.only = options.only.split(',')
    options.rules = 'sealed'
    unknown = [letter for letter in options.only if letter not in MEASUREMENTS]
    if unknown:
        parser.error(f'no measurement {", ".join(unknown)}; there are {", ".join(MEASUREMENTS)}')
    if not shutil.which('wrk'):
        parser.error('wrk is missing: apt-get install wrk')
    return options


def build_tool():
    """The example `sealed_load`, built as adit is."""
    return build_adit('--example', 'sealed_load').parent / 'examples' / 'sealed_load'


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
        setting = Setting(Path(folder), adit, build_tool(), QUICK if options.quick else Sizes())
        for letter in options.only:
            try:
                rows += MEASUREMENTS[letter](setting)
            except (AnswerError, MeasurementError, NodeError, OSError, socket.timeout, subprocess.SubprocessError) as error:
                failures[letter] = str(error)
    if options.json:
        rows_of = [{**vars(row), 'median': row.median} for row in rows]
        print(json.dumps({'machine': machine, 'rows': rows_of, 'failures': failures}, indent=2))
    else:
        print(table(machine, rows, failures))
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main())
