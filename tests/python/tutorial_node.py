#!/usr/bin/env python3
"""A node of the tutorial "Learn Blockchains by Building One", in the Python standard library alone.

It answers the tutorial's five endpoints with the tutorial's bodies and status codes, as they come out of Flask, so that any
other node can be tried against it: GET /mine, GET /chain, GET /nodes/resolve, POST /transactions/new, POST /nodes/register.

    python3 tutorial_node.py -p 5000 --rules classic

It keeps the tutorial's weaknesses, because they are what a compatible node has to live with: nothing is written to disk, nothing
is locked (two /mine at once can forge an invalid block), a dead neighbour fails /nodes/resolve, and whatever JSON is posted as an
amount is believed. It refuses only what Flask itself refuses: another path (404), another method (405), a body that is not
announced as JSON (415) or is none (400); and, for brevity, a body in chunks (411). It is for loopback and classrooms.
"""

import argparse
import hashlib
import json
import signal
import sys
import traceback
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import time
from urllib.error import HTTPError
from urllib.parse import urlparse
from urllib.request import ProxyHandler, build_opener
from uuid import uuid4

RULE_SETS = ('classic', 'classic-2018')
NEIGHBOUR_TIMEOUT_SECONDS = 10
# Neighbours are asked without the proxy that the environment may name: they are on this machine or in this room.
ask_directly = build_opener(ProxyHandler({})).open


class Blockchain:
    """The chain, the transactions that wait for the next block, and the neighbours. The names are the tutorial's."""

    def __init__(self, rules='classic'):
        self.rules = rules
        self.current_transactions = []
        self.chain = []
        self.nodes = set()
        # The genesis block. Its timestamp is this node's clock, so every node starts a chain of its own.
        self.new_block(proof=100, previous_hash='1')

    def register_node(self, address):
        """Adds a neighbour: 'http://192.168.0.5:5000', or '192.168.0.5' without a scheme."""
        parsed_url = urlparse(address)
        if parsed_url.netloc:
            self.nodes.add(parsed_url.netloc)
        elif parsed_url.path:
            # Whatever has no '//' arrives here, mistyped addresses such as 'http//192.168.0.5:5000' included.
            self.nodes.add(parsed_url.path)
        else:
            raise ValueError('Invalid URL')

    def valid_chain(self, chain):
        """Does every block after the first name the hash of the block before it, and solve its puzzle?"""
        last_block = chain[0]
        for block in chain[1:]:
            last_hash = self.hash(last_block)
            if block['previous_hash'] != last_hash:
                return False
            if not self.valid_proof(last_block['proof'], block['proof'], last_hash):
                return False
            last_block = block
        return True

    def resolve_conflicts(self):
        """The consensus: the longest valid chain among ours and our neighbours' wins. True if ours was replaced."""
        new_chain = None
        max_length = len(self.chain)
        for node in self.nodes:
            # A neighbour that is dead, or answers something else than JSON, ends this with an exception, and so /nodes/resolve
            # with a 500: the tutorial does not catch it, and the neighbours after this one are not asked.
            try:
                with ask_directly(f'http://{node}/chain', timeout=NEIGHBOUR_TIMEOUT_SECONDS) as response:
                    status, body = response.status, response.read()
            except HTTPError as error:
                status = error.code
                error.close()
            if status == 200:
                answer = json.loads(body)
                # The tutorial believes the stated length; it does not count the blocks.
                if answer['length'] > max_length and self.valid_chain(answer['chain']):
                    max_length = answer['length']
                    new_chain = answer['chain']
        if new_chain:
            # Our own blocks after the fork are gone, and their transactions with them.
            self.chain = new_chain
            return True
        return False

    def new_block(self, proof, previous_hash):
        """Puts the waiting transactions into a block at the end of the chain."""
        block = {
            'index': len(self.chain) + 1,
            'timestamp': time(),
            'transactions': self.current_transactions,
            'proof': proof,
            'previous_hash': previous_hash or self.hash(self.chain[-1]),
        }
        self.current_transactions = []
        self.chain.append(block)
        return block

    def new_transaction(self, sender, recipient, amount):
        """Lets a transaction wait for the next block, and says which index that block will have."""
        self.current_transactions.append({'sender': sender, 'recipient': recipient, 'amount': amount})
        return self.last_block['index'] + 1

    @property
    def last_block(self):
        return self.chain[-1]

    @staticmethod
    def hash(block):
        """SHA-256 of the block as JSON. The keys are sorted: without one order there would be many hashes of one block."""
        return hashlib.sha256(json.dumps(block, sort_keys=True).encode()).hexdigest()

    def proof_of_work(self, last_block):
        """Finds the smallest proof that solves the puzzle after `last_block`."""
        last_proof = last_block['proof']
        last_hash = self.hash(last_block)
        proof = 0
        while not self.valid_proof(last_proof, proof, last_hash):
            proof += 1
        return proof

    def valid_proof(self, last_proof, proof, last_hash):
        """The puzzle: a SHA-256 that starts with four zeroes, of the last proof, this proof and (since 2018) the last hash."""
        guess = f'{last_proof}{proof}'
        if self.rules == 'classic-2018':
            guess += last_hash
        return hashlib.sha256(guess.encode()).hexdigest()[:4] == '0000'


