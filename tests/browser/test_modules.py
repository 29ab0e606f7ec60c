"""The modules that check the chain in the browser, in a browser: all vectors, the page /verify on honest and on
tampered answers, and the page /tamper up to the node's refusal."""

import json
import re
import unittest
from hashlib import sha256

from harness import VECTORS, BrowserTest
from playwright.sync_api import expect

# Loads a module of the node's, and hands it to a function.
WITH = '''async ([names, input]) => {
  const modules = Object.assign({}, ...await Promise.all(names.map(name => import(`/assets/${name}.js`))));
  return await (%s)(modules, input);
}'''


class Modules(BrowserTest):
    def setUp(self):
        super().setUp()
        self.open(self.start(), '/verify')

    def run_js(self, names, function, value=None):
        return self.page.evaluate(WITH % function, [names.split(), value])

    def test_canonical_json_is_that_of_python(self):
        lines = [json.loads(line) for line in (VECTORS / 'python_json.jsonl').read_text('utf-8').splitlines()]
        self.assertGreater(len(lines), 2000)
        # As JSON text: what stands in it is for the page's own parser to read.
        made = self.run_js('canonical', '''({ canonical }, lines) => JSON.parse(lines).map(({ in: text }) => {
            try { return canonical(text); } catch (error) { if (error.name !== 'Error') throw error; return null; }
        })''', json.dumps(lines))
        for line, out in zip(lines, made, strict=True):
            self.assertEqual(out, line.get('out'), line['in'])

    def test_keys_are_sorted_by_code_point_inside_pairs_too(self):
        keys = ['"\\ud83d\\uffff"', '"\\ud83d\\ude00"', '"\\ud83d"', '"\\uffff"', '"\\ud83dz"', '"\\ude00"', '"\\ud83d\\ude00z"']
        text = '{' + ', '.join(f'{key}: {number}' for number, key in enumerate(keys)) + '}'
        made = self.run_js('canonical', '({ canonical }, text) => canonical(text)', text)
        self.assertEqual(made, json.dumps(json.loads(text), sort_keys=True))

    def test_nesting_has_a_bound(self):
        deep = self.run_js('canonical', '''({ canonical }, levels) => levels.map(depth => {
            try { return canonical('['.repeat(depth) + ']'.repeat(depth)).length; } catch (error) { return error.message; }
        })''', [512, 513, 100_000])
        self.assertEqual(deep[0], 1024)
        self.assertIn('at most 512 levels', deep[1])
        self.assertIn('at most 512 levels', deep[2])

    def test_sha256_is_the_browsers_own_at_every_length(self):
        differing = self.run_js('sha256', '''async ({ sha256, toHex }) => {
            const differing = [];
            for (let length = 0; length < 300; length++) {
                const bytes = Uint8Array.from({ length }, (_, i) => i * 7 + length);
                const own = toHex(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)));
                if (toHex(sha256(bytes)) !== own) differing.push(length);
            }
            return differing;
        }''')
        self.assertEqual(differing, [])

    def test_the_sealed_chain_of_another_implementation_is_valid(self):
        chain = json.loads((VECTORS / 'sealed_chain.json').read_text())
        texts = [json.dumps(one['block'], sort_keys=True) for one in chain['blocks']]
        checked = self.run_js('verify block target', '''async ({ ChainCheck, transactionId, work }, texts) => {
            const check = new ChainCheck('sealed'), blocks = [];
            for (const text of texts) {
                const { block, holds, findings } = await check.check(text);
                blocks.push({ holds, broken: findings.filter(one => !one.holds), header: block.preimage, seal: block.digest, hash: block.hash,
                    work: `${work(block.target)}`, ids: block.transactions.map(one => transactionId('sealed', one)) });
            }
            const accounts = [...check.accounts].map(([address, { balance, nonce }]) => [address, `${balance}`, `${nonce}`]);
            return { blocks, accounts, signatures: check.counts.signatures };
        }''', texts)
        for made, given in zip(checked['blocks'], chain['blocks'], strict=True):
            self.assertEqual(made['broken'], [])
            self.assertTrue(made['holds'])
            self.assertEqual([made['header'], made['seal'], made['hash'], made['ids']],
                             [given['header_json'], given['seal'], given['hash'], given['transaction_ids']])
            if given['work'] is not None:
                self.assertEqual(made['work'], given['work'])
        balances = {address: {'balance': int(balance), 'nonce': int(nonce)} for address, balance, nonce in checked['accounts']}
        self.assertEqual(balances, chain['balances'])
        self.assertGreater(checked['signatures'], 0)

    def test_every_change_to_that_chain_is_found(self):
        chain = json.loads((VECTORS / 'sealed_chain.json').read_text())
        blocks = [one['block'] for one in chain['blocks']]
        position = next(i for i, block in enumerate(blocks) if i > 1 and len(block['transactions']) > 1)

        def change(rule, spoil):
            copy = json.loads(json.dumps(blocks[:position + 1]))
            spoil(copy[position])
            texts = [json.dumps(block, sort_keys=True) for block in copy]
            broken = self.run_js('verify', '''async ({ ChainCheck }, texts) => {
                const check = new ChainCheck('sealed');
                let result;
                for (const text of texts) result = await check.check(text);
                return result.findings.filter(one => !one.holds).map(one => one.rule);
            }''', texts)
            self.assertIn(rule, broken, spoil)

        def resign(block):
            signature = block['transactions'][1]['signature']
            block['transactions'][1]['signature'] = signature[:-1] + ('1' if signature[-1] == '0' else '0')

        change('merkle-root', lambda block: block['transactions'][1].update(amount=1))
        change('signature', lambda block: block['transactions'][1].update(amount=1))
        change('signature', resign)
        change('reward', lambda block: block['transactions'][0].update(amount=2_000_000))
        change('proof', lambda block: block.update(proof=block['proof'] + 1))
        change('target', lambda block: block.update(target='00' + 'f' * 62))
        change('timestamp', lambda block: block.update(timestamp=1))
        change('future', lambda block: block.update(timestamp=2**52))
        change('index', lambda block: block.update(index=block['index'] + 1))
        change('previous-hash', lambda block: block.update(previous_hash='0' * 64))
        change('fields', lambda block: block.update(note='x'))

    def test_targets_follow_the_vectors(self):
        steps = json.loads((VECTORS / 'sealed_targets.json').read_text())['steps']
        made = self.run_js('target', '''({ nextTarget, targetHex }, steps) => steps.map(step => targetHex(nextTarget(
            BigInt('0x' + step.target), BigInt(step.solve_ms), { block_interval_ms: BigInt(step.block_interval_ms),
            half_life_ms: BigInt(step.half_life_ms), pow_limit: BigInt('0x' + step.pow_limit) })))''', steps)
        self.assertEqual(made, [step['next'] for step in steps])

    def test_merkle_trees_follow_the_vectors(self):
        vectors = json.loads((VECTORS / 'rfc6962.json').read_text())
        made = self.run_js('merkle sha256', '''({ merkleRoot, node, climb }, { leaves, paths }) => {
            const bytes = hex => Uint8Array.from(hex.match(/../g) ?? [], pair => parseInt(pair, 16));
            const hashes = leaves.map(bytes);
            return {
                roots: hashes.map((_, i) => merkleRoot(hashes.slice(0, i + 1))),
                climbed: paths.map(({ size, index, path }) => climb(hashes[index], index, size, path)?.root ?? null),
                tooShort: paths.filter(({ path }) => path.length > 0).map(({ size, index, path }) => climb(hashes[index], index, size, path.slice(1))?.root ?? null),
                tooLong: paths.map(({ size, index, path }) => climb(hashes[index], index, size, [...path, path[0] ?? leaves[0]])?.root ?? null),
            };
        }''', {'leaves': [leaf(data) for data in vectors['inputs']], 'paths': vectors['paths']})
        # The first root is that of no leaves at all.
        self.assertEqual(made['roots'], vectors['roots'][1:])
        self.assertEqual(made['climbed'], [vectors['roots'][path['size']] for path in vectors['paths']])
        self.assertEqual(set(made['tooLong'] + made['tooShort']), {None})

    def test_the_search_finds_the_public_sequence_of_proofs(self):
        proofs = json.loads((VECTORS / 'classic_proofs.json').read_text())
        solved = self.run_js('block', '''({ guessOf }, proofs) => proofs.slice(1).map((proof, i) =>
            guessOf('classic', { index: 2n, proof: BigInt(proof) }, { proof: BigInt(proofs[i]) }).holds)''', proofs)
        self.assertEqual(solved, [True] * (len(proofs) - 1))
        found = self.run_js('search target', '''({ Search, FOUR_HEX_ZEROS }, proofs) => proofs.map(last =>
            new Search({ prefix: `${last}`, suffix: '', target: FOUR_HEX_ZEROS }).try(1e7))''', proofs[:6])
        self.assertEqual(found, [str(proof) for proof in proofs[1:7]])


