"""The command `suyuan`. Commands work on the node of this folder (SUYUAN_DATA_DIR); only `verify` needs none."""

import argparse
import json
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import ganache
from ledger import verify as verifier
from ledger.anchor import AnchorWorker
from ledger.audit import audit
from ledger.capture import capture
from ledger.config import Settings
from ledger.demo.load import load_demo
from ledger.demo.story import Scene, tell
from ledger.demo.world import World
from ledger.domain.access import GS1
from ledger.domain.digital_link import build, link_elements
from ledger.domain.errors import Invalid, LedgerError, NotFound
from ledger.domain.identifiers import parse_identifier
from ledger.node import Node, now_ms, open_node
from ledger.parties import authenticate, new_key
from ledger.ports import AnchorState, Party, Role, Store
from ledger.prove import prove_event, prove_item
from ledger.serve import start_node, watch
from ledger.setup import (
    Account,
    connect_chain,
    connect_registry,
    operator_account,
    registry_writer,
    set_up,
)
from ledger.store import open_store
from ledger.verify import JsonRpcChain

ANCHORED_SECONDS = 120
"""How long we wait until the demonstration is anchored."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code. Mistakes of the user are one clear sentence, not a traceback."""
    parsed = build_parser().parse_args(arguments)
    try:
        return int(parsed.run(parsed))
    except LedgerError as error:
        print(f"suyuan: {error}", file=sys.stderr)
        for problem in getattr(error, "problems", ()):
            print(f"  {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def build_parser() -> argparse.ArgumentParser:
    """All commands with their arguments."""
    parser = argparse.ArgumentParser(
        prog="suyuan", description="Suyuan 溯源: product histories that prove themselves true and complete"
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    serve = commands.add_parser("serve", help="run the node: chain, API, pages, anchor worker")
    serve.add_argument("--demo", action="store_true", help="load the demonstration at the first start")
    serve.set_defaults(run=_serve)

    demo = commands.add_parser("demo", help="tell the demonstration once in a temporary folder, then stop")
    demo.set_defaults(run=_demo)

    capturing = commands.add_parser("capture", help="capture EPCIS documents")
    capturing.add_argument("files", nargs="+", type=Path, metavar="FILE")
    capturing.add_argument("--key", help="API key (default: the demo key of --role)")
    capturing.add_argument("--role", default="admin", help="whose demo key to use (default: admin)")
    capturing.add_argument("--proceed", action="store_true", help="capture the good events of a bad document")
    capturing.set_defaults(run=_capture)

    prove = commands.add_parser("prove", help="write the bundle that proves an item's history, or one event")
    prove.add_argument("id", metavar="ID", help="an identifier, or an eventID with --event")
    prove.add_argument("--event", action="store_true", help="ID is an eventID")
    prove.add_argument("-o", "--output", type=Path, required=True, metavar="FILE")
    prove.set_defaults(run=_prove)

    verify = commands.add_parser("verify", help="verify a bundle: exit code 0 verified, 1 refuted, 2 undetermined")
    verifier.add_arguments(verify)
    verify.set_defaults(run=verifier.run)

    auditing = commands.add_parser("audit", help="check every event, root and anchor; exit code 1 when one is off")
    auditing.add_argument("--offline", action="store_true", help="do not ask the chain")
    auditing.set_defaults(run=_audit)

    label = commands.add_parser("label", help="write a label (.svg or .png), or show its QR code here")
    label.add_argument("id", metavar="ID")
    label.add_argument("-o", "--output", type=Path, metavar="FILE")
    label.set_defaults(run=_label)

    _add_registry(commands)
    _add_keys(commands)
    return parser


# ----------------------------------------------------------------------------- the node at hand


@contextmanager
def _open_store(settings: Settings) -> Iterator[Store]:
    if not settings.trust_path.exists():
        raise NotFound(f"no node in {settings.data_dir}: start it once with `suyuan serve`")
    store = open_store(settings.store_url)
    try:
        yield store
    finally:
        store.close()


@contextmanager
def _open_node() -> Iterator[Node]:
    settings = Settings.from_env()
    with _open_store(settings) as store:
        yield open_node(settings, store)


def _account(settings: Settings) -> Account:
    """The operator's account on the chain that is running now."""
    if settings.rpc_url:
        return operator_account(settings)
    keys = ganache.read_keys(settings.data_dir / "chain")
    return Account(f"http://127.0.0.1:{settings.chain_port}", keys[0])


# ----------------------------------------------------------------------------- serve and demo


def _serve(arguments: argparse.Namespace) -> int:
    settings = Settings.from_env()
    with ExitStack() as stack:
        running = start_node(settings, stack, _say)
        node = running.node
        if arguments.demo and node.store.log_size() == 0:
            world = load_demo(node, running.account, _say)
            _wait_until_anchored(node.store)
            _show_scenes(_tell(node, running.account, world))
        _show_pages(node)
        return watch(settings, running, _say)


def _demo(_: argparse.Namespace) -> int:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="suyuan-demo-")))
        settings = replace(Settings.from_env(), data_dir=folder, database_url="")
        if settings.rpc_url:
            account = operator_account(settings)
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
    raise NotFound(f"the log was not anchored within {ANCHORED_SECONDS} s: is the chain in reach?")


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
    from labels import to_terminal

    settings = node.settings
    print(f"\nSuyuan 溯源 is running.   Console    http://localhost:{settings.port}/")
    print(f"                          API        http://localhost:{settings.port}/docs")
    if settings.demo_keys_path.exists():
        from ledger.demo.world import load_world

        highlights = load_world().highlights
        for name, uri in (("Vaccine vial", highlights.vial), ("Shrimp pack", highlights.retail_pack)):
            print(f"                          {name:<12} {_link(settings, uri)}")
        print(f"                          API keys   {settings.demo_keys_path}")
        print(f"\nThe label of the vaccine vial:\n{to_terminal(_link(settings, highlights.vial))}")
    print("Ctrl-C stops everything.", flush=True)


