"""Tests of the tutorial node itself: its blockchain, its HTTP answers, and networks of real processes on loopback.

    python3 -m unittest discover tests/python

Other nodes are measured against this one, so it has to be right first. The tests open connections on 127.0.0.1 only and end
only the processes that they started.
"""

import hashlib
import http.client
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path

from check_chain import judge
from tutorial_node import Blockchain, TutorialServer

FOLDER = Path(__file__).resolve().parent
CLASSIC_PROOFS = FOLDER.parents[1] / 'crates' / 'core' / 'tests' / 'vectors' / 'classic_proofs.json'
TIMEOUT_SECONDS = 30


class RegisterNode(unittest.TestCase):
    def setUp(self):
        self.blockchain = Blockchain()

    def test_an_address_becomes_host_and_port(self):
        self.blockchain.register_node('http://192.168.0.1:5000')
        self.assertEqual(self.blockchain.nodes, {'192.168.0.1:5000'})

    def test_an_address_without_a_scheme_is_taken_as_it_is(self):
        self.blockchain.register_node('192.168.0.1')
        self.assertEqual(self.blockchain.nodes, {'192.168.0.1'})

    def test_a_malformed_address_does_not_become_the_node_that_was_meant(self):
        self.blockchain.register_node('http//192.168.0.1:5000')
        self.assertNotIn('192.168.0.1:5000', self.blockchain.nodes)
        self.assertEqual(self.blockchain.nodes, {'http//192.168.0.1:5000'})

    def test_an_empty_address_is_refused(self):
        with self.assertRaisesRegex(ValueError, 'Invalid URL'):
            self.blockchain.register_node('')

    def test_registering_twice_changes_nothing(self):
        self.blockchain.register_node('http://192.168.0.1:5000')
        self.blockchain.register_node('http://192.168.0.1:5000')
        self.assertEqual(len(self.blockchain.nodes), 1)


class BlocksAndTransactions(unittest.TestCase):
    def setUp(self):
        self.blockchain = Blockchain()

    def test_the_genesis_block(self):
        genesis, = self.blockchain.chain
        timestamp = genesis.pop('timestamp')
        self.assertIsInstance(timestamp, float)
        self.assertEqual(genesis, {'index': 1, 'previous_hash': '1', 'proof': 100, 'transactions': []})

    def test_a_new_block_is_the_last_of_two(self):
        block = self.blockchain.new_block(proof=123, previous_hash='abc')
        self.assertEqual(len(self.blockchain.chain), 2)
        self.assertIs(self.blockchain.last_block, block)
        self.assertEqual((block['index'], block['proof'], block['previous_hash']), (2, 123, 'abc'))
        self.assertIsNotNone(block['timestamp'])

    def test_without_a_previous_hash_it_is_that_of_the_last_block(self):
        expected = self.blockchain.hash(self.blockchain.last_block)
        self.assertEqual(self.blockchain.new_block(proof=123, previous_hash=None)['previous_hash'], expected)

    def test_a_new_transaction_waits_for_the_next_block(self):
        self.assertEqual(self.blockchain.new_transaction('a', 'b', 1), 2)
        self.assertEqual(self.blockchain.current_transactions, [{'sender': 'a', 'recipient': 'b', 'amount': 1}])

    def test_a_new_block_takes_the_waiting_transactions(self):
        self.blockchain.new_transaction('a', 'b', 1)
        block = self.blockchain.new_block(proof=123, previous_hash='abc')
        self.assertEqual(len(block['transactions']), 1)
        self.assertEqual(self.blockchain.current_transactions, [])


class HashesAndProofs(unittest.TestCase):
    def test_the_hash_is_over_the_sorted_json(self):
        block = {'proof': 1, 'index': 2, 'transactions': [{'sender': 'é', 'amount': 0.5}]}
        text = b'{"index": 2, "proof": 1, "transactions": [{"amount": 0.5, "sender": "\\u00e9"}]}'
        self.assertEqual(Blockchain.hash(block), hashlib.sha256(text).hexdigest())

    def test_the_classic_proofs_from_100_on(self):
        expected = json.loads(CLASSIC_PROOFS.read_text())
        blockchain = Blockchain('classic')
        proofs = expected[:1]
        while len(proofs) < len(expected):
            proofs.append(blockchain.proof_of_work({'proof': proofs[-1]}))
        self.assertEqual(proofs[0], 100)
        self.assertEqual(proofs, expected)

    def test_a_classic_2018_proof_depends_on_the_last_hash(self):
        blockchain = Blockchain('classic-2018')
        last_block = blockchain.last_block
        last_hash = blockchain.hash(last_block)
        proof = blockchain.proof_of_work(last_block)
        digest = hashlib.sha256(f'100{proof}{last_hash}'.encode()).hexdigest()
        self.assertTrue(digest.startswith('0000'))
        self.assertTrue(blockchain.valid_proof(100, proof, last_hash))
        self.assertFalse(blockchain.valid_proof(100, proof, '0' * 64))


