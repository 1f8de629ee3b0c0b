"""What notices say and when, and the settings that they come from."""

from __future__ import annotations

import re
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from booking_api.happenings.words import Happening, LetterKind
from booking_api.notices import service, wording
from booking_api.notices.kinds import LETTERS, MEMBER, NAMES, STAFF, Kind
from booking_api.notices.wording import Place
from booking_api.settings import read_settings
from booking_api.webhooks.addresses import Reach
from floor.errors import ConfigError
from tests.kit.server import NOW_MS

PLACE = Place("Kelp Street", "https://floor.kelp.test", ZoneInfo("Europe/Dublin"), "EUR")
LINK = "https://floor.kelp.test/reset?token=x"


def test_quiet_hours_end_when_the_space_wakes() -> None:
    at_night = NOW_MS - 14 * 3_600_000  # 00:13 UTC, 01:13 in Dublin
    woken = service.after_quiet(at_night, (22 * 60, 7 * 60), PLACE)
    assert PLACE.formats("en").clock(woken) == "07:00"
    assert service.after_quiet(NOW_MS, (22 * 60, 7 * 60), PLACE) == NOW_MS
    assert service.after_quiet(NOW_MS, (0, 0), PLACE) == NOW_MS


def test_every_happening_of_a_person_has_its_texts_in_both_languages() -> None:
    untold = {Happening.MEMBER_CHANGED, Happening.MEMBER_ERASED}
    assert {what.value for what in Happening} - set(MEMBER) - set(STAFF) == untold
    assert set(LETTERS) == set(LetterKind)
    assert set(NAMES) == set(Kind)
    for what in MEMBER:
        english, chinese = (wording.to_member(what, {}, "A", {}, one, PLACE).body for one in ("en", "zh"))
        assert english != chinese


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('mail = "smtp://x"', "notices.mail"),
        ('from = "nobody"', "notices.from"),
        ('push = "ntfys"', "notices.push"),
        ('push = ["mailto"]', "notices.push"),
        ('staff = "somewhere"', "notices.staff"),
        ('quiet = "25:00-07:00"', "notices.quiet"),
        ("remind_min = -1", "notices.remind_min"),
    ],
)
def test_settings_that_are_wrong_are_named(tmp_path: Path, line: str, words: str) -> None:
    file = tmp_path / "makerfloor.toml"
    file.write_text(f"[notices]\n{line}\n")
    with pytest.raises(ConfigError, match=re.escape(words)):
        read_settings(file, {})
    file.write_text("[webhooks]\nloopback = 1\n")
    with pytest.raises(ConfigError, match=r"webhooks\.loopback"):
        read_settings(file, {})
    file.write_text('[notices]\nquiet = "22:00-07:30"\npush = ["ntfys"]\n[webhooks]\nprivate = true\n')
    read = read_settings(file, {"MAKERFLOOR_NOTICES_MAIL": "mailtos://u:p@mail.kelp.test"}).notices
    assert (read.quiet, read.push, read.reach) == ((1320, 450), ("ntfys",), Reach(private=True))
    assert read.mail == "mailtos://u:p@mail.kelp.test"
    assert "u:p" not in repr(read)


def test_letters_say_what_their_values_mean() -> None:
    def said(kind: LetterKind, **values: str) -> str:
        return wording.letter(kind, values, "en", PLACE).body

    declined = said(LetterKind.REGISTRATION, name="Ann", declined="yes", reason="full", link="")
    assert "declined" in declined
    assert "Reason: full" in declined
    assert "If you did not ask" not in declined
    assert "member already" in wording.letter(LetterKind.REGISTRATION, {"known": "yes"}, "en", PLACE).title
    assert "confirm" in said(LetterKind.EMAIL_CHANGED, link=LINK)
    assert "New address: b@x" in said(LetterKind.EMAIL_CHANGED, link="", new_address="b@x")
