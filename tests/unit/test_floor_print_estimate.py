"""What a G-code file says of its print: the time of each slicer, filament by count, and what is no G-code."""

from __future__ import annotations

import base64
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floor.meter import Quantity
from floor.print_estimate import Estimate, Mistake, NotGcode, PrintReader

MOVES = "M83\nG28\nG1 X1 E1000\n"


def read(data: str | bytes, piece: int = 1 << 16) -> Estimate:
    raw = data.encode() if isinstance(data, str) else data
    reader = PrintReader()
    for at in range(0, len(raw), piece):
        reader.receive_data(raw[at : at + piece])
    return reader.close()


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        pytest.param("; estimated printing time (normal mode) = 1d 2h 3m 4s", 93_784, id="PrusaSlicer"),
        pytest.param(
            "; estimated printing time (normal mode) = 57m 5s\r\n"
            "; estimated printing time (silent mode) = 1h 2m 1s\r\n"
            "; estimated first layer printing time (normal mode) = 1m 2s\r",
            3_425,
            id="PrusaSlicer, silent mode, CRLF",
        ),
        pytest.param("; estimated printing time = 12m 1s", 721, id="Slic3r PE"),
        pytest.param("; model printing time: 17m 5s; total estimated time: 23m 45s", 1_425, id="Bambu"),
        pytest.param(";FLAVOR:Marlin\n;TIME:1234\n;Filament used: 1.0m", 1_234, id="Cura"),
        pytest.param(";TIME:6666\n;TIME_ELAPSED:60.5\n;TIME_ELAPSED:121.25", 121.25, id="CuraEngine alone"),
        pytest.param(";   Build time: 1 hour 2 minutes", 3_720, id="Simplify3D"),
        pytest.param(";   Build Time: 2 hours 1 minute", 7_260, id="Simplify3D 5"),
        pytest.param(";Print Time: 1234", 1_234, id="ideaMaker"),
        pytest.param("; filament used = 1000.0mm (2.0cm3)", None, id="Slic3r says none"),
        pytest.param("; estimated printing time (normal mode) = soon", None, id="noise"),
        pytest.param("; estimated printing time (normal mode) = 5 weeks", None, id="another unit"),
        pytest.param(";TIME:0", None, id="no time at all"),
        pytest.param(";TIME:999999999", None, id="longer than a year"),
        pytest.param(";" + " " * 300 + "TIME:77", None, id="far away"),
    ],
)
def test_time_is_the_slicers_and_never_a_guess(words: str, seconds: float | None) -> None:
    for text in (f"{words}\n{MOVES}", f"{MOVES}{words}", f"{MOVES}{words}\n"):
        estimate = read(text)
        assert estimate.time_ms == (None if seconds is None else round(seconds * 1000))
        times = {Quantity.MACHINE_TIME_MS, Quantity.BUSY_TIME_MS, Quantity.JOB_TIME_MS}
        assert (times & set(estimate.quantities) == times) == (seconds is not None)
        assert (estimate.quantities[Quantity.FILAMENT_UM], estimate.quantities[Quantity.JOBS]) == (
            1_000_000,
            1,
        )


def test_the_slicers_weight_is_believed_and_another_is_said_to_be_a_usual_spools() -> None:
    said = read(f"{MOVES}; filament used [g] = 2.5\n")
    assert (said.quantities[Quantity.FILAMENT_MG], said.weighed) == (2_500, True)
    usual = read(MOVES)
    assert (usual.quantities[Quantity.FILAMENT_MG], usual.weighed) == (2_983, False)


@pytest.mark.parametrize(
    ("data", "mistake"),
    [
        pytest.param(b"GCDE\x01\x00\x00\x00", Mistake.BINARY_GCODE, id="bgcode"),
        pytest.param(b"PK\x03\x04" + bytes(40), Mistake.ARCHIVE, id="3mf"),
        pytest.param(b"solid part\n facet normal 0 0 1\n", Mistake.MODEL, id="STL as text"),
        pytest.param(b"made by a program" + bytes(200), Mistake.BINARY, id="STL"),
        pytest.param(MOVES.encode() + b"\0", Mistake.BINARY, id="binary later"),
        pytest.param("G1 X1 E1\n".encode("utf-16"), Mistake.BINARY, id="UTF-16"),
        pytest.param(b"v 1 2 3\nf 1 2 3\n", Mistake.NO_MOVES, id="OBJ"),
        pytest.param(b"; G1 X1\nM104 S200\nG10\nG1.2 X1\n", Mistake.NO_MOVES, id="nothing moves"),
        pytest.param(b"", Mistake.NO_MOVES, id="empty"),
    ],
)
@pytest.mark.parametrize("piece", [1, 7, 1 << 16])
def test_what_is_no_gcode_is_refused_by_what_it_is(data: bytes, mistake: Mistake, piece: int) -> None:
    with pytest.raises(NotGcode) as caught:
        read(data, piece)
    assert caught.value.mistake is mistake


def test_a_file_of_any_length_of_line_is_read_in_little_memory() -> None:
    reader = PrintReader()
    for _ in range(64):
        reader.receive_data(b"x" * 65_536)
    reader.receive_data(b"\nG1 X1 E5\n;TIME:60\n")
    assert reader.close().time_ms == 60_000
    held = [value for value in vars(reader).values() if isinstance(value, bytes)]
    assert max(map(len, held)) <= 2048


LINES = st.sampled_from(
    [
        b"G1 X1 E2\n",
        b"N1 G0 Y2*7\r\n",
        b";TIME:90\n",
        b";TIME_ELAPSED:91.5\n",
        b"; total estimated time: 2m\n",
        b"; estimated printing time (normal mode) = 3m 1s\n",
        b";" + b"y" * 3_000 + b"\n",
        b"G1" + b" " * 5_000 + b"E1\n",
        b"\n",
        base64.b64encode(random.Random(1).randbytes(60)) + b"\n",
    ]
)


@given(st.lists(LINES | st.binary(max_size=40), max_size=12).map(b"".join), st.integers(1, 6_000))
def test_how_the_file_is_cut_does_not_matter(data: bytes, piece: int) -> None:
    def outcome(size: int) -> Estimate | Mistake:
        try:
            return read(data, size)
        except NotGcode as error:
            return error.mistake

    assert outcome(piece) == outcome(1 << 20)