def mined(rules, blocks):
    """A valid chain with `blocks` blocks after its genesis, a transaction in each."""
    blockchain = Blockchain(rules)
    for number in range(blocks):
        last_block = blockchain.last_block
        blockchain.new_transaction('a', 'b', number)
        blockchain.new_block(blockchain.proof_of_work(last_block), blockchain.hash(last_block))
    return blockchain.chain


class ValidChain(unittest.TestCase):
    def test_under_both_rule_sets(self):
        for rules, other in (('classic', 'classic-2018'), ('classic-2018', 'classic')):
            with self.subTest(rules):
                chain = mined(rules, 3)
                self.assertTrue(Blockchain(rules).valid_chain(chain))
                self.assertFalse(Blockchain(other).valid_chain(chain))

    def test_a_changed_transaction_breaks_the_link_after_it(self):
        chain = mined('classic', 2)
        chain[1]['transactions'][0]['amount'] = 1000000
        self.assertFalse(Blockchain().valid_chain(chain))

    def test_a_changed_proof_breaks_the_chain(self):
        chain = mined('classic', 2)
        chain[2]['proof'] += 1
        self.assertFalse(Blockchain().valid_chain(chain))

    def test_check_chain_judges_as_valid_chain_does(self):
        chain = mined('classic', 2)
        verdict = {'length': 3, 'tip': Blockchain.hash(chain[-1]), 'valid': True}
        self.assertEqual(judge(chain, 'classic'), verdict)
        self.assertEqual(judge(chain, 'classic-2018'), {**verdict, 'valid': False})

    def test_check_chain_calls_what_breaks_valid_chain_invalid(self):
        self.assertEqual(judge([], 'classic'), {'length': 0, 'tip': None, 'valid': False})
        for chain in ([{}, {}], [1, 2]):
            self.assertFalse(judge(chain, 'classic')['valid'])


def request(port, method, path, content=None, content_type='application/json'):
    """One request on a connection of its own: the status and the body, parsed where it is JSON."""
    connection = http.client.HTTPConnection('127.0.0.1', port, timeout=TIMEOUT_SECONDS)
    try:
        body = content if content is None or isinstance(content, str) else json.dumps(content)
        connection.request(method, path, body, {'Content-Type': content_type} if body is not None else {})
        response = connection.getresponse()
        text = response.read().decode()
        return response.status, json.loads(text) if response.getheader('Content-Type') == 'application/json' else text
    finally:
        connection.close()


