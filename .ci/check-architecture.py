#!/usr/bin/env python3
"""Compares the code map of ARCHITECTURE.md with the tree: each source file is in it, and each file in it is there.

    python3 .ci/check-architecture.py
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# `crates/core/src`: ... | `file.rs` | idea |
HEADING_OR_ROW = re.compile(r'^`(crates/\w+/src)`:|^\| `([\w/]+\.rs)` \|', re.MULTILINE)


def mapped_files():
    folder, found = None, []
    for heading, file in HEADING_OR_ROW.findall((ROOT / 'ARCHITECTURE.md').read_text()):
        if heading:
            folder = heading
        else:
            found.append(f'{folder}/{file}')
    return found


def main():
    mapped = mapped_files()
    there = {str(path.relative_to(ROOT)) for path in ROOT.glob('crates/*/src/**/*.rs')}
    problems = [f'{file} is not in the code map' for file in sorted(there - set(mapped))]
    problems += [f'{file} is in the code map, but not there' for file in mapped if file not in there]
    for problem in problems:
        print(f'ARCHITECTURE.md: {problem}', file=sys.stderr)
    if not problems:
        print(f'ARCHITECTURE.md: the code map has all {len(mapped)} files')
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
