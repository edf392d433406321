"""The label fonts: which glyph draws a character, how wide it is, and the part of a font that a PDF needs.

labels/fonts holds Suyuan Sans SC, regular and bold, made by build.py: plain outlines without kerning, so a
text is as wide as its glyphs together, in every writer. It draws GB 2312, Latin-1 and some signs; a character
that it lacks is an error and never a blank.

Source: OpenType 1.9, tables cmap (format 4), head, hhea, hmtx, loca, maxp.
"""

import struct
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from ledger.domain.errors import Invalid

ASCENT_EM: Final = 0.88  # from the top of a line's em to its baseline, as hanzi stand
_FOLDER: Final = Path(__file__).with_name("fonts")
_NEEDED_IN_PDF: Final = ("head", "hhea", "hmtx", "maxp")


@dataclass(frozen=True, slots=True)
class Face:
    """One font file. `units_per_em` font units are the height of the letters."""

    path: Path
    tables: Mapping[str, bytes]
    units_per_em: int
    glyphs: Mapping[str, int]
    """Character -> glyph."""
    advances: Mapping[str, int]
    """Character -> width in font units."""
    outlines: Sequence[int]
    """Where each glyph's outline begins in the table glyf, and where the last ends; some are empty."""

    def width_em(self, text: str) -> float:
        """The width of `text`, all of whose characters the font must draw, in units of the letter height."""
        return sum(map(self.advances.__getitem__, text)) / self.units_per_em

    def require_glyphs(self, text: str, where: str) -> None:
        """Raise Invalid naming the first character of `text` that the font does not draw."""
        if self.advances.keys() >= set(text):
            return
        character = next(character for character in text if character not in self.advances)
        raise Invalid(
            f"{where}: the label font does not draw {character!r} (U+{ord(character):04X}): "
            "use a character of GB 2312 or Latin-1"
        )

    def is_drawn(self, character: str) -> bool:
        """Whether the character leaves ink."""
        glyph = self.glyphs[character]
        return self.outlines[glyph] < self.outlines[glyph + 1]


@cache
def face(bold: bool) -> Face:
    """The regular or the bold face."""
    path = _FOLDER / f"SuyuanSansSC-{'Bold' if bold else 'Regular'}.ttf"
    tables = _read_tables(path.read_bytes())
    glyphs = dict(_read_characters(tables["cmap"]))
    widths = _read_widths(tables)
    return Face(
        path=path,
        tables=tables,
        units_per_em=struct.unpack_from(">H", tables["head"], 18)[0],
        glyphs=glyphs,
        advances={character: widths[min(glyph, len(widths) - 1)] for character, glyph in glyphs.items()},
        outlines=_read_outlines(tables),
    )


def subset(face: Face, glyphs: Iterable[int]) -> bytes:
    """A TrueType font that draws `glyphs` under their old numbers and nothing else."""
    kept = {0, *glyphs}
    outlines = face.tables["glyf"]
    bodies: list[bytes] = []
    offsets = array("I", [0])
    for glyph in range(len(face.outlines) - 1):
        if glyph in kept:
            body = outlines[face.outlines[glyph] : face.outlines[glyph + 1]]
            bodies.append(body)
            offsets.append(offsets[-1] + len(body))
        else:
            offsets.append(offsets[-1])
    head = bytearray(face.tables["head"])
    struct.pack_into(">h", head, 50, 1)  # indexToLocFormat: offsets of 32 bits
    tables = {name: face.tables[name] for name in _NEEDED_IN_PDF}
    return _write_tables(
        tables | {"head": bytes(head), "glyf": b"".join(bodies), "loca": _big_endian(offsets).tobytes()}
    )


def _read_tables(content: bytes) -> dict[str, bytes]:
    (count,) = struct.unpack_from(">H", content, 4)
    records = (struct.unpack_from(">4sIII", content, 12 + 16 * number) for number in range(count))
    return {tag.decode(): content[start : start + length] for tag, _, start, length in records}


def _read_characters(cmap: bytes) -> Iterable[tuple[str, int]]:
    (count,) = struct.unpack_from(">H", cmap, 2)
    starts = (struct.unpack_from(">HHI", cmap, 4 + 8 * number)[2] for number in range(count))
    start = next(start for start in starts if struct.unpack_from(">H", cmap, start)[0] == 4)
    segments = struct.unpack_from(">H", cmap, start + 6)[0] // 2
    lasts, firsts, deltas, ranges = (
        struct.unpack_from(f">{segments}H", cmap, start + 14 + place)
        for place in (0, 2 * segments + 2, 4 * segments + 2, 6 * segments + 2)
    )
    for segment, (first, last) in enumerate(zip(firsts, lasts, strict=True)):
        for code in range(first, min(last, 0xFFFE) + 1):
            glyph = code
            if ranges[segment]:
                at = start + 16 + 6 * segments + 2 * segment + ranges[segment] + 2 * (code - first)
                (glyph,) = struct.unpack_from(">H", cmap, at)
            if glyph := (glyph + deltas[segment]) % 0x10000:
                yield chr(code), glyph


def _read_widths(tables: Mapping[str, bytes]) -> list[int]:
    (count,) = struct.unpack_from(">H", tables["hhea"], 34)
    return list(struct.unpack_from(">" + "Hh" * count, tables["hmtx"])[::2])


def _read_outlines(tables: Mapping[str, bytes]) -> "array[int]":
    is_long = struct.unpack_from(">h", tables["head"], 50)[0] == 1
    offsets = _big_endian(array("I" if is_long else "H", tables["loca"]))
    return array("I", (offset if is_long else 2 * offset for offset in offsets))


def _write_tables(tables: Mapping[str, bytes]) -> bytes:
    place = 12 + 16 * len(tables)
    directory, bodies = [], []
    for tag, body in sorted(tables.items()):
        padded = body + bytes(-len(body) % 4)
        checksum = sum(struct.unpack(f">{len(padded) // 4}I", padded)) % 2**32
        directory.append(struct.pack(">4sIII", tag.encode(), checksum, place, len(body)))
        bodies.append(padded)
        place += len(padded)
    power = len(tables).bit_length() - 1
    start = struct.pack(">IHHHH", 0x10000, len(tables), 2**power * 16, power, (len(tables) - 2**power) * 16)
    return b"".join((start, *directory, *bodies))


def _big_endian(numbers: "array[int]") -> "array[int]":
    """`numbers` turned from the machine's byte order to big-endian, or back."""
    swapped = array(numbers.typecode, numbers)
    if struct.pack("=H", 1) != struct.pack(">H", 1):
        swapped.byteswap()
    return swapped
