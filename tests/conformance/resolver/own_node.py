"""Our own node as the resolver to examine: links on three levels, registered by their owner."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ledger.links import link_rows, put_links
from ledger.store import open_store
from tests.api.remote import Remote
from tests.certificates import self_signed
from tests.chain.nodes import Anvil
from tests.services.world import open_world

GTIN = "(01)09506000134352"


def _link(identifier: str, link_type: str, path: str, **given: Any) -> dict[str, Any]:
    href = f"https://shop.example/{path}"
    return {"id": identifier, "linkType": link_type, "href": href, "title": path.title(), **given}


LINKS = [
    _link(GTIN, "gs1:pip", "rice?from=label#top", hreflang=["en"], type="text/html", default=["defaultLink"]),
    _link(
        GTIN, "gs1:instructions", "cook/zh", hreflang=["zh"], type="text/html", default=["defaultLinkMulti"]
    ),
    _link(
        GTIN, "gs1:instructions", "cook/fr", hreflang=["fr"], type="text/html", default=["defaultLinkMulti"]
    ),
    _link(GTIN, "gs1:certificationInfo", "organic"),
    _link(GTIN, "gs1:certificationInfo", "organic.pdf", type="application/pdf", hreflang=["en"]),
    _link(
        GTIN,
        "gs1:certificationInfo",
        "organic-cn.pdf",
        type="application/pdf",
        hreflang=["en"],
        context=["CN"],
    ),
    _link(GTIN, "gs1:review", "reviews/one"),
    _link(GTIN, "gs1:review", "reviews/two"),
    _link(f"{GTIN}(10)L1", "gs1:recallStatus", "recall", type="text/html"),
    _link(f"{GTIN}(10)L1", "gs1:certificationInfo", "lot-analysis.pdf", type="application/pdf"),
    _link(f"{GTIN}(21)S1", "gs1:dpp", "passport", type="application/vc", hreflang=["en", "zh-CN"]),
]


@contextmanager
def serve_own_node(anvil: Anvil, folder: Path) -> Iterator[tuple[str, ssl.SSLContext]]:
    """The Digital Link to examine, by https, and whose certificate to trust."""
    store = open_store(f"sqlite:///{folder / 'suyuan.db'}")
    try:
        world = open_world(store, anvil, folder / "node")
        put_links(world.node, world.keys["factory"], link_rows(LINKS))
        certificate = self_signed(folder)
        remote = Remote(world, tls=certificate)
        try:
            remote.start()
            trust = ssl.create_default_context(cafile=certificate[0])
            yield f"{remote.url}/01/09506000134352/22/V1/10/L1/21/S1", trust
        finally:
            remote.stop()
    finally:
        store.close()
