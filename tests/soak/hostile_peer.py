"""A peer that lies: each GET /chain is answered with something else that has harmed nodes before. It listens on 127.0.0.1 only."""

import gzip
import hashlib
import json
import random
import socketserver
import sys
import threading
import time

from chains import ProofFinder  # bench/ is in the path of whoever runs the soak

LONGEST_FORGED_BLOCKS = 20_000
EMPTY_TRANSACTIONS = 50_000
DRIP_SECONDS = 60
ENDLESS_MIB = 64

if hasattr(sys, 'set_int_max_str_digits'):
    sys.set_int_max_str_digits(0)  # one of the amounts has 5,000

GENESIS = {'index': 1, 'previous_hash': '1', 'proof': 100, 'timestamp': 1_600_000_000.5, 'transactions': []}


def forged_chain(length, transactions_of_last=()):
    """A classic chain that is valid and cost nothing: its proofs follow from each other, whatever the blocks hold."""
    finder, block, texts = ProofFinder('classic'), GENESIS, []
    for index in range(1, length + 1):
        text = json.dumps(block, sort_keys=True)
        texts.append(text)
        last = list(transactions_of_last) if index + 1 == length else []
        block = {
            'index': index + 1, 'previous_hash': hashlib.sha256(text.encode()).hexdigest(),
            'proof': finder.proof_after(block), 'timestamp': GENESIS['timestamp'] + index + random.random(),
            'transactions': last,
        }
    return '{"chain": [' + ', '.join(texts) + f'], "length": {length}}}'


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        try:
            request_line = self.rfile.readline(65_536)
            while self.rfile.readline(65_536).strip():
                pass
            if request_line.startswith(b'GET /chain'):
                with self.server.lock:
                    answer = self.server.generator.choice(self.server.answers)
                answer(self)
            else:
                self.send(b'{}')
        except OSError:
            pass

    def send(self, body, *headers):
        lines = ['HTTP/1.1 200 OK', 'Content-Type: application/json', f'Content-Length: {len(body)}', *headers]
        self.request.sendall('\r\n'.join([*lines, 'Connection: close', '', '']).encode() + body)


class HostilePeer(socketserver.ThreadingTCPServer):
    """`chain_length` says how long the chain of the nodes is that it lies to; `light_chain` is a valid one that weighs less."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, port, seed, chain_length, light_chain=None, forged_blocks_limit=100_000):
        self.generator, self.lock = random.Random(seed), threading.Lock()
        self.chain_length, self.light_chain = chain_length, light_chain
        self.forged_blocks_left = forged_blocks_limit
        self.answers = [self.drip, self.endless, self.bomb, self.nonsense, self.breaks_off, self.one_large_value]
        if light_chain:
            self.answers += [self.light] * 4
        else:
            self.answers += [self.forged, self.poisoned, self.forged_too_short]
        super().__init__(('127.0.0.1', port), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def forged(self, handler, transactions=()):
        longer = self.generator.randrange(1, LONGEST_FORGED_BLOCKS)
        length = self.chain_length() + min(longer, 50 if self.forged_blocks_left < 0 else longer)
        if length > LONGEST_FORGED_BLOCKS * 2:
            return self.forged_too_short(handler)
        self.forged_blocks_left -= length
        handler.send(forged_chain(length, transactions).encode())

    def poisoned(self, handler):
        """A block whose transactions nobody would take from a client. It is dropped by the next longer chain."""
        huge = '{"amount": ' + '9' * 5_000 + '}'
        transactions = [json.loads(huge)] if self.generator.random() < 0.5 else [{}] * EMPTY_TRANSACTIONS
        self.forged(handler, transactions)

    def forged_too_short(self, handler):
        handler.send(forged_chain(max(1, self.chain_length() // 2)).encode())

    def light(self, handler):
        handler.send(self.light_chain)

    def drip(self, handler):
        handler.request.sendall(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{"chain": [')
        for _ in range(DRIP_SECONDS):
            handler.request.sendall(b' ')
            time.sleep(1)

    def endless(self, handler):
        handler.request.sendall(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{"chain": [')
        for _ in range(ENDLESS_MIB):
            handler.request.sendall(b' ' * 2**20)

    def bomb(self, handler):
        kind = self.generator.choice([b' ', b'[', b'1', b'"'])
        handler.send(gzip.compress(b'{"chain": [' + kind * (64 * 2**20), 6), 'Content-Encoding: gzip')

    def one_large_value(self, handler):
        handler.send(b'{"chain": [{"index": 1, "x": "' + b'a' * (12 * 2**20) + b'"}]}')

    def nonsense(self, handler):
        handler.send(self.generator.randbytes(100_000))

    def breaks_off(self, handler):
        body = forged_chain(200).encode()
        handler.send(body[:self.generator.randrange(len(body))])
