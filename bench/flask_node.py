#!/usr/bin/env python3
"""A node of the tutorial "Learn Blockchains by Building One" as its readers run it: Flask with its own server, and requests.

    .venv/bin/python flask_node.py -p 5000 --rules classic

compare.py --flask makes that environment and runs this in it. The chain is the `Blockchain` of tests/python/tutorial_node.py,
which is the tutorial's code but for how it asks its neighbours: that, and the five views, are here as they were published.

Two things that the tutorial prints are left out, which makes this node faster than the published one: the two blocks of each step
of `valid_chain`, and, unless --verbose is given, the server's line for each request.
"""

import argparse
import json
import logging
import sys
from uuid import uuid4

import requests
from flask import Flask, jsonify, request

from chains import RULE_SETS, Blockchain


class FlaskBlockchain(Blockchain):
    """The tutorial's chain, with its consensus as it was published."""

    def resolve_conflicts(self):
        new_chain = None
        max_length = len(self.chain)
        for node in self.nodes:
            response = requests.get(f'http://{node}/chain')
            if response.status_code == 200:
                # The tutorial parses the answer twice.
                length = response.json()['length']
                chain = response.json()['chain']
                if length > max_length and self.valid_chain(chain):
                    max_length = length
                    new_chain = chain
        if new_chain:
            self.chain = new_chain
            return True
        return False


def make_app(blockchain, node_id):
    """The tutorial's five views."""
    app = Flask(__name__)

    @app.route('/mine', methods=['GET'])
    def mine():
        last_block = blockchain.last_block
        proof = blockchain.proof_of_work(last_block)
        blockchain.new_transaction(sender='0', recipient=node_id, amount=1)
        block = blockchain.new_block(proof, blockchain.hash(last_block))
        response = {
            'message': 'New Block Forged',
            'index': block['index'],
            'transactions': block['transactions'],
            'proof': block['proof'],
            'previous_hash': block['previous_hash'],
        }
        return jsonify(response), 200

    @app.route('/transactions/new', methods=['POST'])
    def new_transaction():
        values = request.get_json()
        if not all(name in values for name in ['sender', 'recipient', 'amount']):
            return 'Missing values', 400
        index = blockchain.new_transaction(values['sender'], values['recipient'], values['amount'])
        return jsonify({'message': f'Transaction will be added to Block {index}'}), 201

    @app.route('/chain', methods=['GET'])
    def full_chain():
        return jsonify({'chain': blockchain.chain, 'length': len(blockchain.chain)}), 200

    @app.route('/nodes/register', methods=['POST'])
    def register_nodes():
        nodes = request.get_json().get('nodes')
        if nodes is None:
            return 'Error: Please supply a valid list of nodes', 400
        for node in nodes:
            blockchain.register_node(node)
        return jsonify({'message': 'New nodes have been added', 'total_nodes': list(blockchain.nodes)}), 201

    @app.route('/nodes/resolve', methods=['GET'])
    def consensus():
        if blockchain.resolve_conflicts():
            response = {'message': 'Our chain was replaced', 'new_chain': blockchain.chain}
        else:
            response = {'message': 'Our chain is authoritative', 'chain': blockchain.chain}
        return jsonify(response), 200

    return app


def main():
    parser = argparse.ArgumentParser(description='A node of the tutorial "Learn Blockchains by Building One", in Flask.')
    parser.add_argument('-p', '--port', default=5000, type=int, help='port to listen on (default: 5000)')
    parser.add_argument('--host', default='127.0.0.1', help='address to listen on (default: 127.0.0.1)')
    parser.add_argument('--rules', default='classic', choices=RULE_SETS, help='the puzzle (default: classic)')
    parser.add_argument('--load', metavar='FILE', help='start with the chain in FILE, a body of GET /chain; it is not checked')
    parser.add_argument('--verbose', action='store_true', help='log every request')
    options = parser.parse_args()

    blockchain = FlaskBlockchain(options.rules)
    if options.load:
        try:
            with open(options.load, encoding='utf-8') as file:
                blockchain.chain = json.load(file)['chain']
        except (OSError, ValueError, KeyError) as error:
            sys.exit(f'{parser.prog}: {type(error).__name__}: {error}')
    if not options.verbose:
        logging.getLogger('werkzeug').setLevel(logging.WARNING)
    make_app(blockchain, uuid4().hex).run(host=options.host, port=options.port, threaded=True)


if __name__ == '__main__':
    main()
