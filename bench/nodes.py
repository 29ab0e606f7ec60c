"""Starts the nodes to measure, as processes on free ports of 127.0.0.1, and ends them.

Only processes started here are ended, by their id. A node that is not ready in time, that ends by itself or that does not end
when it is told to is a `NodeError` with the end of its log; nothing waits forever.
"""

import os
import random
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from time import perf_counter, sleep

from chains import ROOT
from client import AnswerError, ask

READY_TIMEOUT_SECONDS = 300
STOP_TIMEOUT_SECONDS = 60
BUILD_TIMEOUT_SECONDS = 3600
INSTALL_TIMEOUT_SECONDS = 600
IMPORT_TIMEOUT_SECONDS = 1800
POLL_SECONDS = 0.001


class NodeError(Exception):
    """A process that did not do what it was started for."""


def free_port():
    """A port that nobody listens on, below those that the system gives to connections (one of which would take it again)."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(('127.0.0.1', port))
            except OSError:
                continue
            return port


class Node:
    """A process that answers HTTP on `port`."""

    def __init__(self, command, port, ready_path, ready_status, log_path):
        self.port = port
        self.log_path = Path(log_path)
        # Whatever the caller has set for a node of their own is not for these, and neither is a .env file where they stand, nor a
        # proxy: all that these ask is on this machine.
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith('ADIT_') and not name.lower().endswith('_proxy')}
        with open(self.log_path, 'ab') as log:
            started = perf_counter()
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, cwd=self.log_path.parent)
        try:
            self.wait_until_ready(started + READY_TIMEOUT_SECONDS, ready_path, ready_status)
        except BaseException:
            self.kill()
            raise
        self.start_seconds = perf_counter() - started

    def wait_until_ready(self, deadline, path, expected_status):
        while perf_counter() < deadline:
            try:
                status, _ = ask(self.port, 'GET', path, timeout_seconds=READY_TIMEOUT_SECONDS)
                if status == expected_status:
                    return
            except (OSError, AnswerError):
                pass
            if self.process.poll() is not None:
                raise NodeError(f'{self.process.args[0]} ended with {self.process.returncode}:\n{self.log_end()}')
            sleep(POLL_SECONDS)
        raise NodeError(f'{self.process.args[0]} is not ready after {READY_TIMEOUT_SECONDS} seconds:\n{self.log_end()}')

    def log_end(self):
        return self.log_path.read_text(errors='replace')[-2000:]

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.stop()
        else:
            self.kill()

    def stop(self):
        """Ends the process cleanly, with SIGTERM."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_TIMEOUT_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
                raise NodeError(f'{self.process.args[0]} did not end on SIGTERM:\n{self.log_end()}') from None

    def kill(self):
        """Ends the process with SIGKILL."""
        self.process.kill()
        self.process.wait()

    def memory_kib(self):
        """VmRSS and VmHWM, the memory in use and its peak, in KiB."""
        status = Path(f'/proc/{self.process.pid}/status').read_text()
        return {name: int(re.search(rf'^{name}:\s+(\d+) kB$', status, re.MULTILINE)[1]) for name in ('VmRSS', 'VmHWM')}

    def reset_peak_memory(self):
        Path(f'/proc/{self.process.pid}/clear_refs').write_text('5')


def start_python(folder, rules, load=None):
    return start_script([sys.executable, str(ROOT / 'tests' / 'python' / 'tutorial_node.py')], folder, rules, load)


def start_flask(interpreter, folder, rules, load=None):
    return start_script([str(interpreter), str(ROOT / 'bench' / 'flask_node.py')], folder, rules, load)


def start_script(command, folder, rules, load):
    port = free_port()
    command = [*command, '-p', str(port), '--rules', rules]
    if load:
        command += ['--load', str(load)]
    return Node(command, port, '/', 404, folder / f'python-{port}.log')


def start_adit(binary, folder, rules, data_folder=None):
    port = free_port()
    data_folder = data_folder or folder / f'adit-{port}'
    command = [
        str(binary), 'node', '-p', str(port), '--host', '127.0.0.1', '--data-dir', str(data_folder),
        '--rules', rules, '--resolve-every', '0',
    ]
    return Node(command, port, '/api/v1/status', 200, folder / f'adit-{port}.log')


def start_static_peer(folder, chain_file):
    port = free_port()
    command = [sys.executable, str(ROOT / 'bench' / 'static_peer.py'), str(chain_file), '-p', str(port)]
    return Node(command, port, '/', 404, folder / f'peer-{port}.log')


def build_adit(*more):
    """target/release/adit of this checkout; cargo builds what is missing or older than its sources. `more` is what cargo is told."""
    try:
        subprocess.run(['cargo', 'build', '--release', '--quiet', '-p', 'adit', *more], cwd=ROOT, check=True,
                       timeout=BUILD_TIMEOUT_SECONDS)
    except (OSError, subprocess.SubprocessError) as error:
        raise NodeError(f'cannot build adit: {error}') from None
    target = Path(os.environ.get('CARGO_TARGET_DIR', 'target'))
    return ROOT / target / 'release' / 'adit'


def flask_interpreter():
    """The Python of bench/.venv, which has what bench/requirements.txt names; made where it is missing or not up to date."""
    environment = ROOT / 'bench' / '.venv'
    interpreter = environment / 'bin' / 'python'
    requirements = ROOT / 'bench' / 'requirements.txt'
    # Written last, so that an environment with it is whole, and made from these requirements with this Python.
    made_from = environment / 'made-from'
    wanted = f'{sys.version}\n{requirements.read_text()}'
    if made_from.is_file() and made_from.read_text() == wanted:
        return interpreter
    for command in (
        [sys.executable, '-m', 'venv', '--clear', str(environment)],
        [str(interpreter), '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', str(requirements)],
    ):
        try:
            subprocess.run(command, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=True, timeout=INSTALL_TIMEOUT_SECONDS)
        except (OSError, subprocess.SubprocessError) as error:
            raise NodeError(f'cannot install Flask: {error}') from None
    made_from.write_text(wanted)
    return interpreter


def import_chain(binary, chain_file, data_folder, rules):
    """Fills a new data folder of adit from a body of GET /chain. Returns the seconds that took."""
    command = [str(binary), 'chain', 'import', str(chain_file), '--data-dir', str(data_folder), '--rules', rules]
    started = perf_counter()
    result = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            cwd=Path(data_folder).parent, timeout=IMPORT_TIMEOUT_SECONDS)
    if result.returncode != 0:
        raise NodeError(f'adit chain import ended with {result.returncode}:\n{result.stdout.decode(errors="replace")[-2000:]}')
    return perf_counter() - started
