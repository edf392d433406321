"""Pages as people get them, read without a browser."""

import re
from dataclasses import replace
from html import unescape

import httpx
import pytest

from ledger.alarms import acknowledge, list_alarms
from ledger.config import Settings
from ledger.ports import MasterData
from tests.api.conftest import Demo, Serve
from tests.api.test_history import at, change
from tests.services.test_excursions import VIAL, Shipment
from tests.services.world import SGTIN, World, made, seen

PAGE_BYTES_MAX = 100_000


def item(client: httpx.Client, uri: str, **params: str) -> httpx.Response:
    return client.get("/item", params={"id": uri, **params})


def words(page: httpx.Response) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page.text.partition("<main")[2])).split())


def test_a_buyer_sees_the_verdict_first_then_the_product(demo: Demo) -> None:
    page = item(demo.client, demo.highlights.vial)
    said = words(page)

    assert page.status_code == 200
    assert said.index("Verified All 6 events") < said.index("Influenza vaccine (split virion), vial")
    assert "Lot YQ260901" in said
    assert "Expires 2027-08-31" in said
    assert "Storage temperature 2–8 °C" in said


def test_a_buyer_reads_the_whole_journey_in_both_languages(demo: Demo) -> None:
    english = words(item(demo.client, demo.highlights.retail_pack, lang="en"))
    chinese = words(item(demo.client, demo.highlights.retail_pack, lang="zh"))

    for said, journey in (
        (english, ("Lot created", "Fishing vessel Aurora Serena", "Loaded", "Made", "Sold to a customer")),
        (chinese, ("批次产生", "渔船「静岸曙光」", "装载", "加工制成", "零售售出")),
    ):
        place = said.index(journey[0])
        for stop in journey:
            place = said.index(stop, place)
    assert "ingredient Argentine red shrimp, frozen blocks L1" in english
    assert "随同包装" in chinese


def test_a_pharmacist_sees_the_excursion_with_its_place_and_time(demo: Demo) -> None:
    said = words(item(demo.client, demo.highlights.vial))
    assert (
        "Outside the allowed range: 1 8.1 … 10.6 °C 2026-09-25 09:45 (UTC+8) Hefeng cold store, dock 3"
        in said
    )
    assert "with Logistic unit (00) 095271010000042179" in said


def test_a_record_declared_wrong_is_struck_out_with_the_reason(demo: Demo) -> None:
    page = item(demo.client, demo.highlights.vial)
    assert "<s>Received</s>" in page.text
    assert "Declared wrong on 2026-09-25 13:25 (UTC+8): its data were wrong" in words(page)


def test_a_regulator_sees_how_the_verdict_was_reached_and_how_to_repeplaceit(demo: Demo) -> None:
    page = item(demo.client, demo.highlights.vial)
    said = words(page)

    assert said.count("passed The file is well formed") == 7  # the vial, and six that held it
    assert "passed The blockchain holds the anchor in a final block" in said
    assert "suyuan verify FILE" in said
    assert "0x" + demo.node.trust.contract.hex() in said
    (download,) = re.findall(r'class="button" href="([^"]+)"', page.text)
    assert demo.client.get(unescape(download)).headers["content-type"] == "application/json"


def test_every_link_of_the_page_leads_somewhere(demo: Demo) -> None:
    page = item(demo.client, demo.highlights.vial)
    links = {unescape(href) for href in re.findall(r'href="([^"]+)"', page.text)}
    for href in sorted(links):
        path, _, fragment = href.partition("#")
        if fragment:
            assert f'id="{fragment}"' in page.text
        if path:
            assert path.startswith("/")
            assert demo.client.get(path).status_code == 200, path


@pytest.mark.parametrize(
    "path", ["/", "/docs", "/item?id={vial}", "/item?id={retail_pack}", "/item?id={pallet}"]
)
def test_a_page_is_small_private_and_needs_no_script(demo: Demo, path: str) -> None:
    highlights = demo.highlights
    page = demo.client.get(
        path.format(vial=highlights.vial, retail_pack=highlights.retail_pack, pallet=highlights.pallet)
    )
    style = demo.client.get("/static/suyuan.css")

    assert page.status_code == 200
    assert len(page.content) + len(style.content) < PAGE_BYTES_MAX
    assert "<script" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert page.headers["vary"].startswith("Accept, Accept-Language, Cookie")


def test_the_language_switch_stays_on_the_item_and_is_remembered(demo: Demo) -> None:
    page = item(demo.client, demo.highlights.vial)
    (switch,) = re.findall(r'class="switch" href="([^"]+)"', page.text)
    switched = demo.client.get(unescape(switch))
    later = item(demo.client, demo.highlights.pallet)

    assert '<html lang="en">' in page.text
    assert '<html lang="zh-CN">' in switched.text
    assert "流感病毒裂解疫苗，西林瓶" in switched.text
    assert later.headers["content-language"] == "zh"


def test_an_acknowledged_alarm_is_in_the_history_of_what_was_inside(world: World, serve: Serve) -> None:
    shipment = Shipment(world)
    shipment.measure(0, 9)
    (record,) = list_alarms(world.node, shipment.key, is_open=True, limit=9)
    words_of = {"name": "李梅", "reason": "<b>door</b> closed"}
    acknowledge(world.node, shipment.key, record.alarm.alarm_id, words_of)
    page = item(serve(world.node), VIAL)
    assert "Alarm acknowledged" in words(page)
    assert "李梅: &lt;b&gt;door&lt;/b&gt; closed" in page.text


