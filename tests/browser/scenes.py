"""Every page in every state that it has: what the pictures show, and what the tests look at for contrast and width."""

import json
import sys
import urllib.request
from contextlib import ExitStack
from dataclasses import dataclass
from hashlib import sha256
from threading import Thread
from typing import Callable, Optional
from urllib.parse import quote

from harness import ROOT, VECTORS, Node, SealedChain
from lessons import LESSONS, answer
from mistaken import AnyServer, MistakenNode

sys.path.insert(0, str(ROOT / 'tests' / 'python'))
from tutorial_node import Blockchain, TutorialServer

PROOFS = json.loads((VECTORS / 'classic_proofs.json').read_text())
BRANCHES = 30
# The mistakes whose pages look different from each other.
CHECKED = ('right', 'unsorted', 'spaces', 'str', 'unknown', 'proof', 'index')
LONG_NAME = '<b>mallory</b>\u202e ' + 'w' * 60_000


@dataclass
class Scene:
    """A page, and what is done on it before one looks; `complaints` may stand in the console."""

    name: str
    url: str
    act: Optional[Callable] = None
    complaints: tuple = ()
    # What is made by a program of others, and not looked at.
    vendored: str = ''


class PythonNode:
    """The tutorial's node in Python with the chain of `body`."""

    def __init__(self, body):
        blockchain = Blockchain('classic')
        blockchain.chain = json.loads(body)['chain']
        self.server = TutorialServer(('127.0.0.1', 0), blockchain, 'nobody')
        self.url = f'http://127.0.0.1:{self.server.server_port}'
        Thread(target=self.server.serve_forever, kwargs={'poll_interval': 0.01}, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def chain_without_sorted_keys():
    """What a node answers whose author has forgotten sort_keys=True."""
    class Mistaken(Blockchain):
        @staticmethod
        def hash(block):
            return sha256(json.dumps(block).encode()).hexdigest()

    blockchain = Mistaken('classic')
    for amount in range(3):
        last = blockchain.last_block
        proof = blockchain.proof_of_work(last)
        blockchain.new_transaction('Zoë', 'bob', amount)
        blockchain.new_block(proof, blockchain.hash(last))
    return json.dumps({'chain': blockchain.chain, 'length': len(blockchain.chain)}, sort_keys=True)


class Scenes:
    """Starts the nodes when it is entered, ends them when it is left."""

    def __enter__(self):
        self.stack = ExitStack()
        try:
            self.classic = self.keep(Node('--resolve-every', '0'))
            self.empty = self.keep(Node())
            self.later = self.keep(Node('--rules', 'classic-2018'))
            self.sealed = self.keep(SealedChain())
            self.fill_classic()
            self.later.mine(3)
            self.sent = self.sealed.send('12.5')
            self.sealed.node.mine(3)
            self.waits = self.sealed.send('0.000001')
            self.checked = {mistake: self.keep(MistakenNode(mistake)).url for mistake in CHECKED}
            self.checked['no-node'] = self.keep(AnyServer(404, b'<h1>Not Found</h1>')).url
            self.checked['nobody'] = 'http://127.0.0.1:9'
        except BaseException:
            self.stack.close()
            raise
        return self

    def __exit__(self, *error):
        self.stack.close()

    def keep(self, node):
        self.stack.callback(node.stop)
        return node

    def fill_classic(self):
        """Blocks, branches, a reorganisation, a peer of each kind, and what waits."""
        node = self.classic
        for _ in range(2):
            node.pay('alice', 'bob', 5)
            node.mine()
        prefix = node.get('/chain')
        heavier = self.keep(Node())
        for number in range(9):
            for _ in range(number % 4):
                heavier.pay('carol', f'dave {number}', number + 0.5)
            heavier.mine()
        self.register(heavier.url)
        node.get('/nodes/resolve')
        same = self.keep(PythonNode(node.get('/chain')))
        self.remove(heavier)
        for number in range(BRANCHES):
            self.branch(number)
        shorter = self.keep(PythonNode(prefix))
        refused = self.keep(PythonNode(chain_without_sorted_keys()))
        self.register(same.url, shorter.url, refused.url, 'http://127.0.0.1:9')
        node.get('/nodes/resolve')
        for number in range(4):
            node.pay('erin', f'frank {number}', 10 ** (20 * number))
            node.mine()
        node.pay('alice', 'bob', 5)
        node.pay(LONG_NAME, 'w' * 90, 1)
        node.mine()
        level = self.keep(PythonNode(node.get('/chain')))
        self.register(level.url)
        node.get('/nodes/resolve')
        self.register('http://127.0.0.1:10')
        node.pay(LONG_NAME, 'w' * 90, 123456789012345678901234567890)
        for number in range(40):
            node.pay('alice', f'bob {number}', number * 1.25)
        self.peers = {'same': level, 'fork': shorter, 'refused': refused}

    def register(self, *urls):
        status, text = self.classic.post('/nodes/register', json.dumps({'nodes': urls}))
        assert status == 201, text

    def remove(self, peer):
        name = peer.url.removeprefix('http://')
        request = urllib.request.Request(f'{self.classic.url}/api/v1/peers/{name}', method='DELETE')
        urllib.request.urlopen(request, timeout=30).close()

    def branch(self, number):
        """Makes the node go over to a longer chain, which leaves its own some blocks before the tip."""
        chain = json.loads(self.classic.get('/chain'))['chain']
        length = len(chain) + 1
        chain = chain[:-1 - number % 4]
        while len(chain) < length:
            previous_hash = sha256(json.dumps(chain[-1], sort_keys=True).encode()).hexdigest()
            reward = {'sender': '0', 'recipient': f'eve {number}', 'amount': 1}
            chain.append({'index': len(chain) + 1, 'previous_hash': previous_hash, 'proof': PROOFS[len(chain)],
                          'timestamp': chain[-1]['timestamp'] + 1, 'transactions': [reward]})
        other = PythonNode(json.dumps({'chain': chain, 'length': length}))
        self.register(other.url)
        self.classic.get('/nodes/resolve')
        self.remove(other)
        other.stop()

    def all(self):
        classic, empty, later, sealed = self.classic, self.empty, self.later, self.sealed.node
        tip = json.loads(classic.get('/api/v1/blocks?limit=1'))['blocks'][0]
        sealed_tip = sealed.get('/api/v1/blocks/tip/hash')
        reorganisation = json.loads(classic.get('/api/v1/reorgs'))['reorganisations'][0]['id']
        pending = json.loads(classic.get('/api/v1/mempool'))['transactions'][0]['id']
        reward = json.loads(classic.get(f'/api/v1/address/{tip["reward_to"]}/txs'))['transactions'][-1]['id']
        of = lambda sender: json.loads(classic.get(f'/api/v1/address/{sender}/txs'))['transactions'][-1]['id']
        audit = lambda peer: f'/peers/{self.peers[peer].url.removeprefix("http://")}/audit'
        paths = [
            ('home', classic, '/'), ('home-first', empty, '/'), ('home-2018', later, '/'), ('home-sealed', sealed, '/'),
            ('block', classic, f'/block/{tip["hash"]}'), ('block-first', empty, f'/block/{empty.get("/api/v1/blocks/tip/hash")}'),
            ('block-sealed', sealed, f'/block/{sealed_tip}'),
            ('tx-pending', classic, f'/tx/{pending}'), ('tx', classic, f'/tx/{of("carol")}'), ('tx-reward', classic, f'/tx/{reward}'),
            ('tx-repeated', classic, f'/tx/{of("alice")}'), ('tx-sealed', sealed, f'/tx/{self.sent}'),
            ('tx-sealed-pending', sealed, f'/tx/{self.waits}'),
            ('address', classic, '/address/alice'), ('address-long', classic, f'/address/{quote("w" * 90)}'),
            ('address-sealed', sealed, f'/address/{self.sealed.address}'),
            ('blocks', classic, '/blocks'), ('blocks-first', empty, '/blocks'), ('blocks-sealed', sealed, '/blocks'),
            ('pending', classic, '/pending'), ('pending-empty', empty, '/pending'), ('pending-sealed', sealed, '/pending'),
            ('peers', classic, '/peers'), ('peers-empty', empty, '/peers'),
            ('audit', classic, audit('same')), ('audit-fork', classic, audit('fork')), ('audit-refused', classic, audit('refused')),
            ('audit-unreachable', classic, '/peers/127.0.0.1:9/audit'),
            ('search', classic, '/search'), ('search-nothing', classic, '/search?q=nobody+at+all'),
            ('forks', classic, '/forks'), ('forks-none', empty, '/forks'), ('forks-sealed', sealed, '/forks'),
            ('reorg', classic, f'/reorg/{reorganisation}'),
            ('charts', classic, '/charts'), ('charts-first', empty, '/charts'), ('charts-sealed', sealed, '/charts'),
            ('verify', classic, '/verify'), ('verify-sealed', sealed, '/verify'),
            ('tamper-first', empty, '/tamper'), ('glossary', empty, '/glossary'), ('learn', empty, '/learn'),
        ]
        yield from (Scene(name, node.url + path) for name, node, path in paths)
        yield Scene('docs', classic.url + '/docs/', lambda page: page.wait_for_selector('.opblock'), vendored='#swagger-ui')
        yield Scene('check', classic.url + '/check')
        yield Scene('check-mistyped', classic.url + '/check', lambda page: check(page, 'not a node'), complaints=('400',))
        for name, url in self.checked.items():
            yield Scene(f'check-{name}', classic.url + '/check', lambda page, url=url: check(page, url))
        for name, deed in LESSONS.items():
            yield Scene(f'learn-{name}', empty.url + f'/learn#{name}', lesson(name, deed))
        yield Scene('nothing', classic.url + '/nothing-here', complaints=('404',))
        yield Scene('verify-green', classic.url + '/verify', verify)
        yield Scene('verify-green-sealed', sealed.url + '/verify', verify)
        yield Scene('verify-red', classic.url + '/verify', verify_a_lie)
        for name, node in (('tamper', classic), ('tamper-sealed', sealed)):
            yield Scene(name, node.url + '/tamper', wait_for_copy)
            yield Scene(f'{name}-edited', node.url + '/tamper', edit)
            yield Scene(f'{name}-json', node.url + '/tamper', edit_as_json)
            yield Scene(f'{name}-offered', node.url + '/tamper', offer, complaints=('400',))


def check(page, address):
    page.fill('#node', address)
    page.click('button:has-text("Check it")')
    page.wait_for_selector('.verdict, #node-error')


def lesson(name, deed):
    def act(page):
        page.wait_for_selector(f'[data-at={name}]')
        deed(page)
        answer(page, name)
    return act


def verify(page):
    page.click('#verify button[type=submit]')
    page.wait_for_selector('#verify[data-result]')


def verify_a_lie(page):
    def lie(route):
        came = route.fetch()
        route.fulfill(response=came, body=came.text().replace('dave 5', 'dave 6', 1))
    page.route('**/chain', lie)
    verify(page)
    page.locator('#verify tr.fails summary').first.click()


def wait_for_copy(page):
    page.wait_for_selector('#tamper[data-ready]')
    page.wait_for_selector('#tamper[data-invalid="0"]')


def edit(page):
    wait_for_copy(page)
    # The last payment of a block with one, which is no reward.
    page.locator('article:has(.link) input[data-field="from"]').first.fill('eve')
    page.locator('article:has(.link) input[data-field="amount"]').first.fill('500')
    page.wait_for_selector('#tamper:not([data-invalid="0"])')


def edit_as_json(page):
    edit(page)
    page.get_by_label('as JSON').check()


def offer(page):
    edit(page)
    page.click('button[name=offer]')
    page.wait_for_selector('#tamper-offers li')
