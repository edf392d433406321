"""The registry over HTTP and as a page, and items that are reached by another name, on a real chain."""

import json
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest

from ledger.anchor import AnchorWorker
from ledger.capture import capture
from ledger.chain import RegistryWriter, account_of, connect_signer, node_id
from ledger.cli import main
from ledger.config import Settings
from ledger.domain.bundle import read_bundle
from ledger.node import Node, now_ms
from ledger.parties import authenticate, new_key
from ledger.ports import ApiKey, Party
from ledger.registry import refresh_prefixes
from ledger.setup import connect_chain, connect_registry, operator_account, pinned_deployment, set_up
from ledger.store import open_store
from ledger.verify import JsonRpcChain, Verified, verify
from tests.anchoring import anchor_all
from tests.api.conftest import serving
from tests.chain.nodes import Anvil
from tests.services.world import document, made

GTIN = "https://id.gs1.org/01/09506000134352/21/"
HANDLE = "hdl:88.118.1001/(01)09506000134352(21)"
KEYS = {name: sha256(f"registry page {name}".encode()).digest() for name in ("maker", "shop")}
LOG = b"\x05" * 32


@dataclass(frozen=True)
class Served:
    node: Node
    client: httpx.Client
    url: str
    keys: dict[str, ApiKey]

    def writer(self, party: str) -> RegistryWriter:
        deployment = pinned_deployment(self.node.store)
        assert deployment is not None
        account = operator_account(self.node.settings)
        key = KEYS.get(party, account.key)
        return RegistryWriter(connect_signer(self.url, key), deployment.prefix_registry)

    def follow(self) -> None:
        registry = connect_registry(self.node.settings, self.node.store, operator_account(self.node.settings))
        refresh_prefixes(self.node.store, registry, now_ms())
        self.node.prefixes.forget()

    def capture(self, *events: dict[str, Any]) -> None:
        assert capture(self.node, self.keys["maker"], document(*events)).success

    def anchor(self) -> None:
        chain = connect_chain(self.node.settings, self.node.store, operator_account(self.node.settings))
        anchor_all(AnchorWorker(self.node.store, chain, self.node.signer, now_ms))

    def get(self, path: str, **params: str) -> dict[str, Any]:
        answer = self.client.get(f"/registry/{path}", params=params)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def page(self, path: str, **params: str) -> str:
        answer = self.client.get(path, params=params, headers={"Accept": "text/html"})
        assert answer.status_code == 200, answer.text
        return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.text.partition("<main")[2])).split())


