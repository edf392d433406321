"""`suyuan serve` and `suyuan demo`: a node that runs, and the story that it tells at its first start."""

import argparse
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import ganache
from labels import to_terminal
from ledger.anchor import AnchorWorker
from ledger.config import Settings
from ledger.demo.load import load_demo
from ledger.demo.story import Scene, tell
from ledger.demo.world import World, load_world
from ledger.domain.errors import ChainUnavailable
from ledger.label import item_label
from ledger.node import Node, now_ms
from ledger.ports import AnchorState, Store
from ledger.serve import start_helpers, start_node, watch
from ledger.setup import Account, connect_chain, connect_registry, operator_account, set_up
from ledger.store import open_store
from ledger.verify import JsonRpcChain

ANCHORED_SECONDS = 120
"""How long we wait until the demonstration is anchored."""

_DEMONSTRATION = "demonstration"


def run_serve(arguments: argparse.Namespace) -> int:
    settings = Settings.from_env()
    with ExitStack() as stack:
        running = start_node(settings, stack, _say)
        node = running.node
        if arguments.demo and node.store.pinned(_DEMONSTRATION) is None:
            world = load_demo(node, running.account, _say)
            _wait_until_anchored(node.store)
            _show_scenes(_tell(node, running.account, world))
            # Should we stop before this line, the next start loads what is missing.
            node.store.pin(_DEMONSTRATION, "told")
        helpers = start_helpers(settings, stack)
        _show_pages(node)
        return watch(settings, running, helpers, _say)


def run_demo(_: argparse.Namespace) -> int:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="suyuan-demo-")))
        given = Settings.from_env()
        settings = replace(given, data_dir=folder, database_url="")
        if given.rpc_url:
            account = operator_account(given)  # in the usual folder, where it can be given funds
        else:
            _say("Starting the embedded chain (Ganache) ...")
            chain = ganache.start(folder / "chain")
            stack.callback(chain.stop)
            account = Account(chain.url, chain.keys[0])
        _say("Deploying the contracts and opening the log ...")
        store = open_store(settings.store_url)
        stack.callback(store.close)
        node = set_up(settings, store, account)
        _run_worker(node, account, stack)
        world = load_demo(node, account, _say)
        _wait_until_anchored(store)
        return 0 if _show_scenes(_tell(node, account, world)) else 1


def _run_worker(node: Node, account: Account, stack: ExitStack) -> None:
    """Anchor in a thread of this process until `stack` closes."""
    chain = connect_chain(node.settings, node.store, account)
    registry = connect_registry(node.settings, node.store, account)
    worker = AnchorWorker(node.store, chain, node.signer, now_ms)
    stop = threading.Event()
    interval_seconds = node.settings.anchor_interval_seconds
    thread = threading.Thread(target=worker.run, args=(stop, interval_seconds, registry))
    thread.start()
    stack.callback(thread.join)
    stack.callback(stop.set)


def _wait_until_anchored(store: Store) -> None:
    _say("Waiting until everything is anchored on chain ...")
    until = time.monotonic() + ANCHORED_SECONDS
    while time.monotonic() < until:
        newest = store.newest_anchor(AnchorState.FINAL)
        if newest is not None and newest.anchor.size == store.log_size():
            return
        time.sleep(0.2)
    raise ChainUnavailable(f"the log was not anchored within {ANCHORED_SECONDS} s: is the chain in reach?")


def _tell(node: Node, account: Account, world: World) -> list[Scene]:
    if not node.settings.store_url.startswith("sqlite"):
        _say("The four verdicts need copies of an SQLite database: `suyuan demo` shows them.")
        return []
    chain = connect_chain(node.settings, node.store, account)
    with tempfile.TemporaryDirectory(prefix="suyuan-story-") as folder:
        return tell(node, chain, JsonRpcChain(account.rpc_url), world.highlights.vial, Path(folder))


def _show_scenes(scenes: Sequence[Scene]) -> bool:
    for number, scene in enumerate(scenes, 1):
        print(f"\n  {number}. {scene.title}\n     {'✓' if scene.holds else '✗'} {scene.outcome}")
    print(flush=True)
    return all(scene.holds for scene in scenes)


def _show_pages(node: Node) -> None:
    settings = node.settings
    pages = {"Console": f"{settings.local_url}/", "API": f"{settings.local_url}/docs"}
    if settings.demo_keys_path.exists():
        highlights = load_world().highlights
        vial = item_label(node, highlights.vial).link
        pages |= {"Vaccine vial": vial, "Shrimp pack": item_label(node, highlights.retail_pack).link}
        pages |= {"Cold chain": f"{settings.local_url}/fleet"}
        pages |= {"API keys": str(settings.demo_keys_path)}
        _say(f"The label of the vaccine vial, to scan:\n\n{to_terminal(vial)}")
    _say("\nSuyuan 溯源 is running. Ctrl-C stops everything.\n")
    for name, place in pages.items():
        _say(f"  {name:<13} {place}")


def _say(sentence: str) -> None:
    print(sentence, flush=True)
