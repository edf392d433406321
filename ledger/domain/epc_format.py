"""How the identifiers of an event are spelled in an answer (header GS1-EPC-Format of EPCIS 2.0).

Events are stored with Digital Links. An EPC URN parts the company prefix from the reference, so writing one
needs the length of the company prefix: it is known from URNs that were captured, or from a registry. Where it
is not known, and for keys that have no URN, the Digital Link stays: a guess would part the key in the wrong
place.

Extensions, and the addresses in sensor data that name no thing, are left as they are.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Literal, TypeAlias, get_args

from ledger.domain.epc_urn import PREFIX_LENGTH_MAX, PREFIX_LENGTH_MIN
from ledger.domain.errors import Invalid
from ledger.domain.identifiers import company_digits, parse_identifier

EpcFormat: TypeAlias = Literal[
    "No_Preference", "Always_GS1_Digital_Link", "Always_EPC_URN", "Never_Translates"
]
EPC_FORMATS: Final[tuple[EpcFormat, ...]] = get_args(EpcFormat)

PrefixLengthOf: TypeAlias = Callable[[str], int | None]
"""`company_digits` -> how many of them are the company prefix; None when nobody knows."""


def translate(
    stored: Mapping[str, Any],
    epc_format: EpcFormat,
    prefix_length_of: PrefixLengthOf,
    *,
    arrived_as_urn: bool = False,
) -> Mapping[str, Any]:
    """The stored form of an event with its identifiers in `epc_format`.

    `No_Preference` leaves the choice to us: Digital Links. `Never_Translates` asks for the original spelling,
    of which we keep one thing: an event that arrived with EPC URNs leaves with EPC URNs. Not kept are the
    host of a Digital Link, and which of several identifiers was a URN.
    """
    if not (epc_format == "Always_EPC_URN" or (epc_format == "Never_Translates" and arrived_as_urn)):
        return stored
    written: Mapping[str, Any] = _rewrite(stored, _FIELDS, lambda uri: to_urn(uri, prefix_length_of))
    return written


def to_urn(uri: str, prefix_length_of: PrefixLengthOf) -> str:
    """The EPC URN of a canonical identifier; `uri` itself where there is none, or none is known."""
    try:
        digits = company_digits(uri)
        length = None if digits is None else prefix_length_of(digits)
        return uri if length is None else parse_identifier(uri).urn(length)
    except Invalid:  # an identifier without URN, or with a shorter prefix than told
        return uri


def prefix_length(digits: str, known: frozenset[str]) -> int | None:
    """The length of the longest known prefix, of 6 to 12 digits, that `digits` begin with; or None."""
    lengths = range(min(len(digits), PREFIX_LENGTH_MAX), PREFIX_LENGTH_MIN - 1, -1)
    return next((length for length in lengths if digits[:length] in known), None)


def new_company_prefixes(spelled: Iterable[str], known: frozenset[str]) -> set[str]:
    """Those of the company prefixes `spelled` in URNs that can stand beside the known ones.

    GS1 gives out no prefix that begins with another: of two such one is wrong, and the first known stays.
    """
    added: set[str] = set()
    for prefix in sorted(set(spelled) - known):
        others = known | added
        shorter = any(prefix[:length] in others for length in range(PREFIX_LENGTH_MIN, len(prefix)))
        if not shorter and not any(other.startswith(prefix) for other in others):
            added.add(prefix)
    return added


_Rewrite: TypeAlias = Callable[[str], str]

_QUANTITY: Final = {"epcClass": None}
_DEVICE: Final = {"deviceID": None}
_FIELDS: Final[Mapping[str, Any]] = {
    **dict.fromkeys(
        ("epcList", "childEPCs", "inputEPCList", "outputEPCList", "parentID", "transformationID")
    ),
    **dict.fromkeys(
        ("quantityList", "childQuantityList", "inputQuantityList", "outputQuantityList"), _QUANTITY
    ),
    "readPoint": {"id": None},
    "bizLocation": {"id": None},
    "bizTransactionList": {"bizTransaction": None},
    "sourceList": {"source": None},
    "destinationList": {"destination": None},
    "sensorElementList": {"sensorMetadata": _DEVICE, "sensorReport": _DEVICE},
}
"""Field -> what in it is an identifier: the text, or each text of the list (None), or these members."""


def _rewrite(value: Any, fields: Mapping[str, Any] | None, write: _Rewrite) -> Any:
    if isinstance(value, list):
        return [_rewrite(entry, fields, write) for entry in value]
    if fields is None:
        return write(value)
    return {
        name: _rewrite(member, fields[name], write) if name in fields else member
        for name, member in value.items()
    }
