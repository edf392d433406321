"""However an event arrives, it is one event; and it leaves as it is asked for."""

import json
from typing import Any

from ledger.capture import capture
from ledger.domain.access import GS1, PrefixEntry
from ledger.domain.epc_format import EpcFormat, translate
from ledger.ports import StoredEvent
from tests.services.world import SGTIN, World, document, made

URN = "urn:epc:id:sgtin:9506000.013435.S1"
XML = f"""<?xml version="1.0"?>
<epcis:EPCISDocument xmlns:epcis="urn:epcglobal:epcis:xsd:2" schemaVersion="2.0"
    creationDate="2026-11-02T08:00:00Z">
  <EPCISBody><EventList><ObjectEvent>
    <eventTime>2026-11-02T16:00:00+08:00</eventTime><eventTimeZoneOffset>+08:00</eventTimeZoneOffset>
    <epcList><epc>{URN}</epc></epcList><action>ADD</action>
    <bizStep>urn:epcglobal:cbv:bizstep:commissioning</bizStep>
  </ObjectEvent></EventList></EPCISBody>
</epcis:EPCISDocument>""".encode()


def events(world: World) -> list[StoredEvent]:
    return world.node.store.events_between(0, world.node.store.log_size())


def spelled(world: World, event: StoredEvent, epc_format: EpcFormat) -> Any:
    assert event.body is not None
    stored = json.loads(event.body)
    length_of = world.node.prefixes.company_prefix_length
    return translate(stored, epc_format, length_of, arrived_as_urn=event.arrived_as_urn)["epcList"]


def test_one_event_in_every_spelling_is_captured_once(world: World) -> None:
    spellings = [
        XML,
        XML.replace(b"xsd:2", b"xsd:1").replace(b'schemaVersion="2.0"', b'schemaVersion="1.2"'),
        document(made("S1")),
        document({**made(), "epcList": [URN]}),
        document({**made(), "epcList": ["https://shop.example.com/01/09506000134352/10/L1/21/S1?17=271231"]}),
    ]
    jobs = [capture(world.node, world.keys["factory"], raw) for raw in spellings]

    assert world.node.store.log_size() == 1
    receipts = {json.dumps(json.loads(job.receipt.split("\n")[1])["events"]) for job in jobs}
    assert len(receipts) == 1


def test_an_event_that_arrived_with_urns_leaves_with_them_when_nothing_shall_be_translated(
    world: World,
) -> None:
    world.capture({**made(), "epcList": [URN]})
    world.capture(made("S2"))
    with_urn, with_link = events(world)

    assert spelled(world, with_urn, "Never_Translates") == [URN]
    assert spelled(world, with_link, "Never_Translates") == [f"{SGTIN}S2"]
    assert spelled(world, with_link, "Always_EPC_URN") == [URN.replace("S1", "S2")]
    assert spelled(world, with_urn, "Always_GS1_Digital_Link") == [f"{SGTIN}S1"]


def test_company_prefixes_are_learnt_from_what_is_captured_and_kept(world: World) -> None:
    foreign = {**made(action="OBSERVE"), "epcList": ["urn:epc:id:sgtin:0614141.107346.1"]}
    key = "106141410734"

    assert world.node.prefixes.company_prefix_length(key[1:]) is None
    world.capture(foreign)

    assert world.node.prefixes.company_prefix_length(key[1:]) == 7
    assert world.node.store.company_prefixes() == {"0614141"}


def test_a_contradicting_prefix_is_not_learnt(world: World) -> None:
    for urn in ("urn:epc:id:sgtin:0614141.107346.1", "urn:epc:id:sgtin:06141410.17346.1"):
        world.capture({**made(action="OBSERVE"), "epcList": [urn]})

    assert world.node.store.company_prefixes() == {"0614141"}


def test_the_registry_tells_a_prefix_that_no_urn_spelled(world: World) -> None:
    world.capture(made("S1"))
    (event,) = events(world)

    assert world.node.store.company_prefixes() == frozenset()
    assert spelled(world, event, "Always_EPC_URN") == [URN]


def test_a_prefix_too_short_for_a_company_tells_nothing(world: World) -> None:
    short = PrefixEntry(b"short".ljust(32, b"\0"), GS1, "061", b"\1" * 20, True, ())
    world.node.store.replace_prefixes([short], 2)
    world.node.prefixes.forget()

    assert world.node.prefixes.company_prefix_length("061414110734") is None
