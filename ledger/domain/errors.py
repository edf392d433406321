"""What can go wrong, one class for each thing the caller can do about it."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault in the input: where it is (JSON pointer, RFC 6901) and what to change."""

    pointer: str
    message: str

    def __str__(self) -> str:
        return f"{self.pointer or '/'}: {self.message}"


class LedgerError(Exception):
    """Base of all errors that this product raises on purpose."""


class Invalid(LedgerError):
    """The input is wrong: fix it and send it again. `problems` lists every fault found."""

    def __init__(self, message: str, problems: Iterable[Problem] = ()) -> None:
        self.problems = tuple(problems)
        super().__init__(message)


class TooLarge(Invalid):
    """The document is larger than one capture may be: split it."""


class Conflict(LedgerError):
    """Something else already stands under this name: choose another or correct the first."""


class NotAllowed(LedgerError):
    """The caller has no right to do this: ask for it. `problems` says for which identifiers."""

    def __init__(self, message: str, problems: Iterable[Problem] = ()) -> None:
        self.problems = tuple(problems)
        super().__init__(message)


class NotFound(LedgerError):
    """There is no such thing here: look elsewhere."""


class Archived(LedgerError):
    """It was taken to an archive: have the operator attach its month again."""


class QueryTooLarge(LedgerError):
    """The query has more answers than it allows: narrow it."""


class QueryTooComplex(LedgerError):
    """The query asks for too much at once: split it."""


class NotYetAnchored(LedgerError):
    """It is captured and waits for the next anchor: ask again in a few seconds."""


class ChainUnavailable(LedgerError):
    """The chain did not answer: try again later. Nothing is lost meanwhile."""


class StoreUnavailable(LedgerError):
    """The database did not answer, or others kept it busy: try again later. Capturing again is harmless."""


class ForkDetected(LedgerError):
    """Chain and store tell two histories: stop writing and call the operator."""
