"""What the commands of `suyuan` do that need the store alone. Each returns its exit code."""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import BinaryIO, Final, cast, get_args

from labels import Format, find_sheet, find_template, layout, prepare_print, to_terminal, write_labels
from ledger.capture import ErrorBehaviour, capture
from ledger.client import Client, NodeUnavailable
from ledger.config import Settings
from ledger.domain.authenticity import NotChecked, NotSigned, Signed, check_label, read_keys
from ledger.domain.errors import Invalid, NotFound, StoreUnavailable
from ledger.domain.identifiers import parse_identifier
from ledger.domain.keys import algorithm_of
from ledger.domain.month import Month
from ledger.domain.scan import normalise_scan
from ledger.equivalence import reached_item
from ledger.export import RecordFormat, export_record, write_record
from ledger.intake import (
    Capture,
    Captured,
    Fault,
    Tally,
    capture_document,
    capture_pieces,
    errors_path,
    is_document,
)
from ledger.label import item_label, parse_fields, sign_label
from ledger.mapping import read_mapping
from ledger.masterdata import export_master_data, import_master_data
from ledger.node import Node, now_ms, open_node
from ledger.parties import authenticate, new_key
from ledger.ports import ApiKey, Party, Store
from ledger.prove import prove_event, prove_item
from ledger.report import temperature_report
from ledger.store import open_store
from ledger.watch import watch

WATCH_SECONDS: Final = 1.0


@contextmanager
def opened_store(settings: Settings) -> Iterator[Store]:
    """The store of the node in this folder. Raises NotFound where there is none."""
    if not settings.trust_path.exists():
        raise NotFound(f"no node in {settings.data_dir}: start it once with `suyuan serve`")
    store = open_store(settings.store_url)
    try:
        yield store
    finally:
        store.close()


@contextmanager
def opened_node() -> Iterator[Node]:
    settings = Settings.from_env()
    with opened_store(settings) as store:
        yield open_node(settings, store)


# --- capture, prove, label


def run_capture(arguments: argparse.Namespace) -> int:
    mapping = read_mapping(arguments.mapping) if arguments.mapping else None
    complete = True
    with _submitter(arguments) as submit:
        for path in arguments.files:
            if is_document(path):
                captured = capture_document(submit, path, "proceed" if arguments.proceed else "rollback")
                complete &= _show_captured(path, captured)
            else:
                complete &= _show_tally(path, capture_pieces(submit, path, mapping))
    return 0 if complete else 1


def _show_captured(path: Path, captured: Captured) -> bool:
    errors = [fault for fault in captured.faults if not fault.warning]
    print(f"{path}: capture {captured.capture_id}, {'with errors' if errors else 'success'}")
    for fault in captured.faults:
        level = f" (warning, {fault.warning})" if fault.warning else ""
        print(f"  {fault.pointer or '/'}: {fault.message}{level}", file=sys.stderr)
    print(captured.receipt, end="")
    return not errors


def _show_tally(path: Path, tally: Tally) -> bool:
    print(f"{path}: {tally.captured} events captured, {tally.failed} failed, {tally.warnings} warnings")
    if tally.failed or tally.warnings:
        print(f"  {errors_path(path)} says why", file=sys.stderr)
    return not tally.failed


@contextmanager
def _submitter(arguments: argparse.Namespace) -> Iterator[Capture]:
    """What captures: the node of this folder, or with --url the one there."""
    if arguments.url:
        client = Client(arguments.url, arguments.key or demo_key(Settings.from_env(), arguments.role))
        yield partial(_capture_there, client)
        return
    with opened_node() as node:
        key = authenticate(node.store, arguments.key or demo_key(node.settings, arguments.role))
        yield partial(capture_here, node, key)


def capture_here(node: Node, key: ApiKey, document: bytes, error_behaviour: ErrorBehaviour) -> Captured:
    """`ledger.intake.Capture` on a node of this process."""
    job = capture(node, key, document, error_behaviour)
    faults = (Fault(e["pointer"], e["message"], e.get("warning", "")) for e in json.loads(job.errors))
    return Captured(job.capture_id, tuple(faults), job.receipt)


