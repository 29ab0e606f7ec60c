"""Every page in a browser: that it shows what the node has, follows what happens, works without scripts and on narrow
screens, and asks nobody but the node."""

import json
import unittest

from harness import BrowserTest
from playwright.sync_api import expect
from scenes import Scenes

NARROW, WIDE = 360, 1920

# What WCAG 2 asks for text of any size.
LEAST_CONTRAST = 4.5

# Every text that is seen and whose colour is too near to what is behind it.
FAINT_TEXTS = """least => {
  const canvas = Object.assign(document.createElement('canvas'), { width: 1, height: 1 }).getContext('2d', { willReadFrequently: true });
  const rgba = colour => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].map(part => part / 255);
  };
  const over = (top, below, opacity) => below.map((part, i) => top[i] * top[3] * opacity + part * (1 - top[3] * opacity));
  const light = colour => colour.slice(0, 3).map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
    .reduce((sum, part, i) => sum + part * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = element => {
    const below = element.parentElement ? behind(element.parentElement) : rgba('Canvas');
    return over(rgba(getComputedStyle(element).backgroundColor), below, 1);
  };
  const opacity = element => element ? getComputedStyle(element).opacity * opacity(element.parentElement) : 1;
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const faint = new Set();
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    const isLeftOut = !texts.currentNode.data.trim() || element.closest('.unseen, :disabled, noscript, script, style, title, desc')
      || !element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
    if (isLeftOut) continue;
    const style = getComputedStyle(element);
    // The letter of a miner stands on its shape, which is drawn just before it.
    const shape = element.matches('.miner text') ? element.previousElementSibling : null;
    const ground = shape ? rgba(getComputedStyle(shape).fill) : behind(element);
    const colour = over(rgba(element.closest('svg') ? style.fill : style.color), ground, opacity(element));
    const [more, less] = [light(colour), light(ground)].sort((a, b) => b - a);
    const ratio = (more + 0.05) / (less + 0.05);
    if (ratio < least) faint.add(`${ratio.toFixed(2)} ${element.localName}.${element.className.baseVal ?? element.className}: ${texts.currentNode.data.trim().slice(0, 40)}`);
  }
  return [...faint];
}"""


class PagesTest(BrowserTest):
    def shows(self, text):
        expect(self.page.locator('body')).to_contain_text(text)

    def tip(self, node):
        return node.get('/api/v1/blocks/tip/hash')

    def transaction(self, node):
        """The id of the first transaction of the last block."""
        text = node.get(f'/api/v1/search?q={node.get("/api/v1/blocks/tip/height")}')
        self.assertIn('"block"', text)
        sender = json.loads(node.get(f'/api/v1/block/{self.tip(node)}/txs'))[0]['sender']
        return json.loads(node.get(f'/api/v1/address/{sender}/txs'))['transactions'][0]['id']

    def paths(self, node):
        """One of each kind of page."""
        return ['/', '/blocks', f'/block/{self.tip(node)}', f'/tx/{self.transaction(node)}', '/address/Ann', '/pending', '/peers',
                '/forks', '/charts', '/verify', '/tamper', '/search?q=nobody']


class Home(PagesTest):
    def test_it_shows_a_block_that_another_client_has_mined(self):
        node = self.start()
        self.open(node, '/')
        expect(self.page.locator('.connection')).to_have_text('Live')
        node.pay('Ann', 'Bob', 5)
        expect(self.page.locator('[data-live=flow]')).to_contain_text('Ann')
        node.mine()
        newest = self.page.locator('[data-live=blocks] > li').last
        expect(newest).to_contain_text(self.tip(node)[-6:])
        expect(self.page.locator('[data-live=flow]')).not_to_contain_text('Ann')
        expect(self.page.locator('.state')).to_contain_text('2 blocks')

    def test_its_button_mines_a_block(self):
        node = self.start()
        self.open(node, '/')
        self.page.get_by_role('button', name='Mine block').click()
        expect(self.page.locator('.state')).to_contain_text('2 blocks')
        self.assertEqual(node.get('/api/v1/blocks/tip/height'), '2')

    def test_its_form_sends_a_transaction(self):
        node = self.start()
        self.open(node, '/')
        self.page.get_by_label('From', exact=True).fill('Zoë "<b>')
        self.page.get_by_label('To', exact=True).fill('Bob')
        self.page.get_by_label('Amount').fill('1.50')
        self.page.get_by_role('button', name='Send', exact=True).click()
        expect(self.page.locator('[data-live=flow]')).to_contain_text('Zoë "<b>')
        waiting = json.loads(node.get('/api/v1/mempool'))['transactions'][0]['transaction']
        self.assertEqual(waiting, {'sender': 'Zoë "<b>', 'recipient': 'Bob', 'amount': 1.5})

    def test_it_says_when_the_node_has_gone(self):
        node = self.start()
        self.open(node, '/')
        expect(self.page.locator('.connection')).to_have_text('Live')
        self.allowed_complaints += ['ERR_CONNECTION_REFUSED', 'ERR_INCOMPLETE_CHUNKED_ENCODING']
        node.process.terminate()
        expect(self.page.locator('.connection')).to_contain_text('Not connected')


