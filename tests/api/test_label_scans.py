"""A label that is opened is counted, and its page says what the scans and the signature tell."""

import httpx
import pytest

from ledger.authenticity import label_signer
from ledger.domain.keys import Algorithm
from tests.api.conftest import Serve
from tests.api.test_pages import words
from tests.services.world import SGTIN, World, made, seen

PATH = "/01/09506000134352/21/S1"
PAGE = {"Accept": "text/html"}
HOUR = 3_600_000


def scan(client: httpx.Client, path: str = PATH, **headers: str) -> httpx.Response:
    return client.get(path, headers={**PAGE, **headers}, follow_redirects=True)


def count(world: World, serial: str = "S1") -> int:
    return len(world.node.store.label_scans(SGTIN + serial, limit=99))


def bearer(world: World, party: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {world.texts[party]}"}


def signed_path(
    world: World, party: str = "factory", path: str = PATH, algorithm: Algorithm = "Ed25519"
) -> str:
    signer = label_signer(world.node, party, SGTIN + "S1", algorithm)
    return signer.sign(f"https://id.gs1.org{path}").removeprefix("https://id.gs1.org")


@pytest.fixture
def client(world: World, serve: Serve) -> httpx.Client:
    world.capture(made("S1"))
    world.anchor()
    return serve(world.node)


def test_a_signed_label_names_its_owner_and_never_says_genuine(world: World, client: httpx.Client) -> None:
    page = scan(client, signed_path(world))
    said = words(page)

    assert page.status_code == 200
    assert (
        "Label signed by Factory The signature says who issued the label; a copy would look the same." in said
    )
    assert "You are the first to scan this" in said
    assert "genuine" not in page.text.lower()
    assert "set-cookie" not in page.headers


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_label_without_a_signature_is_called_unsigned(client: httpx.Client, language: str) -> None:
    said = words(scan(client, f"{PATH}?lang={language}"))
    assert {"zh": "标签没有签名", "en": "The label is not signed"}[language] in said


def test_a_changed_signature_is_called_not_valid(world: World, client: httpx.Client) -> None:
    path = signed_path(world).replace("?sig=", "?17=271231&sig=")
    assert "The label's signature is not valid" in words(scan(client, path))


def test_a_signature_by_an_unknown_key_could_not_be_checked(world: World, client: httpx.Client) -> None:
    path = signed_path(world)
    for key in (world.node.settings.data_dir / "keys" / "labels").iterdir():
        key.unlink()
    assert "The label's signature could not be checked" in words(scan(client, path))


def test_a_label_signed_with_sm2_is_told_from_a_changed_one(world: World, client: httpx.Client) -> None:
    path = signed_path(world, algorithm="SM2")
    assert "Label signed by Factory" in words(scan(client, path))
    changed = path.replace("?sig=", "?17=271231&sig=")
    assert "The label's signature is not valid" in words(scan(client, changed))


def test_a_label_in_two_far_places_is_called_copied_with_a_question_mark(
    world: World, client: httpx.Client
) -> None:
    path = signed_path(world)
    scan(client, f"{path}&region=CN-31&lat=31.23&lon=121.47")
    world.clock.now_ms += HOUR
    said = words(scan(client, f"{path}&region=FR&lat=48.86&lon=2.35"))

    assert (
        "Copied? This serial was scanned in CN-31 31.2°, 121.5° and in FR 48.9°, 2.4° within 60 min" in said
    )
    assert "Label signed by Factory" in said
    assert "2 scans." in said


def test_a_serial_that_its_owner_never_issued_is_not_activated(world: World, client: httpx.Client) -> None:
    assert "Not activated The owner has not issued this serial" in words(scan(client, PATH[:-2] + "S9"))
    world.capture(seen("S8"))
    assert "Not activated" in words(scan(client, PATH[:-2] + "S8"))
    assert "Not activated" not in words(scan(client))
    assert "Not activated" not in words(scan(client, "/01/09506000134352"))
    assert "Not activated" not in words(scan(client, "/01/09521234543213/21/S1"))  # nobody's prefix


def test_the_page_of_an_item_that_was_not_opened_by_its_label_says_nothing_of_one(
    world: World, client: httpx.Client
) -> None:
    page = client.get("/item", params={"id": SGTIN + "S1"})
    other = client.get("/item", params={"id": SGTIN + "S1", "label": "/01/09506000134352/21/S2"})
    for said in (words(page), words(other)):
        assert "label is" not in said
    assert count(world) == 0


def test_only_a_person_who_opens_the_label_is_counted(world: World, client: httpx.Client) -> None:
    client.head(PATH, headers=PAGE)
    client.get(PATH)  # a program, which asks for no page
    scan(client, **{"Sec-Purpose": "prefetch;prerender"})
    scan(client, Purpose="prefetch")
    scan(client, **{"User-Agent": "Mozilla/5.0 (compatible; Googlebot/2.1)"})
    scan(client, "/01/09506000134352/10/L1")
    assert count(world) == 0
    scan(client)
    assert count(world) == 1


def test_a_flood_is_not_counted(world: World, client: httpx.Client) -> None:
    for _ in range(9):
        assert scan(client).status_code == 200
    assert count(world) == 6
    scan(client, **{"Suyuan-Device": "another"})
    assert count(world) == 7


@pytest.mark.parametrize("query", ["lat=1", "lat=91&lon=0", "region=here", "lat=x&lon=1", "lat=nan&lon=1"])
def test_a_wrong_place_is_refused_and_not_counted(world: World, client: httpx.Client, query: str) -> None:
    assert scan(client, f"{PATH}?{query}").status_code == 400
    assert count(world) == 0


def test_alerts_are_for_the_owner_only(world: World, client: httpx.Client) -> None:
    for region in ("CN-31", "FR"):
        scan(client, f"{PATH}?region={region}")
        world.clock.now_ms += 60_000
    answers = {party: client.get("/labels/alerts", headers=bearer(world, party)) for party in world.texts}

    assert client.get("/labels/alerts").status_code == 401
    assert answers["carrier"].json() == {"items": [], "next": ""}
    (item,) = answers["factory"].json()["items"]
    (alert,) = item["alerts"]
    assert (item["item"], alert["kind"]) == (SGTIN + "S1", "two_regions")
    assert [alert[scan]["region"] for scan in ("first", "second")] == ["CN-31", "FR"]
    assert "device" not in answers["factory"].text


def test_staff_report_scans_with_their_api_key(world: World, client: httpx.Client) -> None:
    def post(**body: object) -> httpx.Response:
        return client.post("/labels/scans", json=body, headers=bearer(world, "carrier"))

    place = {"region": "CN-31", "latitude": 31.2, "longitude": 121.5}
    counted = post(label="]d2010950600013435221S1", device="handheld 7", **place)
    (kept,) = world.node.store.label_scans(SGTIN + "S1", limit=9)

    assert counted.json() == {"item": SGTIN + "S1", "counted": True}
    assert (kept.scanner, str(kept.place)) == ("staff", "CN-31 31.2°, 121.5°")
    assert b"handheld" not in kept.device
    assert post(label="(01)09506000134352").json()["counted"] is False
    assert post(label="(10)L1").status_code == 400
    assert post(label="hello").status_code == 400
    assert client.post("/labels/scans", json={"label": SGTIN + "S1"}).status_code == 401
