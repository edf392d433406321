"""XML around events, for tests."""

EPCIS_2 = "urn:epcglobal:epcis:xsd:2"
EPCIS_1 = "urn:epcglobal:epcis:xsd:1"
CREATED = "2026-03-01T00:00:00Z"
EVENTS = "/EPCISDocument/EPCISBody/EventList"
WHEN = "<eventTime>2026-03-01T08:30:00.000+08:00</eventTime><eventTimeZoneOffset>+08:00</eventTimeZoneOffset>"


def document(
    *events: str,
    namespaces: str = "",
    namespace: str = EPCIS_2,
    version: str = "2.0",
    header: str = "",
) -> bytes:
    return (
        f'<epcis:EPCISDocument xmlns:epcis="{namespace}" {namespaces} schemaVersion="{version}"'
        f' creationDate="{CREATED}">{header}'
        f"<EPCISBody><EventList>{''.join(events)}</EventList></EPCISBody></epcis:EPCISDocument>"
    ).encode()


def seen(*epcs: str, more: str = "") -> str:
    """An ObjectEvent that observes these EPCs; `more` is what follows the action."""
    listed = "".join(f"<epc>{epc}</epc>" for epc in epcs)
    return f"<ObjectEvent>{WHEN}<epcList>{listed}</epcList><action>OBSERVE</action>{more}</ObjectEvent>"