class Search(PagesTest):
    def search(self, text):
        self.page.keyboard.press('/')
        expect(self.page.locator('#q')).to_be_focused()
        self.page.keyboard.type(text)
        self.page.keyboard.press('Enter')

    def test_a_block_a_transaction_and_a_name_are_found_from_the_keyboard(self):
        node = self.start()
        node.pay('Ann', 'Bob', 5)
        node.mine()
        tip, transaction = self.tip(node), self.transaction(node)
        self.open(node, '/')
        for text, path in ((tip, f'/block/{tip}'), (transaction, f'/tx/{transaction}'), ('2', f'/block/{tip}'), ('Ann', '/address/Ann')):
            self.search(text)
            self.page.wait_for_url(node.url + path)

    def test_what_is_not_there_is_said_to_be(self):
        node = self.start()
        self.open(node, '/')
        self.search('nobody at all')
        self.page.wait_for_url('**/search?**')
        self.shows('nobody at all')
        self.shows('Nothing')


class Blocks(PagesTest):
    def test_a_block_leads_to_its_neighbours_and_is_checked_in_the_browser(self):
        node = self.start()
        node.pay('Ann', 'Bob', 5)
        node.mine(3)
        self.open(node, f'/block/{node.get("/api/v1/block-height/3")}')
        expect(self.page.locator('[data-verify]')).to_contain_text('valid')
        expect(self.page.locator('[data-verify]')).not_to_contain_text('invalid')
        self.page.get_by_role('link', name='Previous').click()
        self.page.wait_for_url(f'**/block/{node.get("/api/v1/block-height/2")}')
        self.shows('Ann')
        self.page.get_by_role('link', name='Next').click()
        self.page.wait_for_url(f'**/block/{node.get("/api/v1/block-height/3")}')
        self.page.get_by_role('link', name='Next').click()
        expect(self.page.get_by_role('link', name='Next')).to_have_count(0)
        node.mine()
        expect(self.page.get_by_role('link', name='Next')).to_have_count(1)

    def test_what_is_shortened_can_be_copied_whole(self):
        node = self.start()
        node.mine()
        self.page.context.grant_permissions(['clipboard-read', 'clipboard-write'], origin=node.url)
        self.open(node, f'/block/{self.tip(node)}')
        self.page.get_by_role('button', name='Copy').first.click()
        self.page.wait_for_function('async hash => await navigator.clipboard.readText() === hash', arg=self.tip(node))

    def test_a_list_goes_back_to_the_genesis_block(self):
        node = self.start()
        node.mine(30)
        self.open(node, '/blocks')
        self.page.get_by_role('link', name='Older').click()
        self.page.wait_for_url('**/blocks?cursor=**')
        expect(self.page.locator('tbody tr').last).to_contain_text(node.get('/api/v1/block-height/1')[:8])


class Sealed(PagesTest):
    def test_an_address_has_a_balance_a_code_and_its_transactions(self):
        chain = self.start_sealed()
        transaction = chain.send('3')
        chain.node.mine()
        self.open(chain.node, f'/address/{chain.address}')
        self.shows(chain.address)
        expect(self.page.locator('svg.qr, .qr svg').first).to_be_visible()
        self.page.locator(f'a[href="/tx/{transaction}"]').first.click()
        self.page.wait_for_url(f'**/tx/{transaction}')
        expect(self.page.locator('[data-verify]')).to_contain_text('valid')


class Branches(PagesTest):
    def test_a_real_reorganisation_is_shown_as_it_happens_and_kept(self):
        ours, theirs = self.start(), self.start()
        ours.pay('Ann', 'Bob', 5)
        ours.mine()
        theirs.mine(3)
        old_tip = self.tip(ours)
        self.open(ours, '/forks')
        expect(self.page.locator('.connection')).to_have_text('Live')
        ours.post('/nodes/register', json.dumps({'nodes': [theirs.url]}))
        ours.get('/nodes/resolve')
        new_tip = self.tip(theirs)
        link = self.page.locator(f'a[href="/reorg/{new_tip}"]').first
        expect(link).to_be_visible()
        self.assertIn(old_tip[:8], self.page.locator('main').inner_text())
        link.click()
        self.page.wait_for_url(f'**/reorg/{new_tip}')
        self.shows('2 blocks left the main chain, 4 blocks took their place')
        row = self.page.locator('tbody tr').filter(has_text='Ann')
        expect(row).to_contain_text('returned')
        expect(self.page.locator('tbody tr').filter(has_text='new coins')).to_contain_text('lost')
        self.shows('longest')


