"""Sliced 3MF files, whole and hostile."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zipfile

import pytest

from firmware_bridge.bambu import sliced
from firmware_bridge.bambu.sliced import SlicedFilament, read_sliced
from floor.errors import PeerError
from tests.kit.sliced_files import gcode_3mf, plate_gcode, slice_info, zipped

INFO, GCODE = "Metadata/slice_info.config", "Metadata/plate_1.gcode"
TWO = slice_info([(1, [(1, "1.00", "3.00")]), (2, [(1, "2.00", "6.00"), (4, "0.50", "1.50")])])


def read(file: bytes, plate: int | None = None, layers: int | None = None) -> sliced.Sliced:
    return read_sliced(io.BytesIO(file), plate, layers)


def test_a_plate_says_each_filament_and_how_far_layers_and_percents_bring_it() -> None:
    found = read(gcode_3mf(layers=20, used_m="5.45", used_g="17.32"), None, 20)
    assert found.filaments == (SlicedFilament(1, "PLA", 5_450_000, 17_320),)
    for percent, layer, share in ((0, 0, 0.0), (0, 1, 0.0), (0, 11, 0.5), (50, 0, 0.5), (99, 3, 0.95)):
        assert found.share(percent, layer) == pytest.approx(share, abs=0.002)
    assert found.share(100, 20) == pytest.approx(1.0)


def test_the_plate_that_is_printed_is_read_and_an_unknown_one_is_not_guessed() -> None:
    file = zipped({INFO: TWO, "Metadata/plate_2.gcode": plate_gcode(4)})
    assert [one.number for one in read(file, 2).filaments] == [1, 4]
    for plate, words in ((None, "does not say which"), (3, "none of them is 3")):
        with pytest.raises(PeerError, match=words):
            read(file, plate)
    without_gcode = read(file, 1)
    assert without_gcode.course is None
    assert without_gcode.share(40, 7) == 0.4


def test_a_file_of_other_layers_is_another_file() -> None:
    with pytest.raises(PeerError, match="20 layers, and the print 21"):
        read(gcode_3mf(layers=20), 1, 21)


def lying_directory() -> bytes:
    """An end of directory that claims a directory of 2 GiB, in a file that has as much room (sparse)."""
    return struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, 1 << 31, 0, 0)


class Sparse(io.BytesIO):
    """Pretends to be 4 GiB long."""

    def seek(self, offset: int, whence: int = 0) -> int:
        if whence == 2:
            return (4 << 30) + offset
        return super().seek(offset, whence)

    def read(self, size: int | None = -1) -> bytes:
        assert size is not None
        assert 0 <= size <= sliced.MAX_READ_BYTES + 1
        return lying_directory()[:size]


ENTITIES = '<!DOCTYPE c [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]><config><plate>&b;</plate></config>'


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (b"", "cannot be read"),
        (b"PK\3\4 nothing", "cannot be read"),
        (zipped({"3D/3dmodel.model": "<model/>"}), "not sliced"),
        (zipped({INFO: ENTITIES}), "document type"),
        (zipped({INFO: "<config><plate>"}), "cannot be read"),
        (zipped({INFO: slice_info([(1, [(1, "1e99", "3.00")])])}), "no amount"),
        (zipped({INFO: slice_info([(1, [(1, "-5", "3.00")])])}), "no amount"),
        (zipped({INFO: b" " * (sliced.MAX_INFO_BYTES + 1)}), "more than"),
        (zipped({INFO: TWO, GCODE: b"G1 " * (1 << 20)}), "plates"),
        (zipped({INFO: slice_info([(1, [])]), GCODE: b"G1 " * (1 << 20)}), "endless line"),
        (zipped({INFO: TWO}, zipfile.ZIP_BZIP2), "unknown way"),
        (zipped({INFO: TWO}, zipfile.ZIP_LZMA), "unknown way"),
        (lying_directory(), "cannot be read"),
    ],
)
def test_what_is_no_sliced_file_is_said_to_be_none(file: bytes, words: str) -> None:
    with pytest.raises(PeerError, match=words):
        read(file)


def test_a_directory_is_never_read_in_one_piece() -> None:
    with pytest.raises(PeerError):
        read_sliced(Sparse(), None, None)


def test_a_bomb_of_gcode_is_read_in_pieces_and_ends_at_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sliced, "MAX_GCODE_BYTES", 256 << 10)
    bomb = zipped({INFO: slice_info([(1, [(1, "1", "3")])]), GCODE: b";\n" * (16 << 20)})
    assert len(bomb) < 100_000
    tracemalloc.start()
    with pytest.raises(PeerError, match="too long"):
        read(bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 << 20


def test_reading_stops_when_nobody_waits() -> None:
    with pytest.raises(PeerError, match="not wanted"):
        read_sliced(io.BytesIO(gcode_3mf()), None, None, lambda: True)
