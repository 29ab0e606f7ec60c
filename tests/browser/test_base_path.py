"""The pages where a proxy serves the node below a path of its host, with another application beside it: every page, module,
form, event and cookie stays below that path, whether the proxy takes the path away or passes it on."""

import http.client
import threading
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from harness import BrowserTest
from playwright.sync_api import expect

BASE = '/adit'
TOKEN = 'correct-horse-battery-staple'
PIECE_BYTES = 65_536
# How proxies give one connection's headers up before the next.
OF_ONE_CONNECTION = {'connection', 'keep-alive', 'transfer-encoding', 'date', 'server'}


class Proxy(ThreadingHTTPServer):
    """Serves the node at this port below BASE, and nothing beside it."""

    daemon_threads = True

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            path = self.path
            if urlsplit(path).path != BASE and not path.startswith(BASE + '/'):
                self.server.outside.append(path)
                return self.send_error(404, 'another application')
            if self.server.takes_the_path_away:
                path = path.removeprefix(BASE) if path.startswith(BASE + '/') else '/'
            body = self.rfile.read(int(self.headers.get('Content-Length', 0)))
            headers = {name: value for name, value in self.headers.items() if name.lower() not in OF_ONE_CONNECTION}
            node = http.client.HTTPConnection('127.0.0.1', self.server.node_port, timeout=60)
            try:
                node.request(self.command, path, body, {**headers, 'X-Forwarded-For': self.client_address[0]})
                self.pass_on(node.getresponse())
            except OSError:
                pass  # The page was left, or the node has ended.
            finally:
                node.close()

        do_POST = do_GET

        def pass_on(self, answer):
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in OF_ONE_CONNECTION:
                    self.send_header(name, value)
            self.send_header('Connection', 'close')
            self.end_headers()
            while piece := answer.read1(PIECE_BYTES):
                self.wfile.write(piece)

        def log_message(self, *_):
            pass

    def __init__(self, node_port, takes_the_path_away):
        super().__init__(('127.0.0.1', 0), self.Handler)
        self.node_port, self.takes_the_path_away = node_port, takes_the_path_away
        self.outside = []
        threading.Thread(target=self.serve_forever, kwargs={'poll_interval': 0.01}, daemon=True).start()


