"""What compare.py measures: one function for each measurement, from `posting` (a) to `reading_while_mining` (e).

The sides are 'adit', 'python' (the tutorial's node in the standard library) and, if asked for, 'flask' (that node as its readers
run it). Where several are measured they take turns, from first to last and then from last to first, so that whatever else slows
the machine down slows all; a ratio is the median of the ratios of turns of one round. A measurement whose answers are wrong
(another status, another tip, a block missing) is no measurement: it ends with a `MeasurementError`.
"""

import json
import math
import multiprocessing
import os
import shutil
import statistics
import subprocess
import tempfile
import threading
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Callable, Dict, List, Optional

from chains import ROOT, length_and_tip, write_chain
from client import KeptConnection, ask_json, request_bytes, split_answer, time_reading
from nodes import Node, import_chain, start_adit, start_flask, start_python, start_static_peer

CONNECTIONS = 32
PENDING_EMPTY_AFTER_BLOCKS = 50
SYNC_BYTES = 2048
SYNCS = 200
MEMORY_SAMPLE_SECONDS = 0.005
READ_BLOCKS = 50  # what e starts with
MINED_BLOCKS = 10  # and by how many it grows before it starts again
READING_SECONDS = 1  # while another client mines, a turn
IDLE_SECONDS = 0.1  # before those blocks, and after them
WARM_UP_READS = 20
MINING_TIMEOUT_SECONDS = 120
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

    def advantage(self, other) -> Optional[float]:
        """How many times better than that other side adit is: the median over the pairs of turns."""
        pairs = list(zip(self.samples.get(other, []), self.samples.get('adit', [])))
        if not pairs:
            return None
        return statistics.median(ours / theirs if self.more_is_better else theirs / ours for theirs, ours in pairs)


@dataclass
class Setting:
    """Where and how big the measurements are, and of what: the binary `adit` and `flask`, a Python that has it, or None."""

    folder: Path
    rules: str
    adit: Optional[Path]
    flask: Optional[Path]
    sizes: Sizes
    report: Callable[[str], None]  # tells the user what is going on
    made: dict = field(default_factory=dict)

    @property
    def sides(self):
        return ['flask'] * bool(self.flask) + ['python'] + ['adit'] * bool(self.adit)

    def turns(self, repetitions):
        """(repetition, side), each side once in every repetition, and first in every other one."""
        for repetition in range(repetitions):
            for side in self.sides if repetition % 2 == 0 else reversed(self.sides):
                yield repetition, side

    def start(self, side, chain_file=None, grows=False):
        """A node with that chain, or with its genesis block alone. What `grows` is not what others start with."""
        load = chain_file and chain_file.path
        if side == 'flask':
            return start_flask(self.flask, self.folder, self.rules, load)
        if side == 'python':
            return start_python(self.folder, self.rules, load)
        data_folder = chain_file and self.imported(chain_file.blocks)[0]
        if data_folder and grows:
            data_folder = shutil.copytree(data_folder, Path(tempfile.mkdtemp(dir=self.folder)) / 'data')
        return start_adit(self.adit, self.folder, self.rules, data_folder)

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
    load = run_wrk(node, seconds)
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


def run_wrk(node, seconds):
    """What load.lua says in its last line, if all was as it should be."""
    command = ['wrk', '-t1', f'-c{CONNECTIONS}', f'-d{seconds}s', '--timeout', '30s', '-s', str(ROOT / 'bench' / 'load.lua'),
               f'http://127.0.0.1:{node.port}/transactions/new']
    result = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=seconds + 60)
    load = json.loads(result.stdout.splitlines()[-1])
    require(load['wrong_status'] == 0, f'{load["wrong_status"]} of {load["answers"]} answers were not 201')
    require(load['socket_errors'] == 0, f'{load["socket_errors"]} socket errors')
    require(load['answers'] > 0, 'no answers')
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
        nodes = {side: stack.enter_context(setting.start(side, chain_file)) for side in setting.sides}
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
        _, import_seconds = setting.imported(chain_file.blocks)
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
    chain_file = setting.chain_file(setting.sizes.chain_blocks)
    after_stop, after_kill = [], []

    def run_until(end, durations):
        with setting.start('adit', chain_file) as node:
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


@dataclass
class Reads:
    """The latencies of a path's reads, in seconds, and how much was mined during those that had company."""

    idle: List[float] = field(default_factory=list)
    mining: List[float] = field(default_factory=list)
    mining_seconds: float = 0
    mined: int = 0


