"""Txs that change the `PrefixRegistry` contract, and what it means when it refuses."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from ledger.chain.contract import Contract, ContractRefused
from ledger.chain.registry import node_id, scope_bytes
from ledger.chain.signer import Signer
from ledger.domain.errors import Conflict, Invalid, LedgerError, NotAllowed, NotFound
from ledger.domain.registry import CAPTURE

_STATUS: Final = ("free", "a passage to prefixes below it", "allocated", "suspended", "revoked")
_REVOKED: Final = _STATUS.index("revoked")


@dataclass(frozen=True, slots=True)
class RegistryWriter:
    """The registry as one account may change it. Each call is one tx, and returns once it is mined.

    When the registry refuses, nothing has changed: Invalid for what is spelled wrong, NotAllowed when it is
    for another account to do, Conflict when the prefix is not in the state for it, NotFound for a scheme that
    is not open. `names` are the nodes that messages call by name.
    """

    signer: Signer
    contract: bytes
    names: Mapping[bytes, str] = field(default_factory=dict)

    def open_scheme(self, scheme: str, separator: str, owner: bytes) -> None:
        """As registrar: open a scheme whose levels end at `separator`, "" for every character.

        Nothing happens when it is open and its root is with `owner` already.
        """
        if self._owner(scheme, "") != owner:
            self._write("openScheme", scheme, separator.encode().ljust(1, b"\0"), owner)

    def allocate(self, scheme: str, text: str, owner: bytes) -> None:
        """Give the prefix `text` to `owner`; we own the nearest prefix above it.

        Nothing happens when it is with `owner` already.
        """
        if self._owner(scheme, text) != owner:
            above = {node_id(scheme, text[:n]): _name(scheme, text[:n]) for n in range(len(text) + 1)}
            replace(self, names={**self.names, **above})._write("allocate", scheme, text, owner)

    def delegate(self, node: bytes, account: bytes, expires_at: int, scope: str = CAPTURE) -> None:
        """Let `account` act for our prefix in `scope` until `expires_at`, in seconds since 1970."""
        self._write("delegate", node, account, scope_bytes(scope), expires_at)

    def revoke_delegate(self, node: bytes, account: bytes, scope: str = CAPTURE) -> None:
        self._write("revokeDelegate", node, account, scope_bytes(scope))

    def set_endpoint(self, node: bytes, endpoint: str, log_id: bytes) -> None:
        """Say which node (URL) serves our prefix, and which log holds its events."""
        self._write("setEndpoint", node, endpoint, log_id)

    def offer_transfer(self, node: bytes, to: bytes) -> None:
        """Offer our prefix to another account, which has to accept."""
        self._write("offerTransfer", node, to)

    def cancel_transfer(self, node: bytes) -> None:
        """Take our offer back."""
        self._write("cancelTransfer", node)

    def accept_transfer(self, node: bytes) -> None:
        """Become the owner of a prefix that was offered to us."""
        self._write("acceptTransfer", node)

    def suspend(self, node: bytes) -> None:
        """As owner of the prefix above, or registrar: make a prefix and all below it inactive."""
        self._write("suspend", node)

    def resume(self, node: bytes) -> None:
        self._write("resume", node)

    def revoke(self, node: bytes) -> None:
        """As owner of the prefix above, or registrar: take a prefix from its owner."""
        self._write("revoke", node)

    def reallocate(self, node: bytes, owner: bytes) -> None:
        """Give a revoked prefix to a new owner."""
        self._write("reallocate", node, owner)

    def declare_equivalence(self, node: bytes, other: bytes) -> None:
        """Say that our prefix and one of another scheme name the same things; its owner has to say so too."""
        self._write("declareEquivalence", node, other)

    def withdraw_equivalence(self, node: bytes, other: bytes) -> None:
        """Take our own declaration back, and end the equivalence."""
        self._write("withdrawEquivalence", node, other)

    def _owner(self, scheme: str, text: str) -> bytes:
        """Of a prefix as of the newest block, which need not be final; zeros for nobody."""
        ((owner, _, status, *_),) = self._registry.read("holder", node_id(scheme, text))
        return bytes(20) if status == _REVOKED else bytes.fromhex(owner[2:])

    def _write(self, function: str, *arguments: object) -> None:
        try:
            self._registry.write(self.signer, function, *arguments)
        except ContractRefused as refused:
            raise self._plain(function, refused) from refused

    def _plain(self, function: str, refused: ContractRefused) -> LedgerError:
        """Why the registry refused, and what to do; its own words for what is not foreseen."""
        if refused.error is None or refused.error.name not in REFUSALS:
            return refused
        kind, says = REFUSALS[refused.error.name]
        fields = {name: self._shown(name, value) for name, value in refused.error.fields.items()}
        return kind(says.format(**fields, needed=_NEEDED.get(function, "")))

    def _shown(self, field_name: str, value: Any) -> str:
        if isinstance(value, bytes):
            return self.names.get(value, f"0x{value.hex()}")
        return _STATUS[value] if field_name == "status" else str(value)

    @property
    def _registry(self) -> Contract:
        return Contract("PrefixRegistry", self.contract, self.signer.rpc)


def _name(scheme: str, text: str) -> str:
    return f"{scheme} {text}" if text else f"the root of {scheme}"


_NEEDED: Final = {
    "suspend": "allocated",
    "resume": "suspended",
    "revoke": "allocated or suspended",
    "reallocate": "revoked: revoke it first",
}
"""The status in which a prefix has to be."""

REFUSALS: Final[Mapping[str, tuple[type[LedgerError], str]]] = {
    "SchemeInvalid": (Invalid, "scheme {scheme!r}: a scheme is named by 1 to 32 visible ASCII characters"),
    "SchemeAlreadyOpen": (Conflict, "scheme {scheme} is open already: have its root offered to you instead"),
    "SchemeNotOpen": (NotFound, "scheme {scheme} is not open in this registry: its registrar opens it first"),
    "TextInvalid": (
        Invalid,
        "prefix {text!r}: should be 1 to 64 visible ASCII characters, with no empty level between separators",
    ),
    "NotFree": (
        Conflict,
        "{node} is not free, it is {status}: an allocated or suspended prefix is transferred by its owner, a "
        "revoked one is reallocated, and one with prefixes below it is never allocated any more",
    ),
    "OwnerMissing": (Invalid, "the account is all zeros, and nobody has its key: name another"),
    "NotOwner": (NotAllowed, "{node} does not belong to {account}: its owner has to do this"),
    "NotAbove": (
        NotAllowed,
        "{account} does not stand above {node}: the owner of the prefix above it, while that is active, or "
        "the registrar has to do this",
    ),
    "NotActive": (
        Conflict,
        "{node} is not active: it or a prefix above it was never allocated, is suspended or revoked; those "
        "above allocate, resume or reallocate it first",
    ),
    "WrongStatus": (Conflict, "{node} is {status}, should be {needed}"),
    "NotOffered": (NotAllowed, "{node} is not offered to {account}: its owner has to offer it first"),
    "EndpointInvalid": (Invalid, "endpoint {endpoint!r}: should be at most 256 visible ASCII characters"),
    "AlreadyExpired": (
        Invalid,
        "the delegation would have ended already, at {expiresAt}: choose a later end",
    ),
    "SameScheme": (
        Invalid,
        "{node} and {other} are of one scheme, where two prefixes never name the same things: name a prefix "
        "of another scheme",
    ),
    "EnforcedPause": (
        Conflict,
        "the registry is paused and gives nothing to anybody: ask its operator; suspend, revoke, cancel and "
        "withdraw work all the same",
    ),
    "AccessControlUnauthorizedAccount": (
        NotAllowed,
        "{account} is not the registrar of this registry: ask its operator",
    ),
}
"""The contract's errors -> what the caller can do about it."""
