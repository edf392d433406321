"""The command `suyuan`: what can be asked for. What is done about it is in `commands/` and `running`, of
which a call loads only what it needs.

Commands work on the node of this folder (SUYUAN_DATA_DIR); only `verify` needs none.
"""

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import get_args

from ledger import verify as verifier
from ledger.domain.access import GS1
from ledger.domain.errors import LedgerError
from ledger.domain.keys import Algorithm
from ledger.domain.registry import CAPTURE
from ledger.domain.schemes.table import SCHEMES
from ledger.ports import Role
from ledger.words import Language


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code. Mistakes of the user are one clear sentence, not a traceback."""
    parsed = build_parser().parse_args(arguments)
    try:
        # Only what the command needs is loaded: `verify` works where web3 is not installed.
        module, function = parsed.run.split(":")
        return int(getattr(import_module(module), function)(parsed))
    except LedgerError as error:
        print(f"suyuan: {error}", file=sys.stderr)
        for problem in getattr(error, "problems", ()):
            print(f"  {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def build_parser() -> argparse.ArgumentParser:
    """All subcommands with their arguments."""
    parser = argparse.ArgumentParser(
        prog="suyuan", description="Suyuan 溯源: product histories that prove themselves true and complete"
    )
    subcommands = parser.add_subparsers(required=True, metavar="COMMAND")

    serve = subcommands.add_parser("serve", help="run the node: chain, API, pages, anchor worker")
    serve.add_argument("--demo", action="store_true", help="load the demonstration at the first start")
    serve.set_defaults(run="ledger.running:run_serve")

    demo = subcommands.add_parser("demo", help="tell the demonstration once in a temporary folder, then stop")
    demo.set_defaults(run="ledger.running:run_demo")

    capturing = subcommands.add_parser("capture", help="capture EPCIS documents, NDJSON, CSV and XLSX files")
    capturing.add_argument("files", nargs="+", type=Path, metavar="FILE")
    capturing.add_argument("--proceed", action="store_true", help="capture the good events of a bad document")
    _add_submitter(capturing)
    capturing.set_defaults(run="ledger.commands.node:run_capture")

    watching = subcommands.add_parser("watch", help="capture every file that is put into a folder")
    watching.add_argument("folder", type=Path, metavar="FOLDER")
    watching.add_argument("--once", action="store_true", help="capture what is there, then stop")
    _add_submitter(watching)
    watching.set_defaults(run="ledger.commands.node:run_watch")

    prove = subcommands.add_parser(
        "prove", help="write the bundle that proves an item's history, or one event"
    )
    prove.add_argument("id", metavar="ID", help="an identifier, or an eventID with --event")
    prove.add_argument("--event", action="store_true", help="ID is an eventID")
    prove.add_argument("--exact", action="store_true", help="under no other identifier of the same item")
    prove.add_argument("-o", "--output", type=Path, required=True, metavar="FILE")
    prove.set_defaults(run="ledger.commands.node:run_prove")

    report = subcommands.add_parser("report", help="write the temperature report of an item as a PDF")
    report.add_argument("id", metavar="ID")
    report.add_argument("-o", "--output", type=Path, required=True, metavar="FILE")
    report.add_argument("--lang", choices=get_args(Language), default="zh", help="default: %(default)s")
    report.set_defaults(run="ledger.commands.node:run_report")

    export = subcommands.add_parser(
        "export", help="write a record of an item for an authority; exit code 1 when something is missing"
    )
    export.add_argument("id", metavar="ID")
    export.add_argument("--profile", required=True, help="a record's name; a wrong one lists them all")
    export.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help=".json or .csv")
    export.set_defaults(run="ledger.commands.node:run_export")

    verify = subcommands.add_parser(
        "verify", help="verify a bundle: exit code 0 verified, 1 refuted, 2 undetermined"
    )
    verifier.add_arguments(verify)
    verify.set_defaults(run="ledger.verify:run")

    auditing = subcommands.add_parser(
        "audit", help="check every event, record, root and anchor; exit code 1 when one is off"
    )
    auditing.add_argument("--offline", action="store_true", help="do not ask the chain")
    auditing.set_defaults(run="ledger.commands.chain:run_audit")

    _add_archive(subcommands)
    _add_label(subcommands)
    _add_print(subcommands)
    _add_resolve(subcommands)
    _add_records(subcommands)
    _add_master_data(subcommands)
    _add_links(subcommands)
    _add_registry(subcommands)
    _add_keys(subcommands)
    _add_carriers(subcommands)
    _add_alarms(subcommands)
    return parser


def _add_submitter(parser: argparse.ArgumentParser) -> None:
    """Who captures, where, and how tables are read."""
    parser.add_argument("--key", help="API key (default: the demo key of --role)")
    parser.add_argument("--role", default="admin", help="whose demo key to use (default: admin)")
    parser.add_argument("--url", help="capture over HTTP on the node there, e.g. https://node.example")
    parser.add_argument("--mapping", type=Path, metavar="TOML", help="how the rows of a table become events")


def _add_master_data(subcommands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    master_data = subcommands.add_parser(
        "masterdata", help="import and export what is known of products, places and parties"
    )
    actions = master_data.add_subparsers(required=True, metavar="ACTION")
    importing = actions.add_parser("import", help="import .json, .csv or .xlsx; with any fault nothing")
    importing.add_argument("file", type=Path, metavar="FILE")
    importing.add_argument("--dry-run", action="store_true", help="only say what would change")
    importing.set_defaults(run="ledger.commands.node:run_masterdata_import")
    exporting = actions.add_parser("export", help="write all of it as .json, .csv or .xlsx")
    exporting.add_argument("file", type=Path, metavar="FILE")
    exporting.set_defaults(run="ledger.commands.node:run_masterdata_export")


def _add_archive(subcommands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    archive = subcommands.add_parser("archive", help="take months of events out of PostgreSQL, and back")
    actions = archive.add_subparsers(required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="the months, and which of them are archived")
    listing.set_defaults(run="ledger.commands.node:run_archive_list")
    detach = actions.add_parser("detach", help="take a month's bodies out, into a table of their own")
    detach.set_defaults(run="ledger.commands.node:run_archive_detach")
    attach = actions.add_parser("attach", help="put a month back, whose table was restored")
    attach.set_defaults(run="ledger.commands.node:run_archive_attach")
    for action in (detach, attach):
        action.add_argument("month", metavar="MONTH", help="such as 2026-03, in UTC")


def _add_links(subcommands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    links = subcommands.add_parser("links", help="where the Digital Links of your products lead")
    actions = links.add_subparsers(required=True, metavar="ACTION")
    importing = actions.add_parser("import", help="import .json, .csv or .xlsx; with any fault nothing")
    importing.add_argument("file", type=Path, metavar="FILE")
    importing.add_argument("--dry-run", action="store_true", help="only say what would change")
    _add_key(importing, "ledger.commands.links:run_import")
    exporting = actions.add_parser("export", help="write all links of your party as .csv or .xlsx")
    exporting.add_argument("file", type=Path, metavar="FILE")
    _add_key(exporting, "ledger.commands.links:run_export")
    put = actions.add_parser("put", help="register one link")
    for name in ("id", "link_type", "href", "title"):
        put.add_argument(name, metavar=name.upper())
    put.add_argument("--hreflang", default="", metavar="LANGUAGES", help="e.g. zh,en")
    put.add_argument("--type", default="", metavar="MEDIA_TYPE", help="e.g. text/html")
    put.add_argument("--context", default="", metavar="WORDS", help="e.g. CN")
    put.add_argument(
        "--default", default="", metavar="KIND", help="defaultLink, or defaultLinkMulti for one of several"
    )
    _add_key(put, "ledger.commands.links:run_put")
    listing = actions.add_parser("list", help="the links of an identifier, with their ids")
    listing.add_argument("id", metavar="ID")
    listing.set_defaults(run="ledger.commands.links:run_list")
    remove = actions.add_parser("remove", help="take a link away")
    remove.add_argument("link_id", metavar="LINK_ID")
    _add_key(remove, "ledger.commands.links:run_remove")


def _add_label(subcommands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    label = subcommands.add_parser(
        "label", help="write labels (.svg, .png, .pdf or .zpl), or show their QR codes here"
    )
    label.add_argument("ids", nargs="+", metavar="ID")
    label.add_argument("-o", "--output", type=Path, metavar="FILE")
    label.add_argument(
        "--template",
        default="product-50x30",
        help="a template's name; a wrong one lists them all (default: %(default)s)",
    )
    label.add_argument(
        "--data", action="append", default=[], metavar="NAME=TEXT", help="a field; may be repeated"
    )
    label.add_argument("--dpi", type=int, default=300, help="dots per inch of the printer (default: 300)")
    label.add_argument("--sheet", help="print a PDF on sheets; a wrong name lists them")
    label.add_argument(
        "--start", type=int, default=1, help="the first free label of the first sheet (default: 1)"
    )
    label.add_argument(
        "--offset",
        type=_millimetres,
        default=(0.0, 0.0),
        metavar="X,Y",
        help="move everything right and down by so many mm, for a printer that is off",
    )
    label.add_argument("--sign", metavar="PARTY", help="sign the Digital Link with the label key of a party")
    label.add_argument(
        "--algorithm",
        choices=get_args(Algorithm),
        default="Ed25519",
        help="of the key that signs (default: %(default)s)",
    )
    label.set_defaults(run="ledger.commands.node:run_label")
    check = subcommands.add_parser(
        "check", help="check a label's signature offline: exit code 0 signed, 1 not signed, 2 not checked"
    )
    check.add_argument("text", metavar="TEXT", help="what the label's QR code holds")
    check.add_argument(
        "--keys", type=Path, required=True, metavar="FILE", help="the list that GET /labels/keys gives"
    )
    check.set_defaults(run="ledger.commands.node:run_check")


def _add_print(subcommands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    printing = subcommands.add_parser("print", help="print labels with new serials, and steer print jobs")
    actions = printing.add_subparsers(required=True, metavar="ACTION")
    new = actions.add_parser("new", help="order labels, and follow the job until it rests")
    new.add_argument("gtin", metavar="GTIN")
    new.add_argument("serial", metavar="SERIAL", help="the first one, e.g. SN00000001")
    _add_order(new, "product-50x30", "ledger.commands.printing:run_new")
    sscc = actions.add_parser("sscc", help="order labels with new SSCCs, and follow the job until it rests")
    sscc.add_argument("prefix", metavar="PREFIX", help="extension digit and GS1 company prefix, as 09506000")
    sscc.add_argument("--first", default="", metavar="REFERENCE", help="give no serial reference below it")
    _add_order(sscc, "logistic-100x150", "ledger.commands.printing:run_sscc")
    listing = actions.add_parser("list", help="the newest jobs of your party")
    _add_key(listing, "ledger.commands.printing:run_list")
    for action, meaning in (
        ("follow", "show a job's progress until it rests"),
        ("pause", "begin no further chunk"),
        ("resume", "go on"),
        ("cancel", "print no more of it"),
        ("confirm", "you looked: the chunk in doubt is on paper, all of it"),
        ("reprint", "print the chunk in doubt again, or from --first labels that are on paper"),
    ):
        steering = actions.add_parser(action, help=meaning)
        steering.add_argument("job", metavar="JOB")
        if action == "reprint":
            steering.add_argument("--reason", required=True, help="it is recorded")
            steering.add_argument("--first", default="", metavar="SERIAL")
            steering.add_argument("--count", type=int, default=1, help="default: %(default)s")
        _add_key(steering, f"ledger.commands.printing:run_{action}")


def _add_order(parser: argparse.ArgumentParser, template: str, run: str) -> None:
    parser.add_argument("count", type=int, metavar="COUNT")
    parser.add_argument("--printer", required=True, help="one of SUYUAN_PRINTERS")
    parser.add_argument("--template", default=template, help="default: %(default)s")
    parser.add_argument("--dpi", type=int, default=203, help="of the printer (default: %(default)s)")
    parser.add_argument("--data", action="append", default=[], metavar="NAME=TEXT", help="a field")
    _add_key(parser, run)


def _add_key(parser: argparse.ArgumentParser, run: str) -> None:
    parser.add_argument("--key", help="API key (default: the demo key of --role)")
    parser.add_argument("--role", default="manufacturer", help="whose demo key to use (default: %(default)s)")
    parser.set_defaults(run=run)


def _add_records(subcommands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    records = subcommands.add_parser(
        "records", help="what identifiers lead to: register, show, delete, import"
    )
    actions = records.add_subparsers(required=True, metavar="ACTION")
    register = actions.add_parser("register", help="register a record, or with --overwrite replace it")
    register.add_argument("id", metavar="ID")
    register.add_argument(
        "values", nargs="+", metavar="INDEX:TYPE=TEXT", help="e.g. 1:URL=https://maker.example"
    )
    register.add_argument("--overwrite", action="store_true", help="replace the record that is there")
    _add_key(register, "ledger.commands.records:run_register")
    show = actions.add_parser("show", help="its values as JSON; hidden ones with the API key of who owns it")
    show.add_argument("id", metavar="ID")
    show.add_argument("--key", help="API key of a party that may speak for the identifier")
    show.set_defaults(run="ledger.commands.records:run_show")
    delete = actions.add_parser("delete", help="delete a record; what it was stays proved")
    delete.add_argument("id", metavar="ID")
    _add_key(delete, "ledger.commands.records:run_delete")
    importing = actions.add_parser(
        "import", help="put the records of a table (.csv, .xlsx): column id, and columns such as 1:URL"
    )
    importing.add_argument("file", type=Path, metavar="FILE")
    importing.add_argument(
        "--url", help="the node to put them on, elsewhere; the rows wait in FILE.queue until it has them"
    )
    importing.add_argument(
        "--wait", type=_minutes, default=60, metavar="MINUTES", help="for that node to answer (default: 60)"
    )
    importing.add_argument("--dry-run", action="store_true", help="only say what would be done")
    _add_key(importing, "ledger.commands.records:run_import")


def _add_resolve(subcommands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    resolve = subcommands.add_parser(
        "resolve", help="what any registered identifier leads to, and whether that is proven"
    )
    resolve.add_argument("id", metavar="ID", help="an identifier of any scheme, of any node")
    resolve.set_defaults(run="ledger.commands.records:run_resolve")


def _minutes(text: str) -> int:
    minutes = int(text)
    if not 0 <= minutes <= _WAIT_MINUTES_MAX:
        raise ValueError
    return minutes


_WAIT_MINUTES_MAX = 7 * 24 * 60


def _millimetres(text: str) -> tuple[float, float]:
    x, y = map(float, text.split(","))
    return x, y


def _add_registry(subcommands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    registry = subcommands.add_parser("registry", help="who owns which identifier prefix")
    actions = registry.add_subparsers(required=True, metavar="ACTION")
    for action, meaning in (
        ("list", "all prefixes as of the newest final block"),
        ("tree", "who holds what since when, as a tree"),
    ):
        listing = actions.add_parser(action, help=meaning)
        listing.add_argument("--scheme", choices=_SCHEME_NAMES, help="of this scheme only")
        listing.set_defaults(run=f"ledger.commands.registry:run_{action}")
    show = _add_prefix(actions, "show", "all that is registered of a prefix, and its history")
    show.set_defaults(run="ledger.commands.registry:run_show")
    rebuild = actions.add_parser(
        "rebuild", help="drop the copy in the database and read it from the chain again"
    )
    rebuild.set_defaults(run="ledger.commands.registry:run_rebuild")

    contracts = actions.add_parser("contracts", help="the setting with which another node joins this ledger")
    contracts.set_defaults(run="ledger.commands.registry:run_contracts")
    admit = actions.add_parser("admit", help="open the log of a node that joins the contracts of this one")
    admit.add_argument("origin", metavar="ORIGIN", help="the SUYUAN_ORIGIN of that node")
    admit.add_argument("account", metavar="ACCOUNT", help="its chain account, 0x...")
    admit.set_defaults(run="ledger.commands.registry:run_admit")

    allocate = _add_change(actions, "allocate", "give a prefix below one of yours to a party")
    delegate = _add_change(actions, "delegate", "let another account act for a prefix of yours")
    withdraw = _add_change(actions, "withdraw", "end a delegation")
    endpoint = _add_change(actions, "endpoint", "say which node serves a prefix of yours, and in which log")
    offer = _add_change(actions, "offer", "offer a prefix of yours to a party, which has to accept")
    _add_change(actions, "accept", "take a prefix that was offered to you")
    _add_change(actions, "cancel", "take an offer back")
    _add_change(actions, "suspend", "as the owner above: make a prefix and all below it inactive")
    _add_change(actions, "resume", "as the owner above: make a suspended prefix active again")
    _add_change(actions, "revoke", "as the owner above: take a prefix from its owner")
    reallocate = _add_change(actions, "reallocate", "as the owner above: give a revoked prefix to a party")
    equate = _add_change(
        actions, "equate", "say that a prefix of yours names the same things as one of another scheme"
    )
    for parser in (allocate, delegate, withdraw, offer, reallocate):
        parser.add_argument("party", metavar="PARTY", help="a party here, or a chain account 0x...")
    for parser in (delegate, withdraw):
        parser.add_argument("--scope", default=CAPTURE, help="what it may do (default: %(default)s)")
    delegate.add_argument("--until", required=True, metavar="DATE", help="2027-12-31, or a moment; UTC")
    endpoint.add_argument("url", metavar="URL", help="https://node.example; '' takes it back")
    endpoint.add_argument("--log", default="own", help="own (default), none, or a log id 0x...")
    equate.add_argument("other", metavar="OTHER", help="the prefix of the other scheme")
    equate.add_argument("--other-scheme", required=True, choices=_SCHEME_NAMES)
    equate.add_argument("--withdraw", action="store_true", help="say so no longer")


_SCHEME_NAMES = [scheme.name for scheme in SCHEMES]


def _add_prefix(
    actions: "argparse._SubParsersAction[argparse.ArgumentParser]", action: str, meaning: str
) -> argparse.ArgumentParser:
    parser = actions.add_parser(action, help=meaning)
    parser.add_argument(
        "prefix", metavar="PREFIX", help="a GS1 company prefix, 0614141; 88.118.1001; ...; '' is the root"
    )
    parser.add_argument("--scheme", default=GS1, choices=_SCHEME_NAMES, help="default: %(default)s")
    return parser


def _add_change(
    actions: "argparse._SubParsersAction[argparse.ArgumentParser]", action: str, meaning: str
) -> argparse.ArgumentParser:
    parser = _add_prefix(actions, action, meaning)
    parser.add_argument(
        "--as",
        dest="signer",
        metavar="PARTY",
        help="sign with keys/parties/PARTY.key (default: the operator)",
    )
    parser.set_defaults(run=f"ledger.commands.registry:run_{action}")
    return parser


def _add_keys(subcommands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    keys = subcommands.add_parser("keys", help="parties and their API keys")
    actions = keys.add_subparsers(required=True, metavar="ACTION")
    add = actions.add_parser("add", help="make an API key; it is shown this once")
    add.add_argument("party", metavar="PARTY")
    add.add_argument("role", choices=get_args(Role))
    add.add_argument("--name", help="the party's name, for a new party")
    add.add_argument("--account", help="the new party's chain account, 0x...; it can then own prefixes")
    add.set_defaults(run="ledger.commands.node:run_keys_add")
    revoke = actions.add_parser("revoke", help="end an API key")
    revoke.add_argument("key", metavar="KEY")
    revoke.set_defaults(run="ledger.commands.node:run_keys_revoke")


def _add_action(
    actions: "argparse._SubParsersAction[argparse.ArgumentParser]",
    module: str,
    name: str,
    told: str,
    *positionals: str,
) -> argparse.ArgumentParser:
    """A command of a party, which `run_NAME` of a module does."""
    parser = actions.add_parser(name, help=told)
    for positional in positionals:
        parser.add_argument(positional, metavar=positional.upper())
    parser.add_argument("--key", help="API key (default: the demo key of --role)")
    parser.add_argument("--role", default="admin", help="whose demo key to use (default: admin)")
    parser.set_defaults(run=f"{module}:run_{name}")
    return parser


def _add_carriers(subcommands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    carriers = subcommands.add_parser("carriers", help="devices that bear identifiers: enrol, keys, bindings")
    actions = carriers.add_subparsers(required=True, metavar="ACTION")

    action = partial(_add_action, actions, "ledger.commands.carriers")
    action("enrol", "enrol the device that a JSON file describes").add_argument(
        "file", type=Path, metavar="FILE"
    )
    action("list", "all carriers of your party, with what is odd about them")
    action("show", "one carrier with its keys and bindings", "id")
    action("rotate", "offer a new Ed25519 or SM2 key (hex)", "id", "public_key")
    action("revoke", "end all keys of a carrier", "id")
    action("give", "give a carrier to another party", "id", "party")
    action("carry", "order a device to bear another identifier", "id", "identifier")
    proof = action("proof", "write one sealed message with its proof", "id", "number")
    proof.add_argument("-o", dest="output", type=Path, required=True, metavar="FILE")
    proof.add_argument("--from", dest="kept", type=Path, metavar="FILE", help="messages that `raw` wrote")
    action("seals", "what seals the messages of a carrier, and whether they are there", "id")
    raw = action("raw", "write the messages of a seal as they were signed", "id", "seal")
    raw.add_argument("-o", dest="output", type=Path, required=True, metavar="FILE")
    taken = action("import", "take in the readings of a logger file, which its device did not sign", "id")
    taken.add_argument("file", type=Path, metavar="FILE")
    taken.add_argument("--mapping", required=True, metavar="NAME", help="how the file is to be read")
    taken.add_argument("--offset", default="", metavar="+HH:MM", help="of the logger's clock from UTC")
    taken.add_argument("--dry-run", action="store_true", help="say what would be imported, and keep nothing")
    bind = action("bind", "bind a carrier from now on to an item, case, vehicle or room", "id", "to")
    bind.add_argument("--profile", default="", metavar="NAME", help="watch its readings by a profile")


def _add_alarms(subcommands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    alarms = subcommands.add_parser("alarms", help="alarms of the cold chain: who is told, acknowledging")
    actions = alarms.add_subparsers(required=True, metavar="ACTION")

    action = partial(_add_action, actions, "ledger.commands.alarms")
    listing = action("list", "the alarms of your party that nobody acknowledged, the newest first")
    listing.add_argument("--all", action="store_true", help="acknowledged ones too")
    action("show", "one alarm, with who was told of it and every try", "alarm")
    acknowledge = action("acknowledge", "tell an alarm no more; it is recorded as an event", "alarm")
    acknowledge.add_argument("--name", required=True, help="who acknowledges it")
    acknowledge.add_argument("--reason", required=True, help="why it needs no more telling")
    action("policies", "who is told of alarms, as JSON")
    action("put", "say by a JSON file who is told of alarms", "policy").add_argument(
        "file", type=Path, metavar="FILE"
    )
    action("remove", "remove a policy", "policy")
