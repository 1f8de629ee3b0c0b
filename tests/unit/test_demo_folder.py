"""The demonstration's folder: only its own is ever deleted, and its secrets and its time are kept."""

from pathlib import Path

import pytest

from booking_api.child import Door
from booking_api.demo.floor import DemoSettings
from booking_api.demo.folder import MARKER, SIGN_INS, held_folder
from floor.errors import ConfigError
from floor.timescale import TimeScale


@pytest.mark.parametrize("fresh", [False, True])
def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path, fresh: bool) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ConfigError, match="not the demo's"), held_folder(tmp_path, fresh=fresh):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="--data"), held_folder(tmp_path / "file", fresh=True):
        pass


def test_fresh_deletes_what_the_demo_left_and_nothing_that_it_points_to(tmp_path: Path) -> None:
    data, outside = tmp_path / "data", tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("kept")
    with held_folder(data) as folder:
        assert folder.new
        first = folder.passwords()
        (data / "server").mkdir()
        (data / "server" / "makerfloor.db").write_text("books")
        (data / "link").symlink_to(outside)
    with held_folder(data) as folder:
        assert not folder.new
        assert folder.passwords() == first
    with held_folder(data, fresh=True) as folder:
        assert folder.new
        assert {path.name for path in data.iterdir()} == {MARKER, "logs"}
        assert folder.passwords() != first
    assert (outside / "kept").read_text() == "kept"


def test_one_demo_at_a_time_holds_a_folder(tmp_path: Path) -> None:
    with (
        held_folder(tmp_path / "data") as folder,
        pytest.raises(ConfigError, match="another demo"),
        held_folder(tmp_path / "data", fresh=True),
    ):
        pass
    assert folder.logs.is_dir()


def test_passwords_are_random_private_and_readable(tmp_path: Path) -> None:
    with held_folder(tmp_path / "data") as folder:
        kept = folder.passwords()
        assert len(set(kept.values())) == len(SIGN_INS) + 1
        file = folder.path / "passwords.json"
        assert file.stat().st_mode & 0o777 == 0o600
        file.write_text("{")
        with pytest.raises(ConfigError, match="damaged"):
            folder.passwords()


def test_floor_time_never_goes_back(tmp_path: Path) -> None:
    with held_folder(tmp_path / "data") as folder:
        first = folder.time_scale(600)
        assert first.floor_ms == first.real_ms
        ahead = TimeScale(first.real_ms - 60_000, first.floor_ms, 600)
        folder.save_time(ahead)
        assert folder.time_scale(1).floor_ms >= first.floor_ms + 60_000 * 600
        folder.save_time(first)
        assert folder.time_scale(1).floor_ms >= first.floor_ms + 60_000 * 600


@pytest.mark.parametrize("speed", [0, 601, -1])
def test_a_speed_out_of_range_is_refused(tmp_path: Path, speed: int) -> None:
    with pytest.raises(ConfigError, match="--speed"):
        DemoSettings(tmp_path, speed=speed)


def test_a_free_port_is_found() -> None:
    assert 1024 <= Door("demo", "127.0.0.1", 0).free_port() <= 65_535