def reading_while_mining(setting):
    """e. A GET on a kept connection while another client loops over GET /mine, and without it.

    adit mines many more blocks a second, and a longer chain takes longer to read. So nobody's chain grows far: each starts with the
    same blocks, some more are mined, and then comes a new node with the first ones again, until the turn has had its time. All
    read the same lengths, and (the proofs of classic depend on nothing else) all search for the same proofs.
    """
    chain_file = setting.chain_file(READ_BLOCKS)
    paths = [(side, '/chain') for side in setting.sides]
    if setting.adit:
        paths.append(('adit', '/api/v1/status'))
    reads = {pair: Reads() for pair in paths}
    for repetition in range(setting.sizes.repetitions):
        for pair in paths if repetition % 2 == 0 else reversed(paths):
            side, path = pair
            setting.report(f'e: GET {path} of {side}, turn {repetition + 1}')
            until = reads[pair].mining_seconds + READING_SECONDS
            while reads[pair].mining_seconds < until:
                with setting.start(side, chain_file, grows=True) as node:
                    read_around_mining(node, path, reads[pair])
                    length = len(ask_json(node.port, 'GET', '/chain')['chain'])
                    require(length == READ_BLOCKS + MINED_BLOCKS, f'{side}: {length} blocks at the end')
    rows = []
    for path in dict.fromkeys(path for _, path in paths):
        found = {side: reads[side, path] for side, its_path in paths if its_path == path}
        note = ', '.join(f'{side}: {read.mined} blocks, {read.mined / read.mining_seconds:.3g}/s' for side, read in found.items())
        for name, percentile in (('median', 50), ('p99', 99)):
            quiet = {side: [percentile_of(read.idle, percentile) * 1e6] for side, read in found.items()}
            busy = {side: [percentile_of(read.mining, percentile) * 1e6] for side, read in found.items()}
            slower = {side: [busy[side][0] / quiet[side][0]] for side in found}
            rows.append(Row('e', f'GET {path}, {name}, idle', 'µs', quiet,
                            note=f'{READ_BLOCKS} blocks on every side, then {READ_BLOCKS + MINED_BLOCKS}'))
            rows.append(Row('e', f'GET {path}, {name}, while another client mines', 'µs', busy, note=f'mined meanwhile: {note}'))
            rows.append(Row('e', f'GET {path}, {name}, mining to idle', 'times', slower))
    return rows


def read_around_mining(node, path, reads):
    """Reads the path before, while and after another client mines; of the idle time, half goes to each of the two lengths."""
    request = request_bytes(node.port, 'GET', path)
    with KeptConnection(node.port) as connection:
        for _ in range(WARM_UP_READS):
            latency(connection, request)
        reads.idle += latencies_of(connection, request, IDLE_SECONDS)
        with mining_client(node.port) as over:
            started = perf_counter()
            while not over.is_set():
                require(perf_counter() - started < MINING_TIMEOUT_SECONDS, f'{MINED_BLOCKS} blocks are not mined in time')
                reads.mining.append(latency(connection, request))
            reads.mining_seconds += perf_counter() - started
        reads.mined += MINED_BLOCKS
        reads.idle += latencies_of(connection, request, IDLE_SECONDS)


def latencies_of(connection, request, seconds):
    durations = []
    end = perf_counter() + seconds
    while perf_counter() < end:
        durations.append(latency(connection, request))
    return durations


def latency(connection, request):
    """How long one request took."""
    started = perf_counter()
    answer = connection.exchange(request)
    duration = perf_counter() - started
    require(answer.startswith(b'HTTP/1.1 200 '), f'{request[:40]!r}: {bytes(answer[:100])!r}')
    return duration


@contextmanager
def mining_client(port):
    """Another client, a process of its own, that is mining when this begins. Gives the event of its last block."""
    processes = multiprocessing.get_context('fork')
    ready, over = processes.Event(), processes.Event()
    process = processes.Process(target=mine_blocks, args=(port, ready, over))
    process.start()
    try:
        require(ready.wait(MINING_TIMEOUT_SECONDS), 'the mining client did not start')
        yield over
        process.join(MINING_TIMEOUT_SECONDS)
        require(process.exitcode == 0, f'the mining client ended with {process.exitcode}')
    finally:
        process.kill()
        process.join()


def mine_blocks(port, ready, over):
    request = request_bytes(port, 'GET', '/mine')
    try:
        with KeptConnection(port) as connection:
            ready.set()
            for number in range(1, MINED_BLOCKS + 1):
                status, body = split_answer(connection.exchange(request))
                require(status == 200 and json.loads(body)['index'] == READ_BLOCKS + number,
                        f'GET /mine: {status} {bytes(body[:200])!r}')
    finally:
        ready.set()
        over.set()


def percentile_of(values, percentile):
    """The smallest value that so many percent of all do not exceed."""
    ordered = sorted(values)
    return ordered[math.ceil(percentile / 100 * len(ordered)) - 1]


MEASUREMENTS = {'a': posting, 'b': adoption, 'c': whole_chain, 'd': start, 'e': reading_while_mining}
