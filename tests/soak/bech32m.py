"""Addresses as BIP 350 has them: bech32m of a public key, with the human part "adit"."""

LETTERS = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l'


def checksum(values):
    state = 1
    for value in values:
        top, state = state >> 25, (state & 0x1ffffff) << 5 ^ value
        for bit, mask in enumerate((0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3)):
            state ^= mask * (top >> bit & 1)
    return state


def address(public_key):
    number = int.from_bytes(public_key, 'big') << 4
    digits = [number >> 5 * place & 31 for place in reversed(range(52))]
    human = [3, 3, 3, 3, 0, *(ord(letter) & 31 for letter in 'adit')]
    rest = checksum([*human, *digits, 0, 0, 0, 0, 0, 0]) ^ 0x2bc830a3
    digits += [rest >> 5 * place & 31 for place in reversed(range(6))]
    return 'adit1' + ''.join(LETTERS[digit] for digit in digits)
