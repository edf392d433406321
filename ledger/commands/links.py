"""`suyuan links`: register links of identifiers, list and remove them. Gives exit codes."""

import argparse
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from ledger.commands.node import demo_key, opened_node
from ledger.domain.links import parse_anchor, shorten_link_type
from ledger.links import LinkRow, export_links, link_rows, put_links, read_link_file, remove_link
from ledger.node import Node
from ledger.parties import authenticate
from ledger.ports import ApiKey


def run_import(arguments: argparse.Namespace) -> int:
    return _put(arguments, read_link_file(arguments.file), dry_run=arguments.dry_run)


def run_put(arguments: argparse.Namespace) -> int:
    cells = {
        "id": arguments.id,
        "linkType": arguments.link_type,
        **{
            name: getattr(arguments, name)
            for name in ("href", "title", "hreflang", "type", "context", "default")
        },
    }
    return _put(arguments, link_rows(cells))


def run_export(arguments: argparse.Namespace) -> int:
    with _opened(arguments) as (node, key):
        print(f"{arguments.file}: {export_links(node, key, arguments.file)} links")
    return 0


def run_list(arguments: argparse.Namespace) -> int:
    anchor = parse_anchor(arguments.id)
    with opened_node() as node:
        for link in node.store.links_at([anchor]):
            default = " (default)" if link.is_default else ""
            kind = f"{shorten_link_type(link.link_type)}{default} {','.join(link.languages)}".strip()
            print(f"{link.link_id} {kind} {link.href} {link.title}")
    return 0


def run_remove(arguments: argparse.Namespace) -> int:
    with _opened(arguments) as (node, key):
        remove_link(node, key, arguments.link_id)
    print(f"link {arguments.link_id} is removed")
    return 0


def _put(arguments: argparse.Namespace, rows: Iterable[LinkRow], *, dry_run: bool = False) -> int:
    with _opened(arguments) as (node, key):
        done = put_links(node, key, rows, dry_run=dry_run)
    would = "would be " if dry_run else ""
    print(f"{done.added} {would}added, {done.changed} {would}changed, {done.same} the same")
    return 0


@contextmanager
def _opened(arguments: argparse.Namespace) -> Iterator[tuple[Node, ApiKey]]:
    with opened_node() as node:
        yield node, authenticate(node.store, arguments.key or demo_key(node.settings, arguments.role))