class Answers(unittest.TestCase):
    """The HTTP answers of a node in this process."""

    def setUp(self):
        self.blockchain = Blockchain()
        self.server = TutorialServer(('127.0.0.1', 0), self.blockchain, node_id='me')
        self.port = self.server.server_port
        serving = threading.Thread(target=self.server.serve_forever, kwargs={'poll_interval': 0.01})
        serving.start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(serving.join)
        self.addCleanup(self.server.shutdown)

    def test_mine(self):
        transaction = {'sender': 'a', 'recipient': 'b', 'amount': 5}
        self.blockchain.new_transaction(**transaction)
        genesis_hash = self.blockchain.hash(self.blockchain.last_block)
        self.assertEqual(request(self.port, 'GET', '/mine'), (200, {
            'message': 'New Block Forged',
            'index': 2,
            'transactions': [transaction, {'sender': '0', 'recipient': 'me', 'amount': 1}],
            'proof': 35293,
            'previous_hash': genesis_hash,
        }))

    def test_new_transaction(self):
        transaction = {'sender': 'a', 'recipient': 'b', 'amount': 5, 'memo': 'is dropped'}
        self.assertEqual(request(self.port, 'POST', '/transactions/new', transaction),
                         (201, {'message': 'Transaction will be added to Block 2'}))
        self.assertEqual(self.blockchain.current_transactions, [{'sender': 'a', 'recipient': 'b', 'amount': 5}])

    def test_missing_values(self):
        self.assertEqual(request(self.port, 'POST', '/transactions/new', {'sender': 'a'}), (400, 'Missing values'))

    def test_chain(self):
        self.assertEqual(request(self.port, 'GET', '/chain'), (200, {'chain': self.blockchain.chain, 'length': 1}))

    def test_register(self):
        self.assertEqual(request(self.port, 'POST', '/nodes/register', {'nodes': ['http://127.0.0.1:5001']}),
                         (201, {'message': 'New nodes have been added', 'total_nodes': ['127.0.0.1:5001']}))
        self.assertEqual(request(self.port, 'POST', '/nodes/register', {}),
                         (400, 'Error: Please supply a valid list of nodes'))

    def test_what_flask_refuses(self):
        for status, arguments in (
            (404, ('GET', '/nothing')),
            (404, ('GET', '/chain/')),
            (405, ('POST', '/mine', {})),
            (405, ('GET', '/transactions/new')),
            (400, ('POST', '/transactions/new', '{"sender":')),
            (415, ('POST', '/transactions/new', '{}', 'text/plain')),
        ):
            with self.subTest(arguments):
                self.assertEqual(request(self.port, *arguments)[0], status)

    def exchange(self, data):
        """Sends bytes and reads until the server closes."""
        with socket.create_connection(('127.0.0.1', self.port), timeout=TIMEOUT_SECONDS) as connection:
            connection.sendall(data)
            return b''.join(iter(lambda: connection.recv(65536), b''))

    def test_the_bytes_are_those_of_jsonify(self):
        self.blockchain.nodes.add('é')
        answer = self.exchange(b'POST /nodes/register HTTP/1.1\r\nContent-Type: application/json\r\nConnection: close\r\n'
                               b'Content-Length: 12\r\n\r\n{"nodes":[]}')
        self.assertTrue(answer.endswith(b'\r\n\r\n{"message":"New nodes have been added","total_nodes":["\\u00e9"]}\n'), answer)

    def test_a_connection_serves_many_requests(self):
        answer = self.exchange(b'GET /chain HTTP/1.1\r\n\r\n' * 2 + b'HEAD /chain HTTP/1.1\r\nConnection: close\r\n\r\n')
        self.assertEqual(answer.count(b'HTTP/1.1 200 OK\r\n'), 3)
        self.assertEqual(answer.count(b'{"chain":'), 2)

    def test_a_body_in_chunks_is_refused_and_not_read_as_a_request(self):
        answer = self.exchange(b'POST /transactions/new HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n'
                               b'0\r\n\r\nGET /mine HTTP/1.1\r\n\r\n')
        self.assertTrue(answer.startswith(b'HTTP/1.1 411 '), answer)
        self.assertEqual(len(self.blockchain.chain), 1)