class BelowAPath(BrowserTest):
    def setUp(self):
        super().setUp()
        self.asked = []
        self.page.context.on('request', lambda request: self.asked.append(request.url))

    def start_behind_proxy(self, takes_the_path_away):
        self.node = self.start('--base-path', BASE + '/', '--api-token', TOKEN)
        proxy = Proxy(self.node.port, takes_the_path_away)
        self.addCleanup(proxy.server_close)
        self.addCleanup(proxy.shutdown)
        self.url = f'http://127.0.0.1:{proxy.server_port}{BASE}'
        return proxy

    def go(self, path):
        self.assertEqual(self.page.goto(self.url + path).status, 200)

    def shown_at(self, path):
        self.page.wait_for_url(self.url + path)

    def use(self):
        """What somebody does who comes to the explorer for the first time."""
        page, node = self.page, self.node
        self.go('/')
        expect(page.locator('.connection')).to_have_text('Live')
        node.pay('Ann', 'Bob', 5)
        expect(page.locator('[data-live=flow]')).to_contain_text('Ann')
        page.get_by_label('From', exact=True).fill('Cleo')
        page.get_by_label('To', exact=True).fill('Dan')
        page.get_by_label('Amount').fill('2')
        page.get_by_role('button', name='Send', exact=True).click()
        expect(page.locator('[data-live=flow]')).to_contain_text('Cleo')

        # Behind a proxy nobody is the operator who has not shown the token.
        self.allowed_complaints += ['401']
        self.go('/peers')
        page.get_by_label('Address of a node').fill('127.0.0.1:9')
        page.get_by_role('button', name='Add').click()
        expect(page.locator('main')).to_contain_text('--api-token')
        self.go('/operator')
        page.get_by_label('token').fill(TOKEN)
        page.get_by_role('button', name='Show it').click()
        expect(page.locator('main')).to_contain_text('You are this node’s operator')
        self.shown_at('/operator')
        paths = {cookie['name']: cookie['path'] for cookie in page.context.cookies()}
        self.assertEqual(paths, {'adit-own-page': BASE, 'adit-operator': BASE})
        page.locator('a.brand').click()
        self.shown_at('/')
        page.get_by_role('button', name='Mine block').click()
        expect(page.locator('.state')).to_contain_text('2 blocks')

        tip = node.get('/api/v1/blocks/tip/hash')
        page.keyboard.press('/')
        page.keyboard.type('2')
        page.keyboard.press('Enter')
        self.shown_at(f'/block/{tip}')
        expect(page.locator('.verify')).to_contain_text('valid')
        page.locator('main').get_by_role('link', name='Cleo').first.click()
        self.shown_at('/address/Cleo')

        self.go('/peers')
        page.get_by_label('Address of a node').fill('127.0.0.1:9')
        page.get_by_role('button', name='Add').click()
        row = page.locator('tbody tr').filter(has_text='127.0.0.1:9')
        expect(row).to_have_count(1)
        row.get_by_role('button', name='Remove').click()
        expect(row).to_have_count(0)
        self.shown_at('/peers')

    def look_into_the_chain(self):
        """The modules that fetch, check and mine."""
        page, node = self.page, self.node
        self.go('/verify')
        page.click('button[type=submit]')
        page.wait_for_selector('#verify[data-result=valid]')
        self.go('/tamper')
        page.wait_for_selector('#tamper[data-invalid="0"]')
        page.click('button[name=add]')
        page.wait_for_selector('#tamper[data-invalid="1"]')
        page.locator('article[data-position="2"] button[name=mine]').click()
        page.wait_for_selector('#tamper[data-invalid="0"]')
        page.click('button[name=offer]')
        page.wait_for_selector('#tamper-offers li[data-outcome=extended]')
        self.assertEqual(node.get('/api/v1/blocks/tip/height'), '3')
        self.go('/docs')
        self.shown_at('/docs/')
        expect(page.locator('.opblock').first).to_be_visible()

    def check_asked(self, proxy, *paths):
        """These were asked for, and nothing that is not below the path."""
        asked = [urlsplit(url).path for url in self.asked if url.startswith('http')]
        for path in paths:
            self.assertIn(BASE + path, asked)
        beside = {path for path in [*asked, *proxy.outside] if path != BASE and not path.startswith(BASE + '/')}
        self.assertLessEqual(beside, {'/favicon.ico'})

    def test_the_explorer_works_behind_a_proxy_that_takes_the_path_away(self):
        proxy = self.start_behind_proxy(True)
        self.use()
        self.look_into_the_chain()
        self.check_asked(proxy, '/send', '/api/v1/events', '/chain', '/assets/mine-worker.js', '/openapi.json')

    def test_the_explorer_works_behind_a_proxy_that_passes_the_path_on(self):
        proxy = self.start_behind_proxy(False)
        self.use()
        self.check_asked(proxy, '/send', '/api/v1/events')

    def test_without_scripts_its_forms_lead_on(self):
        self.start_behind_proxy(True)
        context = self.browser.new_context(java_script_enabled=False)
        self.addCleanup(context.close)
        self.page = context.new_page()
        self.go('/')
        self.page.get_by_label('From', exact=True).fill('Ann')
        self.page.get_by_label('To', exact=True).fill('Bob')
        self.page.get_by_label('Amount').fill('5')
        self.page.get_by_role('button', name='Send', exact=True).click()
        self.page.wait_for_url(self.url + '/tx/*')
        self.page.get_by_role('link', name='Ann').first.click()
        self.shown_at('/address/Ann')


if __name__ == '__main__':
    unittest.main()
