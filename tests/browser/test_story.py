"""The pages tell what happens: how a payment gets into a block, what a fork is, where a payment of a dropped block is now,
how a hash comes about, what came in and went out, and values in charts."""

import json
import re
import unittest
from hashlib import sha256
from pathlib import Path

from harness import BrowserTest
from playwright.sync_api import expect


class Story(BrowserTest):
    def fork(self):
        """Two nodes with their own blocks after a common one; the second one's branch wins. Returns both, and the old tip."""
        ours, theirs = self.start('--resolve-every', '0'), self.start('--resolve-every', '0')
        theirs.pay('Cy', 'Dee', 1)
        theirs.mine()
        self.meet(ours, theirs)
        ours.pay('Ann', 'Bob', 5)
        ours.mine()
        theirs.mine(2)
        old_tip = ours.get('/api/v1/blocks/tip/hash')
        ours.get('/nodes/resolve')
        return ours, theirs, old_tip

    def meet(self, node, other):
        node.post('/nodes/register', json.dumps({'nodes': [other.url]}))
        node.get('/nodes/resolve')


class Home(Story):
    def test_a_blocks_hash_is_its_neighbours_previous_and_pointing_at_one_marks_both(self):
        node = self.start()
        node.mine(4)
        self.page.set_viewport_size({'width': 1280, 'height': 800})
        self.open(node, '/')
        blocks = self.page.locator('[data-live=blocks] > li')
        self.assertEqual(blocks.count(), 5)
        for at in range(4):
            strip = lambda block, which: blocks.nth(block).locator(f'.{which} .strip').inner_html()
            self.assertEqual(strip(at, 'own'), strip(at + 1, 'previous'))
        heights = [re.sub(r'\D', '', text) for text in blocks.locator('.block-height').all_text_contents()]
        self.assertEqual(heights, ['1', '2', '3', '4', '5'])
        expect(blocks.last.locator('.block')).to_have_class(re.compile(r'\btip\b'))
        outline = lambda block, which: blocks.nth(block).locator(f'.{which}').evaluate('one => getComputedStyle(one).outlineColor')
        still = outline(3, 'previous')
        blocks.nth(2).locator('.own').hover()
        self.assertNotEqual(outline(3, 'previous'), still)
        self.assertEqual(outline(1, 'own'), still)

    def test_five_to_eight_blocks_fit_beside_the_next_one(self):
        node = self.start()
        node.mine(12)
        for width in (1280, 1920):
            self.page.set_viewport_size({'width': width, 'height': 800})
            self.open(node, '/')
            seen = self.page.locator('[data-live=blocks] > li:visible').count()
            self.assertIn(seen, range(5, 9), width)
            box = self.page.locator('.next-place').bounding_box()
            self.assertLessEqual(box['x'] + box['width'], width)
            self.assertLess(box['y'] + box['height'], 800)

    def test_on_a_telephone_the_newest_block_is_in_view(self):
        node = self.start()
        node.mine(12)
        self.page.set_viewport_size({'width': 360, 'height': 800})
        self.open(node, '/')
        box = self.page.locator('.next-place').bounding_box()
        self.assertTrue(0 <= box['x'] and box['x'] + box['width'] <= 360, box)

    def test_what_a_form_could_not_do_is_said_in_red_at_the_field(self):
        self.allowed_complaints += ['400']
        node = self.start()
        self.open(node, '/')
        self.page.get_by_label('From', exact=True).fill('Ann')
        self.page.get_by_label('To', exact=True).fill('Bob')
        amount = self.page.get_by_label('Amount')
        amount.fill('much')
        self.page.get_by_role('button', name='Send', exact=True).click()
        expect(amount).to_have_attribute('aria-invalid', 'true')
        expect(amount).to_be_focused()
        expect(self.page.locator('.send output.bad')).to_contain_text('expected a finite number')
        amount.fill('5')
        self.page.get_by_role('button', name='Send', exact=True).click()
        expect(self.page.locator('.send output.good')).to_contain_text('It waits for the next block.')
        expect(self.page.locator('[aria-invalid]')).to_have_count(0)

    def test_a_first_start_a_reorganisation_and_a_lost_connection_have_a_face(self):
        node = self.start()
        self.open(node, '/')
        expect(self.page.locator('.intro')).to_contain_text('Its chain is new')
        ours, _, _ = self.fork()
        self.open(ours, '/')
        banner = self.page.locator('.banner')
        expect(banner).to_contain_text('A longer branch took over')
        expect(banner).to_contain_text('After block 2: 1 block dropped, 2 took their place')
        banner.get_by_role('link', name='See what happened').click()
        self.page.wait_for_url('**/reorg/**')
        self.open(ours, '/')
        expect(self.page.locator('.connection')).to_have_text('Live')
        self.allowed_complaints += ['ERR_CONNECTION_REFUSED', 'ERR_INCOMPLETE_CHUNKED_ENCODING']
        ours.process.terminate()
        expect(self.page.locator('[data-lost]')).to_be_visible()


