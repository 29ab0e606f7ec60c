"""The lessons of /learn in a browser: what is done in each, the questions, the keys, what is kept, and what is left without the
network or without scripts."""

import json
import unittest

from harness import BrowserTest
from lessons import LESSONS, answer
from playwright.sync_api import expect

NAMES = list(LESSONS)


class Learn(BrowserTest):
    def open_lesson(self, node, name=''):
        self.page.goto(f'{node.url}/learn#{name}')
        self.page.wait_for_selector(f'[data-at={name or "lessons"}]')

    def test_every_lesson_is_done_and_answered_and_stays_done(self):
        node = self.start()
        self.open_lesson(node)
        expect(self.page.locator('.tile.is-next')).to_contain_text('Hash')
        for at, (name, deed) in enumerate(LESSONS.items()):
            self.page.keyboard.press('ArrowRight')
            expect(self.page.locator('.room-where')).to_have_text(f'Lesson {at + 1} of 10')
            expect(self.page.locator('.lesson:visible')).to_have_count(1)
            deed(self.page)
            self.assertFalse(answer(self.page, name, right=False).startswith('Right'))
            expect(self.page.locator(f'.dots .done a[data-lesson={name}]')).to_have_count(0)
            self.assertTrue(answer(self.page, name).startswith('Right'), name)
            # An arrow key that is pressed in a question chooses an answer.
            self.page.locator(f'#{name}-title').click()
        self.page.keyboard.press('ArrowUp')
        expect(self.page.locator('.room-where')).to_have_text('10 of 10 done')
        self.page.reload()
        expect(self.page.locator('.tile-mark', has_text='✓ done')).to_have_count(10)

    def test_a_lesson_is_opened_by_its_number_a_link_or_going_back(self):
        self.open_lesson(self.start())
        self.page.keyboard.press('5')
        expect(self.page).to_have_title('Tamper · adit')
        self.page.get_by_role('link', name='Fork', exact=True).click()
        expect(self.page).to_have_title('Fork · adit')
        self.page.go_back()
        expect(self.page).to_have_title('Tamper · adit')
        self.page.keyboard.press('ArrowUp')
        self.page.keyboard.press('0')
        expect(self.page).to_have_title('Attack · adit')
        self.page.keyboard.press('ArrowRight')
        expect(self.page).to_have_title('Attack · adit')

    def test_a_finger_swipes_to_the_next(self):
        node = self.start()
        self.open_lesson(node, 'hash')
        swipe = """([from, to]) => {
          const touch = x => [new Touch({ identifier: 1, target: document.body, clientX: x, clientY: 300 })];
          document.body.dispatchEvent(new TouchEvent('touchstart', { touches: touch(from), changedTouches: touch(from), bubbles: true }));
          document.body.dispatchEvent(new TouchEvent('touchend', { touches: [], changedTouches: touch(to), bubbles: true }));
        }"""
        for way, name in (([300, 100], 'block'), ([300, 100], 'proof'), ([100, 300], 'block'), ([100, 120], 'block')):
            self.page.evaluate(swipe, way)
            self.page.wait_for_selector(f'[data-at={name}]')

    def test_it_works_without_the_network_whatever_the_rules(self):
        for node in (self.start('--rules', 'classic-2018'), self.start_sealed().node):
            self.open_lesson(node, 'signature')
            expect(self.page.get_by_role('button', name='Sign it')).to_be_enabled()
            self.page.context.set_offline(True)
            # A browser looks for it again on its own.
            self.allowed_complaints += ['/assets/icon.svg']
            for name, deed in LESSONS.items():
                self.page.locator(f'.dots a[data-lesson={name}]').click()
                self.page.wait_for_selector(f'[data-at={name}]')
                deed(self.page)
                answer(self.page, name)
            self.page.context.set_offline(False)

    def test_where_the_library_cannot_be_had_the_lesson_says_so(self):
        node = self.start()
        self.open_lesson(node)
        self.page.context.set_offline(True)
        self.allowed_complaints += ['ERR_INTERNET_DISCONNECTED']
        self.page.keyboard.press('8')
        expect(self.page.locator('#signature .insight')).to_contain_text('could not be loaded')

    def test_the_library_is_loaded_with_its_lesson_only(self):
        node = self.start()
        asked = []
        self.page.on('request', lambda request: asked.append(request.url.rsplit('/', 1)[1]))
        self.open_lesson(node)
        self.page.wait_for_load_state('networkidle')
        self.assertNotIn('noble-ed25519.js', asked)
        self.page.keyboard.press('8')
        expect(self.page.get_by_role('button', name='Sign it')).to_be_enabled()
        self.assertIn('noble-ed25519.js', asked)

    def test_where_the_browser_keeps_nothing_it_works(self):
        node = self.start()
        self.page.add_init_script("Object.defineProperty(window, 'localStorage', { get() { throw new Error('no'); } })")
        self.open_lesson(node, 'hash')
        answer(self.page, 'hash')
        expect(self.page.locator('.room-where')).to_have_text('Lesson 1 of 10')
        self.page.keyboard.press('Escape')
        self.page.locator('.dots a[data-lesson=block]').click()
        expect(self.page.locator('.dots .done')).to_have_count(1)

    def test_a_mended_block_is_found_again_but_its_followers_are_not(self):
        self.open_lesson(self.start(), 'tamper')
        LESSONS['tamper'](self.page)
        self.page.get_by_role('button', name='Mine block 2 again').click()
        expect(self.page.locator('#tamper .insight')).to_contain_text('Block 2 holds again')
        states = self.page.locator('#tamper .block').evaluate_all('all => all.map(one => one.className.split(" ")[1])')
        self.assertEqual(states, ['good', 'good', 'broken', 'rests'])

    def test_the_payment_goes_into_the_next_block(self):
        self.open_lesson(self.start(), 'reorganisation')
        LESSONS['reorganisation'](self.page)
        self.page.get_by_role('button', name='Next block').click()
        expect(self.page.locator('#reorganisation')).to_contain_text('block 5: Mia pays Jonas 5')

    def test_more_than_half_always_wins(self):
        self.open_lesson(self.start(), 'attack')
        self.page.get_by_label('Attacker’s share').fill('4')
        self.page.get_by_label('Confirmations').fill('2')
        self.page.get_by_role('button', name='Try 1,000 times').click()
        expect(self.page.locator('#attack .insight')).to_contain_text('1000 of 1,000')

    def test_the_races_agree_with_theory(self):
        self.open_lesson(self.start())
        # Seeded, so that it says the same each time. Expected: the attacker of 30 % who has to be ahead after two confirmations.
        won = self.page.evaluate("""async () => {
          const { race } = await import('/assets/lesson-attack.js');
          let seed = 20261130;
          const random = () => { seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0; return seed / 2 ** 32; };
          return Array.from({ length: 20000 }, () => race(30, 2, random)).filter(one => one.isWon).length / 20000;
        }""")
        self.assertAlmostEqual(won, 0.233, delta=0.012)

    def test_a_screen_of_it_is_one_view(self):
        node = self.start()
        for width, height in ((1280, 720), (1920, 1080)):
            self.page.set_viewport_size({'width': width, 'height': height})
            self.open_lesson(node)
            for name, deed in {'lessons': None, **LESSONS}.items():
                self.page.evaluate('name => { location.hash = name; }', name)
                self.page.wait_for_selector(f'[data-at={name}]')
                if deed:
                    deed(self.page)
                    answer(self.page, name)
                self.assertLessEqual(self.page.evaluate('document.documentElement.scrollHeight'), height, name)
                small = self.page.evaluate("""least => [...document.querySelectorAll('main *, nav *, header *')].filter(one => one.checkVisibility() &&
                  [...one.childNodes].some(node => node.nodeType === 3 && node.data.trim()) && !one.closest('.unseen, .contents-head, svg, [hidden]') &&
                  parseFloat(getComputedStyle(one).fontSize) < least).map(one => one.outerHTML.slice(0, 90))""", 22 * width / 1280 * 0.81)
                self.assertEqual(small, [], name)

    def test_without_scripts_all_of_it_is_there(self):
        node = self.start()
        context = self.browser.new_context(java_script_enabled=False)
        self.addCleanup(context.close)
        plain = context.new_page()
        plain.goto(node.url + '/learn')
        self.assertEqual(plain.locator('.lesson:visible').count(), 10)
        for name in NAMES:
            self.assertGreater(plain.locator(f'#{name} .lesson-figure').inner_text().strip(), '', name)
        # The questions check themselves.
        self.assertTrue(answer(plain, 'tamper').startswith('Right'))
        self.assertFalse(answer(plain, 'tamper', right=False).startswith('Right'))

    def test_on_paper_all_of_it_is_there_without_the_answers(self):
        self.open_lesson(self.start(), 'hash')
        self.page.emulate_media(media='print')
        self.assertEqual(self.page.locator('.lesson:visible').count(), 10)
        self.assertEqual(self.page.locator('.reply:visible').count(), 0)
        self.assertEqual(self.page.locator('.tries:visible').count(), 0)


