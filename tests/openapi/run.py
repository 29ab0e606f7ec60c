#!/usr/bin/env python3
"""Checks that a node answers as its description says, whatever it is asked: with Schemathesis, on chains of each kind.

    python3 tests/openapi/run.py ADIT SCHEMATHESIS

ADIT is the node's binary, SCHEMATHESIS the program `schemathesis`. Each node is in memory and on a port of its own; the
requests are the same in every run. Fails on a status code, content type, header or body that is not described, on an
answer 500, and on an operation that was not tried.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

SEED = 20171218
EXAMPLES = 10  # random requests for each operation, besides the systematic ones
START_TIMEOUT_SECONDS = 30
RUN_TIMEOUT_SECONDS = 120
CHECKS = ['not_a_server_error', 'status_code_conformance', 'content_type_conformance', 'response_headers_conformance',
          'response_schema_conformance', 'negative_data_rejection', 'unsupported_method', 'allow_header_conformance']
NODES = {
    'classic': ['node', '--rules', 'classic', '--in-memory', '--resolve-every', '0', '-p', '0'],
    'sealed': ['dev', '-p', '0'],
}
# The stream of events has no end.
LEFT_OUT = ['/api/v1/events']
# The first asks whoever is registered, so that every request would wait for them. The second takes JSON Lines, which
# Schemathesis can't write; crates/adit/tests/dev_state.rs tries it.
NOT_TRIED = ['/nodes/resolve', '/api/v1/dev/state']


def environment():
    return {name: value for name, value in os.environ.items() if not name.startswith('ADIT_')}


def address_of(node, log):
    """Where a node that was started listens."""
    end = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < end and node.poll() is None:
        found = re.search(r'(http://127\.0\.0\.1:\d+)\D', log.read_text())
        if found:
            return found[1]
        time.sleep(0.05)
    raise RuntimeError(f'the node did not start: {log.read_text()}')


def ask(url, method='GET', body=None):
    request = urllib.request.Request(url, method=method, data=body and json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=START_TIMEOUT_SECONDS) as answer:
        return answer.read().decode()


def furnish(url, kind):
    """Makes blocks and waiting transactions. Answers names that are there, for each parameter."""
    for _ in range(3):
        if kind == 'classic':
            ask(f'{url}/transactions/new', 'POST', {'sender': 'alice', 'recipient': 'bob', 'amount': 1})
        ask(f'{url}/api/v1/mine', 'POST')
    if kind == 'classic':
        ask(f'{url}/transactions/new', 'POST', {'sender': 'alice', 'recipient': 'bob', 'amount': 2})
        ask(f'{url}/api/v1/peers', 'POST', {'nodes': ['http://127.0.0.1:9']})
    block = json.loads(ask(f'{url}/api/v1/blocks?limit=1'))['blocks'][0]
    pending = json.loads(ask(f'{url}/api/v1/mempool'))['transactions']
    return {
        'hash': [block['hash']],
        'index': [1],
        'address': [block['reward_to']],
        'name': ['not-found'],
        'q': [block['hash'], '1', block['reward_to']],
        'cursor': ['2'],
        'topics': ['block'],
        'id': [one['id'] for one in pending] or ['0' * 64],
    }


def with_examples(description, names):
    """The description, without what is left out, and with names that are there."""
    for path in LEFT_OUT:
        description['paths'].pop(path)
    for path, item in description['paths'].items():
        for operation in item.values():
            for parameter in operation.get('parameters', []):
                here = names.get(parameter['name'], [])
                if path.startswith('/api/v1/peers/'):
                    here = ['127.0.0.1:9']
                if parameter['schema'].pop('format', None) == 'int64':
                    # A node takes twice as much, which no format of JSON Schema says.
                    parameter['schema']['maximum'] = 2**64 - 1
                if here:
                    parameter['examples'] = {str(number): {'value': value} for number, value in enumerate(here)}
    return description


def check(kind, adit, schemathesis, folder):
    """The findings on a chain of that kind."""
    log = folder / f'{kind}.log'
    with log.open('w') as output:
        node = subprocess.Popen([adit, *NODES[kind]], cwd=folder, env=environment(), stdout=output, stderr=output)
    try:
        url = address_of(node, log)
        names = furnish(url, kind)
        description = with_examples(json.loads(ask(f'{url}/openapi.json')), names)
        file = folder / f'{kind}.json'
        file.write_text(json.dumps(description))
        left_out = [argument for path in NOT_TRIED for argument in ('--exclude-path', path)]
        run = subprocess.run(
            [schemathesis, 'run', str(file), '--url', url, '--checks', ','.join(CHECKS), '--seed', str(SEED),
             '--max-examples', str(EXAMPLES), '--phases', 'examples,coverage,fuzzing', '--no-color', '--warnings', 'off',
             '--request-timeout', '30', '--continue-on-failure', *left_out],
            cwd=folder, timeout=RUN_TIMEOUT_SECONDS, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        if node.poll() is not None:
            yield f'the node ended with {node.returncode}: {log.read_text()[-2000:]}'
        if 'panicked' in log.read_text():
            yield f'the node panicked: {log.read_text()[-2000:]}'
        if run.returncode != 0:
            yield run.stdout
        tried = re.search(r'^ *Tested: (\d+)', run.stdout, re.MULTILINE)
        expected = sum(len(item) for path, item in description['paths'].items() if path not in NOT_TRIED)
        if not tried or int(tried[1]) != expected:
            yield f'{tried[1] if tried else "no"} of {expected} operations were tried\n{run.stdout}'
        cases = re.search(r'^ *(\d+) generated', run.stdout, re.MULTILINE)
        print(f'{kind}: {expected} operations, {cases[1] if cases else "?"} requests')
    finally:
        node.terminate()
        node.wait(START_TIMEOUT_SECONDS)


def main():
    adit, schemathesis = (Path(argument).absolute() for argument in sys.argv[1:3])
    with tempfile.TemporaryDirectory() as folder:
        findings = [f'{kind}: {finding}' for kind in NODES for finding in check(kind, adit, schemathesis, Path(folder))]
    for finding in findings:
        print(finding, file=sys.stderr)
    return 1 if findings else 0


if __name__ == '__main__':
    sys.exit(main())
