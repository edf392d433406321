"""The demonstration data hold together: valid, allowed, named, and true to time and place."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import groupby, pairwise
from typing import Any

import pytest

from ledger.demo.world import CompanyDocument, load_world
from ledger.domain.event_facts import to_ms
from ledger.domain.event_parser import parse_document
from ledger.domain.events import Event, event_to_json
from ledger.domain.identifiers import parse_identifier

WORLD = load_world()
PREFIX = {company.party_id: company.company_prefix for company in WORLD.companies}

each_document = pytest.mark.parametrize("document", WORLD.documents, ids=lambda document: document.path)


def raw_events(document: CompanyDocument) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = json.loads(document.raw)["epcisBody"]["eventList"]
    return events


def all_raw_events() -> Iterator[dict[str, Any]]:
    for document in WORLD.documents:
        yield from raw_events(document)


def texts_in(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for member in value.values():
            yield from texts_in(member)
    elif isinstance(value, list):
        for member in value:
            yield from texts_in(member)


def story_of(document: CompanyDocument) -> str:
    return document.path.split("/")[0]


@each_document
def test_a_document_parses_without_a_problem(document: CompanyDocument) -> None:
    parsed = parse_document(document.raw)

    assert parsed.problems == ()
    assert len(parsed.events) == len(raw_events(document))


@each_document
def test_the_stored_form_of_each_event_parses_to_the_same_event(document: CompanyDocument) -> None:
    for _, event in parse_document(document.raw).events:
        if event.event_id is not None:
            stored = json.dumps(event_to_json(event)).encode()
            assert [again for _, again in parse_document(stored).events] == [event]


def test_there_are_enough_events_and_items_for_pages_to_look_real() -> None:
    items = {
        uri
        for document in WORLD.documents
        for _, event in parse_document(document.raw).events
        for uri, _ in event.items()
    }

    assert 60 <= sum(1 for _ in all_raw_events()) <= 130
    assert len(items) >= 200


def test_ten_companies_tell_all_five_event_types() -> None:
    assert {event["type"] for event in all_raw_events()} == {
        "ObjectEvent",
        "AggregationEvent",
        "AssociationEvent",
        "TransactionEvent",
        "TransformationEvent",
    }
    assert len({document.party_id for document in WORLD.documents}) == 10


def test_identifiers_come_as_urns_and_as_digital_links_on_several_hosts() -> None:
    texts = {text for event in all_raw_events() for text in texts_in(event)}

    assert any(text.startswith("urn:epc:id:sgtin:") for text in texts)
    hosts = {match[1] for text in texts if (match := re.match(r"(https://[^/]+)/(?:01|00)/\d", text))}
    assert hosts == {"https://id.gs1.org", "https://id.yunqi.example", "https://id.haihui.example"}


def test_only_the_till_leaves_event_ids_to_the_node_and_no_id_is_used_twice() -> None:
    without = {
        document.path for document in WORLD.documents for e in raw_events(document) if "eventID" not in e
    }
    assert without == {"shrimp/15-linli-sell.json"}

    ids = Counter(
        event["eventID"]
        for event in all_raw_events()
        if "eventID" in event and "errorDeclaration" not in event
    )
    assert set(ids.values()) == {1}
    assert all(
        re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", event_id) for event_id in ids
    )


def slow_check_digit(body: str) -> str:
    """GS1 General Specifications, 7.9: weights 3 and 1 from the right, the sum filled up to a ten."""
    total = 0
    weight = 3
    for digit in reversed(body):
        total += int(digit) * weight
        weight = 4 - weight
    return str((10 - total % 10) % 10)


CHECKED = re.compile(
    r"https://id\.[^/]+/(?:01/(\d{14})|00/(\d{18})|41[47]/(\d{13})|253/(\d{13})|8003/0(\d{13}))"
)
"""The part of a Digital Link that ends in a check digit."""


def test_every_check_digit_is_right() -> None:
    texts = [text for event in all_raw_events() for text in texts_in(event)]
    texts += [item.uri for item in (*WORLD.companies, *WORLD.places, *WORLD.products)]
    texts += [WORLD.highlights.vial, WORLD.highlights.retail_pack, WORLD.highlights.pallet]
    checked = [next(filter(None, match.groups())) for text in texts if (match := CHECKED.match(text))]

    assert len(checked) > 500
    assert [digits for digits in checked if slow_check_digit(digits[:-1]) != digits[-1]] == []


def company_prefix_of(identifier: str) -> str:
    """The seven digits of the company, taken from the text without the parser of the product."""
    if identifier.startswith("urn:epc:"):
        return identifier.split(":")[4].split(".")[0]
    ai, value = re.sub(r"^https://[^/]+/", "", identifier).split("/")[:2]
    skipped = {"01": 1, "00": 1, "8003": 1, "8004": 0}[ai]  # indicator, extension digit, leading zero
    return value[skipped : skipped + 7]


def spoken_for(event: dict[str, Any]) -> list[str]:
    """What an event's submitter must own."""
    kind, action = event["type"], event.get("action")
    if kind == "TransformationEvent":
        return event.get("outputEPCList", []) + classes(event, "outputQuantityList")
    if kind == "ObjectEvent" and action in {"ADD", "DELETE"}:
        return event.get("epcList", []) + classes(event, "quantityList")
    if kind in {"AggregationEvent", "AssociationEvent"} and action == "ADD":
        return [event["parentID"]]
    return []


