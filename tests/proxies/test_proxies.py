"""A node behind the real nginx, Caddy and HAProxy of Debian, with the configurations of docs/proxy.md as they stand there:
pages' buttons, events, long chains and commands through TLS, with a host for the node alone and below a path.

ADIT names the program. NGINX, CADDY and HAPROXY name the proxies; what is missing skips its tests, but fails them where CI
is set.
"""

import contextlib
import http.client
import json
import os
import random
import re
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
import unittest
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
ADIT = Path(os.environ.get('ADIT', ROOT / 'target' / 'debug' / 'adit')).resolve()
TLS = ROOT / 'crates' / 'adit' / 'tests' / 'tls'
BROWSER = {'User-Agent': 'Mozilla/5.0', 'Accept': 'text/html', 'Accept-Language': 'en'}
FORM = {'Content-Type': 'application/x-www-form-urlencoded', 'Sec-Fetch-Site': 'same-origin', **BROWSER}
START_TIMEOUT_S = 30
START_TRIES = 3


def free_port():
    """One that the system does not give to a connection by itself, before the proxy listens there."""
    first = int(Path('/proc/sys/net/ipv4/ip_local_port_range').read_text().split()[0])
    while True:
        port = random.randrange(1024, max(first, 2048))
        with contextlib.suppress(OSError), socket.socket() as listener:
            listener.bind(('127.0.0.1', port))
            return port


def documented(language, part=0):
    """The configuration of that language in docs/proxy.md: the whole (0), or what is other below a path (1)."""
    text = (ROOT / 'docs' / 'proxy.md').read_text()
    return re.findall(rf'```{language}\n(.*?)```', text, re.DOTALL)[part]


def wait_for(port, process):
    until = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as client:
            if client.connect_ex(('127.0.0.1', port)) == 0:
                return
        time.sleep(0.02)
    raise RuntimeError(f'nobody listens on port {port}; the program has ended with {process.poll()}')


class Behind:
    """A node, and a proxy before it."""

    program = None
    # Below which path of the host.
    base = ''

    def setUp(self):
        program = os.environ.get(self.program.upper()) or shutil.which(self.program)
        if not program or not ADIT.exists():
            message = f'{self.program} or {ADIT} is not there'
            self.fail(message) if os.environ.get('CI') else self.skipTest(message)
        folder = tempfile.TemporaryDirectory(prefix='adit-proxy-')
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.node_port = free_port()
        self.start([ADIT, 'node', '--in-memory', '-p', str(self.node_port)], self.node_port)
        for tries_left in reversed(range(START_TRIES)):
            self.port = free_port()
            try:
                return self.start(self.command(program), self.port)
            except RuntimeError as error:
                # Another program may have taken the port meanwhile.
                print(f'{self.id()}: {error}', (self.folder / f'{self.port}.log').read_text(), sep='\n')
                if not tries_left:
                    raise

    def start(self, command, port):
        log = (self.folder / f'{port}.log').open('w')
        self.addCleanup(log.close)
        process = subprocess.Popen(command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                   env={**os.environ, 'HOME': str(self.folder), 'ADIT_BASE_PATH': self.base})
        self.addCleanup(process.wait, 30)
        self.addCleanup(process.terminate)
        wait_for(port, process)

    def connect(self):
        context = ssl.create_default_context(cafile=TLS / 'ca.pem')
        connection = http.client.HTTPSConnection('localhost', self.port, timeout=30, context=context)
        self.addCleanup(connection.close)
        return connection

    def ask(self, method, path, body=None, headers=None):
        connection = self.connect()
        connection.request(method, self.base + path, body, headers or {})
        answer = connection.getresponse()
        return answer, answer.read()

    def mine(self):
        urllib.request.urlopen(f'http://127.0.0.1:{self.node_port}/mine', timeout=30).read()


class Documented:
    """What has to work with each configuration of docs/proxy.md."""

    def test_a_button_of_a_page_works(self):
        origin = f'https://localhost:{self.port}'
        form = 'sender=ann&recipient=bob&amount=5'
        answer, text = self.ask('POST', '/send', form, {'Origin': origin, **FORM})
        self.assertEqual(answer.status, 303, text)
        place = answer.headers['Location']
        self.assertTrue(place.startswith(f'{self.base}/tx/'), place)
        self.assertEqual(self.ask('GET', place.removeprefix(self.base), headers=BROWSER)[0].status, 200)

    def test_events_come_at_once(self):
        connection = self.connect()
        connection.request('GET', f'{self.base}/api/v1/events', headers={'Accept': 'text/event-stream'})
        answer = connection.getresponse()
        self.assertEqual(answer.status, 200)
        self.mine()
        lines = iter(answer.readline, b'')
        self.assertTrue(any(line.startswith(b'event: block') for line in lines))

    def test_a_chain_is_the_same_to_the_byte(self):
        for _ in range(50):
            self.mine()
        answer, chain = self.ask('GET', '/chain')
        direct = urllib.request.urlopen(f'http://127.0.0.1:{self.node_port}/chain', timeout=30).read()
        self.assertEqual(chain, direct)
        self.assertEqual(self.ask('GET', '/chain', headers={'If-None-Match': answer.headers['ETag']})[0].status, 304)

    def test_a_command_asks_through_it(self):
        command = [ADIT, 'status', '--json', '--node', f'https://localhost:{self.port}{self.base}']
        environment = {**os.environ, 'SSL_CERT_FILE': str(TLS / 'ca.pem')}
        status = subprocess.run(command, env=environment, capture_output=True, check=True, timeout=60, cwd=self.folder)
        self.assertEqual(json.loads(status.stdout)['length'], 1)


