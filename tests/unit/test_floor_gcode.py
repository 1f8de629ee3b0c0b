"""Filament from G-code: what each dialect means, what slicers say, and what was extruded up to a byte."""

import pytest

from floor import gcode
from floor.gcode import MAX_DISPLAY, Filament, FilamentCounter, FilamentUse, display_command


def count(text: str, filament: Filament | None = None) -> FilamentUse:
    counter = FilamentCounter(filament or Filament())
    counter.receive_data(text.encode())
    return counter.close()


@pytest.mark.parametrize(
    ("text", "um"),
    [
        pytest.param("G1 X1 E5\nG1 X2 E7.5\n", 7_500, id="absolute is the start"),
        pytest.param("M83\nG1 E5\nG1 E2.5", 7_500, id="relative, no newline at the end"),
        pytest.param("M83\nG1 E5\nG1 E-2\nG1 E2\nG1 E1\n", 6_000, id="a retraction nets out"),
        pytest.param("G1 E5\nG92 E0\nG1 E5\n", 10_000, id="G92 starts anew"),
        pytest.param("G1 E5\nG1 E3\nG92 E0\nG1 E2\nG1 E4\n", 7_000, id="G92 while retracted"),
        pytest.param("G1 E5\nG92\nG1 E5\n", 10_000, id="a bare G92 zeroes all"),
        pytest.param("G1 E5\nG92 X0\nG1 E5\n", 5_000, id="G92 of another axis"),
        pytest.param("G1 E5\nG92.1\nG1 E5\n", 5_000, id="G92.1 is another command"),
        pytest.param("G20\nM83\nG1 E1\nG21\nG1 E1\n", 26_400, id="inches"),
        pytest.param("M82\nG1 E4\nM83\nG1 E1\nM82\nG1 E6\n", 6_000, id="modes may change"),
        pytest.param("T0\nM83\nG1 E5\nG1 E-4\nT1\nG1 E3\n", 8_000, id="each tool has its own mark"),
        pytest.param("g1x1e5*33\nN7 G1 E6 *12\n  G01 E7\n", 7_000, id="lower case, numbers, no spaces"),
        pytest.param("G2 X1 I1 E2\nG3 X1 I1 E4\n", 4_000, id="arcs"),
        pytest.param("G1 X1 ; E5\n;G1 E5\nG1 X1 (E5)\nM117 G1 E5\n", 0, id="comments and texts"),
        pytest.param("G91\nG1 E1\nG1 E1\nG90\n", 1_000, id="G91 leaves E alone"),
        pytest.param("M200 D2\nM83\nG1 E3.14159265\nM200 D0\nG1 E1\n", 2_000, id="volumetric E"),
        pytest.param(
            "M83\nG1 E3.14159265\n; use_volumetric_e = 1\n; filament_diameter = 2,2\n",
            1_000,
            id="mm³ by word",
        ),
        pytest.param("M83\nG1 E5\n; use_volumetric_e = 0\n; filament_diameter = 2\n", 5_000, id="mm by word"),
        pytest.param("M83\nG10\nG11\nG1 E5\nG10\nG11\nG1 E1\n", 6_000, id="firmware retraction nets out"),
        pytest.param("G1 E\nG1 Enan\nG1 E99999999999\nG1 E--1\n", 0, id="noise"),
    ],
)
def test_what_is_extruded(text: str, um: int) -> None:
    assert count(text).total_um == um


@pytest.mark.parametrize(
    ("words", "mg"),
    [
        pytest.param("; filament used [mm] = 1000.0\n; filament used [g] = 2.5\n", 2_500, id="PrusaSlicer"),
        pytest.param(
            "; filament used [mm] = 600.0, 400.0\n; filament used [g] = 1.5, 1.0\n"
            "; total filament used [g] = 2.5\n; total filament used for wipe tower [g] = 9.0\n",
            2_500,
            id="PrusaSlicer, two tools",
        ),
        pytest.param("; filament used = 1000.0mm (2.0cm3)\n", 2_480, id="Slic3r says volume"),
        pytest.param(";Filament used: 1.0m\n", 2_983, id="Cura says length only"),
        pytest.param("; filament used [g] = 0.00\n", 2_983, id="no density in the slicer"),
        pytest.param("; filament used [g] = a lot\n", 2_983, id="noise"),
    ],
)
def test_weight_is_the_slicers_or_the_spools(words: str, mg: int) -> None:
    use = count(f"M83\nG1 E1000\n{words}")
    assert use.mg(use.total_um) == mg
    assert use.mg(use.total_um // 2) == round(mg / 2, -1) or abs(use.mg(use.total_um // 2) - mg / 2) <= 1


def test_the_spool_of_the_settings() -> None:
    use = count("G1 E1000\n", Filament(diameter_mm=2.85, density_g_cm3=1.0))
    assert use.mg(use.total_um) == 6_379


def test_up_to_a_byte() -> None:
    text = "M83\nG1 E5\nG1 E5\nG1 E5"
    use = count(text)
    assert [use.upto_um(n) for n in (0, 4, 9, 10, 15, 16, len(text) - 1, len(text), 1 << 62)] == [
        0,
        0,
        0,
        5_000,
        5_000,
        10_000,
        10_000,
        15_000,
        15_000,
    ]


def test_a_long_job_keeps_a_bounded_index_and_never_shows_too_much() -> None:
    line = "G1 E1\n"
    lines = gcode.MAX_STEPS * 3 + 5
    use = count("M83\n" + line * lines)
    assert use.total_um == lines * 1_000
    short = [n * 1_000 - use.upto_um(4 + n * len(line)) for n in range(0, lines + 1, 97)]
    assert min(short) >= 0
    assert max(short) <= 4_000
    assert use.upto_um(4 + lines * len(line)) == use.total_um


def test_an_overlong_line_is_passed_over_and_memory_stays_bounded() -> None:
    counter = FilamentCounter(Filament())
    for _ in range(100):
        counter.receive_data(b"G1 E5 " * 10_000)
    counter.receive_data(b"\nG1 E1\n")
    assert counter.close().total_um == 1_000


def test_what_a_display_shows_orders_nothing() -> None:
    assert display_command("Ada pays 5 €;\nM112 *m108 T0 $H") == "M117 Ada pays 5 €  M 112  m 108 T 0 $H"
    assert len(display_command("a" * 99)) == len("M117 ") + MAX_DISPLAY
    assert display_command("Anna, 3 h of MK4") == "M117 Anna, 3 h of MK4"
