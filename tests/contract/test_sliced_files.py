"""The filament of ten files that a real slicer made, against the slicer's own figure at the end of each."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from floor.gcode import Filament, FilamentCounter, FilamentUse
from tests.kit.accuracy import within
from tests.kit.solids import ngon, prism, stl

SLICER = shutil.which("slic3r")
SHAPES = {
    "cube": prism(ngon(8, 4), 4),
    "cylinder": prism(ngon(6, 20), 5),
    "spiral": prism(ngon(7, 5), 7, twist=1.2),
    "two": prism(ngon(7, 4), 4, x=-10) + prism(ngon(5, 12), 4, x=10),
    "table": prism(ngon(3, 4), 3) + prism(ngon(9, 4), 1.5, z=3),
}
RELATIVE, WIRE = "--use-relative-e-distances", "--filament-diameter"
VASE = "--spiral-vase --perimeters 1 --fill-density 0 --top-solid-layers 0"
TWO_TOOLS = "--nozzle-diameter 0.5 --nozzle-diameter 0.4 --filament-diameter 1.75 --filament-diameter 2.85"
FILES = {
    "as it comes": ("cube", ""),
    "relative E": ("cube", RELATIVE),
    "long retractions, lifted": ("two", "--retract-length 3 --retract-lift 0.5 --retract-layer-change"),
    "more pushed than was pulled": ("two", "--retract-length 3 --retract-restart-extra 0.2"),
    "retraction by the firmware": ("two", "--use-firmware-retraction"),
    "wipes, relative": ("two", f"--wipe --retract-length 2 {WIRE} 1.75 {RELATIVE}"),
    "volumetric E": ("cylinder", f"--use-volumetric-e {WIRE} 1.75"),
    "spiral vase": (
        "spiral",
        f"{VASE} {WIRE} 1.75",
    ),
    "support and brim": ("table", f"--support-material --brim-width 3 {WIRE} 2.85"),
    "two extruders": ("two", f"{TWO_TOOLS} --perimeter-extruder 2 {RELATIVE}"),
}


def sliced(folder: Path, shape: str, options: str) -> bytes:
    assert SLICER, "Slic3r is missing: apt-get install slic3r (make test does, as root)"
    (folder / "shape.stl").write_text(stl(SHAPES[shape]))
    command = [SLICER, *options.split(), "--output", str(folder / "shape.gcode"), str(folder / "shape.stl")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return (folder / "shape.gcode").read_bytes()


def counted(data: bytes) -> FilamentUse:
    counter = FilamentCounter(Filament())
    counter.receive_data(data)
    return counter.close()


@pytest.mark.parametrize("name", FILES)
def test_filament_is_the_slicers_figure(tmp_path: Path, name: str) -> None:
    data = sliced(tmp_path, *FILES[name])
    said_mm = sum(float(each) for each in re.findall(rb"; filament used = ([0-9.]+)mm", data))
    assert said_mm > 50
    assert abs(counted(data).total_um / 1000 / said_mm - 1) <= within("filament of a whole file")


@pytest.mark.parametrize("name", ["long retractions, lifted", "two extruders"])
def test_a_file_that_ends_early_costs_what_was_extruded(tmp_path: Path, name: str) -> None:
    data = sliced(tmp_path, *FILES[name])
    use = counted(data)
    lines = data.splitlines(keepends=True)
    for part in (0.2, 0.5, 0.8):
        cut = len(b"".join(lines[: round(len(lines) * part)]))
        pushed_mm = extruded(data[:cut].decode())
        off = abs(use.upto_um(cut) / 1000 / pushed_mm - 1)
        assert off <= within("filament of a cancelled print")


def extruded(text: str) -> float:
    """Count by other means: what each tool pushed further than it ever had, move by move."""
    relative = "M83" in text
    pushed = {"T0": 0.0, "T1": 0.0}
    ever = dict(pushed)
    tool, at = "T0", 0.0
    for line in text.splitlines():
        if line in pushed:
            tool = line
        elif line.startswith("G92 E"):
            at = float(line[5:].split()[0])
        elif found := re.match(r"G1 [^;]*E(-?[0-9.]+)", line):
            to = float(found[1])
            pushed[tool] += to if relative else to - at
            at = to
            ever[tool] = max(ever[tool], pushed[tool])
    return sum(ever.values())
