#!/usr/bin/env python3
"""Compares docs/limits.md with the limits in the sources.

    python3 .ci/check-limits.py

A limit is a constant whose name holds LIMIT, TIMEOUT or INTERVAL or ends in _MS: each one has to stand in a table of
docs/limits.md. Whatever constant a table names (other ones too) has to be in that file of the sources, with that value.
"""

import re
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / 'docs' / 'limits.md'
CONSTANT = re.compile(r'^\s*(?:pub(?:\(\w+\))? )?const (\w+): (?:u8|u16|u32|u64|usize) =\s*([^;{]+);', re.MULTILINE)
IS_LIMIT = re.compile(r'LIMIT|TIMEOUT|INTERVAL|_MS$')
# | `NAME` | value | `file` | ... |
ROW = re.compile(r'^\| `(\w+)` \| ([^|]+?) \| `([^`|]+)` \|', re.MULTILINE)
VALUE = re.compile(r'([\d,]+)(?: (\S+))?')
BYTE_UNITS = {'byte': 1, 'bytes': 1, 'KiB': 1024, 'MiB': 1024 ** 2, 'GiB': 1024 ** 3}
TIME_UNITS = {'ms': 1, 's': 1000, 'min': 60_000}


def constants_in_sources():
    """{(file, name): expression}"""
    found = {}
    for path in sorted(ROOT.glob('crates/*/src/**/*.rs')):
        for name, expression in CONSTANT.findall(path.read_text()):
            found[str(path.relative_to(ROOT)), name] = expression.strip()
    return found


def value_of(expression, constants):
    """The number that a Rust constant's expression stands for: products and sums of integers and of other constants."""
    text = re.sub(r'(?<=\d)_(?=\d)', '', expression)
    for name in set(re.findall(r'[A-Z_]{2,}', text)):
        values = {value_of(other, constants) for (_, found), other in constants.items() if found == name}
        if len(values) != 1:
            raise ValueError(f'{expression}: {name} has {len(values)} values')
        text = re.sub(rf'\b{name}\b', str(values.pop()), text)
    if not re.fullmatch(r'[\d\s*+()<-]+', text):
        raise ValueError(f'{expression}: not understood')
    return eval(text)  # nothing but digits and arithmetic is left in it


def value_in_document(name, text):
    match = VALUE.fullmatch(text)
    if not match:
        raise ValueError(f'{text!r} is not a number with a unit')
    number, unit = int(match[1].replace(',', '')), match[2]
    if name.endswith('_MS'):
        units = TIME_UNITS
    elif 'BYTES' in name:
        units = BYTE_UNITS
    else:
        return number
    if unit not in units:
        raise ValueError(f'{text!r}: the unit is not one of {", ".join(units)}')
    return number * units[unit]


def problems(constants, document):
    rows = {(file, name): text for name, text, file in ROW.findall(document)}
    for (name, file), count in Counter((name, file) for name, _, file in ROW.findall(document)).items():
        if count > 1:
            yield f'{name} ({file}) has {count} rows'
    for file, name in constants:
        if IS_LIMIT.search(name) and (file, name) not in rows:
            yield f'{file}: {name} = {constants[file, name]} is in no table'
    for (file, name), text in rows.items():
        if (file, name) not in constants:
            yield f'{name}: {file} has no such constant'
            continue
        try:
            expected, found = value_of(constants[file, name], constants), value_in_document(name, text)
            if expected != found:
                yield f'{name}: expected {expected} (in {file}), found {text}'
        except ValueError as error:
            yield f'{name}: {error}'


def main():
    constants = constants_in_sources()
    document = DOCUMENT.read_text()
    found = list(problems(constants, document))
    for problem in found:
        print(f'docs/limits.md: {problem}', file=sys.stderr)
    if found:
        return 1
    print(f'docs/limits.md: {len(ROW.findall(document))} limits, all as in the sources')
    return 0


if __name__ == '__main__':
    sys.exit(main())