def _capture_there(client: Client, document: bytes, error_behaviour: ErrorBehaviour) -> Captured:
    job = client.capture(document, error_behaviour)
    return Captured(job.capture_id, job.faults, job.receipt)


def run_watch(arguments: argparse.Namespace) -> int:
    mapping = read_mapping(arguments.mapping) if arguments.mapping else None
    complete = True
    with _submitter(arguments) as submit, watch(arguments.folder, submit, mapping) as watcher:
        for look in range(2) if arguments.once else count():
            time.sleep(WATCH_SECONDS if look else 0)
            try:
                for handled in watcher.look():
                    complete &= handled.outcome == "done"
                    print(f"{handled.path}: {handled.message}", flush=True)
            except (StoreUnavailable, NodeUnavailable) as error:
                if arguments.once:
                    raise
                print(f"suyuan: {error}; it waits in working/", file=sys.stderr)
    return 0 if complete else 1


def demo_key(settings: Settings, role: str) -> str:
    """The demonstration's API key for a role. Raises NotFound, Invalid."""
    if not settings.demo_keys_path.exists():
        raise NotFound("give the API key with --key; `suyuan keys add` makes one")
    keys = json.loads(settings.demo_keys_path.read_text())
    if role not in keys:
        raise Invalid(f"there is no demo key for {role!r}, only for {', '.join(keys)}")
    return str(keys[role])


def run_prove(arguments: argparse.Namespace) -> int:
    with opened_node() as node:
        bundle = prove_event(node, arguments.id) if arguments.event else _prove_item(node, arguments)
    arguments.output.write_bytes(bundle)
    print(f"{arguments.output}: {len(bundle)} bytes; `suyuan verify {arguments.output}` checks it")
    return 0


def run_report(arguments: argparse.Namespace) -> int:
    with opened_node() as node:
        report = temperature_report(node, arguments.id, arguments.lang)
    arguments.output.write_bytes(report)
    print(f"{arguments.output}: {len(report)} bytes")
    return 0


def run_export(arguments: argparse.Namespace) -> int:
    form = arguments.output.suffix[1:].lower()
    if form not in get_args(RecordFormat):
        raise Invalid(f"{arguments.output}: should end in .{' or .'.join(get_args(RecordFormat))}")
    with opened_node() as node:
        record = export_record(node, arguments.id, arguments.profile)
    arguments.output.write_bytes(write_record(record, cast(RecordFormat, form)))
    for field in record.missing:
        print(f"missing: {field.name} ({field.title}): {field.where}", file=sys.stderr)
    print(f"{arguments.output}: {len(record.values)} fields, {len(record.missing)} missing")
    return 1 if record.missing else 0


def _prove_item(node: Node, arguments: argparse.Namespace) -> bytes:
    asked = parse_identifier(arguments.id).uri
    subject = asked if arguments.exact else reached_item(node, asked)
    if subject != asked:
        print(f"nothing was captured under {asked}; both owners registered that it is {subject}, proved here")
    return prove_item(node, subject)


def run_label(arguments: argparse.Namespace) -> int:
    with opened_node() as node:
        fields = parse_fields(arguments.data)
        contents = [item_label(node, text, fields) for text in arguments.ids]
        if arguments.sign:
            party_id, algorithm = arguments.sign, arguments.algorithm
            contents = [sign_label(node, content, party_id, algorithm) for content in contents]
        templates = node.settings.templates_path
    if arguments.output is None:
        for link in (content.link for content in contents):
            print(f"{link}\n{to_terminal(link)}")
        return 0
    template = find_template(arguments.template, templates)
    prints = (prepare_print(layout(template, content), arguments.dpi) for content in contents)
    sheet = find_sheet(arguments.sheet) if arguments.sheet else None
    with _whole_file(arguments.output) as out:
        write_labels(prints, out, _label_format(arguments.output), sheet, arguments.start, arguments.offset)
    return 0


