#!/usr/bin/env python3
"""Checks how the sources hang together.

    python3 .ci/check-architecture.py

- Between crates, arrows point downward only: each crate depends on those of the floors below its own.
- Between the modules of a crate there is no circle. What counts is what a module imports or names by its path, tests left
  out. A parent imports a child when it names it; a child that imports from such a parent closes a circle.
- No file is longer than LINES_LIMIT, tests too.
- Each source file opens with what it decides (`//!`), and each file that ARCHITECTURE.md names is there.
"""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# From below.
FLOORS = [{'api', 'core'}, {'net', 'pow', 'store'}, {'lab', 'p2p'}, {'node'}, {'http'}, {'adit'}]
LINES_LIMIT = 600
# `crates/core/src/chain.rs`, or `core/chain.rs` for short, and folders in the same two ways.
NAMED = re.compile(r'`(?:crates/)?(api|core|lab|net|p2p|pow|store|node|http|adit)/(?:src/)?([\w/.-]+?)/?`')
# Comments, and texts of any kind: nothing in them is code.
NO_CODE = re.compile(
    r'//[^\n]*|/\*.*?\*/|\bb?r(#*)".*?"\1|b?"(?:\\.|[^"\\])*"|b?\'(?:\\[^\n]{1,8}?|[^\'\\\n])\'', re.DOTALL)
USE = re.compile(r'\buse\s+([^;]+);')
PATH = re.compile(r'(?<![\w:])(?:crate|self|super)(?:\s*::\s*\w+)+')
MOD = re.compile(r'\bmod (\w+);')


def code_of(text):
    """The text without comments, strings, and what is compiled for tests only."""
    text = NO_CODE.sub('""', text)
    while (start := text.find('#[cfg(test)]')) >= 0:
        end = re.compile(r'[;{]').search(text, start).start()
        depth = int(text[end] == '{')
        while depth:
            end += 1
            depth += {'{': 1, '}': -1}.get(text[end], 0)
        text = text[:start] + text[end + 1:]
    return text


def paths_of(tree, before=()):
    """The paths of a `use`, its braces taken apart."""
    head, brace, rest = tree.partition('{')
    parts = before + tuple(part.strip() for part in head.split('::') if part.strip())
    if not brace:
        yield tuple(part.split(' as ')[0].strip() for part in parts)
        return
    depth, item = 0, ''
    for letter in rest[:rest.rindex('}')] + ',':
        if letter == ',' and depth == 0:
            if item.strip():
                yield from paths_of(item, parts)
            item = ''
            continue
        depth += {'{': 1, '}': -1}.get(letter, 0)
        item += letter


def imports(src):
    """{module: {module, ...}} of a crate; the crate's root is ()."""
    files = {}
    for file in src.rglob('*.rs'):
        name = file.relative_to(src).with_suffix('').parts
        files[() if name in {('lib',), ('main',)} else name] = file
    found = {}
    for module, file in files.items():
        code = code_of(file.read_text())
        children = set(MOD.findall(code))
        paths = [path for tree in USE.findall(code) for path in paths_of(tree)]
        rest = USE.sub('', code)
        paths += [tuple(re.split(r'\s*::\s*', path)) for path in PATH.findall(rest)]
        paths += [(child,) for child in children if re.search(rf'(?<![\w:]){child}\s*::', rest)]
        found[module] = set()
        for path in paths:
            base = module
            if path[0] == 'crate':
                base, path = (), path[1:]
            elif path[0] in children:
                pass
            elif path[0] not in ('self', 'super'):
                continue
            while path and path[0] in ('self', 'super'):
                base = base[:-1] if path[0] == 'super' else base
                path = path[1:]
            whole = base + path
            target = next(whole[:n] for n in range(len(whole), -1, -1) if whole[:n] in files)
            # What stands in the crate's root belongs to nobody: a path that ends there names an item of it.
            if target != module:
                found[module].add(target)
    return found


def circles(edges):
    """The sets of modules that import each other (Tarjan)."""
    index, low, stack, result = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(edges[node]):
            if other not in index:
                visit(other)
            if other in stack:
                low[node] = min(low[node], low[other])
        if low[node] == index[node]:
            circle = []
            while not circle or circle[-1] != node:
                circle.append(stack.pop())
            if len(circle) > 1:
                result.append(sorted(circle))

    for node in sorted(edges):
        if node not in index:
            visit(node)
    return result


def crate_problems():
    floor_of = {crate: number for number, crates in enumerate(FLOORS) for crate in crates}
    for manifest in sorted(ROOT.glob('crates/*/Cargo.toml')):
        crate, contents = manifest.parent.name, tomllib.loads(manifest.read_text())
        if crate not in floor_of:
            yield f'crates/{crate}: it is on no floor (FLOORS in {Path(__file__).name})'
            continue
        for kind in ('dependencies', 'dev-dependencies', 'build-dependencies'):
            for name in contents.get(kind, {}):
                other = name.removeprefix('adit-')
                if name.startswith('adit-') and floor_of.get(other, len(FLOORS)) >= floor_of[crate]:
                    yield f'crates/{crate}: it depends on {name}, which is not below it'


def module_problems():
    for src in sorted(ROOT.glob('crates/*/src')):
        for circle in circles(imports(src)):
            names = ', '.join('::'.join(module) or 'the root' for module in circle)
            yield f'{src.relative_to(ROOT)}: a circle of imports: {names}'


def length_problems():
    for path in sorted(ROOT.glob('crates/*/*/**/*.rs')):
        lines = path.read_text().count('\n')
        if lines > LINES_LIMIT:
            yield f'{path.relative_to(ROOT)}: {lines} lines, at most {LINES_LIMIT}'


def head_problems():
    for path in sorted(ROOT.glob('crates/*/src/**/*.rs')):
        if not path.read_text().startswith('//! '):
            yield f'{path.relative_to(ROOT)}: it does not open with what it decides (//!)'


def map_problems():
    for crate, name in NAMED.findall((ROOT / 'ARCHITECTURE.md').read_text()):
        places = [ROOT / 'crates' / crate / 'src' / name, ROOT / 'crates' / crate / name]
        if not any(place.exists() for place in places):
            yield f'ARCHITECTURE.md: {crate}/{name} is not there'


def main():
    problems = [*crate_problems(), *module_problems(), *length_problems(), *head_problems(), *map_problems()]
    for problem in problems:
        print(problem, file=sys.stderr)
    if not problems:
        print(f'no upward arrow, no circle, no file over {LINES_LIMIT} lines or without a head')
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
