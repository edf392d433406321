"""The nine steps: what is true passes, what is altered is refuted, what cannot be asked is left open."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain import canonical_json
from ledger.domain.bundle import Bundle, read_bundle
from ledger.domain.errors import Invalid
from ledger.verify import Refuted, Trust, Undetermined, Verdict, Verified, verify
from tests.verify.world import APPLE, BODIES, CRATE, PEAR, Chain, World

STRANGER = "https://id.gs1.org/01/09506000134352/21/UNKNOWN"
WORLD = World(BODIES)


def judge(bundle: Bundle | bytes, world: World = WORLD, chain: Chain | None = None) -> Verdict:
    raw = bundle if isinstance(bundle, bytes) else bundle.to_bytes()
    return verify(raw, world.trust, chain or world.chain)


def refuted_at(verdict: Verdict) -> int:
    assert isinstance(verdict, Refuted), verdict
    assert verdict.steps[verdict.step - 1].detail == verdict.reason
    return verdict.step


@pytest.mark.parametrize("uri", [APPLE, PEAR, CRATE])
def test_the_whole_history_of_an_item_is_verified(uri: str) -> None:
    verdict = judge(WORLD.item_bundle(uri))
    assert isinstance(verdict, Verified)
    assert len(verdict.steps) == 9


@pytest.mark.parametrize("index", range(len(BODIES)))
def test_a_single_event_is_verified(index: int) -> None:
    assert isinstance(judge(WORLD.event_bundle(index)), Verified)


def test_the_absence_of_an_item_is_verified() -> None:
    bundle = WORLD.item_bundle(STRANGER)
    assert not bundle.events
    assert isinstance(judge(bundle), Verified)


def test_a_bundle_is_read_back_as_it_was_written() -> None:
    for bundle in (WORLD.item_bundle(APPLE), WORLD.event_bundle(2), WORLD.item_bundle(STRANGER)):
        assert read_bundle(bundle.to_bytes()) == bundle


def test_a_withheld_event_still_counts() -> None:
    bundle = WORLD.item_bundle(APPLE)
    events = tuple(WORLD.withheld(event, APPLE) for event in bundle.events)
    assert isinstance(judge(replace(bundle, events=events)), Verified)
    strangers = tuple(WORLD.withheld(event, PEAR) for event in WORLD.item_bundle(PEAR).events)
    assert refuted_at(judge(replace(bundle, events=strangers))) == 3


def test_each_dropped_event_is_noticed() -> None:
    bundle = WORLD.item_bundle(APPLE)
    for at in range(len(bundle.events)):
        shown = bundle.events[:at] + bundle.events[at + 1 :]
        assert refuted_at(judge(replace(bundle, events=shown))) == 5
        assert bundle.item
        smaller = replace(bundle, events=shown, item=replace(bundle.item, size=len(shown)))
        assert refuted_at(judge(smaller)) == 5


def test_a_known_item_cannot_be_shown_as_unknown() -> None:
    bundle, absent = WORLD.item_bundle(APPLE), WORLD.item_bundle(STRANGER)
    assert bundle.item
    assert absent.item
    item = replace(bundle.item, size=0, root=None)
    assert refuted_at(judge(replace(bundle, events=(), item=item))) == 6
    assert refuted_at(judge(replace(absent, subject=APPLE))) == 3
    posing = replace(absent, subject=APPLE, item=replace(absent.item, key=bundle.item.key))
    assert refuted_at(judge(posing)) == 6


def test_an_event_of_another_item_does_not_fit_in() -> None:
    bundle = WORLD.item_bundle(APPLE)
    foreign = WORLD.item_bundle(PEAR).events[1]
    events = tuple(sorted((*bundle.events, foreign), key=lambda event: event.index))
    assert refuted_at(judge(replace(bundle, events=events))) == 3


def test_every_changed_byte_of_a_bundle_is_refuted() -> None:
    for bundle in (WORLD.item_bundle(CRATE), WORLD.event_bundle(3), WORLD.item_bundle(STRANGER)):
        raw = bundle.to_bytes()
        for at, byte in enumerate(raw):
            changed = raw[:at] + (b"1" if byte != ord("1") else b"2") + raw[at + 1 :]
            assert isinstance(judge(changed), Refuted), (at, raw[max(0, at - 30) : at + 10])


def fields(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    members = value.items() if isinstance(value, dict) else enumerate(value)
    for name, member in members:
        yield (*path, name)
        if isinstance(member, dict | list):
            yield from fields(member, (*path, name))


REPLACEMENTS = (None, 0, 1, -1, 2**60, "", "00", "00" * 20, "00" * 32, [], {}, True, 0.5, ["00" * 32])


@pytest.mark.parametrize("make", [lambda: WORLD.item_bundle(APPLE), lambda: WORLD.event_bundle(1)])
def test_every_field_removed_doubled_or_replaced_is_refuted(make: Any) -> None:
    raw = make().to_bytes()
    for path in fields(json.loads(raw)):
        for replacement in ("remove", "repeat", *REPLACEMENTS):
            value = json.loads(raw)
            at = value
            for name in path[:-1]:
                at = at[name]
            if replacement == "remove":
                del at[path[-1]]
            elif replacement == "repeat" and isinstance(at, list):
                at.append(at[path[-1]])
            elif replacement == "repeat":
                at["extra"] = at[path[-1]]
            else:
                at[path[-1]] = replacement
            try:
                changed = canonical_json.encode(value)
            except Invalid:  # what JCS cannot write cannot be in a file either
                changed = json.dumps(value).encode()
            if changed != raw:
                assert isinstance(judge(changed), Refuted), (path, replacement)


@given(st.binary(max_size=300))
def test_any_bytes_are_refuted_and_never_crash(raw: bytes) -> None:
    assert refuted_at(judge(raw)) == 1


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(["subject", "anchor", "checkpoint", "map", "events"]), json_values)
def test_any_json_in_any_place_is_refuted_and_never_crashes(name: str, value: Any) -> None:
    bundle = json.loads(WORLD.item_bundle(APPLE).to_bytes())
    bundle[name] = value
    assert isinstance(judge(canonical_json.encode(bundle)), Refuted)


def test_a_reformatted_bundle_is_refuted() -> None:
    raw = WORLD.item_bundle(APPLE).to_bytes()
    for changed in (raw + b"\n", b" " + raw, json.dumps(json.loads(raw)).encode(), b""):
        assert refuted_at(judge(changed)) == 1


# ------------------------------------------------------------------ whole histories, consistently remade


def rewritten() -> World:
    """The same operator, its own key, another history, everything recomputed."""
    return World([BODIES[0], BODIES[1], {**BODIES[2], "disposition": "in_progress"}, BODIES[3]])


def test_a_consistently_rewritten_history_is_refuted_by_the_chain() -> None:
    assert refuted_at(judge(rewritten().item_bundle(PEAR), WORLD, WORLD.chain)) == 9


def test_without_a_chain_a_rewritten_history_is_left_open_not_believed() -> None:
    verdict = verify(rewritten().item_bundle(PEAR).to_bytes(), WORLD.trust)
    assert isinstance(verdict, Undetermined)


def test_a_history_signed_with_another_key_is_refuted() -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from ledger.domain.checkpoint import LogSigner

    other = World(BODIES, LogSigner(WORLD.signer.origin, Ed25519PrivateKey.from_private_bytes(b"x" * 32)))
    assert refuted_at(judge(other.item_bundle(APPLE), WORLD)) == 7


def test_a_bundle_of_another_contract_or_chain_is_refuted() -> None:
    bundle = WORLD.item_bundle(APPLE)
    elsewhere = replace(WORLD.trust, contract=b"\xd0" * 20)
    assert refuted_at(verify(bundle.to_bytes(), elsewhere, WORLD.chain)) == 8
    assert refuted_at(verify(bundle.to_bytes(), replace(WORLD.trust, chain_id=1), WORLD.chain)) == 8


# ------------------------------------------------------------------ "could not check" is never "false"


@pytest.mark.parametrize(
    ("chain", "reason"),
    [
        (Chain({}, down=True), "connection refused"),
        (Chain({3: WORLD.anchor.hash}, id=1), "serves chain 1"),
        (Chain({}, newest=8, final=8), "has not reached block 9"),
        (Chain({3: WORLD.anchor.hash}, final=8), "not final yet"),
    ],
    ids=["down", "another chain", "behind", "not final"],
)
def test_a_chain_that_cannot_tell_leaves_the_verdict_open(chain: Chain, reason: str) -> None:
    verdict = judge(WORLD.item_bundle(APPLE), chain=chain)
    assert isinstance(verdict, Undetermined)
    assert reason in verdict.reason


def test_without_a_chain_the_verdict_is_open() -> None:
    verdict = verify(WORLD.item_bundle(APPLE).to_bytes(), WORLD.trust)
    assert isinstance(verdict, Undetermined)
    assert verdict.exit_code == 2
    assert "chain not checked" in verdict.reason


def test_a_chain_that_never_made_the_anchor_refutes_it() -> None:
    assert refuted_at(judge(WORLD.item_bundle(APPLE), chain=Chain({}))) == 9


def test_confirmations_make_a_block_final_when_the_chain_has_no_word_for_it() -> None:
    raw = WORLD.item_bundle(APPLE).to_bytes()
    chain = Chain({3: WORLD.anchor.hash}, newest=12, final=0)
    assert isinstance(verify(raw, replace(WORLD.trust, confirmations=3), chain), Verified)
    assert isinstance(verify(raw, replace(WORLD.trust, confirmations=4), chain), Undetermined)


def test_a_trust_file_is_read_back_as_it_was_written() -> None:
    assert Trust.parse(WORLD.trust.to_json()) == WORLD.trust