class Peers(PagesTest):
    def test_a_peer_is_added_asked_audited_and_removed(self):
        ours, theirs = self.start(), self.start()
        theirs.mine(2)
        name = theirs.url.removeprefix('http://')
        self.open(ours, '/peers')
        self.page.get_by_label('Address of a node').fill(name)
        self.page.get_by_role('button', name='Add').click()
        row = self.page.locator('tbody tr').filter(has_text=name)
        expect(row).to_have_count(1)
        self.page.get_by_role('button', name='Ask all of them now').click()
        expect(row).to_contain_text('same chain')
        row.get_by_role('button', name='Audit').click()
        self.page.wait_for_url('**/audit*')
        self.shows('valid')
        self.open(ours, '/peers')
        row.get_by_role('button', name='Remove').click()
        expect(row).to_have_count(0)
        self.assertEqual(json.loads(ours.get('/api/v1/peers'))['peers'], [])


class Documents(PagesTest):
    def test_the_api_can_be_tried_without_any_other_host(self):
        node = self.start()
        self.open(node, '/docs')
        expect(self.page.locator('.opblock').first).to_be_visible()

    def test_a_page_that_is_not_there_says_so(self):
        self.allowed_complaints += ['404']
        self.assertEqual(self.open(self.start(), '/nothing/here'), 404)
        expect(self.page.locator('h1')).to_be_visible()


class EveryPage(PagesTest):
    def setUp(self):
        super().setUp()
        self.node = self.start()
        self.node.pay('Ann', 'Bob' * 30, 5)
        self.node.mine(3)
        self.node.pay('Ann', 'Bob', 6)
        self.node.mine()
        self.node.pay('Ann', 'Bob', 7)

    def test_without_scripts_it_is_whole_and_its_forms_work(self):
        context = self.browser.new_context(java_script_enabled=False)
        self.addCleanup(context.close)
        plain = context.new_page()
        for path in self.paths(self.node):
            self.assertEqual(plain.goto(self.node.url + path).status, 200, path)
            self.assertEqual(plain.locator('h1').count(), 1, path)
            self.assertGreater(len(plain.locator('main').inner_text()), 80, path)
        plain.goto(self.node.url)
        plain.get_by_role('button', name='Mine block').click()
        self.assertEqual(self.node.get('/api/v1/blocks/tip/height'), '6')
        self.assertIn(f'/block/{self.tip(self.node)}', plain.url)
        plain.goto(self.node.url)
        plain.get_by_label('From', exact=True).fill('Zoë')
        plain.get_by_label('To', exact=True).fill('Bob')
        plain.get_by_label('Amount').fill('2')
        plain.get_by_role('button', name='Send', exact=True).click()
        self.assertIn('/tx/', plain.url)
        self.assertIn('Zoë', plain.locator('main').inner_text())

    def test_light_and_dark_are_both_there(self):
        colours = set()
        for scheme in ('light', 'dark'):
            self.page.emulate_media(color_scheme=scheme)
            self.open(self.node, '/')
            colours.add(self.page.evaluate('getComputedStyle(document.body).backgroundColor'))
        self.assertEqual(len(colours), 2, colours)

    def test_every_graphic_has_a_table_or_a_text(self):
        for path in ('/charts', '/forks'):
            self.open(self.node, path)
            for graphic in self.page.locator('main svg').all():
                hidden = graphic.get_attribute('aria-hidden') == 'true'
                named = graphic.locator('title').count() or graphic.get_attribute('aria-label')
                self.assertTrue(hidden or named, f'{path}: {graphic.evaluate("one => one.outerHTML.slice(0, 200)")}')
            self.assertGreater(self.page.locator('main table').count(), 0, path)