def classes(event: dict[str, Any], name: str) -> list[str]:
    return [element["epcClass"] for element in event.get(name, [])]


@each_document
def test_a_company_speaks_only_for_its_own_prefix(document: CompanyDocument) -> None:
    spoken = [identifier for event in raw_events(document) for identifier in spoken_for(event)]

    assert {company_prefix_of(identifier) for identifier in spoken} <= {PREFIX[document.party_id]}


def test_company_prefixes_are_of_the_range_for_examples_and_none_begins_another() -> None:
    prefixes = list(PREFIX.values())

    assert all(re.fullmatch(r"952\d{4}", prefix) for prefix in prefixes)
    assert len(set(prefixes)) == len(prefixes)
    assert all(company.gln.startswith(company.company_prefix) for company in WORLD.companies)


def test_there_is_a_company_for_every_role() -> None:
    assert {company.role for company in WORLD.companies} == {
        "admin",
        "manufacturer",
        "logistics",
        "coldchain",
        "regulator",
    }


def parsed_events(document: CompanyDocument) -> list[Event]:
    return [event for _, event in parse_document(document.raw).events]


@each_document
def test_every_place_product_and_party_in_a_document_has_a_name(document: CompanyDocument) -> None:
    places = {place.uri for place in WORLD.places}
    products = {product.uri for product in WORLD.products}
    companies = {company.uri for company in WORLD.companies}
    for event in parsed_events(document):
        assert {place.uri for place in (event.read_point, event.biz_location) if place} <= places
        assert {party.uri for party in (*event.sources, *event.destinations)} <= companies
        goods = {uri for uri, _ in event.items() if "/01/" in uri}
        assert {re.sub(r"(/01/\d{14}).*", r"\1", uri) for uri in goods} <= products


def test_names_are_given_in_chinese_and_in_english() -> None:
    for named in (*WORLD.companies, *WORLD.places, *WORLD.products):
        assert re.search(r"[一-鿿]", named.name_zh), named
        assert not re.search(r"[一-鿿]", named.name), named


def test_no_name_is_given_twice() -> None:
    uris = Counter(item.uri for item in (*WORLD.companies, *WORLD.places, *WORLD.products))

    assert set(uris.values()) == {1}


def test_uris_of_the_world_are_canonical() -> None:
    highlights = (WORLD.highlights.vial, WORLD.highlights.retail_pack, WORLD.highlights.pallet)
    named = [item.uri for item in (*WORLD.companies, *WORLD.places, *WORLD.products)]
    for uri in (*highlights, *named):
        assert parse_identifier(uri).uri == uri


def time_of(text: str) -> datetime:
    return datetime.fromisoformat(text)


@each_document
def test_a_document_is_made_after_what_it_tells_and_in_autumn(document: CompanyDocument) -> None:
    created = time_of(json.loads(document.raw)["creationDate"])
    times = [time_of(event["eventTime"]) for event in raw_events(document)]

    assert max(times) <= created
    assert min(times).date() >= date(2026, 9, 1)
    assert created.date() <= date(2026, 11, 15)


def test_companies_write_one_after_the_other() -> None:
    for _, story in groupby(WORLD.documents, story_of):
        made = [time_of(json.loads(document.raw)["creationDate"]) for document in story]
        assert made == sorted(made)


@each_document
def test_event_times_are_written_in_the_local_time_of_the_place(document: CompanyDocument) -> None:
    for event in raw_events(document):
        assert event["eventTime"].endswith(event["eventTimeZoneOffset"])


def test_one_event_is_declared_in_error_and_a_corrected_one_stands_in_its_place() -> None:
    events = list(all_raw_events())
    (declared,) = (event for event in events if "errorDeclaration" in event)
    declaration = declared["errorDeclaration"]
    same_id = [event for event in events if event.get("eventID") == declared["eventID"]]
    (corrected,) = (event for event in events if event.get("eventID") in declaration["correctiveEventIDs"])

    assert declaration["reason"] == "incorrect_data"
    # EPCIS 2.0, 7.4.1.2: the declaration repeats the event in every other field.
    assert same_id == [{k: v for k, v in declared.items() if k != "errorDeclaration"}, declared]
    assert corrected["epcList"] == declared["epcList"]
    assert corrected["bizLocation"] != declared["bizLocation"]


