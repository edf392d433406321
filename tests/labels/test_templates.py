"""Templates of one's own: made without code, and checked by the name of the box."""

import os
from pathlib import Path

import pytest

from labels import find_template, gs1_content, layout, prepare_print
from labels.template import parse_template, template_names
from ledger.domain.errors import Invalid, NotFound
from tests.labels.renderers import read_all, render_zpl
from tests.labels.samples import LINK, SGTIN, STEM

SHELF = """
name = "shelf"
title = "Shelf label"
width_mm = 60
height_mm = 30

[[symbol]]
name = "code"
carrier = "qr"
x_mm = 1
y_mm = 1
width_mm = 28
height_mm = 28

[[text]]
name = "price"
text = "¥ {price}"
x_mm = 30
y_mm = 2
width_mm = 28
height_mm = 10
em_mm = 6
em_mm_min = 4
bold = true
"""


def test_a_template_in_a_folder_works_without_code_and_wins_over_ours(tmp_path: Path) -> None:
    (tmp_path / "shelf.toml").write_text(SHELF)
    (tmp_path / "product-50x30.toml").write_text(SHELF.replace('"shelf"', '"product-50x30"'))
    content = gs1_content(SGTIN, STEM, {"price": "12.50"})

    page = layout(find_template("shelf", tmp_path), content)
    assert [text.text for text in page.texts] == ["¥ 12.50"]
    assert read_all(render_zpl(prepare_print(page, 203))) == [("]Q1", LINK.encode())]
    assert find_template("product-50x30", tmp_path).width_mm == 60
    assert find_template("product-50x30").width_mm == 50


def test_a_template_that_was_changed_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "shelf.toml"
    path.write_text(SHELF)
    assert find_template("shelf", tmp_path).width_mm == 60
    path.write_text(SHELF.replace("width_mm = 60", "width_mm = 70"))
    os.utime(path, ns=(1, 1))
    assert find_template("shelf", tmp_path).width_mm == 70


def test_a_template_that_is_not_there_is_said(tmp_path: Path) -> None:
    (tmp_path / "shelf.toml").write_text(SHELF)
    with pytest.raises(NotFound, match=r"no label template 'x'; there are .*cold-chain-100x150, .*shelf"):
        find_template("x", tmp_path)
    with pytest.raises(NotFound):
        find_template("../shelf", tmp_path / "below")


@pytest.mark.parametrize(
    ("change", "to", "reason"),
    [
        (
            "width_mm = 28\nheight_mm = 10",
            "width_mm = 40\nheight_mm = 10",
            r"price: reaches .* the label is 60 x 30 mm",
        ),
        ("x_mm = 30\ny_mm = 2", "x_mm = 28\ny_mm = 2", r"price: covers the quiet zone of code"),
        (
            "height_mm = 28",
            "height_mm = 28\nmodule_mm_max = 0.3",
            r"code: modules .* needs at least 0.396 mm",
        ),
        (
            "height_mm = 28",
            "height_mm = 28\nmodule_mm_min = 0.2",
            r"code: modules .* needs at least 0.396 mm",
        ),
        (
            'carrier = "qr"',
            'carrier = "aztec"',
            r"code: carrier is 'aztec', should be one of qr, gs1-datamatrix",
        ),
        ('carrier = "qr"', 'carrier = "gs1-128"', r"code: name the AIs of a gs1-128 symbol"),
        ('carrier = "qr"', 'carrier = "qr"\nelements = ["05?"]', r"code: '05\?' is no GS1 AI"),
        ("em_mm = 6", "em = 6", r"price: unknown em; there are name, x_mm"),
        ("em_mm = 6\n", "", r"price: em_mm is missing"),
        ("em_mm_min = 4", "em_mm_min = 0.5", r"price: letters of 0.5 to 6 mm, should be 1.2 mm or more"),
        ("x_mm = 30", 'x_mm = "30"', r"price: x_mm is '30', should be a number"),
        ("{price}", "{Price", r"price: '¥ \{Price': write a field as \{name\}"),
        ("¥ {", "\ue123{", r"price: the label font does not draw"),
        ('title = "Shelf label"', "", r"title is None, should be a text"),
        ("[[text]]", "[[txt]]", r"unknown txt; there are name, title"),
        ("width_mm = 60", "width_mm = 6000", r"a label's sides are from 0 to 300 mm"),
        ('name = "shelf"', "name = shelf", r"not TOML: "),
    ],
)
def test_a_wrong_template_is_refused_by_the_name_of_the_box(change: str, to: str, reason: str) -> None:
    assert change in SHELF
    with pytest.raises(Invalid, match=f"^shelf.toml: {reason}"):
        parse_template(SHELF.replace(change, to, 1), "shelf.toml")


def test_an_interpretation_needs_its_symbol_and_a_row_its_bar() -> None:
    box = "x_mm = 30\ny_mm = 20\nwidth_mm = 28\nheight_mm = 8\nem_mm = 2\n"
    with pytest.raises(Invalid, match="hri: there is no symbol 'cod'"):
        parse_template(f'{SHELF}\n[[interpretation]]\nname = "hri"\nof = "cod"\n{box}', "x")
    with pytest.raises(Invalid, match=r"rows: row 'Lot' should be written caption \| value"):
        parse_template(f'{SHELF}\n[[fields]]\nname = "rows"\nrows = ["Lot"]\n{box}', "x")


def test_our_templates_are_named_as_their_files_and_say_their_size() -> None:
    for name in template_names():
        template = find_template(name)
        assert template.name == name
        assert name.endswith(f"-{template.width_mm:g}x{template.height_mm:g}")
