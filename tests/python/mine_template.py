#!/usr/bin/env python3
"""A miner of another kind: it mines one block by hand from a node's template, and believes nothing in it.

    python3 tests/python/mine_template.py http://127.0.0.1:5000 REWARD_TO

It recomputes what is hashed from the block's own fields, searches, and hands the block in. It prints what the node answered.
"""

import hashlib
import json
import sys
import urllib.error
import urllib.parse
import urllib.request

DIGITS_OF_TARGET = 64


def sha256(data):
    return hashlib.sha256(data).digest()


def canonical(value):
    """The JSON that is hashed: sorted keys, as Python's json writes it."""
    return json.dumps(value, sort_keys=True).encode()


def merkle_root(leaves):
    """RFC 6962, section 2.1."""
    if len(leaves) == 1:
        return leaves[0]
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return sha256(b'\x01' + merkle_root(leaves[:half]) + merkle_root(leaves[half:]))


def check_sealed(block, template):
    """The header is everything but the proof and the transactions; its SHA-256 is what is hashed before the proof."""
    leaves = [sha256(b'\x00' + canonical(transaction)) for transaction in block['transactions']]
    assert merkle_root(leaves).hex() == block['merkle_root'] == template['merkle_root']
    header = {key: value for key, value in block.items() if key not in ('proof', 'transactions')}
    assert sha256(canonical(header)).hex() == template['prefix']
    assert template['suffix'] == ''
    assert block['target'] == template['target']


def check_classic(template, tip):
    assert template['prefix'] == str(tip['proof'])
    assert template['suffix'] == ('' if template['rules'] == 'classic' else tip['hash'])
    assert template['target'] == '0000' + 'f' * (DIGITS_OF_TARGET - 4)


def ask(url, body=None):
    with urllib.request.urlopen(urllib.request.Request(url, body)) as answer:
        return json.load(answer)


def main():
    node, reward_to = sys.argv[1:]
    template = ask(f'{node}/api/v1/template?reward_to={urllib.parse.quote(reward_to)}')
    tip = ask(f'{node}/api/v1/block/{template["previous_hash"]}')
    text = template['before_proof'] + '0' + template['behind_proof']
    block = json.loads(text)
    assert canonical(block) == text.encode(), 'the text is canonical'
    assert block['index'] == template['index'] == tip['index'] + 1
    assert block['transactions'] == template['transactions']
    if template['rules'] == 'sealed':
        check_sealed(block, template)
    else:
        check_classic(template, tip)
    target, proof = int(template['target'], 16), 0
    prefix, suffix = template['prefix'].encode(), template['suffix'].encode()
    while int(sha256(prefix + str(proof).encode() + suffix).hex(), 16) > target:
        proof += 1
    block['proof'] = proof
    try:
        answer = ask(f'{node}/api/v1/blocks', canonical(block))
    except urllib.error.HTTPError as error:
        sys.exit(error.read().decode())
    print(json.dumps(answer))


if __name__ == '__main__':
    main()
