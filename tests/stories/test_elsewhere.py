"""The same node on PostgreSQL, and on a chain of the operator's own: one setting each."""

import re
from collections.abc import Callable, Iterator

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import make_url

from ledger.chain import account_of
from ledger.config import Settings
from ledger.setup import operator_account
from ledger.verify import JsonRpcChain, Verified, verify
from tests.chain.nodes import Anvil, run_anvil
from tests.services.world import SGTIN, document, made
from tests.stories.node_process import READY, NodeProcess, wait_for

pytestmark = pytest.mark.slow


def check_proof(node: NodeProcess, item: str, rpc_url: str) -> None:
    verdict = verify(node.get("/proof/item", id=item).content, node.trust, JsonRpcChain(rpc_url))
    assert isinstance(verdict, Verified), verdict


@pytest.fixture
def database_url(postgres_server: str) -> Iterator[str]:
    """An empty PostgreSQL database."""
    name = sql.Identifier("suyuan_story")
    with psycopg.connect(postgres_server, autocommit=True) as admin:
        admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
        admin.execute(sql.SQL("CREATE DATABASE {}").format(name))
        yield make_url(postgres_server).set(database="suyuan_story").render_as_string(hide_password=False)
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


def test_the_ledger_lives_on_postgresql(node: NodeProcess, database_url: str) -> None:
    node.settings["SUYUAN_DATABASE_URL"] = database_url
    node.start("--demo")
    assert not (node.folder / "suyuan.db").exists()
    assert node.capture(document(made("1")), node.demo_key("admin")).status_code == 202
    node.wait_until_anchored()
    check_proof(node, SGTIN + "1", f"http://127.0.0.1:{node.chain_port}")
    node.kill()
    node.wait_until_gone()

    node.start("--demo")
    assert node.capture(document(made("2")), node.demo_key("admin")).status_code == 202
    node.wait_until_anchored()
    check_proof(node, SGTIN + "2", f"http://127.0.0.1:{node.chain_port}")
    assert node.suyuan("audit").stdout == "130 events checked, 0 findings\n"


@pytest.fixture
def own_chain() -> Iterator[Anvil]:
    """A chain that takes fees and calls a block final two blocks later."""
    with run_anvil("--slots-in-an-epoch", "1") as anvil:
        yield anvil


def wait_while_mining(chain: Anvil, what: str, look: Callable[[], bool]) -> None:
    def mine_and_look() -> bool:
        chain.mine()
        return look()

    wait_for(what, mine_and_look)


def test_the_ledger_anchors_on_a_chain_of_the_operator_s_own(node: NodeProcess, own_chain: Anvil) -> None:
    node.settings["SUYUAN_RPC_URL"] = own_chain.url
    refused = node.suyuan("serve")
    assert refused.returncode == 1
    said = re.fullmatch(
        r"suyuan: account (0x[0-9a-f]{40}) has no funds on chain 31337, which takes fees: "
        r"send it some, then start again\n",
        refused.stderr,
    )
    assert said, refused.stderr

    own_chain.call("anvil_setBalance", said[1], hex(10**18))
    node.start().stop()

    # No block is made meanwhile: what the first start did is not final when the second one looks.
    node.launch("--demo")
    wait_for("the prefixes are on chain", lambda: "is final ..." in node.said)
    assert node.stop() == 130

    node.launch("--demo")
    assert set(node.processes()) <= {"supervisor", "worker", "deliverer", "api"}
    wait_while_mining(own_chain, "the node runs", lambda: READY in node.said)
    assert node.said.count("✓") == 4
    assert node.capture(document(made("1")), node.demo_key("admin")).status_code == 202
    wait_while_mining(own_chain, "the event is anchored", node.is_anchored)
    check_proof(node, SGTIN + "1", own_chain.url)


def test_a_node_whose_chain_is_wiped_while_it_runs_captures_nothing_more(
    node: NodeProcess, own_chain: Anvil
) -> None:
    node.settings |= {"SUYUAN_RPC_URL": own_chain.url, "SUYUAN_FINALITY": "instant"}
    operator = account_of(operator_account(Settings.from_env(node.env)).key)
    own_chain.call("anvil_setBalance", f"0x{operator.hex()}", hex(10**18))
    node.start()
    assert node.capture(document(made("1")), node.admin_key).status_code == 202
    node.wait_until_anchored()

    own_chain.call("anvil_reset")
    assert node.capture(document(made("2")), node.admin_key).status_code == 202
    wait_for("the node says that it halted", lambda: "Halted, nothing is captured" in node.said)
    assert "holds no TraceLog" in node.said
    refused = node.capture(document(made("3")), node.admin_key)
    assert refused.status_code == 500
    assert "this node does not write" in refused.json()["detail"]
    assert set(node.processes()) == {"supervisor", "deliverer", "api"}
