"""What is registered, folded from changes; that it is what the contract says is tested in tests/chain."""

from dataclasses import replace
from itertools import count

import pytest

from ledger.domain.access import PrefixIndex
from ledger.domain.registry import NO_NODE, Change, RegistryState, Tenure, tenures

ANN, BO, CY = (bytes([number]) * 20 for number in (1, 2, 3))
_index = count()


def node(text: str, scheme: str = "handle") -> bytes:
    return f"{scheme} {text}".encode().ljust(32, b"\0")


def change(kind: str, text: str, time_s: int = 0, scheme: str = "handle", **fields: object) -> Change:
    at = Change(1, next(_index), b"b" * 32, b"t" * 32, time_s, "allocated", node(text, scheme))
    return replace(at, kind=kind, **fields)  # type: ignore[arg-type]


def allocated(text: str, owner: bytes, above: str | None = "", scheme: str = "handle") -> Change:
    other = NO_NODE if above is None else node(above, scheme)
    at = change("allocated", text, scheme=scheme, account=owner, other=other)
    return replace(at, scheme=scheme, text=text)


TREE = [
    allocated("", ANN, None),
    allocated("88", ANN),
    allocated("88.118", BO, "88"),
    allocated("88.118.1001", CY, "88.118"),
    allocated("88.120", BO, "88"),
    allocated("", ANN, None, "gs1"),
    allocated("9506000", CY, "", "gs1"),
]


def test_a_tree_is_walked_up_and_down() -> None:
    state = RegistryState().after(TREE)
    assert [known.text for known in state.path(node("88.118.1001"))] == ["", "88", "88.118", "88.118.1001"]
    assert [known.text for known in state.below(node("88"))] == ["88.118", "88.120"]
    assert [(known.scheme, known.text) for known in state.below(NO_NODE)] == [("gs1", ""), ("handle", "")]
    assert state.below(node("88.120")) == ()
    found = state.find("handle", "88.118")
    assert found is not None
    assert found.owner == BO
    assert state.find("gs1", "88.118") is None


def test_a_state_is_not_changed_by_what_follows() -> None:
    before = RegistryState().after(TREE)
    after = before.after([change("suspended", "88", account=ANN)])
    assert before.is_active(node("88.118.1001"))
    assert not after.is_active(node("88.118.1001"))
    assert after.is_active(node("9506000", "gs1"))


def test_access_goes_by_owner_delegates_and_what_is_active() -> None:
    granted = change("delegated", "88.118", account=CY, scope="capture", expires_s=100)
    elsewhere = change("delegated", "88.118", account=ANN, scope="records", expires_s=100)
    state = RegistryState().after([*TREE, granted, elsewhere])
    before, later = (
        {entry.text: entry for entry in state.entries(now_s) if entry.scheme == "handle"}
        for now_s in (99, 100)
    )
    assert before["88.118"].delegates == (CY,)
    assert later["88.118"].delegates == ()
    assert state.next_expiry_s(99) == 100
    assert state.next_expiry_s(100) == float("inf")
    assert PrefixIndex.of(before.values()).may_speak(CY, "hdl:88.118.7/x")
    assert not PrefixIndex.of(later.values()).may_speak(CY, "hdl:88.118.7/x")


def declared(left: tuple[str, str], right: tuple[str, str]) -> Change:
    return change("equivalence_declared", left[1], scheme=left[0], other=node(right[1], right[0]))


HANDLE, GS1 = ("handle", "88.118.1001"), ("gs1", "9506000")
BOTH = [*TREE, declared(HANDLE, GS1), declared(GS1, HANDLE)]


def equivalents(*changes: Change) -> list[str]:
    return [known.text for known in RegistryState().after(changes).equivalents(node("88.118.1001"))]


def test_two_prefixes_are_equivalent_once_both_owners_say_so() -> None:
    assert equivalents(*TREE, declared(HANDLE, GS1)) == []
    assert equivalents(*TREE, declared(GS1, HANDLE)) == []
    assert equivalents(*BOTH) == ["9506000"]


@pytest.mark.parametrize(
    "ending",
    [
        change("equivalence_withdrawn", "88.118.1001", other=node("9506000", "gs1")),
        change("equivalence_withdrawn", "9506000", scheme="gs1", other=node("88.118.1001")),
        change("transferred", "88.118.1001", account=ANN),
        change("transferred", "9506000", scheme="gs1", account=ANN),
        change("suspended", "88", account=ANN),
        change("revoked", "9506000", scheme="gs1", account=ANN),
    ],
    ids=lambda ending: f"{ending.kind} {ending.node.rstrip(bytes(1)).decode()}",
)
def test_an_equivalence_ends_when_a_side_takes_it_back_changes_hands_or_rests(ending: Change) -> None:
    assert equivalents(*BOTH, ending) == []


def test_a_prefix_in_new_hands_can_be_declared_again() -> None:
    again = [change("transferred", "88.118.1001", account=ANN), declared(HANDLE, GS1)]
    assert equivalents(*BOTH, *again) == []
    assert equivalents(*BOTH, *again, declared(GS1, HANDLE)) == ["9506000"]


def test_tenures_tell_who_held_a_prefix_from_when_to_when() -> None:
    changes = [
        replace(allocated("88", ANN), time_s=10),
        change("transfer_offered", "88", 20, account=BO),
        change("transferred", "88", 30, account=BO),
        change("suspended", "88", 40, account=ANN),
        change("revoked", "88", 50, account=ANN),
        change("reallocated", "88", 60, account=CY),
    ]
    assert tenures(changes) == [Tenure(ANN, 10, 30), Tenure(BO, 30, 50), Tenure(CY, 60, None)]
    assert tenures(changes[:5])[-1] == Tenure(BO, 30, 50)
    assert tenures([]) == []
