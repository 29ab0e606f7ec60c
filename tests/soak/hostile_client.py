"""Clients that mean harm, each bounded in count and time: one call is one attack on one node."""

import hashlib
import json
import socket
import time
from contextlib import ExitStack

from world import ask

SLOW_READERS = 150
SLOW_SECONDS = 20
REGISTRATIONS = 100
HEADS = 16
SPAM = 100

LONG_ANSWERS = ['/chain', '/api/v1/mempool', '/api/v1/blocks?limit=100', '/openapi.json', '/docs/swagger-ui-bundle.js', '/', '/blocks',
                '/metrics', '/api/v1/events']


def connected(port, receive_buffer=None):
    client = socket.socket()
    if receive_buffer:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    client.settimeout(10)
    client.connect(('127.0.0.1', port))
    return client


def reads_slowly(node, generator, _peers):
    """Many connections that ask for long answers and read next to nothing."""
    with ExitStack() as stack:
        clients = []
        for _ in range(SLOW_READERS):
            client = stack.enter_context(connected(node.port, 2_048))
            path = generator.choice(LONG_ANSWERS)
            client.sendall(f'GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n'.encode() * generator.choice([1, 1, 8]))
            clients.append(client)
        for _ in range(SLOW_SECONDS):
            for client in clients:
                try:
                    client.recv(16)
                except OSError:
                    pass
            time.sleep(1)


def registers_and_removes(node, _generator, peers):
    """Peers that are registered, asked, removed and registered again."""
    for number in range(REGISTRATIONS):
        peer = peers[number % len(peers)]
        ask(node.port, 'POST', '/nodes/register', json.dumps({'nodes': [f'http://127.0.0.1:{peer}']}))
        with connected(node.port) as client:
            client.sendall(b'GET /nodes/resolve HTTP/1.1\r\nHost: localhost\r\n\r\n')
        ask(node.port, 'DELETE', f'/api/v1/peers/127.0.0.1:{peer}')
    for peer in peers:
        ask(node.port, 'POST', '/nodes/register', json.dumps({'nodes': [f'http://127.0.0.1:{peer}']}))


def sends_heads_only(node, _generator, _peers):
    """Bodies that are promised and never come."""
    with ExitStack() as stack:
        for path in ['/api/v1/blocks', '/transactions/new'] * HEADS:
            client = stack.enter_context(connected(node.port))
            client.sendall(f'POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8000000\r\n\r\n'.encode())
        time.sleep(SLOW_SECONDS)


def closes_half(node, generator, _peers):
    """Each is to be answered."""
    for _ in range(SPAM):
        body = json.dumps({'sender': 'half', 'recipient': f'{generator.getrandbits(64):x}', 'amount': 1}).encode()
        with connected(node.port) as client:
            head = f'POST /transactions/new HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n'
            client.sendall(head.encode() + body)
            client.shutdown(socket.SHUT_WR)
            if not client.recv(12).startswith(b'HTTP/1.1 '):
                raise AssertionError(f'{node.name}: no answer to a client that closed its half')


def sends_nonsense(node, generator, _peers):
    for _ in range(SPAM):
        with connected(node.port) as client:
            client.sendall(generator.choice([
                generator.randbytes(1_000), b'GET / HTTP/1.1\r\n\r\n', b'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
                b'POST /transactions/new HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
                b'GET /' + b'a' * 20_000]))


def audits(node, _generator, peers):
    """The audit of a peer that drips."""
    with ExitStack() as stack:
        for peer in peers * 3:
            client = stack.enter_context(connected(node.port))
            client.sendall(f'GET /api/v1/peers/127.0.0.1:{peer}/audit HTTP/1.1\r\nHost: localhost\r\n\r\n'.encode())
        time.sleep(SLOW_SECONDS)


def goes_away_while_mining(node, _generator, _peers):
    for _ in range(50):
        with connected(node.port) as client:
            client.sendall(b'GET /mine HTTP/1.1\r\nHost: localhost\r\n\r\n')


def offers_blocks(node, generator, _peers):
    """Blocks that stand nowhere, and early ones."""
    for _ in range(SPAM):
        block = {'index': generator.randrange(2, 1_000), 'previous_hash': f'{generator.getrandbits(256):064x}', 'proof': 1,
                 'timestamp': time.time() + generator.randrange(10**6), 'transactions': [{}] * 100}
        ask(node.port, 'POST', '/api/v1/blocks', json.dumps(block))


ATTACKS = [reads_slowly, registers_and_removes, sends_heads_only, closes_half, sends_nonsense, audits, goes_away_while_mining,
           offers_blocks]


def signed_spam(chain):
    """An attack on a sealed chain: transactions of keys that own nothing. None where Python's cryptography is missing."""
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    except ImportError:
        return None
    from bech32m import address

    def spams(node, generator, _peers):
        taken = 0
        for _ in range(SPAM):
            key = Ed25519PrivateKey.from_private_bytes(generator.randbytes(32))
            sender = address(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
            transaction = {'amount': 0, 'chain': chain, 'data': 'x' * 1_000, 'fee': 0, 'nonce': 0,
                           'recipient': address(generator.randbytes(32)), 'sender': sender}
            text = json.dumps(transaction, sort_keys=True).encode()
            transaction['signature'] = key.sign(b'adit transaction v1\n' + text).hex()
            status, _ = ask(node.port, 'POST', '/transactions/new', json.dumps(transaction))
            taken += status in (200, 201, 202)
        if taken:
            raise AssertionError(f'{node.name}: {taken} of {SPAM} free transactions were taken')

    return spams


def transaction_id(transaction):
    return hashlib.sha256(json.dumps(transaction, sort_keys=True).encode()).hexdigest()

