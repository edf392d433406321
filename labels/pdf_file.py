"""A PDF file as it is written: pages with texts in the label fonts, pictures as operators of PDF.

Fonts are embedded with the glyphs that were used, and texts can be searched. Objects go out as they come;
what stays in memory is their places. Source: ISO 32000-1.
"""

import zlib
from dataclasses import dataclass, field
from typing import BinaryIO, Final

from labels.symbol import Symbol
from labels.typeface import Face, face, subset

FONT_NAMES: Final = {False: "R", True: "B"}
_CATALOG, _PAGES, _RESOURCES, _FIRST_FREE = 1, 2, 3, 4


def symbol_image(symbol: Symbol) -> str:
    """The operators that paint the modules of a symbol into the unit square: one bit a module."""
    # /D [1 0]: a set bit paints.
    return f"BI /W {symbol.columns} /H {symbol.rows} /IM true /D [1 0] /F /AHx ID {symbol.bits.hex()}> EI"


@dataclass(slots=True)
class PdfFile:
    """A PDF file being written: objects as they come, fonts and the page list at the end."""

    out: BinaryIO
    place: int = 0
    offsets: dict[int, int] = field(default_factory=dict)
    pages: list[int] = field(default_factory=list)
    used: dict[bool, set[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._write(b"%PDF-1.7\n%\xb5\xb5\xb5\xb5\n")

    def use_glyphs(self, text: str, bold: bool) -> str:
        """The glyphs of `text` in hex; they will be in the font."""
        self.used.setdefault(bold, set()).update(text)
        glyphs = face(bold).glyphs
        return "".join([f"{glyphs[character]:04X}" for character in text])

    def add_page(self, contents: str, size_points: tuple[float, float]) -> None:
        number = self._next_number()
        self._add_stream(number, contents.encode("ascii"))
        page = self._next_number()
        box = f"0 0 {size_points[0]:.6f} {size_points[1]:.6f}"
        parts = f"/MediaBox[{box}]/Resources {_RESOURCES} 0 R/Contents {number} 0 R"
        self._add(page, f"<</Type/Page/Parent {_PAGES} 0 R{parts}>>")
        self.pages.append(page)

    def close(self) -> None:
        fonts = {FONT_NAMES[bold]: self._add_font(face(bold), text) for bold, text in self.used.items()}
        listed = "".join(f"/{name} {number} 0 R" for name, number in fonts.items())
        self._add(_RESOURCES, f"<</Font<<{listed}>>>>")
        kids = " ".join(f"{page} 0 R" for page in self.pages)
        self._add(_PAGES, f"<</Type/Pages/Count {len(self.pages)}/Kids[{kids}]>>")
        # A viewer that "fits to page" would print modules of uneven dots.
        viewer = "/ViewerPreferences<</PrintScaling/None>>"
        self._add(_CATALOG, f"<</Type/Catalog/Pages {_PAGES} 0 R{viewer}>>")
        self._write_cross_references()

    def _add_font(self, typeface: Face, characters: set[str]) -> int:
        """A composite font whose codes are the glyph numbers (ISO 32000-1, 9.7)."""
        file, descriptor, descendant, unicode_map, font = (self._next_number() for _ in range(5))
        glyphs = {typeface.glyphs[character]: character for character in sorted(characters)}
        content = subset(typeface, glyphs)
        self._add_stream(file, content, f"/Length1 {len(content)}")
        name = f"/SUYUAN+{typeface.path.stem}"
        self._add(
            descriptor,
            f"<</Type/FontDescriptor/FontName{name}/Flags 4/FontBBox[-1000 -300 3000 1100]/ItalicAngle 0"
            f"/Ascent 880/Descent -120/CapHeight 733/StemV 80/FontFile2 {file} 0 R>>",
        )
        per_em = 1000 / typeface.units_per_em
        widths = " ".join(
            f"{glyph}[{typeface.advances[c] * per_em:g}]" for glyph, c in sorted(glyphs.items())
        )
        self._add(
            descendant,
            f"<</Type/Font/Subtype/CIDFontType2/BaseFont{name}/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)"
            f"/Supplement 0>>/FontDescriptor {descriptor} 0 R/DW 1000/W[{widths}]/CIDToGIDMap/Identity>>",
        )
        self._add_stream(unicode_map, _unicode_map(glyphs).encode("ascii"))
        self._add(
            font,
            f"<</Type/Font/Subtype/Type0/BaseFont{name}/Encoding/Identity-H/DescendantFonts[{descendant} 0 R]"
            f"/ToUnicode {unicode_map} 0 R>>",
        )
        return font

    def _next_number(self) -> int:
        number = len(self.offsets) + _FIRST_FREE
        self.offsets[number] = 0
        return number

    def _add(self, number: int, body: str) -> None:
        self.offsets[number] = self.place
        self._write(f"{number} 0 obj\n{body}\nendobj\n".encode("ascii"))

    def _add_stream(self, number: int, content: bytes, more: str = "") -> None:
        packed = zlib.compress(content)
        self.offsets[number] = self.place
        self._write(f"{number} 0 obj\n<</Length {len(packed)}/Filter/FlateDecode{more}>>\nstream\n".encode())
        self._write(packed)
        self._write(b"\nendstream\nendobj\n")

    def _write_cross_references(self) -> None:
        start = self.place
        numbers = sorted(self.offsets)
        entries = "".join(f"{self.offsets[number]:010} 00000 n \n" for number in numbers)
        trailer = f"trailer\n<</Size {len(numbers) + 1}/Root {_CATALOG} 0 R>>\nstartxref\n{start}\n%%EOF\n"
        self._write(f"xref\n0 {len(numbers) + 1}\n0000000000 65535 f \n{entries}{trailer}".encode("ascii"))

    def _write(self, content: bytes) -> None:
        self.out.write(content)
        self.place += len(content)


def _unicode_map(glyphs: dict[int, str]) -> str:
    """The CMap by which a viewer searches and copies text."""
    lines = [f"<{glyph:04X}> <{character.encode('utf-16-be').hex()}>" for glyph, character in glyphs.items()]
    blocks = [lines[first : first + 100] for first in range(0, len(lines), 100)]
    listed = "\n".join(f"{len(block)} beginbfchar\n" + "\n".join(block) + "\nendbfchar" for block in blocks)
    return (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap\n"
        "/CIDSystemInfo <</Registry (Adobe) /Ordering (UCS) /Supplement 0>> def\n"
        "/CMapName /Adobe-Identity-UCS def /CMapType 2 def\n"
        f"1 begincodespacerange <0000> <FFFF> endcodespacerange\n{listed}\n"
        "endcmap CMapName currentdict /CMap defineresource pop end end\n"
    )
