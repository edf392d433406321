"""The registry in the words of one language, ready for the template. Nothing is decided there."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote, urlencode

from api.i18n import Language, say
from api.i18n.phrases import CHANGES, SCHEMES
from api.names import Text
from api.pages import Translate, translator
from ledger.domain.registry import NO_LOG, Change, Delegation, Registered, RegistryState, Tenure
from ledger.node import Node

ROWS_MAX: Final = 300
"""Prefixes in one tree."""

HISTORY_MAX: Final = 500
"""Changes on one page."""

_FOREVER_S: Final = 253_402_300_799  # the end of the year 9999


@dataclass(frozen=True, slots=True)
class BranchView:
    """A prefix in the tree and what is shown below it."""

    name: Text
    owner: Text
    since: str
    status: str  # key of a text; "" while it is active
    below: tuple["BranchView", ...]


@dataclass(frozen=True, slots=True)
class TreeView:
    branches: tuple[BranchView, ...]
    more: bool  # there were more than fit


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a list: when, and what."""

    when: str
    what: Text
    note: str = ""


@dataclass(frozen=True, slots=True)
class PrefixView:
    """One prefix. `status` is the key of a text."""

    name: Text
    scheme: str
    status: str
    owner: Text
    since: str
    path: tuple[Text, ...]
    endpoint: str
    log: str
    offered_to: Text | None
    delegates: tuple[Row, ...]
    same: tuple[Row, ...]
    held: tuple[Row, ...]
    history: tuple[Row, ...]
    is_cut: bool
    json_href: str


def scheme_names(language: Language) -> list[tuple[str, str]]:
    """Every scheme with its name, in the order of the table of phrases."""
    return [(scheme, say(phrase, language)) for scheme, phrase in SCHEMES.items()]


def _short(raw: bytes) -> str:
    return f"0x{raw.hex()[:6]}…{raw.hex()[-4:]}"


@dataclass(frozen=True, slots=True)
class _Words:
    """What accounts, prefixes and times are called in one language."""

    language: Language
    t: Translate
    parties: dict[bytes, str]
    state: RegistryState

    def account(self, account: bytes) -> Text:
        return Text(self.parties.get(account, ""), _short(account))

    def full_account(self, account: bytes) -> Text:
        return Text(self.parties.get(account, ""), f"0x{account.hex()}")

    def who(self, account: bytes) -> str:
        return self.parties.get(account) or _short(account)

    def name(self, known: Registered) -> Text:
        href = f"/registry?{urlencode({'scheme': known.scheme, 'prefix': known.text})}"
        return Text(known.text or self.scheme(known.scheme), "", href)

    def scheme(self, scheme: str) -> str:
        return say(SCHEMES[scheme], self.language) if scheme in SCHEMES else scheme

    def full_name(self, node: bytes) -> str:
        known = self.state.by_node.get(node)  # the history may be a moment younger than the state
        return f"{known.scheme} {known.text or self.t('registry_root')}" if known else _short(node)

    def until(self, seconds: int) -> str:
        endless = seconds > _FOREVER_S
        return self.t("registry_endless") if endless else self.t("registry_until", time=self.time(seconds))

    def time(self, seconds: int) -> str:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"

    def status(self, known: Registered) -> str:
        if known.status != "allocated":
            return f"status_{known.status}"
        return "status_active" if self.state.is_active(known.node) else "status_resting"


def _words(node: Node, state: RegistryState, language: Language) -> _Words:
    names = {
        party.account: (party.name_zh or party.name) if language == "zh" else (party.name or party.name_zh)
        for party in node.store.parties()
    }
    return _Words(language, translator(language), names, state)


def tree_view(node: Node, state: RegistryState, top: bytes, language: Language) -> TreeView:
    """What is below a node, level by level as far as it fits; NO_NODE gives every scheme."""
    words = _words(node, state, language)
    shown, more = _fitting(state, top)

    def branch(known: Registered) -> BranchView:
        status = words.status(known)
        return BranchView(
            words.name(known),
            words.account(known.owner),
            words.time(known.since_s),
            "" if status == "status_active" else status,
            tuple(branch(below) for below in state.below(known.node) if below.node in shown),
        )

    branches = [branch(known) for known in sorted(state.below(top), key=_scheme_order) if known.node in shown]
    return TreeView(tuple(branches), more)


def _scheme_order(known: Registered) -> int:
    """Schemes in the order of our table, others last; what is below one of them stays in its own order."""
    return [*SCHEMES, known.scheme].index(known.scheme)


def _fitting(state: RegistryState, top: bytes) -> tuple[set[bytes], bool]:
    """The nodes below `top` that are shown, those nearest to it first, and whether there are more."""
    shown: list[bytes] = []
    waiting = [top]
    for node in waiting:  # grows while we go
        below = [known.node for known in state.below(node)]
        if len(shown) + len(below) > ROWS_MAX:
            return {*shown, *below[: ROWS_MAX - len(shown)]}, True
        shown += below
        waiting += below
    return set(shown), False


def prefix_view(
    node: Node,
    state: RegistryState,
    known: Registered,
    holders: Sequence[Tenure],
    changes: Sequence[Change],
    language: Language,
) -> PrefixView:
    """All about one prefix; `changes` are its oldest, one more than a page holds when there are more."""
    words = _words(node, state, language)
    *above, _ = state.path(known.node)
    agreed = state.equivalents(known.node)
    return PrefixView(
        name=words.name(known),
        scheme=words.scheme(known.scheme),
        status=words.status(known),
        owner=words.full_account(known.owner),
        since=words.time(known.since_s),
        path=tuple(words.name(up) for up in above),
        endpoint=known.endpoint,
        log=f"0x{known.log_id.hex()}" if known.log_id != NO_LOG else "",
        offered_to=words.full_account(known.offered_to) if known.offered_to else None,
        delegates=tuple(_delegate(words, d, node.clock() // 1000) for d in known.delegations),
        same=tuple(
            Row("", _same(words, other), "" if other in agreed else words.t("registry_one_sided"))
            for other in state.declared(known.node)
        ),
        held=tuple(_held(words, held) for held in holders),
        history=tuple(_happened(words, change) for change in changes[:HISTORY_MAX]),
        is_cut=len(changes) > HISTORY_MAX,
        json_href=f"/registry/prefixes/{quote(known.scheme, safe='')}/{quote(known.text, safe='')}",
    )


def _delegate(words: _Words, delegation: Delegation, now_s: int) -> Row:
    end_s = delegation.expires_s
    ends = words.until(end_s) if now_s < end_s else words.t("registry_ended", time=words.time(end_s))
    return Row("", words.account(delegation.account), f"{delegation.scope}, {ends}")


def _same(words: _Words, other: Registered) -> Text:
    return Text(words.full_name(other.node), "", words.name(other).href)


def _held(words: _Words, held: Tenure) -> Row:
    until = words.t("registry_now") if held.until_s is None else words.time(held.until_s)
    return Row(f"{words.time(held.from_s)} – {until}", words.full_account(held.owner))


def _happened(words: _Words, change: Change) -> Row:
    said = say(CHANGES[change.kind], words.language).format(
        who=words.who(change.account),
        text=change.text or "—",
        scope=change.scope,
        until=words.until(change.expires_s),
        other=words.full_name(change.other) if change.kind.startswith("equivalence") else "",
    )
    place = f"{words.t('registry_block', block=change.block_number)} · {_short(change.tx_hash)}"
    return Row(words.time(change.time_s), Text(said), place)