class BelowAPath(Documented):
    """The same where the host is others' too."""

    base = '/adit'

    def test_all_that_a_page_leads_to_is_below_the_path(self):
        answer, text = self.ask('GET', '/', headers=BROWSER)
        self.assertEqual(answer.status, 200)
        self.assertIn('; Path=/adit;', answer.headers['Set-Cookie'])
        links = re.findall(r' (?:href|src|action)="(/[^"]*)"', text.decode())
        self.assertGreater(len(links), 20)
        for link in set(links):
            self.assertTrue(link.startswith('/adit/'), link)
            # 405: a form that is posted.
            path = link.partition('#')[0].removeprefix('/adit')
            self.assertIn(self.ask('GET', path)[0].status, {200, 303, 405}, link)
        self.mine()
        answer, _ = self.ask('GET', '/api/v1/blocks?limit=1')
        self.assertTrue(answer.headers['Link'].startswith('</adit/api/v1/blocks?'), answer.headers['Link'])

    def test_the_path_without_a_slash_leads_there(self):
        answer, _ = self.ask('GET', '', headers=BROWSER)
        if answer.status != 200:
            self.assertEqual(answer.status, 301)
            self.assertEqual(answer.headers['Location'], f'https://localhost:{self.port}/adit/')

    def test_the_rest_of_the_host_is_not_the_nodes(self):
        connection = self.connect()
        for path in ('/', '/chain', '/aditional'):
            connection.request('GET', path)
            answer = connection.getresponse()
            self.assertNotIn(b'adit', answer.read(), path)
            self.assertNotIn('Adit-Node', answer.headers, path)


class Nginx(Documented, Behind, unittest.TestCase):
    program = 'nginx'

    def server(self):
        return self.here(documented('nginx'))

    def here(self, text):
        text = text.replace('listen 443', f'listen 127.0.0.1:{self.port}')
        text = text.replace('node.example', 'localhost').replace('127.0.0.1:5000', f'127.0.0.1:{self.node_port}')
        return text.replace('/etc/ssl/node', str(TLS / 'node'))

    def command(self, program):
        paths = ''.join(f'{kind}_temp_path {self.folder}/{kind};\n'
                        for kind in ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'])
        config = self.folder / 'nginx.conf'
        config.write_text(f'daemon off;\nmaster_process off;\npid {self.folder}/nginx.pid;\nerror_log stderr;\n'
                          f'events {{}}\nhttp {{\naccess_log off;\n{paths}{self.server()}}}\n')
        return [program, '-p', self.folder, '-e', 'stderr', '-c', config]


class NginxBelowAPath(BelowAPath, Nginx):
    def place(self):
        return documented('nginx', 1)

    def server(self):
        text = re.sub(r'    location / \{.*?\n    \}\n', lambda _: self.place(), documented('nginx'), flags=re.DOTALL)
        return self.here(text)


class NginxThatTakesThePathAway(NginxBelowAPath):
    def place(self):
        return super().place().replace(':5000;', ':5000/;')


class NginxAsItComes(Nginx):
    """With nothing set but where the node is."""

    def server(self):
        tls = f'ssl_certificate {TLS}/node.pem; ssl_certificate_key {TLS}/node.key;'
        place = f'location / {{ proxy_pass http://127.0.0.1:{self.node_port}; }}'
        return f'server {{ listen 127.0.0.1:{self.port} ssl; {tls} {place} }}\n'

    def test_a_button_of_a_page_works(self):
        """It can't: but the answer says what has to be set."""
        headers = {'Origin': f'https://localhost:{self.port}', **FORM}
        answer, text = self.ask('POST', '/send', 'sender=ann&recipient=bob&amount=5', headers)
        self.assertEqual(answer.status, 403)
        self.assertIn(b'proxy', text)
        self.assertIn(b'Host', text)


class Caddy(Documented, Behind, unittest.TestCase):
    program = 'caddy'

    def site(self):
        return documented('caddy')

    def command(self, program):
        text = self.site().replace('node.example', f'localhost:{self.port}')
        text = text.replace('127.0.0.1:5000', f'127.0.0.1:{self.node_port}').replace('/etc/ssl/node', str(TLS / 'node'))
        # Neither its own port for settings nor one for plain http.
        config = self.folder / 'Caddyfile'
        config.write_text('{\nadmin off\nauto_https disable_redirects\n}\n' + text)
        return [program, 'run', '--config', config, '--adapter', 'caddyfile']


class CaddyBelowAPath(BelowAPath, Caddy):
    def site(self):
        return documented('caddy', 1)


class Haproxy(Documented, Behind, unittest.TestCase):
    program = 'haproxy'

    def config(self):
        return documented('haproxy')

    def command(self, program):
        (self.folder / 'both.pem').write_text((TLS / 'node.pem').read_text() + (TLS / 'node.key').read_text())
        text = self.config().replace('bind :443', f'bind 127.0.0.1:{self.port}')
        text = text.replace('127.0.0.1:5000', f'127.0.0.1:{self.node_port}')
        config = self.folder / 'haproxy.cfg'
        config.write_text(text.replace('/etc/ssl/node-with-key.pem', str(self.folder / 'both.pem')))
        return [program, '-db', '-f', config]


class HaproxyBelowAPath(BelowAPath, Haproxy):
    def config(self):
        return documented('haproxy').replace('    default_backend adit\n', documented('haproxy', 1))


if __name__ == '__main__':
    unittest.main()
