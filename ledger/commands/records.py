"""`suyuan records` and `suyuan resolve`: register, show, delete, import and resolve. Gives exit codes."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from ledger.client import Client
from ledger.commands.node import demo_key, opened_node
from ledger.config import Settings
from ledger.domain.errors import Invalid, LedgerError
from ledger.domain.identifiers import parse_identifier
from ledger.domain.records import Change, Value, parse_values
from ledger.domain.resolution import NodeUnreachable
from ledger.intake import errors_path
from ledger.node import Node
from ledger.parties import authenticate
from ledger.ports import ApiKey
from ledger.record_queue import encode_changes, import_through_queue
from ledger.record_table import Imported, import_records, parse_column, value_json
from ledger.records import Changed, change_record, change_records, read_record
from ledger.resolve import Resolver, check_usable


def run_register(arguments: argparse.Namespace) -> int:
    change = Change(
        parse_identifier(arguments.id).uri,
        "put" if arguments.overwrite else "register",
        _parse_arguments(arguments.values),
    )
    return _make(arguments, change)


def _parse_arguments(texts: list[str]) -> tuple[Value, ...]:
    given = []
    for text in texts:
        column, equals, data = text.partition("=")
        if not equals:
            raise Invalid(f"{text!r}: expected INDEX:TYPE=TEXT, as 1:URL=https://maker.example")
        given.append(value_json(parse_column(column), data))
    return parse_values(given)


def run_delete(arguments: argparse.Namespace) -> int:
    return _make(arguments, Change(parse_identifier(arguments.id).uri, "delete"))


def _make(arguments: argparse.Namespace, change: Change) -> int:
    with _writing(arguments) as (node, key):
        changed = change_record(node, key, change)
    print(f"{changed.uri}: {changed.outcome}, version {changed.version} at log index {changed.log_index}")
    return 0


def run_show(arguments: argparse.Namespace) -> int:
    with opened_node() as node:
        reader = authenticate(node.store, arguments.key) if arguments.key else None
        record = read_record(node, arguments.id, reader)
    shown = {
        "id": record.uri,
        "version": record.version,
        "logIndex": record.log_index,
        "values": [value.to_json() for value in record.values],
    }
    salts = {str(entry.value.index): entry.salt.hex() for entry in record.kept if entry.salt}
    print(json.dumps(shown | ({"salts": salts} if salts else {}), ensure_ascii=False, indent=2))
    return 0


def run_resolve(arguments: argparse.Namespace) -> int:
    """0 proven; 1 refuted, or nothing there; 2 not proven, or the node could not be asked."""
    with opened_node() as node:
        try:
            found = Resolver(node).resolve(arguments.id)
            check_usable(found)
        except NodeUnreachable as error:
            print(f"suyuan: {error}", file=sys.stderr)
            return 2
    answer, route = found.answer, found.route
    print(f"{found.uri}: {answer.standing}" + (f", {answer.reason}" if answer.reason else ""))
    if found.absent:
        print(f"answers for {found.asked}, another name of it, which has no record of its own: proven")
    if route.prefix:
        print(f"prefix  {route.prefix.scheme} {route.prefix.text or '(root)'}")
    print(f"node    {'this one' if found.is_ours else route.endpoint}")
    if answer.anchor:
        print(f"proof   anchor {answer.anchor}, which covers {answer.size} entries of the log")
    print(f"events  {answer.events}")
    for value in answer.told.values:
        data = json.dumps(value.to_json()["data"]["value"], ensure_ascii=False)
        print(f"{value.index:<7} {value.type} {data}")
    return 0 if answer.standing == "proven" else 2


def run_import(arguments: argparse.Namespace) -> int:
    done = _import_there(arguments) if arguments.url else _import_here(arguments)
    words = " (nothing was changed: a dry run)" if arguments.dry_run else ""
    print(
        f"{arguments.file}: {done.registered} registered, {done.updated} updated, "
        f"{done.unchanged} unchanged, {done.failed} failed{words}"
    )
    if done.failed:
        print(f"  {errors_path(arguments.file)} says why", file=sys.stderr)
    return 1 if done.failed else 0


def _import_here(arguments: argparse.Namespace) -> Imported:
    with _writing(arguments) as (node, key):
        return import_records(
            lambda changes: change_records(node, key, changes, "proceed", dry_run=arguments.dry_run).outcomes,
            arguments.file,
        )


def _import_there(arguments: argparse.Namespace) -> Imported:
    key = arguments.key or demo_key(Settings.from_env(), arguments.role)
    client = Client(
        arguments.url, key, attempts=_QUICK_ATTEMPTS + arguments.wait, pause=_pause_for(arguments.file)
    )
    if arguments.dry_run:
        return import_records(partial(_try_there, client), arguments.file)
    return import_through_queue(client.change_records, arguments.file)


def _try_there(client: Client, changes: Sequence[Change]) -> list[Changed | LedgerError]:
    told = client.change_records(encode_changes(changes), dry_run=True)
    return [
        Invalid(t["fault"]) if "fault" in t else Changed(t["id"], t["outcome"], t["version"], t["logIndex"])
        for t in told
    ]


_QUICK_ATTEMPTS: Final = 9
"""So many are made in the first two minutes or so, and one a minute after that."""


def _pause_for(path: Path) -> Callable[[float], None]:
    """Waits, and says so when it gets long."""

    def pause(seconds: float) -> None:
        if seconds > _SAID_SECONDS:
            print(f"{path}: the node does not answer; trying again in {seconds:.0f} s", file=sys.stderr)
        time.sleep(seconds)

    return pause


_SAID_SECONDS: Final = 5.0


@contextmanager
def _writing(arguments: argparse.Namespace) -> Iterator[tuple[Node, ApiKey]]:
    with opened_node() as node:
        yield node, authenticate(node.store, arguments.key or demo_key(node.settings, arguments.role))