class TutorialHandler(BaseHTTPRequestHandler):
    """One connection: reads requests, calls the view of the path, writes what it returns as (status, JSON value or text)."""

    protocol_version = 'HTTP/1.1'
    disable_nagle_algorithm = True
    wbufsize = 64 * 1024  # the head and the body of an answer leave together

    def mine(self):
        blockchain = self.server.blockchain
        last_block = blockchain.last_block
        proof = blockchain.proof_of_work(last_block)
        # The reward for the proof. The sender "0" says that this coin is new.
        blockchain.new_transaction(sender='0', recipient=self.server.node_id, amount=1)
        block = blockchain.new_block(proof, blockchain.hash(last_block))
        return 200, {
            'message': 'New Block Forged',
            'index': block['index'],
            'transactions': block['transactions'],
            'proof': block['proof'],
            'previous_hash': block['previous_hash'],
        }

    def new_transaction(self, values):
        if not all(name in values for name in ('sender', 'recipient', 'amount')):
            return 400, 'Missing values'
        index = self.server.blockchain.new_transaction(values['sender'], values['recipient'], values['amount'])
        return 201, {'message': f'Transaction will be added to Block {index}'}

    def full_chain(self):
        blockchain = self.server.blockchain
        return 200, {'chain': blockchain.chain, 'length': len(blockchain.chain)}

    def register_nodes(self, values):
        blockchain = self.server.blockchain
        nodes = values.get('nodes')
        if nodes is None:
            return 400, 'Error: Please supply a valid list of nodes'
        for node in nodes:
            blockchain.register_node(node)
        return 201, {'message': 'New nodes have been added', 'total_nodes': list(blockchain.nodes)}

    def consensus(self):
        blockchain = self.server.blockchain
        if blockchain.resolve_conflicts():
            return 200, {'message': 'Our chain was replaced', 'new_chain': blockchain.chain}
        return 200, {'message': 'Our chain is authoritative', 'chain': blockchain.chain}

    VIEWS = {
        '/mine': ('GET', mine),
        '/transactions/new': ('POST', new_transaction),
        '/chain': ('GET', full_chain),
        '/nodes/register': ('POST', register_nodes),
        '/nodes/resolve': ('GET', consensus),
    }

    def answer(self):
        body = self.read_body()
        headers = {'Content-Type': 'text/html; charset=utf-8'}
        try:
            status, content = self.call_view(body)
            if not isinstance(content, str):
                content = json.dumps(content, sort_keys=True, separators=(',', ':')) + '\n'  # as jsonify writes it
                headers['Content-Type'] = 'application/json'
        except Refusal as refusal:
            status, content = refusal.status, error_page(refusal.status)
            headers.update(refusal.headers)
        except Exception:
            # Flask does the same with whatever the tutorial's views do not catch.
            traceback.print_exc()
            status, content = 500, error_page(500)

        content = content.encode()
        self.send_response(status)
        headers['Content-Length'] = len(content)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(content)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = answer

    def read_body(self):
        self.wfile.flush()  # a client that sent "Expect: 100-continue" waits for that line before it sends the body
        length = self.headers.get('Content-Length', '0')
        if 'Transfer-Encoding' in self.headers or not length.isdecimal():
            self.close_connection = True  # where this body ends is not known, so neither is where the next request starts
            return None
        return self.rfile.read(int(length))

    def call_view(self, body):
        if body is None:
            raise Refusal(411, Connection='close')
        path = self.path.split('?')[0]
        if path not in self.VIEWS:
            raise Refusal(404)
        method, view = self.VIEWS[path]
        # Flask lets HEAD run the view of GET: HEAD /mine mines.
        if method != {'HEAD': 'GET'}.get(self.command, self.command):
            raise Refusal(405, Allow='GET, HEAD' if method == 'GET' else method)
        if method == 'GET':
            return view(self)
        return view(self, self.parse_json(body))

    def parse_json(self, body):
        content_type = self.headers.get_content_type()
        if content_type != 'application/json' and not content_type.endswith('+json'):
            raise Refusal(415)
        try:
            return json.loads(body)
        except ValueError:
            raise Refusal(400) from None

    def log_message(self, *arguments):
        if self.server.verbose:
            super().log_message(*arguments)


