"""Links are registered by whoever speaks for the identifier, wholly or not at all, and found by level."""

import json
from pathlib import Path
from typing import Any

import pytest

from ledger.domain.digital_link import parse_digital_link
from ledger.domain.errors import Invalid, NotAllowed, NotFound
from ledger.domain.links import MEMBERS
from ledger.domain.master_data import MasterData
from ledger.links import (
    LinkRow,
    describe_links,
    export_links,
    find_links,
    link_rows,
    put_links,
    read_link_file,
    remove_link,
)
from ledger.masterdata import Imported
from ledger.tabular import write_table
from tests.services.world import World

GTIN = "https://id.gs1.org/01/09506000134352"
PAGE = "https://node.example/item?id=x"
VOC = "https://ref.gs1.org/voc/"
ROWS: list[dict[str, str]] = [
    {
        "id": "(01)09506000134352",
        "linkType": "gs1:pip",
        "href": "https://x.example/p",
        "title": "产品",
        "default": "defaultLink",
    },
    {
        "id": f"{GTIN}/10/L1",
        "linkType": "gs1:faqs",
        "href": "https://x.example/f",
        "title": "FAQ",
        "hreflang": "en,zh",
    },
    {
        "id": f"{GTIN}/21/S1",
        "linkType": "gs1:dpp",
        "href": "https://x.example/d",
        "title": "passport",
        "context": "EU",
    },
]


def rows(*cells: dict[str, Any]) -> list[LinkRow]:
    return list(link_rows(list(cells)))


def found_titles(world: World, path: str) -> list[list[str]]:
    found = find_links(world.node, parse_digital_link(f"https://id.gs1.org{path}"), PAGE)
    return [[link.title for link in one.links] for one in found]


@pytest.fixture(params=[".json", ".csv", ".xlsx"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / f"links{request.param}"


def written(path: Path, *cells: dict[str, str]) -> Path:
    if path.suffix == ".json":
        path.write_text(json.dumps(cells))
    else:
        write_table(path, MEMBERS, cells)
    return path


def test_a_file_of_links_is_imported_once(world: World, path: Path) -> None:
    key = world.keys["factory"]
    file = written(path, *ROWS)
    assert put_links(world.node, key, read_link_file(file), dry_run=True) == Imported(3, 0, 0)
    assert world.node.store.links_of("factory", after="", limit=9) == []
    assert put_links(world.node, key, read_link_file(file)) == Imported(3, 0, 0)
    assert put_links(world.node, key, read_link_file(file)) == Imported(0, 0, 3)
    changed = written(path, {**ROWS[0], "title": "another"}, ROWS[1])
    assert put_links(world.node, key, read_link_file(changed)) == Imported(0, 1, 1)


def test_what_is_exported_imports_the_same(world: World, tmp_path: Path) -> None:
    key = world.keys["factory"]
    put_links(world.node, key, rows(*ROWS))
    for name in ("all.csv", "all.xlsx"):
        assert export_links(world.node, key, tmp_path / name) == 3
        assert put_links(world.node, key, read_link_file(tmp_path / name)) == Imported(0, 0, 3)


def test_every_faulty_cell_is_told_and_nothing_is_imported(world: World, path: Path) -> None:
    wrong = [
        ROWS[0],
        {**ROWS[1], "id": "(01)09506000134353", "hreflang": "english"},
        {**ROWS[0], "href": "https://x.example/2"},
        ROWS[0],
    ]
    with pytest.raises(Invalid) as caught:
        put_links(world.node, world.keys["factory"], read_link_file(written(path, *wrong)))
    first = 0 if path.suffix == ".json" else 2
    pointer = "/{}/{}" if path.suffix == ".json" else "row {}, {}"
    assert [problem.pointer for problem in caught.value.problems] == [
        pointer.format(first + row, member)
        for row, member in [(1, "id"), (1, "hreflang"), (2, "default"), (3, "href")]
    ]
    assert world.node.store.links_of("factory", after="", limit=9) == []


def test_only_who_speaks_for_an_identifier_registers_and_removes_its_links(world: World) -> None:
    with pytest.raises(NotAllowed, match="carrier does not speak for") as caught:
        put_links(world.node, world.keys["carrier"], rows(ROWS[0], ROWS[2]))
    assert [problem.pointer for problem in caught.value.problems] == ["/0/id", "/1/id"]
    put_links(world.node, world.keys["factory"], rows(*ROWS))
    (link, *_) = world.node.store.links_at([GTIN])
    with pytest.raises(NotAllowed, match="carrier does not speak for"):
        remove_link(world.node, world.keys["carrier"], link.link_id)
    remove_link(world.node, world.keys["factory"], link.link_id)
    with pytest.raises(NotFound):
        remove_link(world.node, world.keys["factory"], link.link_id)


@pytest.mark.parametrize("value", [["x"], 7, None, [[]]])
def test_what_is_no_object_is_no_link(world: World, value: Any) -> None:
    with pytest.raises(Invalid, match="should be an object"):
        put_links(world.node, world.keys["factory"], link_rows(value))


def test_links_are_found_at_each_level_and_ours_is_the_default_until_the_owner_has_one(world: World) -> None:
    assert found_titles(world, "/01/09506000134352/10/L1/21/S1") == [[], [], ["溯源 · Traceability"]]
    put_links(world.node, world.keys["factory"], rows(*ROWS))
    assert found_titles(world, "/01/09506000134352/10/L1/21/S1") == [
        ["passport"],
        ["FAQ"],
        ["产品", "溯源 · Traceability"],
    ]
    gtin = find_links(world.node, parse_digital_link(GTIN), PAGE)[-1]
    assert [(link.href, link.is_default) for link in gtin.links] == [
        ("https://x.example/p", True),
        (PAGE, False),
    ]


def test_ours_does_not_compete_with_the_owner_s_traceability(world: World) -> None:
    put_links(world.node, world.keys["factory"], rows({**ROWS[1], "linkType": "gs1:traceability"}))
    found = find_links(world.node, parse_digital_link(f"{GTIN}/10/L1"), PAGE)
    assert [[link.link_type for link in one.links] for one in found] == [
        [f"{VOC}traceability"],
        ["describedby"],
    ]
    assert found[-1].links[0].is_default


def test_levels_are_described_by_name_and_number(world: World) -> None:
    world.node.store.put_master_data([MasterData(GTIN, "product", "Rice", "米", {})])
    found = find_links(world.node, parse_digital_link(f"{GTIN}/10/L%2F1"), PAGE)
    levels = describe_links(world.node, found, "https://node.example")
    assert [(level.url, level.description) for level in levels] == [
        ("https://node.example/01/09506000134352/10/L%2F1", "米 · Rice (01)09506000134352(10)L/1"),
        ("https://node.example/01/09506000134352", "米 · Rice (01)09506000134352"),
    ]
