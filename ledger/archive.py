"""What is said of events whose month was archived: that they are, and never that there are none."""

from collections.abc import Iterable

from ledger.domain.errors import Archived
from ledger.domain.month import Month
from ledger.ports import StoredEvent


def refuse_archived(events: Iterable[StoredEvent]) -> None:
    """Raise Archived when the body of one of these events is not here, naming the months to attach."""
    months = sorted({Month.of(event.recorded_at_ms) for event in events if event.archived})
    if months:
        raise Archived(
            f"the answer has events recorded in {', '.join(map(str, months))}, which are archived: have the "
            f"operator attach them, or ask for later ones with GE_recordTime={months[-1].next}-01T00:00:00Z"
        )
