"""Verifies a sealed chain without any of adit's code; the rules are in protocol.md. It needs `pip install cryptography`.

    python3 verify.py FILE [GENESIS_HASH]      FILE: what `adit chain export` wrote, or the body of GET /chain"""
import json
import sys
from collections import Counter
from hashlib import sha256

if len(sys.argv) not in (2, 3):
    print(__doc__, file=sys.stderr)
    sys.exit(2)
try:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    lines = [json.loads(line) for line in open(sys.argv[1], encoding='utf-8') if line.strip()]
except (ImportError, OSError, ValueError) as error:
    sys.exit(f'{type(error).__name__}: {error}')

BLOCK = {'index', 'merkle_root', 'previous_hash', 'proof', 'target', 'timestamp', 'transactions', 'version'}
TRANSFER = {'amount', 'chain', 'fee', 'nonce', 'recipient', 'sender', 'signature'}
def check(holds, what):
    if not holds:
        raise ValueError(what)

def canonical(value, *left_out):
    return json.dumps({name: part for name, part in value.items() if name not in left_out}, sort_keys=True).encode()

def public_key(address):  # bech32m (BIP 350) of 32 bytes, with the human part "adit"
    digits = ['qpzry9x8gf2tvdw0s3jn54khce6mua7l'.find(letter) for letter in address[5:]]
    checksum = 1
    for value in [3, 3, 3, 3, 0, *(ord(letter) & 31 for letter in 'adit'), *digits]:
        top, checksum = checksum >> 25, (checksum & 0x1ffffff) << 5 ^ value
        for bit, mask in enumerate((0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3)):
            checksum ^= mask * (top >> bit & 1)
    number = sum(digit << 5 * place for place, digit in enumerate(reversed(digits[:52])))
    has_form = address[:5] == 'adit1' and len(digits) == 58 and -1 not in digits and number % 16 == 0
    check(has_form and checksum == 0x2bc830a3, f'{address} is no address')
    return Ed25519PublicKey.from_public_bytes((number >> 4).to_bytes(32, 'big'))

def merkle_root(leaves):
    if len(leaves) < 2:
        return leaves[0] if leaves else sha256(b'').digest()
    half = 1 << (len(leaves) - 1).bit_length() - 1  # the largest power of two below (RFC 6962)
    return sha256(b'\1' + merkle_root(leaves[:half]) + merkle_root(leaves[half:])).digest()

def next_target(parent, grandparent, params):
    if parent['index'] <= 2:
        return int(params['initial_target'], 16)
    late = min(parent['timestamp'] - grandparent['timestamp'], params['half_life_ms']) - params['block_interval_ms']
    exponent = abs(late) * 65536 // params['half_life_ms'] * (1 if late > 0 else -1)
    shift, f = exponent >> 16, exponent & 0xffff
    product = int(parent['target'], 16) * (65536 + ((195766423245049 * f + 971821376 * f**2 + 5127 * f**3 + 2**47) >> 48))
    return min(max((product << shift if shift >= 0 else product >> -shift) >> 16, 1), int(params['pow_limit'], 16))

def pay(transfer, chain, params, balances, nonces):
    check(set(transfer) - {'data'} == TRANSFER and transfer['chain'] == chain, 'a transaction of another chain or kind')
    amount, fee, nonce, sender, recipient = (transfer[name] for name in ('amount', 'fee', 'nonce', 'sender', 'recipient'))
    check(all(type(number) is int and 0 <= number < 2**53 for number in (amount, fee, nonce)), 'an amount, fee or nonce')
    if 'data' in transfer:
        check(0 < len(transfer['data'].encode()) <= params['max_data_bytes'], 'data')
    signature, signed = bytes.fromhex(transfer['signature']), b'adit transaction v1\n' + canonical(transfer, 'signature')
    check(signature.hex() == transfer['signature'], 'a signature in another form')
    # OpenSSL and our rules (ZIP 215) differ only on signatures crafted with points of small order or in odd encodings.
    public_key(sender).verify(signature, signed)
    check(public_key(recipient) and nonce == nonces[sender], f'nonce {nonce}, expected {nonces[sender]}')
    check(balances[sender] >= amount + fee, f'{sender} has {balances[sender]} and spends {amount + fee}')
    balances[sender] -= amount + fee
    balances[recipient] += amount
    nonces[sender] += 1
    return fee

def verify(blocks):
    previous_hash, work, balances, nonces = '0' * 64, 0, Counter(), Counter()
    for index, block in enumerate(blocks, 1):
        try:
            target, transactions, parent = block['target'], block['transactions'], blocks[index - 2]
            seal = sha256(canonical(block, 'proof', 'transactions')).hexdigest()
            found = sha256(f'{seal}{block["proof"]}'.encode()).hexdigest()
            root = merkle_root([sha256(b'\0' + canonical(transaction)).digest() for transaction in transactions]).hex()
            check(block['merkle_root'] == root, f'merkle_root, expected {root}')
            stated, expected = (block['index'], block['version'], block['previous_hash']), (index, 1, previous_hash)
            check(stated == expected, f'index, version or previous_hash, expected {expected}')
            check(all(type(block[name]) is int and block[name] >= 0 for name in ('proof', 'timestamp')), 'proof or timestamp')
            check(set(block) == (BLOCK if index > 1 else BLOCK | {'params'}), 'missing or unknown fields')
            if index == 1:
                params, chain = block['params'], found[:16]
                check((block['proof'], transactions, target) == (100, [], params['initial_target']), 'no genesis block')
                check(found == (sys.argv[2:] or [found])[0], f'the chain starts with another block, {found}')
                balances.update(params['allocations'])
            else:
                check(parent['timestamp'] < block['timestamp'] < 2**53, 'timestamp, not later than the one before')
                check(target == f'{next_target(parent, blocks[index - 3], params):064x}', 'target')
                check(found <= target, f'no work stands behind it: its hash is {found}')
                check(len(canonical(block)) <= params['max_block_bytes'], 'too long')
                fees = [pay(transfer, chain, params, balances, nonces) for transfer in transactions[1:]]
                finder = transactions[0]['recipient']
                reward = {'amount': params['reward'] + sum(fees), 'index': index, 'recipient': finder, 'sender': '0'}
                check(transactions[0] == reward and public_key(finder), f'reward, expected {reward}')
                balances[finder] += reward['amount']
                work += 2**256 // (int(target, 16) + 1)
        except Exception as error:
            raise SystemExit(f'block {index} is not valid: {type(error).__name__}: {error}')
        previous_hash = found
    print(f'valid: {len(blocks)} blocks, the last is {previous_hash}, work {work}')
    print(*(f'{one} has {balances[one]} base units, sent {nonces[one]} transactions' for one in sorted(balances)), sep='\n')

verify(lines[0].get('chain', lines))
