"""Writes 3MF files of the shape that Bambu Studio and OrcaSlicer give to a printer, small and exact.

Shapes: `Metadata/slice_info.config`, and the header, `M73 P`, `M73 L` and `M83` of `Metadata/plate_N.gcode`,
as in files of Bambu Studio 2.4 (found by their text in public repositories); the numbers are our own.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence

MM_PER_LAYER = 50.0


def plate_gcode(layers: int = 20, header_layers: int | None = None) -> str:
    """Every layer extrudes 50 mm in five moves; the print's time is that of its layers."""
    lines = [
        "; HEADER_BLOCK_START",
        "; BambuStudio 02.04.00.70",
        f"; total layer number: {layers if header_layers is None else header_layers}",
        "; HEADER_BLOCK_END",
        "M73 P0 R30",
        "M83",
    ]
    for layer in range(1, layers + 1):
        lines += [f"; layer num/total_layer_count: {layer}/{layers}", f"M73 L{layer}"]
        lines += [f"M73 P{100 * (layer - 1) // layers} R{30 - 30 * layer // layers}"]
        lines += ["G1 E.8 F1800", *["G1 X10 Y10 E10.0"] * 5, "G1 E-.8 F1800"]
    return "\n".join([*lines, "M73 P100 R0", ""])


def slice_info(plates: Sequence[tuple[int, Sequence[tuple[int, str, str]]]]) -> str:
    """Write plates: number, and for each filament its number, metres and grams as the slicer writes them."""
    text = '<?xml version="1.0" encoding="UTF-8"?>\n<config>\n  <header>\n'
    text += '    <header_item key="X-BBL-Client-Type" value="slicer"/>\n  </header>\n'
    for index, filaments in plates:
        text += f'  <plate>\n    <metadata key="index" value="{index}"/>\n'
        text += '    <metadata key="prediction" value="1800"/>\n    <metadata key="weight" value=""/>\n'
        for number, used_m, used_g in filaments:
            text += f'    <filament id="{number}" tray_info_idx="GFA00" type="PLA" color="#FFFFFF"'
            text += f' used_m="{used_m}" used_g="{used_g}" />\n'
        text += "  </plate>\n"
    return text + "</config>\n"


def zipped(entries: dict[str, str | bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", compression) as archive:
        for name, body in entries.items():
            archive.writestr(name, body)
    return packed.getvalue()


def gcode_3mf(layers: int = 20, used_m: str = "1.00", used_g: str = "3.00") -> bytes:
    """One plate with one filament."""
    return zipped(
        {
            "[Content_Types].xml": "<Types/>",
            "Metadata/slice_info.config": slice_info([(1, [(1, used_m, used_g)])]),
            "Metadata/plate_1.gcode": plate_gcode(layers),
        }
    )
