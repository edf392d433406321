"""`python -m ledger.listen`: takes the messages of carriers from the MQTT broker, beside the API.

It ends when its standard input ends.
"""

import sys

from ledger.child import run_child
from ledger.mqtt import Listener


def main() -> int:
    return run_child(lambda node: Listener(node).run)


if __name__ == "__main__":
    sys.exit(main())
