#!/usr/bin/env python3
"""Checks another node's chain with the tutorial's own eyes: fetches URL/chain and gives it to the tutorial's `valid_chain`.

    python3 check_chain.py http://127.0.0.1:5000 --rules classic

It prints one line of JSON, {"length": blocks, "tip": hash of the last block, "valid": true or false}, and exits with 0 for a
valid chain and 1 for an invalid one. The length is counted, not what the answer states. A chain on which `valid_chain` breaks
(no blocks, a block without its fields) is invalid. What is no chain at all (no answer, another status than 200, no JSON object
with a list "chain") is refused: a message on standard error and exit code 2.
"""

import argparse
import json
import sys

from tutorial_node import RULE_SETS, Blockchain, ask_directly

TIMEOUT_SECONDS = 60


def fetch_chain(url):
    with ask_directly(f'{url.rstrip("/")}/chain', timeout=TIMEOUT_SECONDS) as response:
        answer = json.loads(response.read())
    if not isinstance(answer, dict) or not isinstance(answer.get('chain'), list):
        raise ValueError('the answer is not a JSON object with a list "chain"')
    return answer['chain']


def judge(chain, rules):
    blockchain = Blockchain(rules)
    try:
        valid = blockchain.valid_chain(chain)
    except (LookupError, TypeError):
        valid = False
    return {'length': len(chain), 'tip': blockchain.hash(chain[-1]) if chain else None, 'valid': valid}


def main():
    parser = argparse.ArgumentParser(description="Validates a node's chain as the tutorial does.")
    parser.add_argument('url', metavar='URL', help='the node, for example http://127.0.0.1:5000')
    parser.add_argument('--rules', default='classic', choices=RULE_SETS, help='the puzzle (default: classic)')
    options = parser.parse_args()
    try:
        chain = fetch_chain(options.url)
    except (OSError, ValueError) as error:
        print(f'{parser.prog}: {options.url}: {error}', file=sys.stderr)
        return 2
    verdict = judge(chain, options.rules)
    print(json.dumps(verdict))
    return 0 if verdict['valid'] else 1


if __name__ == '__main__':
    sys.exit(main())