class Forks(Story):
    def test_a_branch_is_drawn_below_the_main_chain_with_its_number_and_its_end_in_view(self):
        ours, _, old_tip = self.fork()
        ours.mine(20)
        self.page.set_viewport_size({'width': 360, 'height': 800})
        self.open(ours, '/forks')
        dropped = self.page.locator(f'.forktree .block.dropped:has(a[href="/block/{old_tip}"])')
        expect(dropped).to_have_count(1)
        expect(self.page.locator('.forktree .fork-no')).to_have_text(re.compile('1'))
        expect(self.page.locator('.forktree .gap')).to_contain_text('blocks')
        expect(self.page.locator('.forktree .fate').first).to_contain_text('dropped')
        tip = self.page.locator('.forktree .block.tip').bounding_box()
        self.assertTrue(0 <= tip['x'] and tip['x'] + tip['width'] <= 360, tip)
        self.assertLess(self.page.locator('.forktree .block').count(), 12)

    def test_without_a_fork_it_says_how_to_make_one(self):
        node = self.start()
        self.open(node, '/forks')
        expect(self.page.locator('.empty')).to_contain_text('No fork yet')
        expect(self.page.locator('.empty')).to_contain_text(f'adit peers add localhost:5001 -p {node.port}')

    def test_each_payment_of_a_dropped_block_says_where_it_is_now(self):
        ours, theirs, old_tip = self.fork()
        new_tip = theirs.get('/api/v1/blocks/tip/hash')
        self.open(ours, f'/reorg/{new_tip}')
        lines = self.page.locator('.yfig .block.dropped .pays li')
        expect(lines.filter(has_text='Ann')).to_contain_text('waits again')
        expect(lines.filter(has_text='new')).to_contain_text('gone for good')
        expect(self.page.locator('.yfig .block.dropped .link, .yfig .block.good')).not_to_have_count(0)
        # What stands in a dropped block alone has no page, and is no link.
        self.open(ours, f'/block/{old_tip}')
        for link in self.page.locator('a[href^="/tx/"]').all():
            self.assertIn('status', ours.get('/api/v1' + link.get_attribute('href')))
        expect(self.page.locator('tbody tr').filter(has_text='new coins').locator('a[href^="/tx/"]')).to_have_count(0)
        ours.mine()
        self.open(ours, f'/reorg/{new_tip}')
        expect(lines.filter(has_text='Ann')).to_contain_text('block 5')


class Blocks(Story):
    def test_a_guess_is_taken_apart_and_its_zeros_are_marked(self):
        node = self.start()
        node.mine(2)
        self.open(node, f'/block/{node.get("/api/v1/block-height/3")}')
        parts = self.page.locator('.guess-figure .guess code').all_text_contents()
        self.assertEqual(parts, ['35293', '35089'])
        hashed = self.page.locator('.guess-hash code').text_content()
        self.assertEqual(hashed, sha256(''.join(parts).encode()).hexdigest())
        expect(self.page.locator('.guess-hash .zeros-count')).to_have_text('0000')
        text = self.page.locator('section[aria-labelledby=comes-about] pre').text_content()
        self.assertEqual(sha256(text.encode()).hexdigest(), node.get('/api/v1/block-height/3'))
        self.assertEqual(self.page.locator('.chain.three .block').count(), 3)

    def test_the_first_block_of_a_sealed_chain_says_where_its_coins_come_from_and_nothing_of_work(self):
        chain = self.start_sealed()
        self.open(chain.node, f'/block/{chain.node.get("/api/v1/block-height/1")}')
        main = self.page.locator('main')
        expect(main).to_contain_text('Where the coins come from')
        expect(self.page.locator('.pays.origin')).to_contain_text('1,000')
        for word in ('Difficulty', 'Target', 'Proof', 'zeros'):
            self.assertNotIn(word, self.page.locator('.facts').inner_text())

    def test_on_a_telephone_a_block_has_two_lines(self):
        node = self.start()
        node.mine(5)
        self.page.set_viewport_size({'width': 360, 'height': 800})
        self.open(node, '/blocks')
        for row in self.page.locator('.blocks tbody tr').all():
            self.assertLess(row.bounding_box()['height'], 64)