def leaf(data):
    return sha256(b'\0' + bytes.fromhex(data)).hexdigest()


class Verify(BrowserTest):
    """The page /verify."""

    def chain(self, rules):
        if rules == 'sealed':
            sealed = self.start_sealed()
            for _ in range(3):
                sealed.send()
                sealed.node.mine()
            return sealed.node
        node = self.start('--rules', rules)
        for number in range(6):
            node.pay('alice', f'bob {number}', number + 0.5)
            # What could be taken for the end of a block, and what is more than one unit in UTF-16.
            node.pay('}], "{\\', 'bøb 😀 \x7f', 1e-7)
            node.mine()
        return node

    def verify(self, node, **fields):
        """What the page finds: its verdict, and of each row that is red the rules that do not hold."""
        self.open(node, '/verify')
        for name, value in fields.items():
            if name == 'extent':
                self.page.check(f'input[name=extent][value={value}]')
            else:
                self.page.fill(f'input[name={name}]', str(value))
        self.page.click('button[type=submit]')
        self.page.wait_for_selector('#verify[data-result]')
        broken = self.page.eval_on_selector_all(
            '#verify tbody tr.fails', 'rows => rows.map(row => [row.cells[0].textContent, row.dataset.rulesBroken ?? "tip"])')
        return self.page.get_attribute('#verify', 'data-result'), {int(index): rules.split() for index, rules in broken}

    def spoil(self, pattern, change):
        """Changes the node's answers on their way to the page."""
        def answer(route):
            came = route.fetch()
            route.fulfill(response=came, body=change(came.text()))
        self.page.route(pattern, answer)

    def test_honest_chains_are_green(self):
        for rules, length in [('classic', 7), ('classic-2018', 7), ('sealed', 4)]:
            with self.subTest(rules=rules):
                node = self.chain(rules)
                self.assertEqual(self.verify(node), ('valid', {}))
                rows = self.page.locator('#verify tbody tr')
                self.assertEqual(rows.count(), length)
                self.assertIn('✓ valid', rows.last.inner_text())
                tip = node.get('/api/v1/blocks/tip/hash')
                self.assertIn(tip, rows.last.inner_text())
                self.assertIn(tip, self.page.inner_text('main [role=status]'))
                self.assertEqual(self.verify(node, extent='last', count=2), ('valid', {}))
                self.assertEqual(rows.count(), 2)
                # More than there are: then it is the whole chain.
                self.assertEqual(self.verify(node, extent='last', count=100), ('valid', {}))
                self.assertEqual(rows.count(), length)

    def test_what_was_not_checked_is_said(self):
        node = self.chain('sealed')
        self.verify(node)
        said = self.page.inner_text('main [role=status]')
        self.assertIn('3 signatures were checked', said)
        self.assertIn('Balances and nonces were followed', said)
        self.verify(node, extent='last', count=1)
        self.assertIn('Balances and nonces were NOT checked', self.page.inner_text('main [role=status]'))

    def test_another_genesis_block_than_the_one_that_was_meant_is_red(self):
        node = self.chain('classic')
        result, broken = self.verify(node, genesis='0' * 64)
        self.assertEqual((result, broken[1]), ('invalid', ['hash']))
        genesis = node.get('/api/v1/block-height/1')
        self.assertEqual(self.verify(node, genesis=genesis), ('valid', {}))

    def test_a_changed_transaction_breaks_the_link_of_the_next_block(self):
        node = self.chain('classic')
        self.spoil('**/chain', lambda text: text.replace('"recipient": "bob 3"', '"recipient": "bob 4"', 1))
        result, broken = self.verify(node)
        self.assertEqual(result, 'invalid')
        # Its proof does not depend on what it holds: the block itself looks right.
        self.assertEqual(broken, {6: ['previous-hash'], 7: ['chain-broken']})
        row = self.page.locator('#verify tr.fails').first.inner_text()
        self.assertIn('✗ NOT VALID', row)
        self.assertIn('expected', row)

    def test_a_changed_last_block_is_noticed(self):
        node = self.chain('classic')
        self.spoil('**/chain', lambda text: text.replace('bob 5', 'bob 9'))
        self.assertEqual(self.verify(node), ('invalid', {7: ['tip']}))

    def test_a_changed_proof_is_red(self):
        for rules in ['classic', 'classic-2018']:
            with self.subTest(rules=rules):
                node = self.chain(rules)
                proof = json.loads(node.get('/chain'))['chain'][3]['proof']
                self.spoil('**/chain', lambda text: text.replace(f'"proof": {proof},', f'"proof": {proof + 1},'))
                result, broken = self.verify(node)
                self.assertEqual(result, 'invalid')
                self.assertEqual(broken[4], ['proof'])
                self.assertIn('previous-hash', broken[5])
                self.page.unroute('**/chain')

    def test_a_changed_sealed_transaction_is_red_in_its_own_block(self):
        node = self.chain('sealed')
        self.spoil('**/chain', lambda text: text.replace('"amount": 1000000, "chain"', '"amount": 1000001, "chain"', 1))
        result, broken = self.verify(node)
        self.assertEqual(result, 'invalid')
        self.assertEqual(broken[2], ['merkle-root', 'signature'])

    def test_one_changed_byte_of_a_block_is_red(self):
        node = self.chain('classic-2018')
        hash = node.get('/api/v1/block-height/5')
        self.spoil(f'**/block/{hash}/raw', lambda text: re.sub('bob .', 'bob x', text))
        result, broken = self.verify(node, extent='last', count=4)
        self.assertEqual(result, 'invalid')
        self.assertEqual(broken[5], ['hash'])
        self.assertEqual(broken[6], ['previous-hash', 'proof', 'chain-broken'])

    def test_what_is_no_block_is_red_and_ends_nothing(self):
        node = self.chain('classic')
        self.spoil('**/chain', lambda text: text.replace('"index": 3,', '"index": -3,'))
        result, broken = self.verify(node)
        self.assertEqual(result, 'invalid')
        self.assertEqual(broken[3], ['fields'])

    def test_the_page_explains_itself_without_scripts(self):
        node = self.chain('sealed')
        for path in ['/verify', '/tamper']:
            text = node.get(path)
            self.assertIn('JavaScript is off', text)
        self.assertIn('verify.py', node.get('/verify'))
        self.assertIn('def merkle_root', node.get('/verify.py'))


