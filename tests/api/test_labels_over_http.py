import xml.etree.ElementTree as ElementTree
from io import BytesIO

import pytest
import zxingcpp
from PIL import Image

from tests.api.conftest import Demo


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
        "https://elsewhere.example/shop/01/09527101001015/21/YQ7H4001?17=270831",
    ],
)
def test_every_spelling_of_an_identifier_gives_the_same_label(demo: Demo, spelling: str) -> None:
    plain = demo.client.get("/labels", params={"id": "(01)09527101001015(21)YQ7H4001"})
    assert demo.client.get("/labels", params={"id": spelling}).text == plain.text


@pytest.mark.parametrize(
    ("params", "detail"),
    [
        ({"id": "urn:uuid:11111111-2222-4333-8444-555555555555"}, "a label needs a GS1 identifier"),
        ({"id": "(01)09527101001016"}, "check digit is 6, should be 5"),
        ({"id": "(01)09527101001015", "format": "png", "dpi": "72"}, "label printers have 203, 300, 600"),
        ({"id": "(01)09527101001015", "format": "pdf"}, "/query/format: Input should be 'svg' or 'png'"),
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
