"""Shapes to slice, written as STL: solids over convex outlines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

Point = tuple[float, float]
Corner = tuple[float, float, float]
Facet = tuple[Corner, Corner, Corner]


def ngon(radius: float, corners: int) -> list[Point]:
    """Return a regular outline (mm); four corners stand straight."""
    first = math.pi / 4 if corners == 4 else 0.0
    turns = [first + 2 * math.pi * n / corners for n in range(corners)]
    return [(radius * math.cos(turn), radius * math.sin(turn)) for turn in turns]


def prism(
    outline: Sequence[Point], height: float, *, x: float = 0.0, z: float = 0.0, twist: float = 0.0
) -> list[Facet]:
    """Return the facets of a prism over an outline, `height` mm high, twisted by `twist` radians in steps."""
    steps = 8 if twist else 1
    rings: list[list[Corner]] = []
    for step in range(steps + 1):
        part = step / steps
        cos, sin = math.cos(twist * part), math.sin(twist * part)
        rings.append([(x + a * cos - b * sin, a * sin + b * cos, z + height * part) for a, b in outline])
    facets: list[Facet] = []
    count = len(outline)
    for low, high in pairwise(rings):
        for n in range(count):
            following = (n + 1) % count
            facets += [(low[n], low[following], high[following]), (low[n], high[following], high[n])]
    bottom, top = rings[0], rings[-1]
    for n in range(1, count - 1):
        facets += [(bottom[0], bottom[n + 1], bottom[n]), (top[0], top[n], top[n + 1])]
    return facets


def stl(facets: Sequence[Facet]) -> str:
    """Write facets as an ASCII STL."""
    lines = ["solid shape"]
    for facet in facets:
        corners = "".join(f"vertex {a:.5f} {b:.5f} {c:.5f}\n" for a, b, c in facet)
        lines.append(f"facet normal 0 0 0\nouter loop\n{corners}endloop\nendfacet")
    return "\n".join([*lines, "endsolid shape\n"])
