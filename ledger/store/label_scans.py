"""Scans of labels: counted within limits, kept for a time, read by item."""

from sqlalchemy import delete, func, select

from ledger.domain.label_scans import LabelScan, Place
from ledger.store import tables
from ledger.store.bulk import insert_rows
from ledger.store.database import Database

_SCAN = tables.label_scan.c
_READ = select(_SCAN.at_ms, _SCAN.region, _SCAN.latitude, _SCAN.longitude, _SCAN.scanner, _SCAN.device)
_MINUTE_MS = 60_000


class LabelScans(Database):
    """The part of `Store` about scans of labels."""

    def add_label_scan(
        self, uri: str, scan: LabelScan, nonce: bytes, *, minute_max: int, kept_max: int, kept_from_ms: int
    ) -> bool:
        lately = (_SCAN.uri == uri, _SCAN.device == scan.device, _SCAN.at_ms > scan.at_ms - _MINUTE_MS)
        where = (scan.place.region, scan.place.latitude, scan.place.longitude)
        row = (uri, scan.at_ms, nonce, *where, scan.scanner, scan.device)
        # The oldest that is kept stays: it says when the label was scanned first.
        first = select(func.min(_SCAN.at_ms)).where(_SCAN.uri == uri).scalar_subquery()
        nth = select(_SCAN.at_ms).where(_SCAN.uri == uri).order_by(_SCAN.at_ms.desc())
        too_many = nth.offset(kept_max - 1).limit(1).scalar_subquery()
        with self.writing() as connection:
            counted = connection.scalar(select(func.count()).select_from(tables.label_scan).where(*lately))
            if (counted or 0) >= minute_max:
                return False
            insert_rows(connection, tables.label_scan, [row])
            connection.execute(delete(tables.label_scan).where(_SCAN.at_ms < kept_from_ms))
            connection.execute(
                delete(tables.label_scan).where(
                    _SCAN.uri == uri, _SCAN.at_ms > first, _SCAN.at_ms <= too_many
                )
            )
        return True

    def label_scans(self, uri: str, *, limit: int) -> list[LabelScan]:
        newest = _READ.where(_SCAN.uri == uri).order_by(_SCAN.at_ms.desc(), _SCAN.nonce.desc()).limit(limit)
        with self.reading() as connection:
            rows = connection.execute(newest).all()
        return [LabelScan(at, Place(*where), scanner, device) for at, *where, scanner, device in rows[::-1]]

    def first_label_scan_ms(self, uri: str) -> int | None:
        with self.reading() as connection:
            first: int | None = connection.scalar(select(func.min(_SCAN.at_ms)).where(_SCAN.uri == uri))
        return first

    def scanned_uris(self, *, after: str, limit: int) -> list[str]:
        query = select(_SCAN.uri).where(_SCAN.uri > after).group_by(_SCAN.uri)
        query = query.having(func.count() > 1).order_by(_SCAN.uri).limit(limit)
        with self.reading() as connection:
            return list(connection.execute(query).scalars())
