from pathlib import Path

import pytest

from ledger.ports import Store
from tests.chain.nodes import Anvil
from tests.services.world import World, open_world


@pytest.fixture
def world(store: Store, anvil: Anvil, tmp_path: Path) -> World:
    return open_world(store, anvil, tmp_path / "node")
