"""What compare.py measures: one function for each measurement, from `posting` (a) to `reading_while_mining` (e).

Where both nodes are measured they take turns, the first turn going to one and then to the other, so that whatever else slows the
machine down slows both; a ratio is the median of the ratios of neighbouring turns. A measurement whose answers are wrong (another
status, another tip, a block missing) is no measurement: it ends with a `MeasurementError`.
"""

import json
import math
import os
import statistics
import subprocess
import threading
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter, sleep
from typing import Callable, Dict, List, Optional

from chains import ROOT, length_and_tip, write_chain
from client import KeptConnection, ask_json, request_bytes, split_answer, time_reading
from nodes import Node, import_chain, start_adit, start_python, start_static_peer

CONNECTIONS = 32
PENDING_EMPTY_AFTER_BLOCKS = 50
SYNC_BYTES = 2048
SYNCS = 200
MEMORY_SAMPLE_SECONDS = 0.005
SETTLE_SECONDS = 0.3  # for the block that a miner who has just gone was still waiting for
MEGABYTE = 1_000_000
TRANSACTION = {'sender': 'a', 'recipient': 'b', 'amount': 1}


class MeasurementError(Exception):
    """Answers that make a measurement worthless."""


@dataclass(frozen=True)
class Sizes:
    """How much is measured. The defaults take some minutes; QUICK is for a smoke test."""

    post_seconds: int = 3
    adopt_blocks: int = 10_000
    chain_blocks: int = 100_000
    repetitions: int = 5
    starts: int = 10


QUICK = Sizes(post_seconds=1, adopt_blocks=300, chain_blocks=2_000, repetitions=2, starts=2)


@dataclass
class Row:
    """A line of the result: samples of each side, and how the sides compare."""

    measurement: str
    quantity: str
    unit: str
    samples: Dict[str, List[float]]
    more_is_better: bool = False
    note: str = ''

    def median(self, side) -> Optional[float]:
        return statistics.median(self.samples[side]) if self.samples.get(side) else None

    def advantage(self) -> Optional[float]:
        """How many times better adit is: the median over the pairs of turns."""
        pairs = list(zip(self.samples.get('python', []), self.samples.get('adit', [])))
        if not pairs:
            return None
        return statistics.median(adit / python if self.more_is_better else python / adit for python, adit in pairs)


@dataclass
class Setting:
    """Where and how big the measurements are. Without an `adit` binary only the Python node is measured."""

    folder: Path
    rules: str
    adit: Optional[Path]
    sizes: Sizes
    report: Callable[[str], None]  # tells the user what is going on
    made: dict = field(default_factory=dict)

    @property
    def sides(self):
        return ['python', 'adit'] if self.adit else ['python']

    def turns(self, repetitions):
        """(repetition, side), each side once in every repetition, and first in every other one."""
        for repetition in range(repetitions):
            for side in self.sides if repetition % 2 == 0 else reversed(self.sides):
                yield repetition, side

    def start(self, side):
        if side == 'python':
            return start_python(self.folder, self.rules)
        return start_adit(self.adit, self.folder, self.rules)

    def chain_file(self, blocks):
        """A chain of that many blocks, made at the first call."""
        name = f'chain-{blocks}.json'
        if name not in self.made:
            self.report(f'making a chain of {blocks:,} blocks')
            self.made[name] = write_chain(self.folder / name, blocks, self.rules)
        return self.made[name]

    def imported(self, blocks):
        """A data folder of adit with that chain, made at the first call; and the seconds that the import took."""
        name = f'imported-{blocks}'
        if name not in self.made:
            chain_file = self.chain_file(blocks)
            self.report(f'importing {blocks:,} blocks into adit')
            data_folder = self.folder / name
            self.made[name] = data_folder, import_chain(self.adit, chain_file.path, data_folder, self.rules)
        return self.made[name]


def samples_of(setting):
    return {side: [] for side in setting.sides}


def require(condition, message):
    if not condition:
        raise MeasurementError(message)


# a. Posting transactions