class VerifyBlock(BrowserTest):
    """The section that a page about a block or a transaction has."""

    def section(self, node, **data):
        """What becomes of a section with these data: its result and its text."""
        attributes = ' '.join(f'data-{name}="{value}"' for name, value in data.items())
        html = f'<!doctype html><title>x</title><section data-verify {attributes}></section>' \
               '<script type="module" src="/assets/verify-block.js"></script>'
        self.page.route(f'{node.url}/section', lambda route: route.fulfill(body=html, content_type='text/html'))
        self.open(node, '/section')
        self.page.wait_for_selector('section[data-result]')
        section = self.page.locator('section[data-verify]')
        return section.get_attribute('data-result'), section.inner_text()

    def test_blocks_of_all_rules_are_valid(self):
        for rules in ['classic', 'classic-2018', 'sealed']:
            node = self.start_sealed().node if rules == 'sealed' else self.start('--rules', rules)
            node.mine(3)
            for index in range(1, 5):
                with self.subTest(rules=rules, index=index):
                    hash = node.get(f'/api/v1/block-height/{index}')
                    preimage = json.loads(node.get(f'/api/v1/block/{hash}/preimage'))
                    result, said = self.section(node, hash=hash, rules=rules)
                    self.assertEqual(result, 'valid', said)
                    for text in [preimage['preimage'], preimage['preimage_sha256'], hash]:
                        self.assertIn(text, said)
                    if preimage['guess']:
                        for name in ['text', 'sha256', 'target']:
                            self.assertIn(preimage['guess'][name], said)

    def test_another_block_than_its_hash_says_is_not(self):
        node = self.start()
        node.mine(2)
        hash = node.get('/api/v1/block-height/3')
        text = node.get(f'/api/v1/block/{hash}/raw').replace('"amount": 1', '"amount": 2')
        self.page.route(f'**/block/{hash}/raw', lambda route: route.fulfill(body=text))
        result, said = self.section(node, rules='classic', hash=hash)
        self.assertEqual(result, 'invalid')
        self.assertIn('✗ ANOTHER HASH', said)

    def test_a_sealed_transaction_is_led_to_its_block(self):
        sealed = self.start_sealed()
        node = sealed.node
        ids = [sealed.send() for _ in range(5)]
        node.mine()
        hash = node.get('/api/v1/blocks/tip/hash')
        for id in ids:
            proof = json.loads(node.get(f'/api/v1/tx/{id}/merkle-proof'))
            result, said = self.section(node, rules='sealed', hash=hash, tx=id)
            self.assertEqual(result, 'valid', said)
            self.assertIn('the sender has signed it', said)
            for sibling in proof['path']:
                self.assertIn(sibling, said)

        def change(route):
            came = route.fetch()
            route.fulfill(response=came, body=came.text().replace(proof['path'][0], '0' * 64))
        self.page.route('**/merkle-proof', change)
        result, said = self.section(node, rules='sealed', hash=hash, tx=id)
        self.assertEqual(result, 'invalid', said)
        self.assertIn('DOES NOT HOLD', said)

    def test_a_classic_transaction_stands_in_the_text_of_its_block(self):
        node = self.start()
        node.pay('alice', 'bob', 5)
        node.mine()
        hash = node.get('/api/v1/blocks/tip/hash')
        text = '{"amount": 5, "recipient": "bob", "sender": "alice"}'
        result, said = self.section(node, rules='classic', hash=hash, tx=sha256(text.encode()).hexdigest())
        self.assertEqual(result, 'valid', said)
        self.assertIn(text, said)


