"""A front end of the tutorial that is served from another port: it reads the chain and hands in transactions where the node's
operator allows its origin, and only reads where not."""

import json

from harness import BrowserTest, DevNode
from test_foreign_pages import ForeignSite

READ = '''async url => {
    const answer = await fetch(url + '/chain');
    return (await answer.json()).length;
}'''
# As a front end does that was written against Flask with CORS.
SEND = '''async url => {
    const answer = await fetch(url + '/transactions/new', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ sender: 'alice', recipient: 'bob', amount: 5 }),
    });
    return (await answer.json()).message;
}'''
MINE = '''async url => (await (await fetch(url + '/mine')).json()).message'''
OPERATE = '''async url => {
    const answer = await fetch(url + '/api/v1/mine', { method: 'POST' });
    return [answer.status, (await answer.json()).rule];
}'''
FAILS = '''async ([url, path, method]) => {
    try {
        const answer = await fetch(url + path, { method, headers: { 'Content-Type': 'application/json' }, body: method === 'GET' ? undefined : '{}' });
        return answer.status;
    } catch (error) {
        return String(error);
    }
}'''


class OtherOrigins(BrowserTest):
    def setUp(self):
        super().setUp()
        self.site = ForeignSite()
        self.addCleanup(self.site.server_close)
        self.addCleanup(self.site.shutdown)
        self.origin = f'http://127.0.0.1:{self.site.server_port}'

    def open_front_end(self):
        self.page.goto(self.origin + '/front end')

    def test_an_allowed_front_end_reads_sends_and_mines(self):
        node = self.start('--allow-origin', self.origin)
        self.open_front_end()
        self.assertEqual(self.page.evaluate(READ, node.url), 1)
        self.assertEqual(self.page.evaluate(SEND, node.url), 'Transaction will be added to Block 2')
        self.assertEqual(self.page.evaluate(MINE, node.url), 'New Block Forged')
        self.assertEqual(self.page.evaluate(READ, node.url), 2)
        # Its user sits at the node's machine, and is no operator here all the same.
        self.allowed_complaints.append('403')
        self.assertEqual(self.page.evaluate(OPERATE, node.url), [403, 'foreign-page'])

    def test_any_other_only_reads(self):
        node = self.start('--allow-origin', 'http://127.0.0.1:1')
        self.open_front_end()
        self.assertEqual(self.page.evaluate(READ, node.url), 1)
        self.allowed_complaints += ['CORS', 'ERR_FAILED']
        for path, method in (('/transactions/new', 'POST'), ('/mine', 'GET'), ('/api/v1/tx', 'POST')):
            self.assertIn('TypeError', self.page.evaluate(FAILS, [node.url, path, method]), path)
        self.assertEqual(json.loads(node.get('/api/v1/status'))['length'], 1)
        self.assertEqual(json.loads(node.get('/api/v1/status'))['pending'], 0)

    def test_a_front_end_of_this_machine_may_use_a_chain_to_develop_on(self):
        node = DevNode()
        self.addCleanup(node.stop)
        self.open_front_end()
        self.assertEqual(self.page.evaluate(READ, node.url), 1)
        # Refused by the rules, and no longer by where the page is from.
        self.allowed_complaints.append('400')
        self.assertEqual(self.page.evaluate(FAILS, [node.url, '/api/v1/tx', 'POST']), 400)
