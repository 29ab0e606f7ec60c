"""The tutorial's node as people write it who make one mistake: what each of them answers at GET /chain, and the nodes that do so."""

import json
import sys
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from harness import ROOT

sys.path.insert(0, str(ROOT / 'tests' / 'python'))
from tutorial_node import Blockchain, TutorialServer


def digest(text):
    return sha256(text.encode()).hexdigest()


def right_hash(block):
    return digest(json.dumps(block, sort_keys=True))


def blockchain(hash=right_hash, valid_proof=None, shown=None, blocks=3):
    """A chain of some payments, made by a node that hashes blocks and judges proofs in its own way."""
    class Mistaken(Blockchain):
        pass

    Mistaken.hash = staticmethod(hash)
    if valid_proof:
        Mistaken.valid_proof = lambda self, last, proof, last_hash: valid_proof(last, proof)
    made = Mistaken('classic')
    for number in range(blocks):
        last = made.last_block
        proof = made.proof_of_work(last)
        made.new_transaction('alice', 'Zoë', number + 1.5)
        made.new_transaction('0', 'miner', 1)
        made.new_block(proof, made.hash(last))
    if shown:
        made.chain = [shown(block) for block in made.chain]
    return made


MISTAKES = {
    'right': lambda: blockchain(),
    'unsorted': lambda: blockchain(lambda block: digest(json.dumps(block))),
    'spaces': lambda: blockchain(lambda block: digest(json.dumps(block, sort_keys=True, separators=(',', ':')))),
    'ascii': lambda: blockchain(lambda block: digest(json.dumps(block, sort_keys=True, ensure_ascii=False))),
    'str': lambda: blockchain(lambda block: digest(str(block))),
    'timestamp': lambda: blockchain(lambda block: digest(json.dumps({**block, 'timestamp': int(block['timestamp'])}, sort_keys=True))),
    'unknown': lambda: blockchain(lambda block: digest('salt' + json.dumps(block, sort_keys=True))),
    'proof': lambda: blockchain(valid_proof=lambda last, proof: digest(f'{proof}{last}')[:4] == '0000'),
    'zeros': lambda: blockchain(valid_proof=lambda last, proof: digest(f'{last}{proof}')[:3] == '000'),
    'index': lambda: blockchain(shown=lambda block: {**block, 'index': block['index'] - 1}),
    'strings': lambda: blockchain(shown=lambda block: {**block, 'proof': str(block['proof'])}),
}


class MistakenNode:
    """A real one, at its own port."""

    def __init__(self, mistake):
        self.server = TutorialServer(('127.0.0.1', 0), MISTAKES[mistake](), 'nobody')
        self.url = f'http://127.0.0.1:{self.server.server_port}'
        Thread(target=self.server.serve_forever, kwargs={'poll_interval': 0.01}, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class AnyServer:
    """No node at all: answers everything with this."""

    def __init__(self, status, body):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(status)
                self.send_header('Content-Type', 'text/html')
                self.send_header('Content-Length', str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_OPTIONS = do_GET

            def log_message(self, *arguments):
                pass

        self.server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.url = f'http://127.0.0.1:{self.server.server_port}'
        Thread(target=self.server.serve_forever, kwargs={'poll_interval': 0.01}, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
