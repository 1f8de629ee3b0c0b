"""What rules refuse, in the reader's language: machines by name, and times as pages write them."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from booking_api.members.names import whole
from booking_api.web.formats import Formats
from booking_api.web.sentences import said

NAMES = {"laser-1": "Laser cutter 60 W", "saw": "台锯"}
CASES = (
    (
        "laser-1 is taken from Fri 2026-05-22 15:00 to Fri 2026-05-22 16:30.",
        "Laser cutter 60 W is taken from 22 May 2026 15:00 to 22 May 2026 16:30.",
        "Laser cutter 60 W 在 2026年5月22日 15:00 至 2026年5月22日 16:30 已被占用。",
    ),
    ("At most 4 h: this is 1 day.", None, "最长 4 小时：您选了 1 天。"),
    (
        "At most 2 weeks ahead: it is bookable from Mon 2026-06-01 00:00 on.",
        None,
        "最多提前 2 周：2026年6月1日 00:00 起可预约。",
    ),
    ("You are not certified for saw.", "You are not certified for 台锯.", "您还没有 台锯 的使用资格。"),
    (
        "At most 6 reservations a week on all machines: this would be 7 from 2026-05-18 to 2026-05-24.",
        None,
        "所有设备：每周最多 6 次（预约），加上这次为 7 次。",
    ),
    (
        "At most 1 h 30 min of reservations in 7 days on laser-1: this would be 2 h on Fri 2026-05-22.",
        None,
        "Laser cutter 60 W：7 天内最多 1 小时 30 分钟（预约时长），加上这次为 2 小时。",
    ),
    ("First comes: Safety.", None, "须先具备：Safety。"),
    ("Nobody knows this sentence.", None, "Nobody knows this sentence."),
)  # fmt: skip


@pytest.mark.parametrize(("sentence", "english", "chinese"), CASES)
def test_a_refusal_is_said_in_the_readers_language(sentence: str, english: str | None, chinese: str) -> None:
    dublin = ZoneInfo("Europe/Dublin")
    if english:
        assert said(sentence, Formats("en", dublin), NAMES) == english
    assert said(sentence, Formats("zh", dublin), NAMES).replace("\u00a0", " ") == chinese


def test_a_chinese_name_is_read_with_its_last_name_first() -> None:
    assert whole("桂花", "王") == "王桂花"
    assert whole("Mira", "Quince") == "Mira Quince"
    assert whole("桂花", "Quince") == "桂花 Quince"
    assert whole("Li", "") == "Li"
