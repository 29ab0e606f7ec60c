#!/usr/bin/env python3
"""Tries what README.md says: the tour with curl, answer by answer; the Python lines; the table of settings. And the
examples in docs/api.md.

    python3 .ci/check-readme.py [ADIT]       ADIT: the binary (default: target/debug/adit)

The node runs on a free port with a home folder of its own. Hashes, ids and timestamps differ from run to run and count as equal.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
START_TIMEOUT_SECONDS = 30
COMMAND_TIMEOUT_SECONDS = 60


def fenced(text, language):
    return re.findall(rf'^```{language}\n(.*?)^```$', text, re.MULTILINE | re.DOTALL)


def steps_of(block):
    """(command, answer) of a transcript."""
    commands = re.findall(r'^\$ (.*)\n((?:(?!\$ ).*\n)*)', block, re.MULTILINE)
    return [(command, answer.strip()) for command, answer in commands]


def masked(text):
    """The text without what is another one in each run."""
    text = re.sub(r'\b[0-9a-f]{64}\b', '<hash>', text)
    text = re.sub(r'\b[0-9a-f]{32}\b', '<id>', text)
    # How many digits a time has differs, too.
    return re.sub(r'("(?:timestamp|time_ms|size_bytes)": ?)\d+(\.\d+)?', r'\1<time>', text)


def free_port():
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        return listener.getsockname()[1]


def environment(home):
    """Ours, without settings of adit and of where data folders lie."""
    dropped = ('ADIT_', 'XDG_')
    return {name: value for name, value in os.environ.items() if not name.startswith(dropped)} | {'HOME': str(home)}


def wait_for(port, node):
    end = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < end and node.poll() is None:
        with socket.socket() as connection:
            if connection.connect_ex(('127.0.0.1', port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError('the node did not start')


def try_tour(text, adit):
    """Yields what is not as the README says."""
    # The README's ports may be taken here.
    ports = {'5000': str(free_port()), '5001': str(free_port())}

    def here(text):
        return re.sub(r'\b(5000|5001)\b', lambda port: ports[port[0]], text)

    with tempfile.TemporaryDirectory() as home:
        run = {'cwd': home, 'env': environment(home), 'timeout': COMMAND_TIMEOUT_SECONDS, 'stdout': subprocess.PIPE, 'text': True}
        node = subprocess.Popen([adit, '-p', ports['5000']], cwd=home, env=run['env'], stderr=subprocess.DEVNULL)
        try:
            wait_for(int(ports['5000']), node)
            for command, answer in (step for block in fenced(text, 'console') for step in steps_of(block)):
                assert command.startswith('curl '), command
                found = subprocess.run(['bash', '-c', here(command)], stderr=subprocess.DEVNULL, **run).stdout.strip()
                if masked(found) != masked(here(answer)):
                    yield f'$ {command}\n  expected {here(answer)}\n  found    {found}'
            for lines in fenced(text, 'python'):
                if sys.platform != 'linux':
                    continue  # the folder in it is Linux's
                found = subprocess.run([sys.executable, '-c', here(lines)], **run).stdout.strip()
                if not found or f'`{found}`' not in text:
                    yield f'the Python lines print {found!r}, the README says something else'
        finally:
            node.send_signal(signal.SIGTERM)
            node.wait(COMMAND_TIMEOUT_SECONDS)


def compare_settings(text, adit):
    help_text = subprocess.run([adit, 'node', '--help'], check=True, stdout=subprocess.PIPE, text=True,
                               env=environment(Path.home())).stdout
    offered = set(re.findall(r'env: (ADIT_\w+)', help_text))
    listed = set(re.findall(r'^\| `-.*?\| `(ADIT_\w+)`', text, re.MULTILINE))
    for name in sorted(offered ^ listed):
        yield f'{name} is {"no setting" if name in listed else "not in the table of settings"}'


def main():
    adit = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / 'target' / 'debug' / 'adit').resolve()
    text = (ROOT / 'README.md').read_text()
    problems = list(compare_settings(text, adit))
    if shutil.which('curl'):
        problems += try_tour(text, adit)
        problems += try_tour((ROOT / 'docs' / 'api.md').read_text(), adit)
    else:
        print('README.md: curl is missing, so the tour was not tried', file=sys.stderr)
    for problem in problems:
        print(f'README.md or docs/api.md: {problem}', file=sys.stderr)
    if not problems:
        print('README.md, docs/api.md: the tours, the Python lines and the settings are as they say')
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