def _link(settings: Settings, uri: str) -> str:
    """The Digital Link that a label carries: our host, the item's own path."""
    return build(link_elements(parse_identifier(uri).elements, settings.label_url))


def _say(sentence: str) -> None:
    print(sentence, flush=True)


# ----------------------------------------------------------------------------- capture, prove, audit, label


def _capture(arguments: argparse.Namespace) -> int:
    with _open_node() as node:
        key = authenticate(node.store, arguments.key or _demo_key(node.settings, arguments.role))
        for path in arguments.files:
            job = capture(node, key, _read(path), "proceed" if arguments.proceed else "rollback")
            print(f"{path}: capture {job.capture_id}, {'success' if job.success else 'with errors'}")
            for error in json.loads(job.errors):
                print(f"  {error['pointer']}: {error['message']}", file=sys.stderr)
            print(job.receipt, end="")
    return 0


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise NotFound(f"{path}: {error.strerror}") from error


def _demo_key(settings: Settings, role: str) -> str:
    if not settings.demo_keys_path.exists():
        raise NotFound("give the API key with --key; `suyuan keys add` makes one")
    keys = json.loads(settings.demo_keys_path.read_text())
    if role not in keys:
        raise Invalid(f"there is no demo key for {role!r}, only for {', '.join(keys)}")
    return str(keys[role])


def _prove(arguments: argparse.Namespace) -> int:
    with _open_node() as node:
        prove = prove_event if arguments.event else prove_item
        bundle = prove(node, arguments.id)
    arguments.output.write_bytes(bundle)
    print(f"{arguments.output}: {len(bundle)} bytes; `suyuan verify {arguments.output}` checks it")
    return 0


def _audit(arguments: argparse.Namespace) -> int:
    settings = Settings.from_env()
    with _open_store(settings) as store:
        chain = None if arguments.offline else connect_chain(settings, store, _account(settings))
        findings = 0
        for finding in audit(store, chain):
            findings += 1
            print(finding)
        print(f"{store.log_size()} events checked, {findings} findings")
    return 1 if findings else 0