class Figure(BrowserTest):
    """The two makers of the block figure."""

    def test_the_browser_draws_what_the_node_draws(self):
        node = self.start()
        context = self.browser.new_context(java_script_enabled=False)
        self.addCleanup(context.close)
        plain = context.new_page()
        plain.goto(node.url + '/learn')
        shape = """all => all.map(one => { for (const part of one.querySelectorAll('.lesson-figure *')) part.normalize();
          return one.outerHTML.replace(/>\\s+/g, '>').replace(/\\s+</g, '<').replace(/class="([^"]*?)\\s*"/g, 'class="$1"'); })"""
        sent = plain.locator('#chain .block').evaluate_all(shape)
        self.open(node, '/learn')
        made = self.page.evaluate("""async () => {
          const { figure, goodChain, judge } = await import('/assets/lesson-chain.js');
          const blocks = goodChain(), judged = judge(blocks);
          return blocks.map((block, at) => figure(block, judged[at]));
        }""")
        self.page.evaluate("""async () => {
          const { figure, goodChain, judge } = await import('/assets/lesson-chain.js');
          const blocks = goodChain(), judged = judge(blocks);
          document.querySelector('main').replaceChildren(...blocks.map((block, at) => figure(block, judged[at])));
        }""")
        made = self.page.locator('main .block').evaluate_all(shape)
        self.assertEqual(len(made), 4)
        self.assertEqual(sent, made)


