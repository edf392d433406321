"""Times in JSON answers."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def time_of(milliseconds: int) -> datetime:
    """The moment that is `milliseconds` after the beginning of 1970."""
    return _EPOCH + timedelta(milliseconds=milliseconds)