def posting(setting):
    """a. POST /transactions/new from 32 kept connections; afterwards a block, so that nothing waits at the next turn."""
    rates, syncs = samples_of(setting), []
    with ExitStack() as stack:
        nodes = {side: stack.enter_context(setting.start(side)) for side in setting.sides}
        for node in nodes.values():
            post_for(node, seconds=1)
        for repetition, side in setting.turns(setting.sizes.repetitions):
            setting.report(f'a: posting to {side}, turn {repetition + 1}')
            rates[side].append(post_for(nodes[side], setting.sizes.post_seconds))
            if side == 'adit':
                syncs.append(sync_seconds(setting.folder))
    rows = [Row('a', f'POST /transactions/new, {CONNECTIONS} connections', 'transactions/s', rates, more_is_better=True,
                note='all answers 201' + ('; in adit each is durable' if setting.adit else ''))]
    if syncs:
        posted_a_sync = statistics.median(rate * sync for rate, sync in zip(rates['adit'], syncs))
        rows.append(Row('a', f"fdatasync of {SYNC_BYTES // 1024} KB beside adit's data folder", 'µs',
                        {'adit': [sync * 1e6 for sync in syncs]},
                        note=f'adit accepts {posted_a_sync:.1f} transactions in the time of one'))
    return rows


def post_for(node, seconds):
    """Transactions accepted a second. Mines until none of them waits, and counts that none was lost."""
    load = run_wrk(node, '/transactions/new', 201, CONNECTIONS, seconds)
    mined = 0
    for _ in range(PENDING_EMPTY_AFTER_BLOCKS):
        in_block = len(ask_json(node.port, 'GET', '/mine')['transactions']) - 1
        mined += in_block
        if in_block == 0:
            break
    # Beyond the answers that wrk counted, each connection may have had one more on its way.
    require(load['answers'] <= mined <= load['answers'] + CONNECTIONS,
            f'{load["answers"]} transactions were accepted, {mined} came into blocks')
    return load['answers'] / load['microseconds'] * 1e6


def wrk_command(node, path, expected_status, connections, seconds):
    return ['wrk', '-t1', f'-c{connections}', f'-d{seconds}s', '--timeout', '30s', '-s', str(ROOT / 'bench' / 'load.lua'),
            f'http://127.0.0.1:{node.port}{path}', '--', str(expected_status)]


def run_wrk(node, path, expected_status, connections, seconds):
    result = subprocess.run(wrk_command(node, path, expected_status, connections, seconds),
                            stdout=subprocess.PIPE, check=True, timeout=seconds + 60)
    return checked_load(result.stdout, path, expected_status)


def checked_load(output, path, expected_status):
    """What load.lua says in its last line, if all was as it should be."""
    load = json.loads(output.splitlines()[-1])
    require(load['wrong_status'] == 0, f'{path}: {load["wrong_status"]} of {load["answers"]} answers were not {expected_status}')
    require(load['socket_errors'] == 0, f'{path}: {load["socket_errors"]} socket errors')
    require(load['answers'] > 0, f'{path}: no answers')
    return load


def sync_seconds(folder):
    """The median time of an fdatasync after appending 2 KB to a file there."""
    probe = folder / 'sync-probe'
    durations = []
    descriptor = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        for _ in range(SYNCS):
            os.write(descriptor, bytes(SYNC_BYTES))
            started = perf_counter()
            os.fdatasync(descriptor)
            durations.append(perf_counter() - started)
    finally:
        os.close(descriptor)
        probe.unlink()
    return statistics.median(durations)


# b. Adopting a longer chain


def adoption(setting):
    """b. GET /nodes/resolve of a fresh node whose one neighbour has a long chain, until the answer is read."""
    chain_file = setting.chain_file(setting.sizes.adopt_blocks)
    seconds = samples_of(setting)
    buffer = touched_buffer(chain_file)
    with start_static_peer(setting.folder, chain_file.path) as peer:
        for repetition, side in setting.turns(setting.sizes.repetitions):
            setting.report(f'b: adopting {chain_file.blocks:,} blocks in {side}, turn {repetition + 1}')
            with setting.start(side) as node:
                ask_json(node.port, 'POST', '/nodes/register', {'nodes': [f'http://127.0.0.1:{peer.port}']}, expected_status=201)
                duration, answer = time_reading(node.port, '/nodes/resolve', buffer)
                status, body = split_answer(bytes(answer))
                require(status == 200 and json.loads(body)['message'] == 'Our chain was replaced',
                        f'{side} did not adopt the chain: {status} {bytes(body[:200])!r}')
                _, answer = time_reading(node.port, '/chain', buffer)
                check_chain(chain_file, answer, side)
                seconds[side].append(duration)
    return [Row('b', f'GET /nodes/resolve that adopts {chain_file.blocks:,} blocks', 's', seconds,
                note='the same tip on all sides')]


