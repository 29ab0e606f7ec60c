#!/usr/bin/env python3
"""Plants bugs in the core, one at a time, and lets the fault campaign find them.

    python3 crates/lab/planted/run.py                 all of them, some 20 minutes
    python3 crates/lab/planted/run.py tie fees        those whose names hold one of these
    python3 crates/lab/planted/run.py --check         only says whether each can still be planted; for CI

Each bug is a patch beside this file. It is applied to a copy of the last commit in a temporary folder, never to
the tree. A bug is found when a seed fails; without any bug none does. Of each bug the table says in how many of the
seeds it was found, and the median of how many seeds one has to run until it is. It exits with 1 if a patch does not
apply, or a bug is not found.
"""

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
FAST = {'CARGO_PROFILE_RELEASE_LTO': 'off', 'CARGO_PROFILE_RELEASE_CODEGEN_UNITS': '16',
        'CARGO_PROFILE_RELEASE_DEBUG': '0', 'CARGO_INCREMENTAL': '1'}


def patches(names):
    found = sorted(HERE.glob('*.patch'))
    return [patch for patch in found if not names or any(name in patch.stem for name in names)]


def applies(patch, tree, *options):
    done = subprocess.run(['git', 'apply', *options, str(patch)], cwd=tree, capture_output=True, text=True)
    if done.returncode:
        print(f'{patch.name} does not apply: {done.stderr.strip()}', file=sys.stderr)
    return done.returncode == 0


def failing_seeds(tree, target, seeds):
    environment = {**os.environ, **FAST, 'CARGO_TARGET_DIR': str(target)}
    build = ['cargo', 'build', '--release', '--locked', '-p', 'adit-lab', '--example', 'faults']
    done = subprocess.run(build, cwd=tree, env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    program = target / 'release' / 'examples' / 'faults'
    done = subprocess.run([program, '0', str(seeds)], capture_output=True, text=True, timeout=3_600)
    return [int(seed) for seed in re.findall(r'^(\d+): ', done.stdout, re.MULTILINE)]


def median_wait(failing, seeds):
    """How many seeds one runs until one fails, from any of them on."""
    waits = []
    for start in range(seeds):
        behind = [seed for seed in failing if seed >= start]
        if behind:
            waits.append(behind[0] - start + 1)
    return statistics.median(waits)


def main():
    parser = argparse.ArgumentParser(description='Plants bugs, and lets the fault campaign find them.')
    parser.add_argument('names', nargs='*', help='parts of the names of some')
    parser.add_argument('--check', action='store_true', help='only whether they apply')
    parser.add_argument('--seeds', type=int, default=100, help='how many seeds to run of each (default: %(default)s)')
    parser.add_argument('--target', type=Path, help='where to build (default: in the temporary folder)')
    options = parser.parse_args()
    chosen = patches(options.names)
    if options.check:
        applying = [applies(patch, ROOT, '--check') for patch in chosen]
        print(f'{sum(applying)} of {len(applying)} bugs can be planted')
        sys.exit(0 if all(applying) and applying else 1)
    missed = []
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / 'tree'
        target = options.target or Path(folder) / 'target'
        subprocess.run(['git', 'clone', '--quiet', '--shared', str(ROOT), str(tree)], check=True)
        print('| bug | found in | median of seeds until it is |\n|---|--:|--:|')
        for patch in [None, *chosen]:
            if patch and not applies(patch, tree):
                missed.append(patch.stem)
                continue
            failing = failing_seeds(tree, target, options.seeds)
            name = patch.stem if patch else 'none'
            wait = f'{median_wait(failing, options.seeds):g}' if failing else '–'
            print(f'| {name} | {len(failing)} of {options.seeds} | {wait} |', flush=True)
            if bool(failing) != bool(patch):
                missed.append(name)
            subprocess.run(['git', 'checkout', '--quiet', '.'], cwd=tree, check=True)
    if missed:
        sys.exit(f'not as it should be: {", ".join(missed)}')


if __name__ == '__main__':
    main()
