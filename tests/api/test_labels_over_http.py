import xml.etree.ElementTree as ElementTree
from io import BytesIO

import httpx
import pytest
import zxingcpp
from PIL import Image

from ledger.domain.authenticity import Signed, check_label, read_keys
from ledger.domain.keys import algorithm_of
from tests.api.conftest import Demo, Serve
from tests.services.world import SGTIN, World


def test_a_label_names_the_product_and_reads_back_as_its_link(demo: Demo) -> None:
    link = f"{demo.node.settings.label_url}/01/09527101001015/10/YQ260901/21/YQ7H4001"
    params = {"id": "(01)09527101001015(10)YQ260901(21)YQ7H4001", "format": "png", "dpi": 300}
    png = demo.client.get("/labels", params=params)
    svg = demo.client.get("/labels", params={"id": params["id"]})

    (code,) = zxingcpp.read_barcodes(Image.open(BytesIO(png.content)).convert("L"))
    assert code.text == link
    printed = " ".join("".join(ElementTree.fromstring(svg.text).itertext()).split())
    for text in ("流感病毒裂解疫", "Influenza vaccine", "2–8 °C", "(10) YQ260901"):
        assert text in printed


@pytest.mark.parametrize(
    "spelling",
    [
        "urn:epc:id:sgtin:9527101.000101.YQ7H4001",
        "https://id.gs1.org/01/09527101001015/21/YQ7H4001",
        "https://elsewhere.example/shop/01/09527101001015/21/YQ7H4001",
        "]d20109527101001015" + "21YQ7H4001",
    ],
)
def test_every_spelling_of_an_identifier_gives_the_same_label(demo: Demo, spelling: str) -> None:
    plain = demo.client.get("/labels", params={"id": "(01)09527101001015(21)YQ7H4001"})
    assert demo.client.get("/labels", params={"id": spelling}).text == plain.text


def test_an_expiry_date_is_printed_and_does_not_change_the_link(demo: Demo) -> None:
    link = "https://elsewhere.example/shop/01/09527101001015/21/YQ7H4001?17=270831"
    svg = demo.client.get("/labels", params={"id": link}).text
    png = demo.client.get("/labels", params={"id": link, "format": "png"}).content

    assert "2027-08-31" in svg
    (code,) = zxingcpp.read_barcodes(Image.open(BytesIO(png)).convert("L"))
    assert code.text == f"{demo.node.settings.label_url}/01/09527101001015/21/YQ7H4001"


@pytest.mark.parametrize(
    ("file_format", "media_type", "begins"),
    [
        ("svg", "image/svg+xml", b"<svg"),
        ("png", "image/png", b"\x89PNG"),
        ("pdf", "application/pdf", b"%PDF-1.7"),
        ("zpl", "application/vnd.zebra-zpl", b"^XA"),
    ],
)
def test_a_template_is_filled_from_master_data_and_from_the_caller(
    demo: Demo, file_format: str, media_type: str, begins: bytes
) -> None:
    params = {
        "id": "(01)09527101001015(10)YQ260901(21)YQ7H4001",
        "template": "vaccine-vial-40x20",
        "format": file_format,
        "data": ["expiry=2027-08-31", "lot=YQ260901"],
    }
    answer = demo.client.get("/labels", params=params)

    assert (answer.status_code, answer.headers["content-type"]) == (200, media_type)
    assert answer.content.startswith(begins)


def test_an_identifier_of_another_scheme_gets_a_label(demo: Demo) -> None:
    params = {"id": "88.118.1001/abc", "format": "png"}
    png = demo.client.get("/labels", params=params).content
    (code,) = zxingcpp.read_barcodes(Image.open(BytesIO(png)).convert("L"))
    assert code.text == "88.118.1001/abc"


def test_a_template_that_is_not_there_is_said(demo: Demo) -> None:
    answer = demo.client.get("/labels", params={"id": "(01)09527101001015", "template": "../x"})
    assert answer.status_code == 404
    assert "no label template '../x'; there are case-100x100" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("params", "detail"),
    [
        ({"id": "hello"}, "'hello': text of 5 characters, not understood"),
        ({"id": "(10)YQ260901"}, "holds no key that names an item"),
        (
            {"id": "(01)09527101001015", "template": "case-100x100", "data": "lot"},
            "write a field as name=text",
        ),
        (
            {"id": "(01)09527101001015", "template": "vaccine-vial-40x20"},
            "DataMatrix: needs (17), which is not",
        ),
        ({"id": "(01)09527101001016"}, "check digit is 6, should be 5"),
        ({"id": "(01)09527101001015", "format": "png", "dpi": "72"}, "label printers have 203, 300, 600"),
        ({"id": "(01)09527101001015", "format": "gif"}, "/query/format: Input should be 'svg', 'png'"),
        ({}, "/query/id: Field required"),
    ],
)
def test_a_label_that_cannot_be_made_is_refused_with_the_reason(
    demo: Demo, params: dict[str, str], detail: str
) -> None:
    answer = demo.client.get("/labels", params=params)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert detail in answer.json()["detail"]


@pytest.mark.parametrize("algorithm", ["Ed25519", "SM2"])
def test_a_label_is_signed_for_the_party_of_the_api_key(world: World, serve: Serve, algorithm: str) -> None:
    client = serve(world.node)
    params = {"id": SGTIN + "S1", "template": "case-100x100", "format": "png", "sign": "true"}
    params |= {} if algorithm == "Ed25519" else {"algorithm": algorithm}

    def ask(party: str) -> httpx.Response:
        key = {"Authorization": f"Bearer {world.texts[party]}"}
        return client.get("/labels", params=params, headers=key)

    texts = [
        code.text for code in zxingcpp.read_barcodes(Image.open(BytesIO(ask("factory").content)).convert("L"))
    ]
    keys = read_keys(client.get("/labels/keys").text)
    verdict = check_label(next(text for text in texts if "sig=" in text), keys)

    assert isinstance(verdict, Signed)
    assert (verdict.key.party_id, algorithm_of(verdict.key.public)) == ("factory", algorithm)
    assert ask("carrier").status_code == 403
    assert client.get("/labels", params=params).status_code == 401