class EveryScene(PagesTest):
    """Every page in every state that it has."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.scenes = cls.enterClassContext(Scenes())

    def test_it_fits_on_a_telephone_and_every_text_can_be_read(self):
        # As far as the transitions of the browser go, there are none.
        self.page.emulate_media(reduced_motion='reduce')
        self.page.set_viewport_size({'width': NARROW, 'height': 800})
        for scene in self.scenes.all():
            with self.subTest(scene=scene.name):
                self.allowed_complaints += scene.complaints
                self.page.goto(scene.url)
                if scene.act:
                    scene.act(self.page)
                if scene.vendored:
                    self.page.locator(scene.vendored).evaluate('one => one.remove()')
                for scheme in ('light', 'dark'):
                    self.page.emulate_media(color_scheme=scheme)
                    self.assertEqual(self.page.evaluate(FAINT_TEXTS, LEAST_CONTRAST), [], scheme)
                for width in (WIDE, NARROW):
                    self.page.set_viewport_size({'width': width, 'height': 800})
                    self.assertLessEqual(self.page.evaluate('document.documentElement.scrollWidth'), width)
                self.page.unroute_all()

    def test_a_faint_text_would_be_found(self):
        self.page.goto(self.scenes.empty.url)
        self.page.evaluate('() => { document.querySelector("h2").style.color = "#aaa"; }')
        self.assertNotEqual(self.page.evaluate(FAINT_TEXTS, LEAST_CONTRAST), [])


class WhileBlocksCome(PagesTest):
    def test_focus_selection_and_what_is_open_stay(self):
        node = self.start()
        node.mine(3)
        self.open(node, '/charts')
        expect(self.page.locator('.connection')).to_have_text('Live')
        self.page.locator('summary').first.click()
        self.page.locator('summary').nth(1).focus()
        self.page.evaluate("""() => {
          getSelection().selectAllChildren(document.querySelector('.charts figcaption'));
          window.marked = [document.activeElement, document.querySelector('details'), document.querySelector('figure')];
          scrollTo(0, 300);
        }""")
        for count in range(2):
            node.mine(3)
            expect(self.page.locator('.glance dd').first).to_have_text(f'{7 + 3 * count} blocks')
        kept = self.page.evaluate("""() => ({
          isSame: window.marked.every(one => one.isConnected), isOpen: window.marked[1].open, top: scrollY,
          isFocused: window.marked[0] === document.activeElement, selected: `${getSelection()}`,
        })""")
        self.assertTrue(kept['selected'])
        self.assertEqual({**kept, 'selected': ''}, {'isSame': True, 'isOpen': True, 'top': 300, 'isFocused': True, 'selected': ''})

    def test_only_what_is_new_is_drawn(self):
        node = self.start()
        node.mine(3)
        self.open(node, '/')
        expect(self.page.locator('.connection')).to_have_text('Live')
        self.page.evaluate('() => { window.cards = [...document.querySelectorAll("[data-live=blocks] > li")]; window.cards[0].querySelector("a").focus(); }')
        node.mine(2)
        expect(self.page.locator('[data-live=blocks] .is-new')).to_have_count(2)
        self.assertTrue(self.page.evaluate('() => window.cards.every(one => one.isConnected && !one.classList.contains("is-new"))'))
        self.assertTrue(self.page.evaluate('() => document.activeElement === window.cards[0].querySelector("a")'))


class Keyboard(PagesTest):
    def test_the_content_is_one_key_away_and_the_focus_is_always_seen(self):
        node = self.start()
        node.mine(2)
        for path in ('/', '/peers', '/verify', '/tamper'):
            self.open(node, path)
            self.page.keyboard.press('Tab')
            expect(self.page.locator('.skip')).to_be_focused()
            expect(self.page.locator('.skip')).to_be_in_viewport()
            for _ in range(25):
                self.page.keyboard.press('Tab')
                seen = self.page.evaluate("""() => { const { activeElement: one } = document;
                  // A block's whole figure is outlined, by what its link lays over it.
                  const isOutlined = style => style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 1;
                  return one === document.body || isOutlined(getComputedStyle(one)) || isOutlined(getComputedStyle(one, '::after')) ? '' : one.outerHTML.slice(0, 100); }""")
                self.assertEqual(seen, '', path)
            self.page.locator('.skip').focus()
            self.page.keyboard.press('Enter')
            expect(self.page.locator('main')).to_be_focused()

    def test_everything_that_can_be_used_has_a_name(self):
        node = self.start()
        node.mine(2)
        for path in self.paths(node):
            self.open(node, path)
            nameless = self.page.evaluate("""() => [...document.querySelectorAll('a[href], button, input, textarea, summary')]
              .filter(one => one.checkVisibility())
              .filter(one => !(one.ariaLabel || one.textContent.trim() || [...one.labels ?? []].some(label => label.textContent.trim())))
              .map(one => one.outerHTML.slice(0, 100))""")
            self.assertEqual(nameless, [], path)


if __name__ == '__main__':
    unittest.main()
