"""Documents on A4: every word is there, and none leaves the page."""

from io import BytesIO

import pypdfium2
from hypothesis import given
from hypothesis import strategies as st

from labels.paper import INNER, Paper, drawable, wrap
from labels.typeface import face

texts = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Z"]), max_size=200)


@given(texts, st.floats(2, 60), st.booleans())
def test_lines_are_no_wider_than_they_may_be_and_leave_nothing_out(
    text: str, width_em: float, bold: bool
) -> None:
    lines = wrap(text, width_em, bold)
    assert all(face(bold).width_em(line) <= width_em for line in lines)
    assert "".join("".join(lines).split()) == "".join(drawable(text, bold).split())


def test_a_character_that_the_font_lacks_is_written_by_its_number() -> None:
    assert drawable("温度 𠮷\n9 °C") == "温度 [U+20BB7] 9 °C"


def test_what_has_no_room_goes_on_the_next_page_and_pages_are_numbered() -> None:
    paper = Paper("footer")
    for number in range(120):
        paper.row((f"row {number}", "x" * 200), (100, INNER - 100))
    out = BytesIO()
    count = paper.finish(out)
    document = pypdfium2.PdfDocument(out.getvalue())
    pages = [page.get_textpage().get_text_range() for page in document]
    document.close()
    assert len(pages) == count > 1
    for number in range(120):
        assert sum(f"row {number} x" in page for page in pages) == 1
    assert all(f"{number} / {count}" in page for number, page in enumerate(pages, start=1))