def _label(arguments: argparse.Namespace) -> int:
    raise NotImplementedError


# ----------------------------------------------------------------------------- registry


def _add_registry(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    registry = commands.add_parser("registry", help="who owns which identifier prefix")
    actions = registry.add_subparsers(required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="all prefixes as of the newest final block")
    listing.set_defaults(run=_registry_list)
    allocate = actions.add_parser("allocate", help="give a prefix below one that the operator owns to a party")
    allocate.add_argument("prefix", metavar="PREFIX", help="e.g. a GS1 company prefix, 0614141")
    allocate.add_argument("party", metavar="PARTY")
    allocate.add_argument("--scheme", default=GS1)
    allocate.set_defaults(run=_registry_allocate)


def _registry_list(_: argparse.Namespace) -> int:
    settings = Settings.from_env()
    with _open_store(settings) as store:
        names = {party.account: party.party_id for party in store.parties()}
        entries, block = connect_registry(settings, store, _account(settings)).entries()
    for entry in sorted(entries, key=lambda e: (e.scheme, e.text)):
        state = "active" if entry.active else "inactive"
        owner = f"0x{entry.owner.hex()}"
        print(f"{entry.scheme:<8} {entry.text or '(root)':<16} {state:<9} {owner} {names.get(entry.owner, '')}")
    print(f"as of block {block}")
    return 0


def _registry_allocate(arguments: argparse.Namespace) -> int:
    settings = Settings.from_env()
    with _open_store(settings) as store:
        party = _party(store, arguments.party)
        writer = registry_writer(settings, store, _account(settings))
        writer.allocate(arguments.scheme, arguments.prefix, party.account)
    print(f"{arguments.scheme} {arguments.prefix} belongs to {party.party_id} now")
    return 0


def _party(store: Store, party_id: str) -> Party:
    party = store.party(party_id)
    if party is None:
        known = ", ".join(known.party_id for known in store.parties())
        raise NotFound(f"no party {party_id!r} here; there are {known}")
    return party


# ----------------------------------------------------------------------------- keys


ROLES: tuple[Role, ...] = ("admin", "manufacturer", "logistics", "coldchain", "regulator")


def _add_keys(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    keys = commands.add_parser("keys", help="parties and their API keys")
    actions = keys.add_subparsers(required=True, metavar="ACTION")
    add = actions.add_parser("add", help="make an API key; it is shown this once")
    add.add_argument("party", metavar="PARTY")
    add.add_argument("role", choices=ROLES)
    add.add_argument("--name", help="the party's name, for a new party")
    add.add_argument("--account", help="the new party's chain account, 0x...; it can then own prefixes")
    add.set_defaults(run=_keys_add)
    revoke = actions.add_parser("revoke", help="end an API key")
    revoke.add_argument("key", metavar="KEY")
    revoke.set_defaults(run=_keys_revoke)


def _keys_add(arguments: argparse.Namespace) -> int:
    with _open_node() as node:
        if node.store.party(arguments.party) is None:
            if not arguments.name or not arguments.account:
                raise Invalid(f"{arguments.party} is a new party: give it --name and --account")
            account = _account_bytes(arguments.account)
            node.store.put_party(Party(arguments.party, arguments.name, "", account))
        print(new_key(node.store, arguments.party, arguments.role, now_ms(), node.random_bytes))
    return 0


def _account_bytes(text: str) -> bytes:
    try:
        account = bytes.fromhex(text.removeprefix("0x"))
    except ValueError as error:
        raise Invalid(f"account {text!r} is not hex") from error
    if len(account) != 20:
        raise Invalid(f"account {text!r} has {len(account)} bytes, should have 20")
    return account


def _keys_revoke(arguments: argparse.Namespace) -> int:
    with _open_node() as node:
        key = authenticate(node.store, arguments.key)
        node.store.revoke_api_key(key.key_id, now_ms())
        print(f"the key of {key.party_id} is revoked")
    return 0
