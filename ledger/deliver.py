"""`python -m ledger.deliver`: sends what subscriptions report, prints labels, watches the cold chain, tells
alarms, seals, and removes what is no longer kept.

It ends when its standard input ends, or at SIGTERM: after the reports and the chunks of labels that
are under way; what was printed is recorded first.
"""

import sys

from ledger.alarm_runner import AlarmRunner
from ledger.child import run_child
from ledger.delivery import Deliverer
from ledger.excursions import Watcher
from ledger.printing import PrintRunner
from ledger.retention import Retention
from ledger.seals import Sealer


def main() -> int:
    return run_child(
        lambda node: Deliverer(node).run,
        lambda node: PrintRunner(node).run,
        lambda node: Watcher(node).run,
        lambda node: AlarmRunner(node).run,
        lambda node: Sealer(node).run,
        lambda node: Retention(node).run,
    )


if __name__ == "__main__":
    sys.exit(main())
