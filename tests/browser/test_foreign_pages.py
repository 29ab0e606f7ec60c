"""What a page of another site can make a browser do to a node that it reaches over plain http at an address which is not this
machine's to the browser: there it does not say from which page a request comes. And how the node's own pages go on there.

The names `victim.test` and `evil.test` are this machine to the browser; neither is a name that it trusts, unlike localhost."""

import json
import threading
import time
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

import harness
from harness import BrowserTest
from playwright.sync_api import Error, expect

TOKEN = 'correct-horse-battery-staple'
# A request that a proxy has sent on is not from this machine: so the browser is somewhere else.
ELSEWHERE = {'X-Forwarded-For': '203.0.113.9'}


@cache
def browser_of_names():
    """A browser that finds both names on this machine."""
    rules = '--host-resolver-rules=MAP victim.test 127.0.0.1, MAP evil.test 127.0.0.1'
    # The shared one has started playwright.
    return harness.shared_browser().browser_type.launch(
        executable_path=harness.CHROMIUM, args=['--no-sandbox', rules, '--disable-popup-blocking'])


class ForeignSite(ThreadingHTTPServer):
    """Answers each path with what stands in it after the first slash, as a page."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            page = ('<!doctype html><title>evil</title>' + unquote(self.path[1:])).encode()
            try:
                self.send_response(200)
                self.send_header('Content-Type', 'text/html; charset=utf-8')
                self.send_header('Content-Length', str(len(page)))
                self.end_headers()
                self.wfile.write(page)
            except BrokenPipeError:
                pass  # The page was closed before it was there.

        def log_message(self, *_):
            pass

    def __init__(self):
        super().__init__(('127.0.0.1', 0), self.Handler)
        threading.Thread(target=self.serve_forever, kwargs={'poll_interval': 0.01}, daemon=True).start()


class NotLocalhost(BrowserTest):
    def setUp(self):
        super().setUp()
        self.context = browser_of_names().new_context()
        self.addCleanup(self.context.close)
        self.page = self.context.new_page()
        self.page.set_default_timeout(20_000)
        self.evil = ForeignSite()
        self.addCleanup(self.evil.server_close)
        self.addCleanup(self.evil.shutdown)

    def start_at_name(self, *options):
        node = self.start('--allowed-host', 'victim.test', '--api-token', TOKEN, '--log', 'debug', *options)
        self.victim = f'http://victim.test:{node.port}'
        return node

    def foreign(self, page):
        self.page.goto(f'http://evil.test:{self.evil.server_port}/{page}')

    def length(self, node):
        return json.loads(node.get('/api/v1/status'))['length']


class ForeignPages(NotLocalhost):
    def attacks(self, target):
        """Pages of another site that have the browser ask for `target`, by name."""
        pages = {tag: f'<{tag} src="{target}"></{tag}>' for tag in ('img', 'script', 'iframe')}
        pages['stylesheet'] = f'<link rel=stylesheet href="{target}">'
        pages['refresh'] = f'<meta http-equiv=refresh content="0; url={target}">'
        pages['window'] = f'<script>open("{target}")</script>'
        pages['navigation'] = f'<script>location = "{target}"</script>'
        pages['link'] = f'<a href="{target}">x</a><script>document.links[0].click()</script>'
        for mode in ('no-cors', 'cors'):
            pages[f'fetch, {mode}'] = f'<script>fetch("{target}", {{mode: "{mode}", credentials: "include"}})</script>'
        for method in ('get', 'post'):
            form = f'<form method={method} action="{target}"></form>'
            pages[f'form, {method}'] = f'{form}<script>document.forms[0].submit()</script>'
        # The same once more by a page that does not let itself be named.
        unnamed = ('img', 'iframe', 'navigation', 'fetch, cors', 'form, get', 'form, post')
        return pages | {f'{name}, unnamed': '<meta name=referrer content=no-referrer>' + pages[name] for name in unnamed}

    def check(self, node, target, names=None):
        before = self.length(node)
        attacks = self.attacks(self.victim + target)
        for name in names or attacks:
            page = attacks[name]
            with self.subTest(attack=name, target=target):
                seen = len(node.answers_to(target))
                attacking = self.context.new_page()
                try:
                    attacking.goto(f'http://evil.test:{self.evil.server_port}/{page}', wait_until='commit')
                except Error as error:
                    # It went on before it was there.
                    self.assertIn('interrupted', str(error))
                answers = self.until(lambda: node.answers_to(target)[seen:])
                self.assertLessEqual(set(answers), {'401', '403', '405'})
                self.assertEqual(self.length(node), before)
                for opened in self.context.pages:
                    opened.close()
        self.page = self.context.new_page()

    def until(self, look):
        """What there is to see, as soon as there is something."""
        end = time.monotonic() + 20
        while time.monotonic() < end:
            if seen := look():
                return seen
            time.sleep(0.01)
        self.fail('nothing came')

    def test_none_of_them_mines_whether_or_not_our_page_was_open(self):
        node = self.start_at_name()
        self.check(node, '/mine', ('img', 'navigation', 'form, get'))
        # The last navigation has left the cookie.
        self.context.clear_cookies()
        self.page.goto(self.victim + '/')
        self.assertEqual([cookie['name'] for cookie in self.context.cookies()], ['adit-own-page'])
        self.check(node, '/mine')

    def test_none_of_them_has_the_peers_asked_or_does_what_the_operator_does(self):
        node = self.start_at_name()
        self.page.goto(self.victim + '/')
        self.check(node, '/nodes/resolve', ('img', 'script', 'iframe', 'navigation', 'fetch, cors', 'form, get, unnamed'))
        # This browser is on the node's own machine: its user is the operator.
        self.check(node, '/mine-block', ('form, post', 'form, post, unnamed'))

    def test_going_back_to_where_a_foreign_page_led_does_not_mine(self):
        node = self.start_at_name()
        with self.page.expect_navigation(url='**/mine'):
            self.foreign(f'<script>location = "{self.victim}/mine"</script>')
        self.foreign('<script>onpageshow = () => setTimeout(() => history.back(), 100)</script>')
        self.page.wait_for_url('**/mine')
        self.page.wait_for_load_state()
        self.assertEqual(self.length(node), 1)

    def test_a_foreign_page_that_passes_its_name_for_ours_changes_nothing(self):
        # Open to all machines, and not told its names: it may have others.
        node = self.start('--host', '0.0.0.0')
        evil = f'http://evil.test:{node.port}'
        self.assertEqual(self.page.goto(evil + '/chain').status, 200)
        for method, path in (('GET', '/mine'), ('POST', '/mine-block'), ('POST', '/api/v1/mine'), ('GET', '/nodes/resolve')):
            status = self.page.evaluate('async ([path, method]) => (await fetch(path, { method })).status', [path, method])
            self.assertIn(status, (401, 403), path)
        self.assertEqual(self.length(node), 1)


class OwnPages(NotLocalhost):
    def test_who_types_the_address_gets_there_with_one_click_and_then_without(self):
        node = self.start_at_name()
        for context in (self.context, browser_of_names().new_context(java_script_enabled=False)):
            with self.subTest(scripts=context is self.context):
                before = self.length(node)
                page = context.new_page()
                self.assertEqual(page.goto(self.victim + '/mine').status, 403)
                self.assertEqual(self.length(node), before)
                page.get_by_role('button', name='Mine a block').click()
                expect(page.locator('body')).to_contain_text('New Block Forged')
                self.assertEqual(page.goto(self.victim + '/mine').status, 200)
                self.assertEqual(self.length(node), before + 2)
                self.assertEqual(page.goto(self.victim + '/nodes/resolve').status, 200)

    def test_on_localhost_the_address_is_answered_at_once(self):
        node = self.start()
        self.assertEqual(self.page.goto(f'http://localhost:{node.port}/mine').status, 200)
        self.assertEqual(self.page.goto(f'http://localhost:{node.port}/nodes/resolve').status, 200)

    def test_the_button_mines_for_whoever_sits_at_the_node(self):
        node = self.start_at_name()
        self.page.goto(self.victim + '/')
        self.page.get_by_role('button', name='Mine block').click()
        expect(self.page.locator('.state')).to_contain_text('2 blocks')

    def test_from_elsewhere_it_wants_the_token_once(self):
        node = self.start_at_name()
        for scripts in (True, False):
            with self.subTest(scripts=scripts):
                before = self.length(node)
                context = browser_of_names().new_context(java_script_enabled=scripts, extra_http_headers=ELSEWHERE)
                self.addCleanup(context.close)
                page = context.new_page()
                self.add_peer(page)
                expect(page.locator('main')).to_contain_text('/operator')
                self.assertEqual(self.peers(node), [])
                page.goto(self.victim + '/operator')
                for token in ('a-wrong-token-to-try', TOKEN):
                    page.get_by_label('token').fill(token)
                    page.get_by_role('button', name='Show it').click()
                    expected = 'You are this node’s operator' if token == TOKEN else 'token-wrong'
                    expect(page.locator('main')).to_contain_text(expected)
                kept = {cookie['name']: cookie for cookie in context.cookies()}['adit-operator']
                self.assertEqual((kept['httpOnly'], kept['sameSite']), (True, 'Strict'))
                self.add_peer(page)
                row = page.locator('tbody tr').filter(has_text='127.0.0.1:9')
                expect(row).to_have_count(1)
                self.assertEqual(self.foreign_mines(context, node), before)
                row.get_by_role('button', name='Remove').click()
                expect(row).to_have_count(0)

    def add_peer(self, page):
        page.goto(self.victim + '/peers')
        page.get_by_label('Address of a node').fill('127.0.0.1:9')
        page.get_by_role('button', name='Add').click()

    def peers(self, node):
        return json.loads(node.get('/api/v1/peers'))['peers']

    def foreign_mines(self, context, node):
        """The length after a foreign page has sent our form in the operator's browser."""
        page = context.new_page()
        with page.expect_navigation(url='**/mine-block'):
            form = f'<form method=post action="{self.victim}/mine-block"><button>x</button></form>'
            page.goto(f'http://evil.test:{self.evil.server_port}/{form}')
            page.get_by_role('button').click()
        page.close()
        return self.length(node)
