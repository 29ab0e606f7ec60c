"""Makes long valid chains for the measurements, the same ones in every run.

A classic proof depends on the proof before it alone, and the proofs fall into a cycle within 109 blocks: each is searched once,
and 100,000 blocks take seconds. Under classic-2018 every block is searched for, some 50 ms each: 10,000 blocks take minutes.
The chains are what an honest tutorial node makes; nothing here makes an invalid one.
"""

import hashlib
import json
import random
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / 'tests' / 'python'))

from tutorial_node import RULE_SETS, Blockchain  # noqa: E402, F401 (needs the path above; others here import both from this)

FIRST_TIMESTAMP = 1_600_000_000
MINER = '5c6a0e8b7d3f4c21a9b8e7d6c5f4a3b2'


@dataclass(frozen=True)
class ChainFile:
    """A chain written as a body of GET /chain."""

    path: Path
    blocks: int
    tip: str
    size: int


class ProofFinder:
    """The tutorial's `proof_of_work`, remembering what it found where the same question comes again."""

    def __init__(self, rules):
        self.blockchain = Blockchain(rules)
        self.found = {}

    def proof_after(self, block):
        if self.blockchain.rules != 'classic':
            return self.blockchain.proof_of_work(block)
        last_proof = block['proof']
        if last_proof not in self.found:
            self.found[last_proof] = self.blockchain.proof_of_work(block)
        return self.found[last_proof]


def write_chain(path, blocks, rules, transactions_a_block=10):
    """Writes a chain of `blocks` blocks, the last transaction of each being the reward, as json.dumps would with sorted keys."""
    generator = random.Random(blocks)
    finder = ProofFinder(rules)
    block = {'index': 1, 'previous_hash': '1', 'proof': 100, 'timestamp': FIRST_TIMESTAMP + 0.25, 'transactions': []}
    with open(path, 'w', encoding='ascii') as file:
        text = json.dumps(block, sort_keys=True)
        file.write('{"chain": [' + text)
        for index in range(2, blocks + 1):
            transactions = [
                {
                    'amount': generator.randrange(1, 1000),
                    'recipient': f'{generator.getrandbits(128):032x}',
                    'sender': f'{generator.getrandbits(128):032x}',
                }
                for _ in range(transactions_a_block - 1)
            ]
            transactions.append({'amount': 1, 'recipient': MINER, 'sender': '0'})
            block = {
                'index': index,
                'previous_hash': hashlib.sha256(text.encode()).hexdigest(),
                'proof': finder.proof_after(block),
                'timestamp': FIRST_TIMESTAMP + 10 * index + generator.random(),
                'transactions': transactions,
            }
            text = json.dumps(block, sort_keys=True)
            file.write(', ' + text)
        file.write(f'], "length": {blocks}}}')
    return ChainFile(path, blocks, Blockchain.hash(block), path.stat().st_size)


def length_and_tip(body):
    """The number of blocks in a body of GET /chain, and the hash of the last."""
    chain = json.loads(body)['chain']
    return len(chain), Blockchain.hash(chain[-1])
