#!/usr/bin/env python3
"""Measures adit beside the tutorial's Python node, on this machine, in one run, and prints a table.

    python3 bench/compare.py                 all measurements, some minutes
    python3 bench/compare.py --only a,b      some of them (bench/README.md says what they are)
    python3 bench/compare.py --flask         the tutorial's node under Flask as a third contender
    python3 bench/compare.py --quick         small sizes: shows that everything works, measures nothing worth quoting

It needs Linux, `wrk` and cargo, and for the first --flask the Python package index. Nodes run on 127.0.0.1 with data folders in a
new temporary folder, and end with it. It refuses to give a number for answers that were wrong; it says so below the table then,
and exits with 1.
"""

import argparse
import dataclasses
import json
import os
import platform
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from chains import ROOT, RULE_SETS
from client import AnswerError
from measurements import MEASUREMENTS, QUICK, MeasurementError, Setting, Sizes
from nodes import NodeError, build_adit, flask_interpreter

MEMORY_FILE_SYSTEMS = ('tmpfs', 'ramfs')


def parse_options():
    parser = argparse.ArgumentParser(description="Measures adit beside the tutorial's Python node.")
    parser.add_argument('--only', metavar='LETTERS', default=','.join(MEASUREMENTS),
                        help='which measurements, for example a,b (default: all)')
    parser.add_argument('--quick', action='store_true', help='small sizes, for a smoke test')
    parser.add_argument('--json', action='store_true', help='print JSON, with every sample, and no table')
    parser.add_argument('--rules', default='classic', choices=RULE_SETS, help='default: classic')
    parser.add_argument('--adopt-blocks', metavar='N', type=int, help='length of the chain of b')
    parser.add_argument('--chain-blocks', metavar='N', type=int, help='length of the chain of c and d')
    parser.add_argument('--adit', metavar='FILE', type=Path, help='measure this binary (default: the one that cargo builds here)')
    parser.add_argument('--python-only', action='store_true', help='measure no adit')
    parser.add_argument('--flask', action='store_true',
                        help="measure the tutorial's node under Flask too; installs it into bench/.venv at first")
    parser.add_argument('--folder', metavar='DIR', default=tempfile.gettempdir(),
                        help='where the temporary folder is made; its disk is the one that is measured (default: %(default)s)')
    options = parser.parse_args()
    options.only = options.only.split(',')
    unknown = [letter for letter in options.only if letter not in MEASUREMENTS]
    if unknown:
        parser.error(f'no measurement {", ".join(unknown)}; there are {", ".join(MEASUREMENTS)}')
    if min(options.adopt_blocks or 2, options.chain_blocks or 2) < 2:
        parser.error('a chain to measure has 2 blocks at least')
    if not shutil.which('wrk'):
        parser.error('wrk is missing: apt-get install wrk')
    if options.adit and not options.adit.is_file():
        parser.error(f'there is no {options.adit}')
    return options


def sizes_of(options):
    given = {'adopt_blocks': options.adopt_blocks, 'chain_blocks': options.chain_blocks}
    return dataclasses.replace(QUICK if options.quick else Sizes(), **{name: n for name, n in given.items() if n is not None})


def report(message):
    print(message, file=sys.stderr, flush=True)


def version_from(command, exit_code=0):
    """The first line that a command prints, up to any '['."""
    try:
        result = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return 'unknown'
    if result.returncode != exit_code or not result.stdout:
        return 'unknown'
    return result.stdout.splitlines()[0].split('[')[0].strip()


def cpu_model():
    for line in Path('/proc/cpuinfo').read_text().splitlines():
        if line.startswith('model name'):
            return line.split(':', 1)[1].strip()
    return platform.machine()


def file_system_of(folder):
    """The type of the file system that the folder is on: that of the longest mount point above it."""
    mounts = [line.split()[1:3] for line in Path('/proc/mounts').read_text().splitlines()]
    above = [(len(point), kind) for point, kind in mounts if os.path.commonpath([point, folder]) == point]
    return max(above)[1]


def flask_versions():
    lines = (ROOT / 'bench' / 'requirements.txt').read_text().splitlines()
    return [line.replace('==', ' ') for line in lines if line.startswith(('Flask=', 'Werkzeug=', 'requests='))]


