"""A lesson: a teacher and two students, three browsers. They join, pay, mine, see a fork and how it heals, and all of them
see the same end. It goes over plain http to a name that is not this machine's, as phones do in a class."""

import json
import os
import subprocess
import time
import unittest

from harness import ADIT, CHROMIUM, BrowserTest

HOST = 'class.example'
PATIENCE_S = 60


def until(what, look, patience_s=PATIENCE_S):
    end = time.monotonic() + patience_s
    while True:
        seen = look()
        if seen:
            return seen
        assert time.monotonic() < end, f'waited in vain until {what}'
        time.sleep(0.1)


class AClass:
    def __init__(self, *options):
        environment = {name: value for name, value in os.environ.items() if not name.startswith('ADIT_')}
        command = [ADIT, 'class', '--json', '-p', '0', '--host', '127.0.0.1', '--allowed-host', HOST, '--block-interval', '1s',
                   *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd='/', env=environment)
        said = json.loads(self.process.stdout.readline())
        self.port = said['url'].rsplit(':', 1)[1]
        self.url = f'http://{HOST}:{self.port}'
        self.teacher = said['teacher'].replace(said['url'], self.url)

    def end(self):
        self.process.terminate()
        self.process.wait(20)
        self.process.stdout.close()


class Lesson(BrowserTest):
    def setUp(self):
        super().setUp()
        self.given = AClass()
        self.addCleanup(self.given.end)

    def sit_down(self, width, height):
        """A browser of its own, to which the class has another name than this machine's."""
        browser = self.browser.browser_type.launch(executable_path=CHROMIUM, args=[
            '--no-sandbox', f'--host-resolver-rules=MAP {HOST} 127.0.0.1'])
        self.addCleanup(browser.close)
        page = browser.new_page(viewport={'width': width, 'height': height})
        page.on('console', self.heard)
        page.on('pageerror', lambda error: self.complaints.append(str(error)))
        page.on('request', lambda request: HOST not in request.url and self.complaints.append(request.url))
        return page

    def heard(self, message):
        # A block that came too late is refused, and a browser says so.
        is_too_late = message.location['url'].endswith('/api/v1/blocks')
        if message.type in ('error', 'warning') and not is_too_late:
            self.complaints.append(message.text)

    def join(self, name):
        page = self.sit_down(360, 740)
        page.goto(f'{self.given.url}/join')
        self.assertFalse(page.evaluate('isSecureContext'), 'the page is lent nothing by the browser')
        page.fill('#name', name)
        page.click('#join button')
        page.wait_for_selector('#wallet:not([hidden])')
        return page

    def balance(self, page):
        text = page.inner_text('#balance')
        return None if text == '…' else float(text)

    def fits(self, page):
        return page.evaluate('document.documentElement.scrollWidth <= innerWidth')

    def test_a_teacher_and_two_students_go_through_a_lesson(self):
        teacher = self.sit_down(1280, 1000)
        teacher.goto(f'{self.given.url}/teach')
        self.assertIn('This is the teacher’s page', teacher.inner_text('h1'))
        self.complaints.clear()  # that it was refused
        teacher.goto(self.given.teacher)
        teacher.click('a[href="/teach"]')
        self.assertIn('adit class', teacher.inner_text('h1'))
        cookie = [one for one in teacher.context.cookies() if one['name'] == 'adit-teacher'][0]
        self.assertTrue(cookie['httpOnly'] and cookie['sameSite'] == 'Strict')

        room = self.sit_down(1280, 720)
        room.goto(f'{self.given.url}/class')
        self.assertEqual(room.locator('button, input, form').count(), 0, 'the room has no buttons')
        self.assertTrue(self.fits(room))

        mia, jonas = self.join('Mia'), self.join('Jonas')
        for page in (mia, jonas):
            until('the coins are there', lambda page=page: self.balance(page) == 50)
            self.assertTrue(self.fits(page))
        until('the room knows', lambda: '2 joined' in room.inner_text('.count'))

        # Mia pays, and proves for herself that it is in a block.
        until('Jonas can be paid', lambda: mia.locator('#payee option', has_text='Jonas').count())
        mia.select_option('#payee', label='Jonas')
        mia.fill('#amount', '8')
        mia.click('#pay button')
        until('Jonas has it', lambda: self.balance(jonas) == 58)
        until('it is proved', lambda: 'proved in block' in mia.inner_text('#history'))
        until('headers were checked', lambda: '✓ I checked' in jonas.inner_text('#checked'))

        # Jonas mines.
        jonas.check('#mine')
        until('Jonas found a block', lambda: int(jonas.inner_text('#found')) > 0)
        jonas.uncheck('#mine')

        # Cho hears nobody. Two chains grow.
        cho = teacher.locator('li[data-key=node2]')
        cho.get_by_role('button', name='Disconnect').click()
        until('the room sees the cut', lambda: room.locator('.tear').count() == 1)
        for _ in range(2):
            cho.get_by_role('button', name='Mine here').click()
            cho.locator('button[aria-busy]').first.wait_for(state='detached')
        until('the tips differ', lambda: 'its own tip' in room.inner_text('.lanes'))
        until('the tree has two branches', lambda: room.locator('svg.grow[aria-label="2 branches"]').count())

        # And heal.
        teacher.locator('li[data-key=node2]').get_by_role('button', name='Reconnect').click()
        until('all are on one tip', lambda: room.inner_text('.lanes').count('all on') == 3)
        until('the cut is gone', lambda: room.locator('.tear').count() == 0)
        teacher.locator('button', has_text='stopped').click()

        def tips():
            state = json.loads(room.evaluate("fetch('/class/state').then(answer => answer.text())"))
            return {lane['tip'] for lane in state['lanes']}, state['lanes'][0]['height']

        until('nothing moves', lambda: len(tips()[0]) == 1 and tips() == (time.sleep(1), tips())[1])
        height = tips()[1]
        for page in (mia, jonas):
            until('both see the same end', lambda page=page: f'I checked {height - 1} headers' in page.inner_text('#checked'))
        # What Jonas mined may have fallen aside, what Mia paid has not.
        self.assertEqual(self.balance(mia), 42)
        self.assertGreaterEqual(self.balance(jonas), 58)

        # The key as words opens the same purse elsewhere.
        mia.click('#show-words')
        words = ' '.join(mia.locator('#words li').all_inner_texts())
        self.assertEqual(len(words.split()), 12)
        other = self.sit_down(360, 740)
        other.goto(f'{self.given.url}/join')
        other.fill('#name', 'Mia')
        other.click('#join summary')
        other.fill('#words-in', words)
        other.click('#join button')
        until('it is the same purse', lambda: self.balance(other) == 42)

        # The teacher renames and removes.
        teacher.locator('summary', has_text='Jonas').click()
        teacher.locator('details[open] input[name=name]').fill('Jo')
        teacher.get_by_role('button', name='Rename').click()
        until('he is called otherwise', lambda: jonas.inner_text('#title') == 'Jo')
        teacher.get_by_role('button', name='Remove').last.click()
        until('he is told', lambda: 'taken you out' in jonas.inner_text('#join-said'))
        self.assertTrue(self.fits(teacher))
        self.assertEqual(self.complaints, [])

    def test_paying_twice_can_succeed(self):
        teacher = self.sit_down(1280, 1000)
        teacher.goto(self.given.teacher)
        teacher.goto(f'{self.given.url}/teach')
        room = self.sit_down(1280, 720)
        room.goto(f'{self.given.url}/class')
        for step, words in ((1, 'Do step 1'), (2, 'Do step 2'), (3, 'Do step 3')):
            button = teacher.locator('button', has_text=words)
            until(f'step {step} is due', button.count)
            button.click()
            if step == 2:
                until('Ben is paid', lambda: 'Cho → Ben' in room.inner_text('.stage'))
                until('it has a confirmation', lambda: 'in block' in room.inner_text('.flight') or '’s' in room.inner_text('.flight'))
                teacher.locator('button', has_text='stopped').click()
        last = teacher.locator('button', has_text='Do step 4')
        until('Cho is ahead', last.count)
        last.click()
        until('the payment is gone', lambda: 'gone' in room.inner_text('.stage'))
        self.assertEqual(self.complaints, [])


if __name__ == '__main__':
    unittest.main()
