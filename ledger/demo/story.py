"""Four verdicts, shown on the demonstration: one truth, three attempts to cheat.

The cheating is real: rows of a copy of the database are changed with plain SQL, and a whole second
history is built and offered to the contract. The node's own database is never touched.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from ledger.domain.anchor import Anchor
from ledger.domain.commitment import LeafEntry, commit, item_key
from ledger.domain.errors import Invalid
from ledger.growth import EMPTY, grow
from ledger.node import Node
from ledger.ports import AnchorState, Chain, EventIdentity, ItemLink, StoredEvent
from ledger.prove import prove_item
from ledger.store import open_store
from ledger.verify import ChainSource, Refuted, Verdict, Verified, verify

_HIDDEN = {b'"maxValue":10.6': b'"maxValue":7.6', b'"value":10.6': b'"value":7.6'}
_SOMETHING_NEW = EventIdentity("urn:uuid:00000000-0000-4000-8000-000000000000", None)


@dataclass(frozen=True, slots=True)
class Scene:
    """One attempt and what came of it; `holds` is False when the product failed to tell truth from lie."""

    title: str
    outcome: str
    holds: bool


def tell(node: Node, chain: Chain, source: ChainSource, item: str, folder: Path) -> list[Scene]:
    """The four scenes about `item`, whose history has the excursion; copies are made in `folder`.

    The database of the node must be SQLite and every event anchored.
    """
    return [
        _truth(node, source, item),
        _changed_body(_copy(node, folder / "changed.db"), source, item),
        _withheld_event(_copy(node, folder / "withheld.db"), source, item),
        _rewritten_history(node, chain, folder / "rewritten.db"),
    ]


def _truth(node: Node, source: ChainSource, item: str) -> Scene:
    verdict = verify(prove_item(node, item), node.trust, source)
    return Scene("The history as it was captured", _outcome(verdict), isinstance(verdict, Verified))


def _changed_body(copy: tuple[Node, Path], source: ChainSource, item: str) -> Scene:
    node, path = copy
    log_index = _events_of(node, item)[-1].log_index
    with _plain_sql(path) as database:
        database.execute(
            "UPDATE event_body SET body = CAST(replace(CAST(body AS TEXT), "
            '\'"eventTimeZoneOffset":"+08:00"\', \'"eventTimeZoneOffset":"+09:00"\') AS BLOB) '
            "WHERE log_index = ?",
            (log_index,),
        )
    return _attempt(f"The body of event {log_index} is changed with SQL", node, source, item, step=2)


def _withheld_event(copy: tuple[Node, Path], source: ChainSource, item: str) -> Scene:
    node, path = copy
    log_index = _events_of(node, item)[-1].log_index
    with _plain_sql(path) as database:
        database.execute(
            "DELETE FROM event_item WHERE item_key = ? AND log_index = ?", (item_key(item), log_index)
        )
    return _attempt(f"Event {log_index} is withheld from the item's history", node, source, item, step=5)


def _attempt(title: str, node: Node, source: ChainSource, item: str, step: int) -> Scene:
    verdict = verify(prove_item(node, item), node.trust, source)
    node.store.close()
    return Scene(title, _outcome(verdict), isinstance(verdict, Refuted) and verdict.step == step)


def _rewritten_history(node: Node, chain: Chain, path: Path) -> Scene:
    """The excursion is edited away, and everything that follows from it is computed anew."""
    newest = node.store.newest_anchor(AnchorState.FINAL)
    assert newest is not None, "the story is told when everything is anchored"
    title = "The excursion is edited away and the whole database rebuilt to fit"
    rewritten = open_store(f"sqlite:///{path}")
    try:
        with rewritten.append() as batch:
            batch.add(_rewritten(node))
        grown = grow(rewritten, EMPTY, rewritten.log_size())
    finally:
        rewritten.close()
    forged = Anchor(
        chain_id=newest.anchor.chain_id,
        contract=newest.anchor.contract,
        log_id=newest.anchor.log_id,
        number=newest.anchor.number + 1,
        previous=newest.anchor.hash,
        size=grown.roots.size,
        log_root=grown.roots.log_root,
        map_root=grown.roots.map_root,
    )
    try:
        chain.sign_anchor(forged, _forged_proof(grown.proof))
    except Invalid as error:
        return Scene(title, f"the chain refuses the new anchor: {error}", holds=True)
    return Scene(title, "the chain would take it", holds=False)


def _forged_proof(proof: Sequence[bytes]) -> list[bytes]:
    """No honest proof leads from the anchored root to the new one; the forger sends its best."""
    return list(proof) or [bytes(32)]


def _rewritten(node: Node) -> list[tuple[StoredEvent, list[ItemLink]]]:
    """All events with the excursion hidden, and the last one twice, so that the log seems to have grown."""
    store = node.store
    events = store.events_between(0, store.log_size())
    rows = [(_without_excursion(event), store.event_links(event.log_index)) for event in events]
    last, links = rows[-1]
    return [*rows, (replace(last, log_index=len(rows), identity=_SOMETHING_NEW), links)]


def _without_excursion(event: StoredEvent) -> StoredEvent:
    assert event.body is not None
    body = event.body
    for warm, cool in _HIDDEN.items():
        body = body.replace(warm, cool)
    return _recommitted(event, body)


def _recommitted(event: StoredEvent, body: bytes) -> StoredEvent:
    assert event.salt is not None
    commitment = commit(event.salt, body)
    entry = LeafEntry(
        commitment, event.recorded_at_ms, event.submitter_key_id, event.ids_count, event.ids_root
    )
    return replace(event, body=body, commitment=commitment, leaf_hash=entry.hash)


def _events_of(node: Node, item: str) -> list[StoredEvent]:
    return node.store.item_events(item_key(item), node.store.log_size(), limit=1000)


def _copy(node: Node, path: Path) -> tuple[Node, Path]:
    origin = node.settings.store_url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(origin)) as source, closing(sqlite3.connect(path)) as target:
        source.backup(target)
    return replace(node, store=open_store(f"sqlite:///{path}")), path


@contextmanager
def _plain_sql(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection like any database administrator's; commits at the end."""
    with closing(sqlite3.connect(path)) as database:
        yield database
        database.commit()


def _outcome(verdict: Verdict) -> str:
    match verdict:
        case Verified():
            return "Verified"
        case Refuted(step=step, reason=reason):
            return f"Refuted at step {step}: {reason}"
        case _:
            return f"Undetermined: {verdict.reason}"