def describe(options, adit, flask):
    """What a reader of the numbers has to know about how they came to be."""
    memory_kib = int(Path('/proc/meminfo').read_text().split()[1])
    machine = {
        'command': shlex.join([Path(sys.executable).name, *sys.argv]),
        'cpu': f'{cpu_model()}, {len(os.sched_getaffinity(0))} cores',
        'memory': f'{memory_kib / 1024 ** 2:.1f} GiB',
        'system': f'{platform.system()} {platform.release()}',
        'disk': f'{file_system_of(os.path.realpath(options.folder))} at {options.folder}',
        'python': platform.python_version(),
        'wrk': version_from(['wrk', '-v'], exit_code=1),
        'rules': options.rules,
    }
    if flask:
        machine['flask'] = ', '.join(flask_versions())
    if adit:
        machine['adit'] = version_from([str(adit), '--version'])
        machine['commit'] = version_from(['git', 'describe', '--always', '--dirty'])
    return machine


def formatted(value):
    if value is None:
        return '–'
    if value >= 100:
        return f'{value:,.0f}'
    return f'{value:.3g}'


def table(machine, rows, failures, flask):
    if flask:
        titles = {'flask': 'Flask', 'python': 'Python, standard library', 'adit': 'adit'}
        advantages = {'flask': 'adit to Flask', 'python': 'adit to standard library'}
    else:
        titles = {'python': 'Python', 'adit': 'adit'}
        advantages = {'python': 'adit is better by'}
    heads = ['quantity', 'unit', *titles.values(), *advantages.values()]
    lines = [f'- {name}: {value}' for name, value in machine.items()]
    lines += ['', f'| | {" | ".join(heads)} | |', f'|---|---|---|{"--:|" * (len(titles) + len(advantages))}---|']
    for row in rows:
        cells = [row.measurement, row.quantity, row.unit]
        cells += [formatted(row.median(side)) for side in titles]
        cells += [formatted_advantage(row.advantage(side)) for side in advantages]
        lines.append(f'| {" | ".join([*cells, row.note])} |')
    lines += [''] * bool(failures) + [f'{letter} is invalid: {failure}' for letter, failure in failures.items()]
    return '\n'.join(lines)


def formatted_advantage(advantage):
    return formatted(advantage) if advantage is None else f'{formatted(advantage)} ×'


def as_json(machine, rows, failures, flask):
    def value_of(row):
        value = {**dataclasses.asdict(row), 'medians': {side: row.median(side) for side in row.samples}}
        value['advantage'] = row.advantage('python')
        if flask:
            value['advantage_to_flask'] = row.advantage('flask')
        return value

    return json.dumps({'machine': machine, 'rows': [value_of(row) for row in rows], 'invalid': failures}, indent=2)


def measure(options, adit, flask):
    rows, failures = [], {}
    with tempfile.TemporaryDirectory(prefix='adit-compare-', dir=options.folder) as folder:
        setting = Setting(Path(folder).resolve(), options.rules, adit, flask, sizes_of(options), report)
        for letter in options.only:
            try:
                rows += MEASUREMENTS[letter](setting)
            except (MeasurementError, NodeError, AnswerError, OSError, subprocess.SubprocessError) as error:
                failures[letter] = str(error).strip()
                report(f'{letter} is invalid: {failures[letter]}')
    return rows, failures


def main():
    options = parse_options()
    # A SystemExit, unlike the signal's own action, ends the nodes and removes the folder on its way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    adit, flask = None, None
    try:
        if not options.python_only:
            adit = options.adit.resolve() if options.adit else build_adit()
        if options.flask:
            flask = flask_interpreter()
    except NodeError as error:
        sys.exit(f'compare.py: {error}')
    machine = describe(options, adit, flask)
    if machine['disk'].split()[0] in MEMORY_FILE_SYSTEMS:
        report('warning: the folder is in memory, what is durable costs nothing there; choose another with --folder')
    rows, failures = measure(options, adit, flask)
    print((as_json if options.json else table)(machine, rows, failures, flask))
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main())
