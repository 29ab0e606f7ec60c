"""What the browser tests share: a real node on a free port, and a page that must not complain or reach elsewhere.

ADIT names the program, CHROMIUM the browser. Needs the package playwright. What is missing skips the tests, but
fails them where CI is set.
"""

import atexit
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.request
from functools import cache
from pathlib import Path

try:
    from playwright.sync_api import sync_playwright
except ImportError:
    sync_playwright = None

ROOT = Path(__file__).resolve().parent.parent.parent
VECTORS = ROOT / 'crates' / 'core' / 'tests' / 'vectors'
ADIT = Path(os.environ.get('ADIT', ROOT / 'target' / 'debug' / 'adit')).resolve()
CHROMIUM = os.environ.get('CHROMIUM', '/usr/bin/chromium')
PASSWORD = 'for tests only'
START_TIMEOUT_S = 30


def missing():
    """What the browser tests need and is not there; None if all is."""
    if sync_playwright is None:
        return 'the Python package playwright is not installed'
    if not Path(CHROMIUM).exists():
        return f'there is no browser at {CHROMIUM}; CHROMIUM says where it is'
    if not ADIT.exists():
        return f'there is no {ADIT}; build it, or say in ADIT where it is'
    return None


class Node:
    """`adit node` with these options, in memory, on a free port."""

    COMMAND = ('node', '--in-memory')

    def __init__(self, *options, folder=None):
        self.log = tempfile.NamedTemporaryFile('w+', prefix='adit-', suffix='.log')
        self.process = subprocess.Popen(
            [ADIT, *self.COMMAND, '-p', '0', *options], cwd=folder or tempfile.gettempdir(),
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        self.url = self.address()

    def address(self):
        """Where it listens, as soon as its log says so."""
        until = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < until and self.process.poll() is None:
            said = Path(self.log.name).read_text()
            listening = re.search(r'http://(?:127\.0\.0\.1|0\.0\.0\.0)(:\d+)', said)
            if listening:
                return 'http://127.0.0.1' + listening[1]
            time.sleep(0.02)
        said = Path(self.log.name).read_text()
        self.stop()
        raise RuntimeError(f'adit did not start: {said}')

    def answers_to(self, path):
        """The status codes of the answers so far to requests for a path; its log has them with `--log debug`."""
        return re.findall(rf'path="{re.escape(path)}" status=(\d+)', Path(self.log.name).read_text())

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=30) as answer:
            return answer.read().decode()

    def post(self, path, body):
        """The status and the text of the answer."""
        request = urllib.request.Request(self.url + path, body.encode(), {'content-type': 'application/json'})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def pay(self, sender, recipient, amount):
        body = {'sender': sender, 'recipient': recipient, 'amount': amount}
        status, text = self.post('/transactions/new', json.dumps(body))
        assert status == 201, text

    def mine(self, count=1):
        for _ in range(count):
            self.get('/mine')

    @property
    def port(self):
        return int(self.url.rsplit(':', 1)[1])

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=30)
        self.log.close()


class DevNode(Node):
    """`adit dev` with these options, on a free port."""

    COMMAND = ('dev',)


class SealedChain:
    """A chain of its own with one wallet that owns 1000 coins, and a node that mines for it."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix='adit-browser-')
        self.variables = {**os.environ, 'ADIT_WALLET_DIR': f'{self.folder}/wallets', 'ADIT_PASSWORD': PASSWORD}
        self.adit('wallet', 'new', '--name', 'rich')
        self.address = self.adit('wallet', 'address', '--name', 'rich').strip()
        self.adit('chain', 'new', '--name', 'test', '--block-interval', '1s', '--difficulty', '65536', '--alloc',
                  f'{self.address}=1000')
        self.node = Node('--chain', 'test.json', '--reward-to', self.address, folder=self.folder)

    def adit(self, *arguments):
        done = subprocess.run([ADIT, *arguments], cwd=self.folder, env=self.variables, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, f'adit {arguments}: {done.stdout}{done.stderr}'
        return done.stdout

    def send(self, amount='1'):
        """A payment from the wallet to itself; its id."""
        said = self.adit('send', self.address, amount, '--name', 'rich', '-p', str(self.node.port), '--json')
        return json.loads(said)['id']

    def stop(self):
        self.node.stop()
        shutil.rmtree(self.folder)


@cache
def shared_browser():
    """One browser for all tests, which is slow to start; each test has its own context, as if it were a new one."""
    playwright = sync_playwright().start()
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=['--no-sandbox'])
    atexit.register(playwright.stop)
    atexit.register(browser.close)
    return browser


class BrowserTest(unittest.TestCase):
    """Each test gets `self.page`. It fails where the page wrote errors, or asked any other host than the node."""

    @classmethod
    def setUpClass(cls):
        lacking = missing()
        if lacking and os.environ.get('CI'):
            raise RuntimeError(f'the browser tests cannot run: {lacking}')
        if lacking:
            raise unittest.SkipTest(f'the browser tests cannot run: {lacking}')
        cls.browser = shared_browser()

    def setUp(self):
        self.complaints = []
        # A browser asks for it by itself.
        self.allowed_complaints = ['/favicon.ico']
        context = self.browser.new_context()
        self.addCleanup(context.close)
        self.page = context.new_page()
        self.page.set_default_timeout(20_000)
        self.page.on('console', lambda message: message.type == 'error' and self.complaints.append(f'{message.text} {message.location["url"]}'))
        self.page.on('pageerror', lambda error: self.complaints.append(str(error)))
        self.hosts = set()
        self.page.on('request', lambda request: self.hosts.add(request.url.split('/')[2] if '//' in request.url else ''))
        self.addCleanup(self.check_complaints)

    def check_complaints(self):
        left = [text for text in self.complaints if not any(part in text for part in self.allowed_complaints)]
        self.assertEqual(left, [], 'the page wrote errors to the console')
        elsewhere = {host for host in self.hosts if not host.startswith('127.0.0.1:') and host != ''}
        self.assertEqual(elsewhere, set(), 'the page asked other hosts')

    def start(self, *options):
        """A node that ends with the test."""
        node = Node(*options)
        self.addCleanup(node.stop)
        return node

    def start_sealed(self):
        chain = SealedChain()
        self.addCleanup(chain.stop)
        return chain

    def open(self, node, path):
        """Opens a page of the node, and says with which status it came."""
        return self.page.goto(node.url + path).status