def run_check(arguments: argparse.Namespace) -> int:
    try:
        text = normalise_scan(arguments.text).text
        verdict = check_label(text, read_keys(arguments.keys.read_text()))
    except (OSError, UnicodeDecodeError, Invalid) as error:
        print(f"Not checked: {error}", file=sys.stderr)
        return NotChecked.exit_code
    match verdict:
        case Signed(key=key):
            kind = f"{algorithm_of(key.public)} key {key.key_id.hex()}"
            print(f"Signed by {key.name} ({kind}). A copy of the label would say the same.")
        case NotSigned(reason=reason):
            print(f"Not signed: {reason}")
        case NotChecked(reason=reason):
            print(f"Not checked: {reason}")
    return verdict.exit_code


# --- master data


def run_masterdata_import(arguments: argparse.Namespace) -> int:
    with opened_store(Settings.from_env()) as store:
        imported = import_master_data(store, arguments.file, dry_run=arguments.dry_run)
    would = "would be " if arguments.dry_run else ""
    print(f"{imported.added} {would}added, {imported.changed} {would}changed, {imported.same} the same")
    return 0


def run_masterdata_export(arguments: argparse.Namespace) -> int:
    with opened_store(Settings.from_env()) as store:
        print(f"{arguments.file}: {export_master_data(store, arguments.file)} entries")
    return 0


def _label_format(path: Path) -> Format:
    for file_format in get_args(Format):
        if path.suffix == f".{file_format}":
            return cast(Format, file_format)
    raise Invalid(f"{path}: name a file that ends in .{', .'.join(get_args(Format))}")


@contextmanager
def _whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file that is there when all of it was written, and else not at all."""
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as out:
            yield out
        part.replace(path)
    except OSError as error:
        raise NotFound(f"{path}: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)


# --- archive


def run_archive_list(_: argparse.Namespace) -> int:
    with opened_store(Settings.from_env()) as store:
        for month in store.months():
            state = "archived" if month.archived else "here"
            print(f"{month.month}  {state:<8}  events {month.start} to {month.stop - 1}")
    return 0


def run_archive_detach(arguments: argparse.Namespace) -> int:
    with opened_store(Settings.from_env()) as store:
        table = store.detach_month(Month.parse(arguments.month))
    print(f"{arguments.month} is archived: move table {table} to where you keep it")
    return 0


def run_archive_attach(arguments: argparse.Namespace) -> int:
    with opened_store(Settings.from_env()) as store:
        store.attach_month(Month.parse(arguments.month))
    print(f"{arguments.month} is here again; `suyuan audit` checks what came back")
    return 0


# --- keys


def run_keys_add(arguments: argparse.Namespace) -> int:
    with opened_node() as node:
        if node.store.party(arguments.party) is None:
            if not arguments.name or not arguments.account:
                raise Invalid(f"{arguments.party} is a new party: give it --name and --account")
            account = account_bytes(arguments.account)
            node.store.put_party(Party(arguments.party, arguments.name, "", account))
        print(new_key(node.store, arguments.party, arguments.role, now_ms(), node.random_bytes))
    return 0


def account_bytes(text: str) -> bytes:
    """A chain account that somebody typed. Raises Invalid."""
    try:
        account = bytes.fromhex(text.removeprefix("0x"))
    except ValueError as error:
        raise Invalid(f"account {text!r} is not hex") from error
    if len(account) != 20:
        raise Invalid(f"account {text!r} has {len(account)} bytes, should have 20")
    return account


def run_keys_revoke(arguments: argparse.Namespace) -> int:
    with opened_node() as node:
        key = authenticate(node.store, arguments.key)
        node.store.revoke_api_key(key.key_id, now_ms())
        print(f"the key of {key.party_id} is revoked")
    return 0
