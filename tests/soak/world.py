"""The nodes of a soak: real processes on free ports of 127.0.0.1, killed and started again, measured from outside."""

import http.client
import json
import os
import signal
import subprocess
import threading
import time
from pathlib import Path

from nodes import free_port  # bench/ is in the path of whoever runs the soak

ANSWER_TIMEOUT_SECONDS = 30
START_TIMEOUT_SECONDS = 120


def ask(port, method, path, body=None, timeout=ANSWER_TIMEOUT_SECONDS):
    """One request on a connection of its own: its status and its body."""
    connection = http.client.HTTPConnection('127.0.0.1', port, timeout=timeout)
    try:
        connection.request(method, path, body, {'Content-Type': 'application/json'} if body else {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


class Node:
    """A node that comes back after it was killed."""

    def __init__(self, adit, folder, name, options):
        self.adit, self.folder, self.name = adit, folder, name
        self.port = free_port()
        self.options = ['-p', str(self.port), '--data-dir', str(folder / name), '--resolve-every', '5s', *options]
        self.kills = 0
        self.lock = threading.Lock()
        self.process = None

    def start(self):
        with open(self.folder / f'{self.name}.log', 'ab') as log:
            environment = {name: value for name, value in os.environ.items() if not name.startswith('ADIT_')}
            self.process = subprocess.Popen([self.adit, 'node', *self.options], stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, env=environment, cwd=self.folder)
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f'{self.name} ended with {self.process.returncode}; see {self.name}.log')
            try:
                if ask(self.port, 'GET', '/api/v1/status')[0] == 200:
                    return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError(f'{self.name} does not answer {START_TIMEOUT_SECONDS} s after its start')

    def kill_and_start(self):
        with self.lock:
            self.process.kill()
            self.process.wait()
            self.kills += 1
            self.start()

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise RuntimeError(f'{self.name} did not end on SIGTERM') from None
        return self.process.returncode

    def has_ended(self):
        return self.process.poll() is not None

    def status(self):
        return json.loads(ask(self.port, 'GET', '/api/v1/status')[1])

    def measured(self):
        """Memory in MiB (now, and its peak since the start), threads, open files, disk in MiB."""
        process = Path('/proc') / str(self.process.pid)
        fields = dict(line.split(':', 1) for line in (process / 'status').read_text().splitlines())
        disk = sum(path.stat().st_size for path in (self.folder / self.name).rglob('*') if path.is_file())
        return {
            'memory_mib': int(fields['VmRSS'].split()[0]) // 1024,
            'peak_mib': int(fields['VmHWM'].split()[0]) // 1024,
            'threads': int(fields['Threads']),
            'files': len(list((process / 'fd').iterdir())),
            'disk_mib': disk // 2**20,
        }
