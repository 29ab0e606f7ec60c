"""Uses the client that was made of the API's description: `python3 client.py URL`."""

import sys

from adit_client import Client
from adit_client.api.blocks import list_blocks, mine_block
from adit_client.api.node import get_status
from adit_client.api.transactions import get_transaction, send_transaction
from adit_client.models import ClassicTransaction

client = Client(base_url=sys.argv[1], raise_on_unexpected_status=True)
before = get_status.sync(client=client)
sent = send_transaction.sync(client=client, body=ClassicTransaction(sender='ann', recipient='bob', amount=2.5))
waiting = get_transaction.sync(sent.id, client=client)
assert waiting.status == 'pending', waiting
mined = mine_block.sync(client=client)
assert mined.index == before.length + 1, mined
found = get_transaction.sync(sent.id, client=client)
assert (found.status, found.block_index) == ('confirmed', mined.index), found
blocks = list_blocks.sync(client=client, limit=1)
assert blocks.blocks[0].hash_ == mined.hash_, blocks
refused = get_transaction.sync('0' * 64, client=client)
assert refused.status == 404, refused
print(f'Python: block {mined.index} holds {sent.id}')