class Node:
    """A tutorial node as a process of its own, on a free port."""

    def __init__(self, test, *arguments):
        self.process = subprocess.Popen(
            [sys.executable, str(FOLDER / 'tutorial_node.py'), '-p', '0', *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        test.addCleanup(self.stop)
        ready = re.fullmatch(r'listening on (http://127\.0\.0\.1:(\d+))\n', self.process.stdout.readline())
        self.url, self.port = ready[1], int(ready[2])

    def stop(self):
        """Ends the process, and returns what it had to say on standard error."""
        if self.process.returncode is None:
            self.process.terminate()
            self.errors = self.process.communicate(timeout=TIMEOUT_SECONDS)[1]
        return self.errors

    def get(self, path):
        return request(self.port, 'GET', path)

    def register(self, *urls):
        return request(self.port, 'POST', '/nodes/register', {'nodes': urls})


class Networks(unittest.TestCase):
    def test_the_longer_chain_wins(self):
        for rules in ('classic', 'classic-2018'):
            with self.subTest(rules):
                short, long = Node(self, '--rules', rules), Node(self, '--rules', rules)
                short.get('/mine')
                for _ in range(2):
                    long.get('/mine')
                for node, other in ((short, long), (long, short)):
                    self.assertEqual(node.register(other.url)[1]['total_nodes'], [f'127.0.0.1:{other.port}'])
                chain = long.get('/chain')[1]['chain']

                self.assertEqual(long.get('/nodes/resolve'), (200, {'message': 'Our chain is authoritative', 'chain': chain}))
                self.assertEqual(short.get('/nodes/resolve'), (200, {'message': 'Our chain was replaced', 'new_chain': chain}))
                self.assertEqual(short.get('/chain'), (200, {'chain': chain, 'length': 3}))

                self.assertEqual((short.stop(), long.stop()), ('', ''))

    def test_a_chain_of_the_same_length_changes_nothing(self):
        one, other = Node(self), Node(self)
        one.register(other.url)
        self.assertEqual(one.get('/nodes/resolve')[1]['message'], 'Our chain is authoritative')

    def test_a_longer_chain_of_the_other_rules_is_not_taken(self):
        one, other = Node(self, '--rules', 'classic'), Node(self, '--rules', 'classic-2018')
        other.get('/mine')
        one.register(other.url)
        self.assertEqual(one.get('/nodes/resolve')[1]['message'], 'Our chain is authoritative')

    def test_a_dead_neighbour_fails_the_resolution_as_in_the_tutorial(self):
        with socket.create_server(('127.0.0.1', 0)) as closed_soon:
            dead = closed_soon.getsockname()[1]
        node = Node(self)
        node.register(f'http://127.0.0.1:{dead}')
        self.assertEqual(node.get('/nodes/resolve')[0], 500)
        self.assertEqual(node.get('/chain')[0], 200)
        self.assertIn('Traceback', node.stop())


class Processes(unittest.TestCase):
    def test_load_starts_with_the_chain_of_a_file(self):
        chain = mined('classic', 2)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / 'chain.json'
            path.write_text(json.dumps({'chain': chain, 'length': len(chain)}))
            node = Node(self, '--load', str(path))
        self.assertEqual(node.get('/chain'), (200, {'chain': chain, 'length': 3}))
        self.assertEqual(node.get('/mine')[1]['index'], 4)

    def test_the_node_id_gets_the_reward(self):
        node = Node(self, '--node-id', 'someone')
        self.assertEqual(node.get('/mine')[1]['transactions'], [{'sender': '0', 'recipient': 'someone', 'amount': 1}])

    def test_a_client_that_goes_away_is_no_error(self):
        node = Node(self)
        transaction = {'sender': 'a' * 1000000, 'recipient': 'b', 'amount': 1}
        for _ in range(8):
            request(node.port, 'POST', '/transactions/new', transaction)
        node.get('/mine')
        for data in (b'GET /chain HTTP/1.1\r\n\r\n', b'POST /transactions/new HTTP/1.1\r\nContent-Length: 10\r\n\r\n{'):
            with socket.create_connection(('127.0.0.1', node.port), timeout=TIMEOUT_SECONDS) as connection:
                connection.sendall(data)
                # Closing with a reset, not in good order, while the answer of several megabytes is on its way.
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        self.assertEqual(node.get('/chain')[1]['length'], 2)
        self.assertEqual(node.stop(), '')

    def test_a_taken_port_is_a_message_and_not_a_traceback(self):
        node = Node(self)
        second = subprocess.run([sys.executable, str(FOLDER / 'tutorial_node.py'), '-p', str(node.port)],
                                capture_output=True, text=True, timeout=TIMEOUT_SECONDS)
        self.assertEqual(second.returncode, 1)
        self.assertRegex(second.stderr, r'^tutorial_node\.py: OSError: .*[Aa]ddress already in use')

    def test_verbose_logs_the_requests(self):
        node = Node(self, '--verbose')
        node.get('/chain')
        self.assertIn('"GET /chain HTTP/1.1" 200', node.stop())

    @unittest.skipUnless(os.name == 'posix', 'signals of POSIX')
    def test_sigterm_ends_it_quietly(self):
        node = Node(self)
        self.assertEqual(node.stop(), '')
        self.assertEqual(node.process.returncode, -signal.SIGTERM)

    def test_check_chain_as_a_command(self):
        node = Node(self)
        node.get('/mine')
        tip = Blockchain.hash(node.get('/chain')[1]['chain'][-1])

        def check(*arguments):
            return subprocess.run([sys.executable, str(FOLDER / 'check_chain.py'), *arguments],
                                  capture_output=True, text=True, timeout=TIMEOUT_SECONDS)

        valid = check(node.url)
        self.assertEqual((valid.returncode, json.loads(valid.stdout)), (0, {'length': 2, 'tip': tip, 'valid': True}))
        invalid = check(node.url, '--rules', 'classic-2018')
        self.assertEqual((invalid.returncode, json.loads(invalid.stdout)), (1, {'length': 2, 'tip': tip, 'valid': False}))
        node.stop()
        self.assertEqual(check(node.url).returncode, 2)


if __name__ == '__main__':
    unittest.main()