def test_an_archived_event_is_told_as_archived_on_the_page_and_over_http(world: World, serve: Serve) -> None:
    world.capture(made("S1", eventID="urn:uuid:1"))
    world.anchor()
    change(world, "DELETE FROM event_body")
    client = serve(world.node)
    assert "its content is in the archive" in words(item(client, SGTIN + "S1"))
    for path in ("/epcis/events", "/epcis/events/urn%3Auuid%3A1", "/proof/event?id=urn:uuid:1"):
        answer = client.get(path, headers={"Accept": "application/json"})
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "3600")
        assert "which are archived" in answer.json()["detail"]


def test_a_changed_event_is_refuted_in_plain_words(world: World, serve: Serve) -> None:
    world.capture(made("S1"))
    world.anchor()
    change(
        world, "UPDATE event_body SET body = CAST(replace(CAST(body AS TEXT), '+08:00', '+09:00') AS BLOB)"
    )
    said = words(item(serve(world.node), SGTIN + "S1"))

    assert said.startswith('id="content"> Refuted The content of an event was changed after it was recorded.')
    assert "body and salt give commitment" in said
    assert "failed Each event's content gives its commitment" in said
    assert "Verified All" not in said


def test_a_chain_thplaceis_away_is_no_verdict(world: World, serve: Serve) -> None:
    world.capture(made("S1"))
    world.anchor()
    url = "http://127.0.0.1:9/v3/a-provider-s-key"
    away = replace(world.node, trust=replace(world.node.trust, rpc_url=url))
    page = item(serve(away), SGTIN + "S1")
    said = words(page)

    assert said.startswith('id="content"> Could not be checked The blockchain could not be asked now.')
    assert "not checked The blockchain holds the anchor" in said
    assert "a-provider-s-key" not in page.text


def test_new_events_are_shown_as_waiting(world: World, serve: Serve) -> None:
    client = serve(world.node)
    world.capture(made("S1", **at(1)))
    assert "Could not be checked The events are captured and wait" in words(item(client, SGTIN + "S1"))
    world.anchor()
    world.capture(made("S2", **at(1)))
    assert "This item · Waiting for its anchor" in words(item(client, SGTIN + "S2"))
    world.capture(seen("S1", **at(2)))
    said = words(item(client, SGTIN + "S1"))

    assert "Verified All 1 events" in said
    assert "1 newer events are captured and wait for their anchor." in said
    assert "(UTC+8) waiting" in said


def test_an_unknown_item_is_not_found_and_thplaceis_proved(demo: Demo) -> None:
    page = item(demo.client, SGTIN + "NEVER")
    assert page.status_code == 404
    assert "Nothing recorded This ledger has no event of this item. This was verified" in words(page)


def test_whplaceis_no_identifier_is_explained_to_a_person(demo: Demo) -> None:
    page = demo.client.get("/item", params={"id": "(01)09506000134353"}, headers={"Accept": "text/html"})
    assert page.status_code == 400
    assert "check digit is 3, should be 2" in words(page)


@pytest.mark.parametrize("spelling", ["88.118.1001/批次1", "hdl:88.118.1001/%E6%89%B9%E6%AC%A11"])
def test_an_item_of_another_scheme_has_its_page_and_its_bundle(demo: Demo, spelling: str) -> None:
    page = demo.client.get("/item", params={"id": spelling})
    assert page.status_code == 404
    assert "Nothing recorded This ledger has no event of this item. This was verified" in words(page)
    assert "88.118.1001/批次1" in words(page)
    bundle = demo.client.get("/proof/item", params={"id": spelling})
    assert bundle.json()["subject"] == {"item": "hdl:88.118.1001/%E6%89%B9%E6%AC%A11"}


def test_names_cannot_smuggle_markup_into_a_page(world: World, serve: Serve) -> None:
    evil = "<script>alert(1)</script>"
    gtin = "https://id.gs1.org/01/09506000134352"
    world.node.store.put_master_data([MasterData(gtin, "product", evil, evil, {"net_content": evil})])
    world.capture(made("S1", ilmd={"cbvmda:lotNumber": evil}))
    page = item(serve(world.node), SGTIN + "S1")

    assert "<script" not in page.text
    assert words(page).count(evil) >= 3


def test_the_console_shows_the_demonstration_only_where_it_is_loaded(
    demo: Demo, world: World, serve: Serve
) -> None:
    with_demo = words(demo.client.get("/"))
    without = words(serve(world.node).get("/"))

    assert "A vaccine vial, 2–8 °C" in with_demo
    assert "Items of the demonstration" not in without
    assert "Events captured 0" in without


def test_an_error_of_ours_is_told_without_its_inside(world: World, serve: Serve) -> None:
    broken = replace(world.node, settings=replace(Settings(), data_dir=None))  # type: ignore[arg-type]
    answer = serve(broken).get("/")
    assert answer.status_code == 500
    assert answer.headers["connection"] == "close", "the server closes it: let the client know"
    assert answer.json()["detail"].startswith("this node made a mistake")
    assert "Traceback" not in answer.text