def temperatures(event: dict[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for element in event.get("sensorElementList", []):
        for report in element["sensorReport"]:
            if report["type"] == "Temperature":
                yield element["sensorMetadata"], report


def range_of(report: dict[str, Any]) -> tuple[float, float]:
    return report.get("minValue", report.get("value")), report.get("maxValue", report.get("value"))


def test_the_vaccine_left_its_range_once_for_forty_minutes_and_the_logger_said_so() -> None:
    reports = [
        pair
        for document in WORLD.documents
        if story_of(document) == "vaccine"
        for event in raw_events(document)
        for pair in temperatures(event)
    ]
    outside = [(metadata, report) for metadata, report in reports if not within(report, 2, 8)]
    alarms = [(metadata, report) for metadata, report in reports if "exception" in report]

    assert outside == alarms
    ((metadata, report),) = alarms
    assert report["exception"] == "ALARM_CONDITION"
    assert report["maxValue"] == 10.6
    assert time_of(metadata["endTime"]) - time_of(metadata["startTime"]) == timedelta(minutes=40)


def test_the_logger_measured_what_the_documents_say_of_it() -> None:
    """Each of its windows in the documents has the lowest, highest and mean of the readings in it."""
    trip = WORLD.trip
    readings = [reading for message in trip.messages for reading in message.readings]
    compared = 0
    for document in WORLD.documents:
        for event in parsed_events(document):
            for element in event.sensor_elements:
                metadata = element.metadata
                if not metadata or metadata.device_id != trip.carrier_id:
                    continue
                assert metadata.start_time
                assert metadata.end_time
                (report,) = element.reports
                start, stop = to_ms(metadata.start_time), to_ms(metadata.end_time)
                then = [r.milli for r in readings if start <= r.at_ms < stop]
                mean = round(sum(then) / len(then) / 1000, 1)
                said = (report.min_value, report.max_value, report.mean_value)
                assert (min(then), max(then), mean) == (said[0] * 1000, said[1] * 1000, float(said[2]))
                compared += 1
    assert compared == 5
    outside = [r.at_ms for r in readings if not 2_000 <= r.milli <= 8_000]
    assert start == outside[0]
    assert stop == outside[-1] + 60_000


def test_the_logger_is_watched_while_it_is_fixed_to_the_pallet_and_loses_messages_once() -> None:
    trip, (fixed, taken_off) = (
        WORLD.trip,
        [
            to_ms(event.event_time)
            for document in WORLD.documents
            for event in parsed_events(document)
            if (WORLD.trip.carrier_id, "child") in event.items()
        ],
    )
    times = [reading.at_ms for message in trip.messages for reading in message.readings]

    assert fixed == trip.from_ms <= times[0]
    assert times[-1] < trip.until_ms < taken_off
    assert trip.to == WORLD.highlights.pallet
    assert [b - a for a, b in pairwise(times) if b - a != 60_000] == [61 * 60_000]
    numbers = [message.number for message in trip.messages]
    assert sorted(set(range(1, numbers[-1])) - set(numbers)) == [21, 22]
    assert {trip.lent_by, trip.party_id} <= PREFIX.keys()
    assert trip.after in {document.path for document in WORLD.documents}


def within(report: dict[str, Any], celsius_min: float, celsius_max: float) -> bool:
    low, high = range_of(report)
    return celsius_min <= low <= high <= celsius_max


def test_the_shrimp_stayed_frozen_from_the_freezer_to_the_shop() -> None:
    frozen = [
        report
        for document in WORLD.documents
        if story_of(document) == "shrimp" and "01-costa-catch" not in document.path
        for event in raw_events(document)
        for _, report in temperatures(event)
    ]

    assert len(frozen) >= 10
    assert all(within(report, -30, -18) for report in frozen)


def test_a_mean_lies_between_its_extremes_and_a_window_ends_before_it_is_reported() -> None:
    for event in all_raw_events():
        for metadata, report in temperatures(event):
            low, high = range_of(report)
            assert low <= report.get("meanValue", low) <= high
            measured = time_of(metadata.get("endTime", metadata.get("time")))
            assert measured <= time_of(event["eventTime"])
            assert time_of(metadata.get("startTime", measured.isoformat())) <= measured


GONE = {"dispensed", "destroyed", "retail_sold"}
CARRIES = {"giai", "grai"}  # vehicles and containers: what they carry can still be seen


@dataclass
class Warehouse:
    """What exists, and what is packed in what, as the events tell it one after the other."""

    made: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    packed_in: dict[str, str] = field(default_factory=dict)
    fixed_to: dict[str, str] = field(default_factory=dict)
    touched: dict[str, datetime] = field(default_factory=dict)

    def tell(self, event: Event) -> None:
        by_role: dict[str, list[str]] = {}
        for uri, role in event.items():
            by_role.setdefault(role, []).append(uri)
            assert self.touched.get(uri, event.event_time) <= event.event_time, f"{uri} goes back in time"
            assert uri not in self.gone, f"{uri} is gone"
            self.touched[uri] = event.event_time
        match event.type, event.action:
            case "ObjectEvent", "ADD":
                self.make(by_role.get("epc", []) + by_role.get("class", []))
            case "TransformationEvent", None:
                self.see(by_role.get("input", []) + by_role.get("input_class", []))
                self.make(by_role.get("output", []) + by_role.get("output_class", []))
            case "AggregationEvent", action:
                self.see(by_role.get("child_class", []))
                (parent,) = by_role["parent"]
                self.pack(parent, by_role.get("child", []), unpack=action == "DELETE")
            case "AssociationEvent", action:
                (parent,) = by_role["parent"]
                self.see([parent])
                for device in by_role["child"]:
                    assert self.fixed_to.get(device) == (parent if action == "DELETE" else None)
                    self.fixed_to[device] = parent
                    if action == "DELETE":
                        del self.fixed_to[device]
            case "TransactionEvent", _:
                # It may name a pallet together with the cases in it.
                for uri in self.touched.keys() & {uri for uri, _ in event.items()}:
                    assert uri in self.made
            case _:
                self.see(by_role.get("epc", []) + by_role.get("class", []))
        if event.disposition in GONE:
            self.gone.update(by_role["epc"])

    def make(self, uris: list[str]) -> None:
        assert self.made.isdisjoint(uris)
        self.made.update(uris)

    def see(self, uris: list[str]) -> None:
        for uri in uris:
            assert uri in self.made, f"{uri} is not made yet"
            parent = self.packed_in.get(uri)
            assert parent is None or parse_identifier(parent).kind in CARRIES, f"{uri} is inside {parent}"

    def pack(self, parent: str, children: list[str], *, unpack: bool) -> None:
        if unpack:
            assert [self.packed_in.pop(child) for child in children] == [parent] * len(children)
            return
        if parse_identifier(parent).kind != "sgtin":  # a pallet or vehicle is made by packing it
            self.made.add(parent)
        self.see([parent, *children])
        assert not any(child in self.packed_in for child in children)
        self.packed_in.update(dict.fromkeys(children, parent))


def standing_events(story: str) -> list[Event]:
    """The events of a story in order, each event declared in error replaced by what corrects it."""
    documents = [document for document in WORLD.documents if story_of(document) == story]
    events = [event for document in documents for event in parsed_events(document)]
    corrections = {
        event.event_id: event.error_declaration.corrective_event_ids
        for event in events
        if event.error_declaration
    }
    by_id = {event.event_id: event for event in events}
    corrective = {event_id for ids in corrections.values() for event_id in ids}
    standing = []
    for event in events:
        if event.error_declaration or event.event_id in corrective:
            continue
        replaced = corrections.get(event.event_id, ())
        standing += [by_id[event_id] for event_id in replaced] if replaced else [event]
    return standing


@pytest.mark.parametrize("story", ["vaccine", "shrimp"])
def test_things_are_made_before_they_are_seen_and_unpacked_only_from_where_they_are(story: str) -> None:
    warehouse = Warehouse()

    for event in standing_events(story):
        warehouse.tell(event)

    assert warehouse.fixed_to == {}  # every logger was taken off again
    on_the_road = {p for p in warehouse.packed_in.values() if parse_identifier(p).kind in CARRIES}
    assert on_the_road == set()
    assert warehouse.gone


def test_the_items_to_open_first_reach_the_end_of_their_story() -> None:
    last = {}
    for story in ("vaccine", "shrimp"):
        for event in standing_events(story):
            last.update({uri: event.disposition for uri, _ in event.items()})

    assert last[WORLD.highlights.vial] == "dispensed"
    assert last[WORLD.highlights.retail_pack] == "retail_sold"
    assert WORLD.highlights.pallet in last


def test_no_transformation_gives_more_than_went_in() -> None:
    transformations = [event for event in all_raw_events() if event["type"] == "TransformationEvent"]

    assert len(transformations) == 2
    for event in transformations:
        packs = len(event.get("outputEPCList", [])) * 0.5  # retail packs hold 500 g
        kilograms = sum(element["quantity"] for element in event["outputQuantityList"])
        assert packs + kilograms <= sum(element["quantity"] for element in event["inputQuantityList"])