@pytest.fixture(scope="module")
def served(anvil: Anvil, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Two companies: maker has 9506000 and 88.118.1001, of which it says that they are the same."""
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("registry"),
        rpc_url=anvil.url,
        origin=f"{secrets.token_hex(4)}.example/log",
        finality="instant",
    )
    operator = operator_account(settings)
    for key in (operator.key, *KEYS.values()):
        anvil.call("anvil_setBalance", f"0x{account_of(key).hex()}", hex(10**24))
    store = open_store(settings.store_url)
    node = set_up(settings, store, operator)
    for name, key in KEYS.items():
        store.put_party(
            Party(name, f"The {name}", {"maker": "制造商", "shop": "商店"}[name], account_of(key))
        )
    keys = {
        name: authenticate(store, new_key(store, name, "manufacturer", now_ms(), secrets.token_bytes))
        for name in KEYS
    }
    with serving(node) as client:
        served = Served(node, client, anvil.url, keys)
        register(served)
        yield served
    store.close()


def register(served: Served) -> None:
    root, maker, shop = (served.writer(name) for name in ("node", "maker", "shop"))
    root.allocate("handle", "88", shop.signer.account)
    shop.allocate("handle", "88.118", shop.signer.account)
    shop.allocate("handle", "88.118.1001", maker.signer.account)
    root.allocate("gs1", "9506000", maker.signer.account)
    root.allocate("gs1", "9506001", shop.signer.account)
    handle, gs1 = node_id("handle", "88.118.1001"), node_id("gs1", "9506000")
    maker.set_endpoint(gs1, "https://maker.example", LOG)
    maker.delegate(gs1, shop.signer.account, 2**40)
    maker.delegate(gs1, b"\x07" * 20, 2**64 - 1, "records")
    maker.declare_equivalence(handle, gs1)
    maker.declare_equivalence(gs1, handle)
    shop.offer_transfer(node_id("gs1", "9506001"), maker.signer.account)
    maker.accept_transfer(node_id("gs1", "9506001"))
    root.suspend(node_id("gs1", "9506001"))
    served.follow()


def test_prefixes_are_listed_in_pages(served: Served) -> None:
    first = served.get("prefixes", scheme="handle", limit="2")
    assert [known["text"] for known in first["prefixes"]] == ["", "88"]
    second = served.get("prefixes", scheme="handle", limit="2", after=first["next"])
    assert [known["text"] for known in second["prefixes"]] == ["88.118", "88.118.1001"]
    assert second["next"] is None
    head = served.node.store.registry_head().block
    assert head is not None
    assert second["as_of_block"] == head.number
    assert served.get("prefixes", scheme="nothing")["prefixes"] == []


def test_a_prefix_is_told_with_all_that_is_registered_of_it(served: Served) -> None:
    told = served.get("prefixes/gs1/9506000")
    maker, shop = (f"0x{account_of(KEYS[name]).hex()}" for name in ("maker", "shop"))
    assert told["owner"] == {"account": maker, "party": "maker"}
    assert (told["status"], told["active"], told["above"]["text"]) == ("allocated", True, "")
    assert (told["endpoint"], told["log"]) == ("https://maker.example", f"0x{LOG.hex()}")
    assert [(d["account"], d["scope"], d["until"]) for d in told["delegates"]] == [
        (shop, "capture", None),
        (f"0x{'07' * 20}", "records", None),
    ]
    assert [(other["scheme"], other["text"]) for other in told["equivalents"]] == [("handle", "88.118.1001")]
    assert [change["kind"] for change in told["history"]] == [
        "allocated",
        "endpoint_set",
        "delegated",
        "delegated",
        "equivalence_declared",
    ]
    assert re.fullmatch("0x[0-9a-f]{64}", told["history"][0]["tx"])
    assert told["history_next"] == ""


def test_who_held_a_prefix_from_when_to_when_is_told(served: Served) -> None:
    told = served.get("prefixes/gs1/9506001")
    assert [held["party"] for held in told["held"]] == ["shop", "maker"]
    first, second = told["held"]
    assert first["until"] == second["from"] == told["since"]
    assert datetime.fromisoformat(first["from"]) <= datetime.fromisoformat(first["until"])
    assert second["until"] is None
    assert (told["status"], told["active"]) == ("suspended", False)


def test_history_comes_in_pages(served: Served) -> None:
    history = served.get("prefixes/gs1/9506000")["history"]
    change = served.node.store.prefix_changes(node_id("gs1", "9506000"), limit=1)[0]
    rest = served.get("prefixes/gs1/9506000", after=f"{change.block_number}-{change.log_index}")
    assert rest["history"] == history[1:]
    assert [held["party"] for held in rest["held"]] == ["maker"]


def test_the_root_of_a_scheme_has_an_empty_text(served: Served) -> None:
    assert served.get("prefixes/handle/")["owner"]["party"] == "node"


@pytest.mark.parametrize(
    "path", ["prefixes/gs1/123", "prefixes/nothing/1", "prefixes/handle/88.118.1001%2Fabc"]
)
def test_a_prefix_that_nobody_registered_is_not_found(served: Served, path: str) -> None:
    answer = served.client.get(f"/registry/{path}")
    assert answer.status_code == 404
    assert "is not registered" in answer.json()["detail"]


def test_equivalences_of_an_identifier_are_told(served: Served) -> None:
    told = served.get("equivalences", id="88.118.1001/(01)09506000134352(21)S1")
    assert (told["id"], told["equivalents"]) == (f"{HANDLE}S1", [f"{GTIN}S1"])
    assert (told["prefix"]["text"], [p["text"] for p in told["prefixes"]]) == ("88.118.1001", ["9506000"])
    assert served.get("equivalences", id=f"{GTIN}S1")["equivalents"] == [f"{HANDLE}S1"]
    assert served.get("equivalences", id="88.118.1001/abc")["equivalents"] == []
    assert served.client.get("/registry/equivalences", params={"id": "88.118"}).status_code == 400


def test_the_page_shows_the_tree_with_holders_and_since_when(served: Served) -> None:
    english, chinese = (served.page("/registry", lang=language) for language in ("en", "zh"))
    held = served.get("prefixes/handle/88.118.1001")["since"][:10]
    assert re.search(rf"88 The shop .*88\.118 The shop .*88\.118\.1001 The maker \S+ since {held}", english)
    assert re.search(rf"88\.118\.1001 制造商 \S+ 自 {held}", chinese)
    assert "9506001 The maker 0x" in english
    assert "Handles and the industrial internet" in english


def test_the_page_of_a_prefix_tells_its_history(served: Served) -> None:
    english = served.page("/registry", scheme="gs1", prefix="9506000", lang="en")
    for said in (
        "GS1 company prefixes 9506000",
        "Holder The maker",
        "Served by https://maker.example",
        "records, without end",
        "Same as handle 88.118.1001",
        "Allocated to The maker",
        "Said to name the same things as handle 88.118.1001",
    ):
        assert said in english
    chinese = served.page("/registry", scheme="gs1", prefix="9506001", lang="zh")
    for said in ("已暂停", "历任持有者", "转让给 制造商", "由 节点运营者 暂停"):
        assert said in chinese


def test_the_root_has_a_page_and_what_is_not_registered_has_none(served: Served) -> None:
    assert "88.118.1001" in served.page("/registry", scheme="handle", prefix="")
    missing = served.client.get(
        "/registry", params={"scheme": "handle", "prefix": "<b>"}, headers={"Accept": "text/html"}
    )
    assert missing.status_code == 404
    assert "<b>" not in missing.text.partition("<main")[2]


# ------------------------------------------------------------------ one item, two names


@pytest.fixture(scope="module")
def captured(served: Served) -> Served:
    """Item G1 was captured under its GS1 key, item B1 under both names."""
    both = made("B1") | {"epcList": [f"{HANDLE}B1"], "eventTime": "2026-11-03T08:00:00.000Z"}
    served.capture(made("G1", "B1"), both)
    served.anchor()
    return served


def test_a_handle_reaches_the_item_that_both_owners_registered(captured: Served) -> None:
    page = captured.page("/item", id=f"{HANDLE}G1", lang="en")
    assert "Verified" in page
    assert "You opened 88.118.1001/(01)09506000134352(21)G1, under which nothing was recorded" in page
    assert "This is the history of (01) 09506000134352 (21) G1" in page
    assert "您打开的是" in captured.page("/item", id=f"{HANDLE}G1", lang="zh")


def test_two_histories_are_never_made_one(captured: Served) -> None:
    for asked, other in (
        (f"{GTIN}B1", "88.118.1001/(01)09506000134352(21)B1"),
        (f"{HANDLE}B1", "(01) 09506000134352 (21) B1"),
    ):
        page = captured.page("/item", id=asked, lang="en")
        assert "All 1 events" in page
        assert "they are not merged" in page
        assert other in page


def test_an_item_with_one_name_says_nothing_of_others(captured: Served) -> None:
    answer = captured.client.get("/item", params={"id": "88.118.1001/abc", "lang": "en"})
    assert answer.status_code == 404
    assert "Other identifiers" not in answer.text


def proof(served: Served, uri: str, **params: str) -> httpx.Response:
    answer = served.client.get("/proof/item", params={"id": uri, **params})
    assert answer.status_code == 200, answer.text
    return answer


def path_of(uri: str) -> str:
    return str(httpx.URL("/proof/item", params={"id": uri}))


def test_the_proof_of_a_handle_names_the_item_that_it_proves(captured: Served) -> None:
    answer = proof(captured, f"{HANDLE}G1")
    bundle = read_bundle(answer.content)
    assert (bundle.subject, len(bundle.events)) == (f"{GTIN}G1", 1)
    assert isinstance(verify(answer.content, captured.node.trust, JsonRpcChain(captured.url)), Verified)
    location = answer.headers["content-location"]
    assert httpx.URL(location).params["id"] == f"{GTIN}G1"
    assert captured.client.get(location).content == answer.content


def test_that_the_handle_itself_has_no_history_can_be_proved_too(captured: Served) -> None:
    answer = proof(captured, f"{HANDLE}G1", exact="true")
    bundle = read_bundle(answer.content)
    assert (bundle.subject, bundle.events) == (f"{HANDLE}G1", ())
    assert "content-location" not in answer.headers
    link = re.fullmatch(r'<(.*)>; rel="alternate"', answer.headers["link"])
    assert link
    assert httpx.URL(link[1]).params["id"] == f"{GTIN}G1"


def test_a_proof_is_of_the_history_that_was_asked_for_where_there_is_one(captured: Served) -> None:
    answer = proof(captured, f"{HANDLE}B1")
    assert read_bundle(answer.content).subject == f"{HANDLE}B1"
    assert "content-location" not in answer.headers
    assert "link" in answer.headers
    assert "link" not in proof(captured, "88.118.1001/abc").headers


def test_prove_says_which_item_it_proves(
    captured: Served, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("SUYUAN_DATA_DIR", str(captured.node.settings.data_dir))
    monkeypatch.setenv("SUYUAN_ORIGIN", captured.node.settings.origin)
    file = tmp_path / "bundle.json"
    for option, subject in ((), f"{GTIN}G1"), (("--exact",), f"{HANDLE}G1"):
        assert main(["prove", f"{HANDLE}G1", "-o", str(file), *option]) == 0
        assert json.loads(file.read_bytes())["subject"] == {"item": subject}
        said = capsys.readouterr().out
        assert ("nothing was captured under" in said) is (not option)


def test_a_withdrawn_equivalence_leads_nowhere_any_more(captured: Served) -> None:
    handle, gs1 = node_id("handle", "88.118.1001"), node_id("gs1", "9506000")
    captured.writer("maker").withdraw_equivalence(gs1, handle)
    captured.follow()
    try:
        assert read_bundle(proof(captured, f"{HANDLE}G1").content).subject == f"{HANDLE}G1"
        assert captured.client.get("/item", params={"id": f"{HANDLE}G1"}).status_code == 404
    finally:
        captured.writer("maker").declare_equivalence(gs1, handle)
        captured.follow()
