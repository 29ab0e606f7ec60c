"""What a learner does in each lesson of /learn, up to what it shows: the tests do it, and the pictures show what comes of it."""

from playwright.sync_api import expect


def button(page, name, exact=False):
    return page.locator('.lesson.is-here').get_by_role('button', name=name, exact=exact)


def says(page, name, text):
    expect(page.locator(f'#{name} .insight')).to_contain_text(text)


def hash_(page):
    first, second = page.get_by_label('A text'), page.get_by_label('Another text')
    first.fill('Ida pays Zoë 7')
    second.fill('Ida pays Zoë 7')
    says(page, 'hash', 'Equal texts, equal hashes')
    button(page, 'Add a full stop').click()
    says(page, 'hash', 'of 64 digits are other ones')


def block(page):
    button(page, 'Put it back').click()
    button(page, 'Move Mia').click()
    says(page, 'block', 'another hash')
    expect(page.locator('#block .beside-sign')).to_have_text('≠')


def proof(page):
    button(page, 'Guess one').click()
    page.get_by_label('proof', exact=True).fill('7')
    button(page, 'Let the page guess').click()
    says(page, 'proof', 'Found after')
    expect(page.locator('#proof .block .zeros-count').last).to_have_text('0000')


def chain(page):
    button(page, 'Shuffle again').click()
    says(page, 'chain', 'Put the blocks in order')
    # Noor, Ida, Lena, Mia: becomes Ida, Mia, Noor, Lena.
    button(page, 'Move block 1 of the row to the right').click()
    button(page, 'Move block 4 of the row to the left').click()
    button(page, 'Move block 3 of the row to the left').click()
    says(page, 'chain', 'In order')


def tamper(page):
    field = page.get_by_label('What block 2 says')
    field.fill('Mia pays Jonas 5')
    says(page, 'tamper', 'All four hold')
    field.fill('Mia pays Jonas 50')
    says(page, 'tamper', 'the old block 2')
    states = page.locator('#tamper .block').evaluate_all('all => all.map(one => one.className.split(" ")[1])')
    assert states == ['good', 'broken', 'broken', 'rests'], states


def fork(page):
    button(page, 'Again', exact=True).click()
    button(page, 'Ana finds one').click()
    says(page, 'fork', 'both have the same chain')
    button(page, 'Again', exact=True).click()
    for name in ('Cut the line', 'Ana finds one', 'Ben finds one'):
        button(page, name).click()
    says(page, 'fork', 'Two tips of equal length')


def reorganisation(page):
    button(page, 'Again', exact=True).click()
    button(page, 'Mend the line').click()
    says(page, 'reorganisation', 'waits again')
    expect(page.locator('#reorganisation .block.dropped')).to_have_count(1)


def signature(page):
    sign = button(page, 'Sign it')
    expect(sign).to_be_enabled()
    button(page, 'Put it back').click()
    sign.click()
    expect(page.locator('#signature')).to_contain_text('✓ fits')
    page.get_by_label('What is signed').fill('Mia pays Jonas 50')
    expect(page.locator('#signature')).to_contain_text('✗ does not fit')


def fees(page):
    button(page, 'Empty the block').click()
    button(page, 'Noor pays').click()
    says(page, 'fees', 'earns 9')
    button(page, 'Mia pays').click()
    says(page, 'fees', 'No room')
    button(page, 'Do as a miner does').click()
    says(page, 'fees', '15: nobody can earn more')


def attack(page):
    page.get_by_label('Attacker’s share').fill('2')
    for position, confirmations in enumerate((1, 2, 6)):
        page.get_by_label('Confirmations').fill(f'{position}')
        button(page, 'Try 1,000 times').click()
        says(page, 'attack', f'after {confirmations} confirmation')
    button(page, 'Try once').click()
    says(page, 'attack', 'It ')


LESSONS = {'hash': hash_, 'block': block, 'proof': proof, 'chain': chain, 'tamper': tamper, 'fork': fork,
           'reorganisation': reorganisation, 'signature': signature, 'fees': fees, 'attack': attack}


def answer(page, name, right=True):
    """Chooses the right answer, or a wrong one; answers what is said to it."""
    choices = page.locator(f'#{name} .choices label{".right" if right else ":not(.right)"}')
    choices.first.click()
    reply = page.locator(f'#{name} .reply:visible')
    expect(reply).to_have_count(1)
    return reply.inner_text()
