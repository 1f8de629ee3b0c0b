"""What Beancount itself makes of a file: errors, and each account's sums. Runs in the peer's own Python.

Usage: .peers/beancount/bin/python tests/peers/beancount_sums.py FILE
"""

import collections
import json
import sys

from beancount import loader  # type: ignore[import-not-found]  # the peer's, never ours
from beancount.core import data  # type: ignore[import-not-found]

found, errors, options = loader.load_file(sys.argv[1])
sums = collections.defaultdict(int)
for one in data.filter_txns(found):
    for posting in one.postings:
        sums[posting.account, posting.units.currency] += posting.units.number
json.dump(
    {
        "errors": [str(error.message) for error in errors],
        "title": options["title"],
        "sums": [[account, commodity, str(amount)] for (account, commodity), amount in sums.items()],
        "narrations": [one.narration for one in data.filter_txns(found)],
        "reversals": sum("reversal" in one.tags for one in data.filter_txns(found)),
        "accounts": {one.account: one.meta["account"] for one in found if isinstance(one, data.Open)},
    },
    sys.stdout,
)
