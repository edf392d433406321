"""Which identifiers of two schemes name the same thing, by what the owners of both prefixes registered.

A handle carries the other identifier, as people of its scheme write it, behind the slash. So while
88.118.1001 (handle) and 9506000 (gs1) are equivalent, 88.118.1001/(01)09506000134352(21)S1 is that very item.

An equivalence of two prefixes speaks for what is nearest to them: not for what lies below a longer prefix,
which may have another owner.
"""

from ledger.domain.errors import Invalid
from ledger.domain.identifiers import scheme_of
from ledger.domain.registry import Registered, RegistryState
from ledger.domain.schemes.handle import HANDLE, handle_identifier, handle_text
from ledger.domain.schemes.table import SCHEME_BY_NAME


def nearest_prefix(state: RegistryState, uri: str) -> Registered | None:
    """The longest registered prefix of a canonical URI, whose owner speaks for it."""
    scheme, text = scheme_of(uri).registered_as(uri)
    return state.nearest(scheme, text, SCHEME_BY_NAME[scheme].separator)


def same_identifiers(state: RegistryState, uri: str) -> list[str]:
    """The canonical URIs of the identifiers that name the same thing as `uri`, in their order."""
    known = nearest_prefix(state, uri)
    if known is None:
        return []
    found = (_counterpart(state, uri, known, other) for other in state.equivalents(known.node))
    return sorted(uri for uri in found if uri is not None)


def _counterpart(state: RegistryState, uri: str, known: Registered, other: Registered) -> str | None:
    """What `uri`, which is under `known`, is called under `other`."""
    try:
        if known.scheme == HANDLE.name:
            return _carried(state, uri, known, other)
        if other.scheme == HANDLE.name and other.text:
            handle = handle_identifier(f"{other.text}/{scheme_of(uri).write(uri)}").uri
            # A serial with brackets in it could be read as something else: then it has no such handle.
            return handle if _carried(state, handle, other, known) == uri else None
    except Invalid:
        pass  # a suffix that is no identifier, or a handle that would be too long: there is no counterpart
    return None


def _carried(state: RegistryState, uri: str, known: Registered, other: Registered) -> str | None:
    """The identifier under `other` that a handle carries behind its slash."""
    prefix, slash, suffix = handle_text(uri).partition("/")
    if not slash or prefix != known.text or not uri.startswith(HANDLE.stem):
        return None
    found = SCHEME_BY_NAME[other.scheme].parse(suffix)
    return found.uri if found and nearest_prefix(state, found.uri) == other else None
