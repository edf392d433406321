"""Processes of their own for the tests that need several, or one to kill.

python -m tests.store.children TASK DATABASE_URL
"""

import sys
from collections.abc import Callable

from ledger.store import open_store
from tests.store.samples import event, link

BATCH = 5


def append_batches(url: str, batches: int) -> None:
    """Append batches of `BATCH` events; each is announced once it is durable."""
    store = open_store(url)
    for _ in range(batches):
        with store.append() as append:
            indices = range(append.size, append.size + BATCH)
            append.add([(event(i), [link("pallet", "parent"), link(f"case {i}", "child")]) for i in indices])
        print(indices[-1], flush=True)
    store.close()


def stop_inside_append(url: str) -> None:
    """Add a batch, then wait with the transaction open until stdin ends; or to be killed."""
    with open_store(url).append() as append:
        append.add([(event(append.size + i), [link("pallet")]) for i in range(BATCH)])
        print("added", flush=True)
        sys.stdin.read()


def hold_anchor_lock(url: str) -> None:
    """Hold the lock, and wait to be killed."""
    with open_store(url).hold_anchor_lock() as held:
        print(held, flush=True)
        sys.stdin.read()


TASKS: dict[str, Callable[[str], None]] = {
    "append": lambda url: append_batches(url, 8),
    "append_forever": lambda url: append_batches(url, sys.maxsize),
    "stop_inside_append": stop_inside_append,
    "hold_anchor_lock": hold_anchor_lock,
}

if __name__ == "__main__":
    TASKS[sys.argv[1]](sys.argv[2])