class Transactions(Story):
    def test_the_way_to_the_merkle_root_is_drawn(self):
        chain = self.start_sealed()
        sent = chain.send('3')
        chain.node.mine()
        self.open(chain.node, f'/tx/{sent}')
        expect(self.page.locator('.ladder .root')).to_be_visible()
        block = json.loads(chain.node.get(f'/api/v1/tx/{sent}/merkle-proof'))
        expect(self.page.locator('.ladder .root .hash')).to_have_text(block['header']['merkle_root'][:12] + '…')
        expect(self.page.locator('.ladder .way')).not_to_have_count(0)
        expect(self.page.locator('.notarised')).to_have_count(0)

    def test_a_notarised_file_is_checked_in_the_page(self):
        chain = self.start_sealed()
        file = Path(chain.folder) / 'paper.txt'
        file.write_text('what was agreed')
        chain.node.process.poll()
        data = 'sha256:' + sha256(file.read_bytes()).hexdigest()
        said = chain.adit('send', chain.address, '0', '--name', 'rich', '--data', data, '-p', str(chain.node.port), '--json')
        sent = json.loads(said)['id']
        chain.node.mine()
        self.open(chain.node, f'/tx/{sent}')
        section = self.page.locator('.notarised')
        expect(section).to_contain_text(data.removeprefix('sha256:'))
        section.locator('input[type=file]').set_input_files(file)
        expect(section.locator('output')).to_have_text('✓ paper.txt is the file: it has this hash.')
        other = Path(chain.folder) / 'other.txt'
        other.write_text('what was not')
        self.page.evaluate("""text => {
          const files = new DataTransfer();
          files.items.add(new File([text], 'other.txt'));
          document.querySelector('.notarised').dispatchEvent(new DragEvent('drop', { dataTransfer: files, bubbles: true, cancelable: true }));
        }""", other.read_text())
        expect(section.locator('output')).to_contain_text('✗ other.txt is another file')


class Addresses(Story):
    def test_what_came_in_and_went_out_leads_to_the_balance(self):
        chain = self.start_sealed()
        chain.adit('wallet', 'new', '--name', 'poor')
        poor = chain.adit('wallet', 'address', '--name', 'poor').strip()
        chain.adit('send', poor, '7', '--name', 'rich', '-p', str(chain.node.port))
        chain.node.mine(5)
        self.open(chain.node, f'/address/{poor}')
        row = self.page.locator('.ledger tbody tr')
        expect(row).to_have_count(1)
        expect(row.locator('.amount')).to_have_text('+7')
        self.open(chain.node, f'/address/{chain.address}')
        expect(self.page.locator('h1')).to_contain_text(chain.address)
        expect(self.page.locator('.ledger tr.out .amount')).to_have_text('−7')
        folded = self.page.locator('.ledger details')
        expect(folded.locator('summary')).to_have_text('4 rewards')
        expect(folded.locator('li').first).not_to_be_visible()
        balance = self.page.locator('.facts b').first.text_content()
        first = self.page.locator('.ledger tbody tr').first.locator('td[data-label="Then had"]')
        expect(first).to_have_text(balance)


class Charts(Story):
    def test_values_are_said_to_the_pointer_and_to_the_keyboard(self):
        node = self.start()
        node.pay('Ann', 'Bob', 5)
        node.mine(4)
        self.open(node, '/charts')
        plot = self.page.get_by_role('slider', name='Transactions in each block')
        plot.hover(position={'x': 5, 'y': 60})
        expect(plot.locator('.value')).to_have_text('block 1: 0 transactions')
        plot.focus()
        self.page.keyboard.press('Home')
        self.page.keyboard.press('ArrowRight')
        expect(plot.locator('.value')).to_have_text('block 2: 2 transactions')
        expect(plot).to_have_attribute('aria-valuetext', 'block 2: 2 transactions')
        ticks = plot.locator('text').all_text_contents()
        self.assertFalse([tick for tick in ticks if '.' in tick], ticks)

    def test_the_interval_that_a_chain_aims_at_is_a_line(self):
        chain = self.start_sealed()
        chain.node.mine(2)
        self.open(chain.node, '/charts')
        expect(self.page.locator('.chart .wanted')).to_have_count(1)
        expect(self.page.locator('.plot[data-name^="Time since"]')).to_contain_text('wanted: 1 s')


class Verify(Story):
    def test_blocks_turn_green_one_by_one_and_each_rule_is_said_once(self):
        node = self.start()
        node.mine(6)
        self.open(node, '/verify')
        expect(self.page.locator('main')).to_contain_text(f'http://127.0.0.1:{node.port}/chain')
        self.page.get_by_role('button', name='Verify', exact=True).click()
        expect(self.page.locator('#verify')).to_have_attribute('data-result', 'valid')
        expect(self.page.locator('.verify-cells .holds')).to_have_count(7)
        expect(self.page.locator('#verify [role=status]')).to_contain_text('hashes a second')
        rules = self.page.locator('.verify-rules dt').all_text_contents()
        self.assertEqual(len(rules), len(set(rules)))
        self.assertIn('previous-hash', rules)


class Documents(Story):
    def test_the_api_has_our_head_and_a_way_back(self):
        node = self.start()
        self.open(node, '/docs')
        expect(self.page.locator('.opblock').first).to_be_visible()
        expect(self.page.locator('.swagger-ui .topbar')).not_to_be_visible()
        self.page.get_by_role('link', name='Back to the chain').click()
        self.page.wait_for_url(node.url + '/')


if __name__ == '__main__':
    unittest.main()
