"""`suyuan registry` as people type it, on a real chain."""

import re
import secrets
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from ledger.chain import account_of, connect_signer
from ledger.cli import main
from ledger.config import Settings
from ledger.domain.errors import Invalid
from ledger.ports import Party
from ledger.setup import Account, ensure_funds, operator_account, set_up
from ledger.store import open_store
from ledger.verify import Trust
from tests.chain.nodes import ADMIN, STRANGER, Anvil

Run = Callable[..., str]
KEYS = {party: sha256(f"commands {party}".encode()).digest() for party in ("maker", "shop")}
ACCOUNTS = {party: f"0x{account_of(key).hex()}" for party, key in KEYS.items()}


@pytest.fixture(scope="module")
def folder(anvil: Anvil, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A node with two parties, whose chain keys are in its folder."""
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("node"),
        rpc_url=anvil.url,
        origin="commands.example/log",
        finality="instant",
    )
    operator = operator_account(settings)
    for key in (operator.key, *KEYS.values()):
        anvil.call("anvil_setBalance", f"0x{account_of(key).hex()}", hex(10**24))
    store = open_store(settings.store_url)
    set_up(settings, store, operator)
    parties = settings.data_dir / "keys" / "parties"
    parties.mkdir()
    for party, key in KEYS.items():
        store.put_party(Party(party, party.title(), "", account_of(key)))
        (parties / f"{party}.key").write_text(key.hex())
    store.put_party(Party("far", "Far away", "", b"\x0f" * 20))
    store.close()
    return settings.data_dir


@pytest.fixture
def registry(
    folder: Path, anvil: Anvil, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    for name, value in (("DATA_DIR", str(folder)), ("RPC_URL", anvil.url), ("FINALITY", "instant")):
        monkeypatch.setenv(f"SUYUAN_{name}", value)
    monkeypatch.setenv("SUYUAN_ORIGIN", "commands.example/log")

    def run(*arguments: str, code: int = 0) -> str:
        assert main(["registry", *arguments]) == code, capsys.readouterr().err
        said = capsys.readouterr()
        return said.err if code else said.out

    return run


def test_a_prefix_goes_from_hand_to_hand_and_its_history_is_told(registry: Run) -> None:
    handle = ("--scheme", "handle")
    assert "handle 88 belongs to maker now" in registry("allocate", "88", "maker", *handle)
    assert re.search(
        rf"^handle   88               active    {ACCOUNTS['maker']} maker$", registry("list"), re.M
    )
    registry("endpoint", "88", "https://maker.example", *handle, "--as", "maker")
    registry("delegate", "88", "shop", "--until", "2040-12-31", *handle, "--as", "maker")
    registry("allocate", "88.118", "shop", *handle, "--as", "maker")
    shown = registry("show", "88", *handle)
    assert "endpoint    https://maker.example" in shown
    assert f"delegate    {ACCOUNTS['shop']} shop capture until 2041-01-01 00:00:00 UTC" in shown
    assert re.search(r"^log         0x[0-9a-f]{64}$", shown, re.M)

    registry("withdraw", "88", "shop", *handle, "--as", "maker")
    registry("offer", "88", "shop", *handle, "--as", "maker")
    assert f"offered to  {ACCOUNTS['shop']} shop" in registry("show", "88", *handle)
    registry("cancel", "88", *handle, "--as", "maker")
    assert "is not offered to 0x" in registry("accept", "88", *handle, "--as", "shop", code=1)
    registry("offer", "88", "shop", *handle, "--as", "maker")
    registry("accept", "88", *handle, "--as", "shop")
    registry("suspend", "88", *handle)
    assert "status      inactive: handle 88 is suspended" in registry("show", "88.118", *handle)
    registry("resume", "88", *handle)
    registry("revoke", "88", *handle)
    registry("reallocate", "88", ACCOUNTS["maker"], *handle)

    shown = registry("show", "88", *handle)
    held = re.findall(r"^  \S+ \S+ UTC - (?:now|\S+ \S+ UTC) +(0x\w+) ", shown, re.M)
    assert held == [ACCOUNTS["maker"], ACCOUNTS["shop"], ACCOUNTS["maker"]]
    kinds = re.findall(r"^  \S+ \S+ UTC ([a-z ]+?)(?: 0x| https| +block)", shown, re.M)
    assert kinds == [
        "allocated",
        "endpoint set",
        "delegated",
        "delegate revoked",
        "transfer offered",
        "transfer cancelled",
        "transfer offered",
        "transferred",
        "suspended",
        "resumed",
        "revoked",
        "reallocated",
    ]
    tree = registry("tree", *handle)
    assert re.search(r"^handle .*\n  88 .*maker since .*\n    88\.118 .*shop since", tree, re.M)
    assert "gs1" not in tree


def test_two_owners_say_that_their_prefixes_name_the_same_things(registry: Run) -> None:
    registry("allocate", "9506000", "maker")
    registry("allocate", "20.1", "shop", "--scheme", "handle")
    other = ("--other-scheme", "handle")
    said = registry("equate", "9506000", "20.1", *other, "--as", "maker")
    assert "holds once the owner of that says so too" in said
    assert "same as     handle 20.1 (not in force)" in registry("show", "9506000")
    registry("equate", "20.1", "9506000", "--scheme", "handle", "--other-scheme", "gs1", "--as", "shop")
    assert "same as     handle 20.1\n" in registry("show", "9506000")
    registry("equate", "9506000", "20.1", *other, "--as", "maker", "--withdraw")
    assert "same as" not in registry("show", "9506000")
    assert "same as     gs1 9506000 (not in force)" in registry("show", "20.1", "--scheme", "handle")


def test_whoever_signs_can_pay_on_the_embedded_chain_and_elsewhere_is_told(
    anvil: Anvil, tmp_path: Path
) -> None:
    operator, poor = (connect_signer(anvil.url, key) for key in (ADMIN, secrets.token_bytes(32)))
    elsewhere = Settings(data_dir=tmp_path, rpc_url=anvil.url)
    with pytest.raises(Invalid, match=f"0x{poor.account.hex()} has no funds"):
        ensure_funds(elsewhere, operator, poor)
    ensure_funds(Settings(data_dir=tmp_path), operator, poor)  # without SUYUAN_RPC_URL the chain is ours
    paid = anvil.rpc.quantity("eth_getBalance", f"0x{poor.account.hex()}", "latest")
    ensure_funds(Settings(data_dir=tmp_path), operator, poor)
    ensure_funds(elsewhere, operator, poor)
    assert anvil.rpc.quantity("eth_getBalance", f"0x{poor.account.hex()}", "latest") == paid == 10**18


def test_the_copy_is_read_again_on_request(registry: Run) -> None:
    before = registry("list")
    assert re.search(r"^\d+ prefixes read from the chain$", registry("rebuild"), re.M)
    assert registry("list") == before


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("show", "777"), "gs1 777 is not registered: `suyuan registry list`"),
        (("allocate", "777", "nobody"), "no party 'nobody' here; there are far, maker, node, shop"),
        (("allocate", "777", "0x12"), "has 1 bytes, should have 20"),
        (("accept", "777", "--as", "far"), "far.key is not there: far keeps its chain key elsewhere"),
        (("suspend", "777", "--as", "shop"), "does not stand above gs1 777"),
        (("delegate", "777", "shop", "--until", "soon"), "'soon' is no date: write 2027-12-31"),
        (("endpoint", "777", "ftp://x"), "endpoint 'ftp://x': should be a web address"),
        (("endpoint", "777", "https://x", "--log", "0x12"), "has 1 bytes, should have 32"),
        (
            ("delegate", "777", "shop", "--until", "2040-01-01", "--scope", "抓"),
            "write a word of 1 to 32 ASCII",
        ),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, tuple) else "",
)
def test_a_mistake_is_one_clear_sentence(registry: Run, arguments: tuple[str, ...], says: str) -> None:
    said = registry(*arguments, code=1)
    assert says in said
    assert said.count("\n") == 1


def test_what_is_known_here_is_shown_when_the_chain_does_not_answer(
    registry: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = registry("list")
    monkeypatch.setenv("SUYUAN_RPC_URL", "http://127.0.0.1:9")
    assert registry("list") == before
    assert "did not answer" in registry("suspend", "9506000", code=1)


def test_a_second_node_joins_the_contracts_of_the_first_once_its_log_is_opened(
    registry: Run, folder: Path, anvil: Anvil, tmp_path: Path
) -> None:
    contracts = registry("contracts").strip().removeprefix("SUYUAN_CONTRACTS=")
    settings = Settings(
        data_dir=tmp_path,
        rpc_url=anvil.url,
        contracts=contracts,
        origin="second.example/log",
        finality="instant",
    )
    operator = operator_account(settings)
    account = f"0x{account_of(operator.key).hex()}"
    with closing(open_store(settings.store_url)) as store:
        with pytest.raises(Invalid, match=f"suyuan registry admit second.example/log {account}"):
            set_up(settings, store, operator)
        assert "is open for" in registry("admit", "second.example/log", account)
        with pytest.raises(Invalid, match="has no funds"):
            set_up(settings, store, operator)
        anvil.call("anvil_setBalance", account, hex(10**24))
        node = set_up(settings, store, operator)
        first = Trust.parse((folder / "trust.json").read_text())
        assert (node.trust.contract, node.trust.chain_id) == (first.contract, first.chain_id)
        assert node.trust.log_id != first.log_id

        assert set_up(replace(settings, contracts=""), store, operator).trust == node.trust
        with pytest.raises(Invalid, match="this ledger began on"):
            set_up(replace(settings, contracts=f"0x{'1' * 40},0x{'2' * 40},0"), store, operator)
    with closing(open_store(f"sqlite:///{tmp_path / 'other.db'}")) as store:
        nowhere = replace(settings, data_dir=tmp_path / "other", contracts=f"0x{'1' * 40},0x{'2' * 40},0")
        with pytest.raises(Invalid, match="holds no TraceLog 0x1111"):
            set_up(nowhere, store, operator)
        with pytest.raises(Invalid, match="is written by"):
            set_up(replace(nowhere, contracts=contracts), store, Account(anvil.url, STRANGER))


@pytest.mark.parametrize("text", ["0x12,0x34,5", f"0x{'1' * 40}", f"0x{'1' * 40},0x{'2' * 40},-1", "x"])
def test_contracts_that_are_not_spelled_as_such_are_refused(text: str) -> None:
    with pytest.raises(Invalid, match="SUYUAN_CONTRACTS"):
        Settings(contracts=text)