class Refusal(Exception):
    """A request that reaches no view, with the status and the headers that say so."""

    def __init__(self, status, **headers):
        super().__init__(status)
        self.status = status
        self.headers = headers


def error_page(status):
    phrase = HTTPStatus(status).phrase
    return f'<!doctype html>\n<html lang=en>\n<title>{status} {phrase}</title>\n<h1>{phrase}</h1>\n'


class TutorialServer(ThreadingHTTPServer):
    """A thread for each connection, as Flask's own server has them."""

    request_queue_size = 128

    def __init__(self, address, blockchain, node_id, verbose=False):
        self.blockchain = blockchain
        self.node_id = node_id
        self.verbose = verbose
        super().__init__(address, TutorialHandler)

    def handle_error(self, request, client_address):
        # A client that goes away in the middle of an answer is no error of ours.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def main():
    parser = argparse.ArgumentParser(description='A node of the tutorial "Learn Blockchains by Building One".')
    parser.add_argument('-p', '--port', default=5000, type=int, help='port to listen on; 0 picks a free one (default: 5000)')
    parser.add_argument('--host', default='127.0.0.1', help='IPv4 address to listen on (default: 127.0.0.1)')
    parser.add_argument('--rules', default='classic', choices=RULE_SETS, help='the puzzle (default: classic)')
    parser.add_argument('--node-id', default=uuid4().hex, help='who receives the rewards (default: a new random id)')
    parser.add_argument('--load', metavar='FILE', help='start with the chain in FILE, a body of GET /chain; it is not checked')
    parser.add_argument('--verbose', action='store_true', help='log every request')
    options = parser.parse_args()

    # Ctrl-C and SIGTERM end the process at once and without a traceback. There is nothing to save.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)

    blockchain = Blockchain(options.rules)
    try:
        if options.load:
            with open(options.load, encoding='utf-8') as file:
                blockchain.chain = json.load(file)['chain']
        server = TutorialServer((options.host, options.port), blockchain, options.node_id, options.verbose)
    except (OSError, ValueError, KeyError) as error:
        sys.exit(f'{parser.prog}: {type(error).__name__}: {error}')
    print(f'listening on http://{options.host}:{server.server_port}', flush=True)
    server.serve_forever()


if __name__ == '__main__':
    main()
