#!/usr/bin/env python3
"""Looks for names that were given up in favour of the field's words (docs/glossary.md).

    python3 .ci/check-names.py

A name in RETIRED may not be defined again as a type, a function, a constant or a module anywhere in the sources. JSON
fields, rule names and files on the disk are no such names: they stay what they are.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# {what it was called: what it is called}
RETIRED = {
    'Offer': 'ChainValidation', 'OfferError': 'ValidationError', 'OfferedChain': 'CandidateChain',
    'EarlyBlocks': 'FutureBlocks', 'HeldBack': 'Deferred', 
    'Settling': 'MempoolUpdate', 'Unsettled': 'SteppedUpdate', 'settling': 'mempool_update',
    'Draft': 'TemplateContent', 'Reward': 'Coinbase',
    'check_form': 'check_stateless', 'check_after': 'check_contextual', 'check_alone': 'check_stateless_and_signed',
    'NotPending': 'RejectReason', 'Waiting': 'Admission', 'Placed': 'Connected', 'Known': 'ChainEntry',
    'Arrival': 'BlockSource', 'Difference': 'AccountsAt', 'StateDiff': 'AccountsAt',
    'Hurry': 'DeadlineReached', 'Gone': 'Cancelled', 'Woken': 'Timer', 'WakeAt': 'SetTimer', 'Alarm': 'Timer',
    'Asker': 'Poller', 'Heard': 'PollOutcome', 'Unheard': 'PollError', 'Budget': 'MemoryBudget', 'Share': 'Reservation',
    'Happened': 'EventBatch', 'Ring': 'EventLog', 'Taken': 'Batch', 'View': 'NodeStatus',
    'Desk': 'JobSlot', 'CloseSwitch': 'WriteFence', 'envelope': 'middleware', 'explorer': 'queries', 'Work': 'ChunkState',
    'pool': 'mempool', 'Pool': 'Mempool', 'QueuePool': 'QueueMempool', 'AccountPool': 'AccountMempool',
    'PoolFull': 'MempoolFull', 'pool_of': 'mempool_of',
}
DEFINED = re.compile(
    r'^\s*(?:pub(?:\([\w: ]+\))? )?(?:async )?(?:struct|enum|trait|type|fn|mod) (\w+)', re.MULTILINE)


def main():
    problems = []
    for path in sorted(ROOT.glob('crates/*/src/**/*.rs')):
        text = path.read_text().split('#[cfg(test)]')[0]
        for name in DEFINED.findall(text):
            if name in RETIRED:
                problems.append(f'{path.relative_to(ROOT)}: {name} is called {RETIRED[name]} now')
    for problem in problems:
        print(problem, file=sys.stderr)
    if not problems:
        print(f'none of the {len(RETIRED)} names that were given up is back')
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
