"""Records of identifiers of every scheme: one to read, and batches to change."""

from dataclasses import asdict
from hashlib import sha256
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Header, Request
from fastapi.concurrency import run_in_threadpool

from api.dependencies import ApiKeyDep, Id, NodeDep, api_key_of, note_resolved
from api.media_types import JSON
from api.routes.epcis.bodies import documented_body, read_body
from ledger.domain import canonical_json
from ledger.domain.errors import Invalid, LedgerError, Problem, TooLarge
from ledger.domain.identifiers import parse_identifier
from ledger.domain.records import ACTIONS, BATCH_MAX, Change, parse_values
from ledger.node import Node
from ledger.ports import ApiKey
from ledger.record_table import put_rows, read_rows
from ledger.records import BatchName, Changed, change_records, read_record

router = APIRouter(prefix="/records", tags=["records"])

_SUFFIXES: Final = {
    "text/csv": ".csv",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
}
_ROWS_MAX: Final = 20_000
_FAULTS_MAX: Final = 1_000
_TABLE: Final = {
    "requestBody": {
        "required": True,
        "content": {
            media_type: {"schema": {"type": "string", "format": "binary"}} for media_type in _SUFFIXES
        },
    }
}
_EXAMPLE: Final = {
    "changes": [
        {
            "id": "88.118.1001/tea-1",
            "action": "put",
            "values": [{"index": 1, "type": "URL", "data": "https://maker.example/tea-1"}],
        }
    ]
}


@router.get("")
def get_record(request: Request, node: NodeDep, text: Id) -> dict[str, Any]:
    """The record of an identifier in any spelling; its proof is at `/proof/item`.

    With the API key of a party that may speak for it, hidden values too, and the salts of their commitments.
    404 when it is not registered here.
    """
    reader = api_key_of(request, node) if "authorization" in request.headers else None
    note_resolved(request, node, parse_identifier(text).uri)
    record = read_record(node, text, reader)
    return {
        "id": record.uri,
        "version": record.version,
        "logIndex": record.log_index,
        "values": [value.to_json() for value in record.values],
        "salts": {str(entry.value.index): entry.salt.hex() for entry in record.kept if entry.salt},
    }


@router.post("", openapi_extra=documented_body(_EXAMPLE, JSON))
async def post_changes(
    request: Request,
    node: NodeDep,
    key: ApiKeyDep,
    errors: Literal["rollback", "proceed"] = "rollback",
    dry_run: bool = False,
    idempotency_key: Annotated[str, Header(max_length=200)] = "",
) -> dict[str, Any]:
    """Make up to 2,000 changes in one transaction, each an entry of the log.

    An `action` is register, put, merge, add, remove (with `indices`) or delete. With `errors=proceed` the
    good changes are made and each other has its `fault`; else any fault keeps all of them out. With `dry_run`
    nothing is changed. A batch with an `Idempotency-Key` is made once: sent again within seven days, it is
    answered as it was; 409 when another batch has the key.
    """
    raw, _ = await read_body(request, [JSON], node.settings.capture_limit_bytes)
    name = BatchName(idempotency_key, sha256(errors.encode() + raw).digest()) if idempotency_key else None
    return await run_in_threadpool(_change, node, key, raw, errors, name, dry_run)


def _change(
    node: Node,
    key: ApiKey,
    raw: bytes,
    errors: Literal["rollback", "proceed"],
    name: BatchName | None,
    dry_run: bool,
) -> dict[str, Any]:
    changes = _read_changes(canonical_json.parse(raw))
    batch = change_records(node, key, changes, errors, name=name, dry_run=dry_run)
    return {"outcomes": [_outcome(outcome) for outcome in batch.outcomes], "receipt": batch.receipt}


@router.post("/import", openapi_extra=_TABLE)
async def post_table(
    request: Request, node: NodeDep, key: ApiKeyDep, dry_run: bool = False
) -> dict[str, Any]:
    """Put the records of a table, CSV or XLSX, of up to 20,000 rows: column `id`, and columns as `1:URL`.

    A row that cannot be put is told, up to 1,000 of them, and does not hold up the others. A table that is
    sent again changes nothing. With `dry_run` nothing is changed.
    """
    raw, media_type = await read_body(request, tuple(_SUFFIXES), node.settings.capture_limit_bytes)
    return await run_in_threadpool(_import, node, key, raw, _SUFFIXES[media_type], dry_run)


def _import(node: Node, key: ApiKey, raw: bytes, suffix: str, dry_run: bool) -> dict[str, Any]:
    with TemporaryDirectory() as folder:
        path = Path(folder, f"table{suffix}")
        path.write_bytes(raw)
        rows = list(islice(read_rows(path), _ROWS_MAX + 1))
    if len(rows) > _ROWS_MAX:
        raise TooLarge(f"more than {_ROWS_MAX} rows: split the table, or use `suyuan records import --url`")
    faults: list[dict[str, Any]] = []
    done = put_rows(
        lambda changes: change_records(node, key, changes, "proceed", dry_run=dry_run).outcomes,
        rows,
        lambda row, fault: faults.append(
            {"row": row.number, "column": fault.pointer, "fault": fault.message}
        ),
    )
    return {**asdict(done), "faults": faults[:_FAULTS_MAX]}


def _outcome(outcome: Changed | LedgerError) -> dict[str, Any]:
    if isinstance(outcome, LedgerError):
        return {"fault": str(outcome)}
    told = {"id": outcome.uri, "outcome": outcome.outcome}
    return told | {"version": outcome.version, "logIndex": outcome.log_index}


def _read_changes(given: Any) -> list[Change]:
    """Raises Invalid with a problem for each fault: what is no change at all is not proceeded with."""
    changes = given.get("changes") if isinstance(given, dict) else None
    if not isinstance(changes, list) or not 1 <= len(changes) <= BATCH_MAX:
        raise Invalid(f"expected an object of changes, a list of 1 to {BATCH_MAX}")
    read: list[Change] = []
    problems: list[Problem] = []
    for number, entry in enumerate(changes):
        at = f"/changes/{number}"
        try:
            read.append(_read_change(entry, at))
        except Invalid as error:
            problems += error.problems or (Problem(at, str(error)),)
    if problems:
        raise Invalid(f"{len(problems)} problems in the changes, none was made", problems)
    return read


def _read_change(given: Any, at: str) -> Change:
    if not isinstance(given, dict) or not isinstance(given.get("id"), str):
        raise Invalid("a change is an object of id, action, and values or indices")
    for name in given.keys() - {"id", "action", "values", "indices"}:
        raise Invalid(f"unknown: {name[:40]}")
    action = next((known for known in ACTIONS if known == given.get("action")), None)
    if action is None:
        raise Invalid(f"action is one of {', '.join(ACTIONS)}")
    uri = parse_identifier(given["id"]).uri
    if action == "delete":
        return Change(uri, action)
    if action == "remove":
        return Change(uri, action, (), _read_indices(given.get("indices")))
    return Change(uri, action, parse_values(given.get("values"), f"{at}/values"))


def _read_indices(given: Any) -> frozenset[int]:
    if not isinstance(given, list) or not given or not all(type(index) is int for index in given):
        raise Invalid("indices is a list of whole numbers")
    return frozenset(given)
