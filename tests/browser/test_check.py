"""Is my node right? Real nodes in Python, the right one and wrong ones, are checked from the home page and from `/check`."""

import socket
import tempfile
import unittest
from pathlib import Path

from harness import BrowserTest
from mistaken import AnyServer, MistakenNode
from playwright.sync_api import expect

# What each mistake is told, and the line that mends it where one does.
CAUSES = {
    'unsorted': ('without sort_keys=True', 'json.dumps(block).encode()'),
    'spaces': ('without spaces behind', "separators=(',', ':')"),
    'ascii': ('letters such as é as they are', 'ensure_ascii=False'),
    'str': ('with str() and not as JSON', 'str(block).encode()'),
    'timestamp': ('timestamp cut to an integer', "int(block['timestamp'])"),
    'unknown': ('this node hashes in a way that we do not know', None),
    'proof': ('the new proof stands before the last one', "f'{proof}{last_proof}'"),
    'zeros': ('begins with 3 zeros, and four are needed', "guess_hash[:3] == '000'"),
    'index': ('has the index 0', 'len(self.chain),'),
    'strings': ('proof of block 1 is a string', None),
}


class Check(BrowserTest):
    def setUp(self):
        super().setUp()
        self.node = self.start()

    def keep(self, other):
        self.addCleanup(other.stop)
        return other

    def check(self, address, node=None, path='/check'):
        self.open(node or self.node, path)
        field = self.page.locator('form[action$="/check"] input[name=node]:visible')
        field.fill(address)
        field.press('Enter')
        self.page.wait_for_selector('.verdict, .error')

    def test_the_right_node_is_green_from_the_home_page_on(self):
        other = self.keep(MistakenNode('right'))
        self.check(other.url + '/chain', path='/')
        expect(self.page.locator('.verdict.good h1')).to_have_text('Is this node right? Yes, it is right')
        self.assertEqual(self.page.locator('.checks .fails').count(), 0)
        self.assertGreater(self.page.locator('.checks .holds').count(), 6)
        self.assertEqual(len(other.server.blockchain.chain), 4)
        self.assertEqual(other.server.blockchain.current_transactions, [])
        self.assertEqual(other.server.blockchain.nodes, set())

    def test_every_mistake_is_told_with_its_cause_and_what_to_do(self):
        for mistake, (cause, line) in CAUSES.items():
            with self.subTest(mistake=mistake):
                other = self.keep(MistakenNode(mistake))
                self.check(other.url)
                expect(self.page.locator('.verdict.bad')).to_be_visible()
                expect(self.page.locator('.cause h2')).to_contain_text(cause)
                expect(self.page.locator('.cause')).to_contain_text('What to do')
                self.assertEqual(self.page.locator('.checks .fails').count(), 1)
                if line:
                    expect(self.page.locator('.fix .out')).to_contain_text(line)

    def test_keys_in_another_order_cross(self):
        self.check(self.keep(MistakenNode('unsorted')).url)
        keys = lambda side: [text.split('\n')[0] for text in self.page.locator(f'.slope .{side} li > b').all_inner_texts()]
        self.assertEqual(keys('theirs'), ['index', 'timestamp', 'transactions', 'proof', 'previous_hash'])
        self.assertEqual(keys('ours'), sorted(keys('theirs')))
        self.assertEqual(self.page.locator('.slope .lines .bad').count(), 4)
        # Only the texts of the block that was hashed: its neighbour's are nowhere.
        self.assertEqual(self.page.locator('.texts pre').count(), 2)

    def test_a_missing_blank_is_marked_and_nothing_else(self):
        self.check(self.keep(MistakenNode('spaces')).url)
        self.assertEqual(self.page.locator('.slope').count(), 0)
        self.assertEqual(self.page.locator('.theirs mark').count(), 0)
        marks = self.page.locator('.ours mark').all_text_contents()
        self.assertEqual(set(marks), {' '})

    def test_what_is_no_node_is_told(self):
        silent = socket.create_server(('127.0.0.1', 0))
        self.addCleanup(silent.close)
        for address, says in (
                (self.keep(AnyServer(404, b'<h1>Not Found</h1>')).url, 'it has no GET /chain'),
                (self.keep(AnyServer(200, b'<!doctype html><p>A site')).url, 'an HTML page'),
                ('127.0.0.1:9', 'Nothing answers at this address and port'),
                (f'127.0.0.1:{silent.getsockname()[1]}', 'then says nothing')):
            with self.subTest(says=says):
                self.check(address)
                expect(self.page.locator('.cause h2')).to_contain_text(says)

    def test_a_mistyped_address_is_told_at_the_field_which_keeps_it(self):
        self.allowed_complaints += ['400']
        self.check('not a node')
        field = self.page.get_by_label('The address of your node')
        expect(field).to_have_value('not a node')
        expect(field).to_have_attribute('aria-invalid', 'true')
        expect(self.page.get_by_role('alert')).to_contain_text('neither a name nor an IP address')

    def test_the_page_can_be_passed_on_and_saved_as_one_file(self):
        other = self.keep(MistakenNode('unsorted'))
        self.check(other.url)
        address = self.page.url
        with self.page.expect_download() as waiting:
            self.page.get_by_role('link', name='Save as a file').click()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        file = Path(folder.name) / waiting.value.suggested_filename
        waiting.value.save_as(file)
        other.stop()
        # Somebody else's browser, without a node to ask.
        context = self.browser.new_context(java_script_enabled=False)
        self.addCleanup(context.close)
        for place in (address, file.as_uri()):
            page = context.new_page()
            asked = []
            page.on('request', lambda request: asked.append(request.url))
            page.goto(place)
            expect(page.locator('h1')).to_contain_text('Not yet: one thing to mend')
            self.assertEqual(page.locator('.slope .theirs li').count(), 5)
            background = page.locator('.verdict').evaluate('one => getComputedStyle(one).backgroundColor')
            self.assertNotEqual(background, 'rgba(0, 0, 0, 0)')
            if place.startswith('file:'):
                self.assertEqual(asked, [place])

    def test_a_node_that_was_mended_is_checked_again_by_one_button(self):
        other = self.keep(MistakenNode('index'))
        self.check(other.url)
        for block in other.server.blockchain.chain:
            block['index'] += 1
        self.page.get_by_role('button', name='Check again').click()
        expect(self.page.locator('.verdict.good')).to_be_visible()
        self.open(self.node, '/check')
        self.assertEqual(self.page.locator('tbody tr').count(), 2)

    def test_without_scripts_it_is_the_same(self):
        other = self.keep(MistakenNode('unsorted'))
        context = self.browser.new_context(java_script_enabled=False)
        self.addCleanup(context.close)
        plain = context.new_page()
        plain.goto(self.node.url + '/check')
        plain.get_by_label('The address of your node').fill(other.url)
        plain.get_by_role('button', name='Check it').click()
        self.assertIn('Not yet', plain.locator('h1').inner_text())


if __name__ == '__main__':
    unittest.main()