class Tamper(BrowserTest):
    """The page /tamper."""

    def tamper(self, node):
        self.open(node, '/tamper')
        self.page.wait_for_selector('#tamper[data-ready]')
        self.wait_for_invalid(0)

    def wait_for_invalid(self, count):
        self.page.wait_for_selector(f'#tamper[data-invalid="{count}"]')

    def card(self, position):
        return self.page.locator(f'article[data-position="{position}"]')

    def broken(self, position):
        return self.card(position).get_attribute('data-rules-broken').split()

    def field(self, position, name, payment=0):
        return self.card(position).locator(f'input[data-field="{name}"][data-payment="{payment}"]')

    def edit_json(self, position, field, change):
        self.page.get_by_label('as JSON').check()
        area = self.card(position).locator(f'textarea[data-field="{field}"]')
        area.fill(change(area.input_value()))

    def offer(self):
        """What the node says to what is offered: of each block the outcome, or the rule that refuses it."""
        self.allowed_complaints.append('400 (Bad Request)')
        self.page.click('button[name=offer]')
        self.page.wait_for_selector('#tamper-offers li:last-child')
        self.page.wait_for_function('''() => document.querySelector('#tamper-offers li.fails, #tamper-offers li:not([class])')''')
        return self.page.eval_on_selector_all(
            '#tamper-offers li[class]', 'items => items.map(item => item.dataset.rule || item.dataset.outcome)')

    def test_classic_edit_red_mine_again_offer(self):
        node = self.start()
        for number in range(8):
            node.pay('alice', f'bob {number}', 5)
            node.mine()
        self.tamper(node)
        self.assertEqual(self.page.locator('article.holds').count(), 5)
        self.field(1, 'amount').fill('500')
        self.wait_for_invalid(3)
        # The work says nothing of what the block holds: only the link is broken.
        self.assertEqual([self.broken(at) for at in range(5)], [[], [], ['previous-hash'], ['chain-broken'], ['chain-broken']])
        for at, says in enumerate(['✓ holds', '✎ changed', 'Names a hash that is gone', 'Stands on a broken block', '✗ broken']):
            self.assertIn(says, self.card(at).inner_text())
        self.assertIn('was 5', self.card(1).inner_text())
        self.assertEqual([self.card(at).locator('.link.broken').count() for at in range(5)], [0, 0, 1, 0, 0])
        strips = [self.card(at).locator('.strip').evaluate_all('all => all.map(one => one.innerHTML)') for at in range(5)]
        self.assertEqual([strips[at][1] == strips[at + 1][0] for at in range(4)], [True, False, True, True])
        self.page.click('button[name=repair]')
        self.wait_for_invalid(0)
        self.assertIn('Nobody has to work', self.page.inner_text('#tamper [role=status]'))
        before = node.get('/api/v1/blocks/tip/hash')
        self.assertEqual(self.offer(), ['not-heavier'])
        self.assertIn('✗ Refused.', self.page.inner_text('#tamper-offers'))
        self.assertEqual(node.get('/api/v1/blocks/tip/hash'), before)
        self.page.click('button[name=reload]')
        self.wait_for_invalid(0)
        self.assertEqual(self.field(1, 'amount').input_value(), '5')

    def test_what_is_put_back_by_hand_is_not_changed(self):
        node = self.start()
        for number in range(3):
            node.pay('alice', 'Zoë', 5)
            node.mine()
        self.tamper(node)
        for name, other in (('from', 'eve'), ('to', 'eve "x"'), ('amount', '5.0')):
            field = self.field(1, name)
            before = field.input_value()
            field.fill(other)
            self.wait_for_invalid(2)
            field.fill(before)
            self.wait_for_invalid(0)
            self.assertEqual(self.page.locator('#tamper .chip.changed').count(), 0, name)
        self.assertTrue(self.page.locator('button[name=offer]').is_disabled())

    def test_every_field_counts(self):
        node = self.start('--rules', 'classic-2018')
        node.mine(7)
        for field, change, rules in [
            ('index', lambda text: '77', 'index'),
            ('proof', lambda text: str(int(text) + 1), 'proof'),
            ('previous_hash', lambda text: '"' + '0' * 64 + '"', 'previous-hash'),
            ('proof', lambda text: '"no number"', 'fields'),
            ('timestamp', lambda text: '{', 'fields'),
        ]:
            with self.subTest(field=field):
                self.tamper(node)
                self.edit_json(1, field, change)
                self.wait_for_invalid(4)
                self.assertIn(rules, self.broken(1))
        self.tamper(node)
        self.page.get_by_label('as JSON').check()
        self.card(1).locator('button[name=add-field]').click()
        self.wait_for_invalid(3)
        self.assertIn('previous-hash', self.broken(2))

    def test_a_block_on_top_is_mined_and_taken(self):
        for rules in ['classic', 'classic-2018']:
            with self.subTest(rules=rules):
                node = self.start('--rules', rules)
                node.mine(3)
                self.tamper(node)
                self.page.click('button[name=add]')
                self.wait_for_invalid(1)
                self.assertEqual(self.broken(4), ['proof'])
                self.card(4).locator('button[name=mine]').click()
                self.wait_for_invalid(0)
                # The search was shown in its block, up to the guess that was right.
                self.assertIn('found after', self.card(4).inner_text())
                self.assertIn('✓', self.card(4).locator('.tamper-guesses li').last.inner_text())
                self.assertEqual(self.offer(), ['extended'])
                self.assertEqual(node.get('/api/v1/blocks/tip/height'), '5')

    def test_a_search_can_be_stopped(self):
        node = self.start('--rules', 'classic-2018')
        node.mine(2)
        self.tamper(node)
        self.page.click('button[name=add]')
        self.wait_for_invalid(1)
        self.page.locator('input[type=range]').fill('6')
        self.card(3).locator('button[name=mine]').click()
        expect(self.card(3).locator('.tamper-search')).to_contain_text('on average')
        self.card(3).locator('button[name=stop]').click()
        self.page.wait_for_function('() => document.querySelector("#tamper [role=status]").textContent.includes("stopped")')
        self.card(3).locator('button[name=mine]').wait_for(state='visible')

    def test_sealed_work_does_not_make_a_signature(self):
        sealed = self.start_sealed()
        for _ in range(2):
            sealed.send()
            sealed.node.mine()
        self.tamper(sealed.node)
        # In coins, as people count.
        self.assertEqual(self.field(2, 'amount', payment=1).input_value(), '1')
        self.field(2, 'amount', payment=1).fill('2')
        self.wait_for_invalid(1)
        self.assertEqual(self.broken(2), ['merkle-root', 'signature'])
        self.card(2).locator('button[name=mine]').click()
        self.page.wait_for_selector('article[data-position="2"][data-rules-broken="signature"]')
        self.assertEqual(self.offer(), ['signature'])
        self.page.click('button[name=reload]')
        self.wait_for_invalid(0)
        self.page.click('button[name=add]')
        self.wait_for_invalid(1)
        self.card(3).locator('button[name=mine]').click()
        self.wait_for_invalid(0)
        self.assertEqual(self.offer(), ['extended'])

    def test_less_work_than_the_chain_asks_for_is_refused(self):
        node = self.start('--rules', 'classic-2018')
        node.mine(2)
        self.tamper(node)
        self.page.click('button[name=add]')
        self.wait_for_invalid(1)
        self.page.locator('input[type=range]').fill('2')
        self.assertEqual(self.page.locator('#tamper-cost td.chosen').all_text_contents()[1], '256')
        self.card(3).locator('button[name=mine]').click()
        self.page.wait_for_function('() => document.querySelector("#tamper [role=status]").textContent.includes("guesses.")')
        self.assertEqual(self.broken(3), ['proof'])
        self.assertEqual(self.offer(), ['proof'])

    def test_it_can_be_projected_and_red_runs_to_the_right(self):
        node = self.start()
        for number in range(8):
            node.pay('alice', f'bob {number}', 5)
            node.mine()
        for width, height in ((1280, 720), (1920, 1080)):
            self.page.set_viewport_size({'width': width, 'height': height})
            self.tamper(node)
            self.field(1, 'amount').fill('500')
            self.wait_for_invalid(3)
            self.offer()
            end = self.page.evaluate('document.querySelector(".tamper").getBoundingClientRect().bottom')
            self.assertLessEqual(end, height)
            self.assertEqual(self.page.eval_on_selector_all('article.block[data-position]', 'all => all.map(one => one.dataset.late)'), ['0', '0', '0', '1', '2'])


if __name__ == '__main__':
    unittest.main()