def touched_buffer(chain_file):
    """Room for an answer with that chain, whose pages the system has already handed out."""
    return bytearray(b'\1') * (chain_file.size + chain_file.size // 4 + 1_000_000)


def check_chain(chain_file, answer, side):
    status, body = split_answer(bytes(answer))
    require(status == 200, f'{side}: GET /chain answered {status}')
    require(length_and_tip(body) == (chain_file.blocks, chain_file.tip), f'{side} has another chain')
    return len(body)


# c. Reading a whole long chain


def whole_chain(setting):
    """c. GET /chain of a long chain until it is read, and the memory that the node takes for it."""
    chain_file = setting.chain_file(setting.sizes.chain_blocks)
    buffer = touched_buffer(chain_file)
    seconds, resting, peak, sampled = (samples_of(setting) for _ in range(4))
    sizes = {}
    rows = []
    with ExitStack() as stack:
        setting.report('c: starting with the long chain')
        nodes = {'python': stack.enter_context(start_python(setting.folder, setting.rules, load=chain_file.path))}
        if setting.adit:
            data_folder, import_seconds = setting.imported(chain_file.blocks)
            nodes['adit'] = stack.enter_context(start_adit(setting.adit, setting.folder, setting.rules, data_folder))
        for repetition, side in setting.turns(setting.sizes.repetitions):
            setting.report(f'c: reading {chain_file.blocks:,} blocks from {side}, turn {repetition + 1}')
            node = nodes[side]
            node.reset_peak_memory()
            resting[side].append(node.memory_kib()['VmRSS'] * 1024 / MEGABYTE)
            with sampled_memory(node) as samples:
                duration, answer = time_reading(node.port, '/chain', buffer)
            peak[side].append(node.memory_kib()['VmHWM'] * 1024 / MEGABYTE)
            sampled[side].append(max(samples) * 1024 / MEGABYTE)
            seconds[side].append(duration)
            if repetition == 0:
                sizes[side] = check_chain(chain_file, answer, side)
            else:
                require(len(split_answer(bytes(answer))[1]) == sizes[side], f'{side}: GET /chain has another size than before')
    size_note = ', '.join(f'{side} sends {size / MEGABYTE:.1f} MB' for side, size in sizes.items())
    rows.append(Row('c', f'GET /chain of {chain_file.blocks:,} blocks', 's', seconds, note=size_note))
    rows.append(Row('c', 'memory before it (VmRSS)', 'MB', resting))
    rows.append(Row('c', 'peak memory during it (VmHWM)', 'MB', peak))
    rows.append(Row('c', 'highest sample during it (VmRSS)', 'MB', sampled))
    if setting.adit:
        rows.append(Row('c', f'adit chain import of {chain_file.blocks:,} blocks', 's', {'adit': [import_seconds]}))
    return rows


@contextmanager
def sampled_memory(node):
    """Reads VmRSS every few milliseconds, in KiB, into the list that it gives."""
    samples = [node.memory_kib()['VmRSS']]
    over = threading.Event()

    def sample():
        while not over.wait(MEMORY_SAMPLE_SECONDS):
            samples.append(node.memory_kib()['VmRSS'])

    sampler = threading.Thread(target=sample)
    sampler.start()
    try:
        yield samples
    finally:
        over.set()
        sampler.join()


# d. Starting with a long chain


def start(setting):
    """d. From the exec of adit with a long chain to its first 200, after a clean stop and after a kill."""
    if not setting.adit:
        setting.report('d: only adit keeps its chain, nothing to measure without it')
        return []
    data_folder, _ = setting.imported(setting.sizes.chain_blocks)
    after_stop, after_kill = [], []

    def run_until(end, durations):
        with start_adit(setting.adit, setting.folder, setting.rules, data_folder) as node:
            durations.append(node.start_seconds * 1e3)
            # Something written since the start, so that there is something to find again after a kill.
            ask_json(node.port, 'POST', '/transactions/new', TRANSACTION, expected_status=201)
            end(node)

    run_until(Node.stop, [])
    for turn in range(setting.sizes.starts):
        setting.report(f'd: starting adit, turn {turn + 1}')
        run_until(Node.kill, after_stop)
        run_until(Node.stop, after_kill)
    quantity = f'start with {setting.sizes.chain_blocks:,} blocks to the first 200'
    return [Row('d', f'{quantity}, after SIGTERM', 'ms', {'adit': after_stop}),
            Row('d', f'{quantity}, after SIGKILL', 'ms', {'adit': after_kill})]


# e. Reading while another client mines


def reading_while_mining(setting):
    """e. A GET on a kept connection, in turns with and without another client that loops over GET /mine.

    Each path has a node of its own. The turns are short and alternate, so that both kinds see the chain at the same lengths.
    """
    paths = [(side, '/chain') for side in setting.sides]
    if setting.adit:
        paths.append(('adit', '/api/v1/status'))
    rows = []
    idle, mining = ({pair: [] for pair in paths} for _ in range(2))
    mined = {pair: 0 for pair in paths}
    with ExitStack() as stack:
        nodes = {pair: stack.enter_context(setting.start(pair[0])) for pair in paths}
        for repetition in range(setting.sizes.repetitions):
            for pair in paths if repetition % 2 == 0 else reversed(paths):
                side, path = pair
                setting.report(f'e: GET {path} of {side}, turn {repetition + 1}')
                with KeptConnection(nodes[pair].port) as connection:
                    idle[pair] += latencies(connection, nodes[pair].port, path)
                    with miner(nodes[pair]) as load:
                        mining[pair] += latencies(connection, nodes[pair].port, path)
                    mined[pair] += load['answers']
                sleep(SETTLE_SECONDS)
    for path in dict.fromkeys(path for _, path in paths):
        pairs = [pair for pair in paths if pair[1] == path]
        note = ', '.join(f'{side}: {mined[side, path]} blocks mined meanwhile' for side, _ in pairs)
        for name, percentile in (('median', 50), ('p99', 99)):
            quiet = {side: [percentile_of(idle[side, path], percentile) * 1e6] for side, _ in pairs}
            busy = {side: [percentile_of(mining[side, path], percentile) * 1e6] for side, _ in pairs}
            slower = {side: [busy[side][0] / quiet[side][0]] for side in quiet}
            rows.append(Row('e', f'GET {path}, {name}, idle', 'µs', quiet))
            rows.append(Row('e', f'GET {path}, {name}, while another client mines', 'µs', busy, note=note))
            rows.append(Row('e', f'GET {path}, {name}, mining to idle', 'times', slower))
    return rows


def latencies(connection, port, path, seconds=1):
    """How long each request of a loop took."""
    request = request_bytes(port, 'GET', path)
    durations = []
    end = perf_counter() + seconds
    while perf_counter() < end:
        started = perf_counter()
        answer = connection.exchange(request)
        durations.append(perf_counter() - started)
        require(answer.startswith(b'HTTP/1.1 200 '), f'GET {path}: {bytes(answer[:100])!r}')
    return durations


@contextmanager
def miner(node, seconds=1):
    """Another client that mines for that long. What it did stands in the dict that this gives, once it is over."""
    load = {}
    process = subprocess.Popen(wrk_command(node, '/mine', 200, connections=1, seconds=seconds), stdout=subprocess.PIPE)
    try:
        yield load
        output, _ = process.communicate(timeout=seconds + 60)
    except BaseException:
        process.kill()
        process.communicate()
        raise
    load.update(checked_load(output, '/mine', 200))


def percentile_of(values, percentile):
    """The smallest value that so many percent of all do not exceed."""
    ordered = sorted(values)
    return ordered[math.ceil(percentile / 100 * len(ordered)) - 1]


MEASUREMENTS = {'a': posting, 'b': adoption, 'c': whole_chain, 'd': start, 'e': reading_while_mining}
