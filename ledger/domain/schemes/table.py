"""All schemes, in the order in which a text is shown to them."""

from typing import Final

from ledger.domain.schemes.did import DID
from ledger.domain.schemes.ecode import ECODE
from ledger.domain.schemes.gs1 import GS1
from ledger.domain.schemes.handle import HANDLE
from ledger.domain.schemes.oid import OID
from ledger.domain.schemes.scheme import Scheme
from ledger.domain.schemes.uri import URI

SCHEMES: Final[tuple[Scheme, ...]] = (GS1, HANDLE, OID, ECODE, DID, URI)
SCHEME_BY_NAME: Final = {scheme.name: scheme for scheme in SCHEMES}
