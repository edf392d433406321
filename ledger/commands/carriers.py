"""What `suyuan carriers` does. Each command returns its exit code."""

import argparse
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ledger.carriers import (
    bind_carrier,
    binding_view,
    carrier_views,
    enrol_carrier,
    get_carrier,
    give_carrier,
    list_bindings,
    list_carriers,
    order_carrier,
    revoke_carrier,
    rotate_key,
)
from ledger.commands.node import demo_key, opened_store
from ledger.config import Settings
from ledger.domain.errors import Invalid, NotFound
from ledger.logger_import import import_file
from ledger.node import Node, open_node
from ledger.parties import authenticate
from ledger.ports import ApiKey
from ledger.prove import prove_event
from ledger.seals import list_seals, prove_from_file, prove_reading, sealed_messages

_PAGE = 500


@contextmanager
def as_party(arguments: argparse.Namespace) -> Iterator[tuple[Node, ApiKey]]:
    """The node of this folder, and the API key that the command was given."""
    settings = Settings.from_env()
    with opened_store(settings) as store:
        node = open_node(settings, store)
        yield node, authenticate(store, arguments.key or demo_key(settings, arguments.role))


def read_json_object(path: Path) -> object:
    """Raises NotFound, Invalid."""
    try:
        return json.loads(path.read_text())
    except OSError as error:
        raise NotFound(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise Invalid(f"{path}: not JSON: {error}") from error


def read_file(path: Path) -> bytes:
    """Raises NotFound."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise NotFound(f"{path}: {error.strerror}") from error


def run_enrol(arguments: argparse.Namespace) -> int:
    enrolment = read_json_object(arguments.file)
    with as_party(arguments) as (node, key):
        carrier = enrol_carrier(node, key, enrolment)
    print(f"{carrier.carrier_id} is enrolled; it is active once the device has answered a challenge")
    return 0


def run_list(arguments: argparse.Namespace) -> int:
    with as_party(arguments) as (node, key):
        after = ""
        while page := list_carriers(node, key, after=after, limit=_PAGE):
            for shown in carrier_views(node, page):
                view: dict[str, Any] = dict(shown)
                print(f"{view['id']}  {view['model']}  {' '.join(view['flags'])}".rstrip())
            after = page[-1].carrier_id
    return 0


def run_show(arguments: argparse.Namespace) -> int:
    with as_party(arguments) as (node, key):
        (shown,) = carrier_views(node, [get_carrier(node, key, arguments.id)])
        view: dict[str, Any] = dict(shown)
        view["bindings"] = [binding_view(binding) for binding in list_bindings(node, key, arguments.id)]
    print(json.dumps(view, indent=2, ensure_ascii=False))
    return 0


def run_rotate(arguments: argparse.Namespace) -> int:
    with as_party(arguments) as (node, key):
        carrier = rotate_key(node, key, arguments.id, arguments.public_key)
    print(f"{carrier.carrier_id}: the new key counts once the device has answered with it")
    return 0


def run_revoke(arguments: argparse.Namespace) -> int:
    with as_party(arguments) as (node, key):
        carrier = revoke_carrier(node, key, arguments.id)
    print(f"{carrier.carrier_id}: no key counts any more")
    return 0


def run_give(arguments: argparse.Namespace) -> int:
    with as_party(arguments) as (node, key):
        carrier = give_carrier(node, key, arguments.id, arguments.party)
    print(f"{carrier.carrier_id} belongs to {carrier.party_id} now")
    return 0


def run_carry(arguments: argparse.Namespace) -> int:
    with as_party(arguments) as (node, key):
        carrier = order_carrier(node, key, arguments.id, arguments.identifier)
    print(f"{carrier.carrier_id} bears {carrier.carried[-1].uri} once the device has confirmed it")
    return 0


def run_proof(arguments: argparse.Namespace) -> int:
    """Write a message with its proof, and the bundle of the event that seals it beside it."""
    with as_party(arguments) as (node, key):
        number, kept = int(arguments.number), arguments.kept
        if kept is None:
            proof = prove_reading(node, key, arguments.id, number)
        else:
            proof = prove_from_file(node, key, arguments.id, number, read_file(kept))
        bundle = prove_event(node, str(proof["eventID"]))
    bundle_path = arguments.output.with_suffix(".bundle.json")
    arguments.output.write_text(json.dumps(proof, indent=2) + "\n")
    bundle_path.write_bytes(bundle)
    print(f"`suyuan verify {bundle_path} --reading {arguments.output}` checks it")
    return 0


def run_raw(arguments: argparse.Namespace) -> int:
    """Keep the messages of a seal in a file, from which each can be proved when they are removed here."""
    with as_party(arguments) as (node, key):
        raw = sealed_messages(node, key, arguments.id, arguments.seal)
    arguments.output.write_bytes(raw)
    print(
        f"`suyuan carriers proof {arguments.id} NUMBER --from {arguments.output} -o PROOF` proves one of them"
    )
    return 0


def run_seals(arguments: argparse.Namespace) -> int:
    with as_party(arguments) as (node, key):
        for shown in list_seals(node, key, arguments.id):
            seal: dict[str, Any] = dict(shown)
            kept = {True: "intact", False: "DAMAGED", None: "withheld by policy"}[seal["intact"]]
            print(f"{seal['seal']}  {seal['from']} {seal['to']}  {seal['messages']} messages  {kept}")
    return 0


def run_bind(arguments: argparse.Namespace) -> int:
    with as_party(arguments) as (node, key):
        binding = bind_carrier(node, key, arguments.id, arguments.to, arguments.profile)
    print(f"{binding.carrier_id} is bound to {binding.uri}")
    return 0


def run_import(arguments: argparse.Namespace) -> int:
    content = read_file(arguments.file)
    options = {"file_name": arguments.file.name, "offset": arguments.offset, "dry_run": arguments.dry_run}
    with as_party(arguments) as (node, key):
        imported = import_file(node, key, arguments.id, content, arguments.mapping, **options)
    said = "would be imported" if arguments.dry_run else "imported"
    print(f"{imported.added:,} readings {said}, {imported.repeated:,} were there before")
    return 0