class Words(BrowserTest):
    def test_a_term_says_what_it_is_to_the_pointer_and_to_the_keyboard(self):
        node = self.start()
        self.open(node, '/tamper')
        self.page.wait_for_selector('#tamper[data-ready]')
        term = self.page.locator('a.term').first
        term.hover()
        expect(self.page.get_by_role('tooltip')).to_contain_text('64 digits')
        self.page.mouse.move(0, 0)
        expect(self.page.get_by_role('tooltip')).to_have_count(0)
        term.focus()
        expect(self.page.get_by_role('tooltip')).to_be_visible()
        self.assertEqual(term.get_attribute('aria-describedby'), self.page.get_by_role('tooltip').get_attribute('id'))
        self.page.keyboard.press('Escape')
        expect(self.page.get_by_role('tooltip')).to_have_count(0)
        term.click()
        self.page.wait_for_url('**/glossary#hash')

    def test_every_page_explains_a_word_of_its_own(self):
        node = self.start()
        node.pay('Ann', 'Bob', 5)
        node.mine(2)
        node.pay('Ann', 'Bob', 6)
        tip = node.get('/api/v1/blocks/tip/hash')
        waits = json.loads(node.get('/api/v1/mempool'))['transactions'][0]['id']
        for path in ('/', '/blocks', f'/block/{tip}', f'/tx/{waits}', '/address/Ann', '/pending', '/forks', '/charts', '/peers', '/check',
                     '/verify', '/tamper', '/learn'):
            self.open(node, path)
            words = self.page.locator('main a.term').evaluate_all('all => all.map(one => [new URL(one.href).pathname, one.dataset.says.length > 20])')
            self.assertTrue(words, path)
            self.assertEqual({tuple(word) for word in words}, {('/glossary', True)}, path)

    def test_each_word_leads_to_its_lesson(self):
        node = self.start()
        self.open(node, '/glossary')
        lessons = self.page.locator('.glossary a').evaluate_all('all => all.map(one => new URL(one.href).hash.slice(1))')
        self.assertEqual(set(lessons), set(NAMES))


class Curve(BrowserTest):
    def test_the_librarys_signatures_are_those_of_others(self):
        node = self.start()
        self.open(node, '/learn')
        made = self.page.evaluate("""async () => {
          const { sign, verify } = await import('/assets/ed25519.js');
          const { sha512 } = await import('/assets/sha512.js');
          const { toHex, utf8 } = await import('/assets/sha256.js');
          const differing = [];
          for (let length = 0; length < 300; length += 7) {
            const bytes = Uint8Array.from({ length }, (_, at) => at * 7 + length);
            if (toHex(sha512(bytes)) !== toHex(new Uint8Array(await crypto.subtle.digest('SHA-512', bytes)))) differing.push(length);
          }
          const key = Uint8Array.from({ length: 32 }, (_, at) => at), message = utf8('Mia pays Jonas 5');
          const signature = sign(message, key);
          const own = await crypto.subtle.importKey('raw', Uint8Array.from('03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8'.match(/../g), pair => parseInt(pair, 16)), 'Ed25519', false, ['verify']);
          return { differing, signature: toHex(signature), ownSays: await crypto.subtle.verify('Ed25519', own, signature, message) };
        }""")
        self.assertEqual(made['differing'], [])
        self.assertTrue(made['ownSays'])
        self.assertTrue(made['signature'].startswith('00b258d54054d914'))


if __name__ == '__main__':
    unittest.main()
