"""What rules refuse, in the reader's language: machines by name, and times as pages write them."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from booking_api.members.names import whole
from booking_api.web.formats import Formats
from booking_api.web.sentences import said

NAMES = {"laser-1": "Laser cutter 60 W", "saw": "台锯"}
SKILLS = {"Safety": "安全培训"}
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
        "At most 6 reservations a week on all machines: this would be 7 from 18 May 2026 to 24 May 2026.",
        "所有设备：每周最多 6 次（预约），加上这次为 7 次（2026年5月18日至2026年5月24日）。",
    ),
    (
        "At most 1 h 30 min of reservations in 7 days on laser-1: this would be 2 h on Fri 2026-05-22.",
        None,
        "Laser cutter 60 W：7 天内最多 1 小时 30 分钟（预约时长），加上这次为 2 小时（2026年5月22日）。",
    ),
    (
        "At most 2 h of use in peak a day on the machines of wood (evenings): this would be 3 h on "
        "Fri 2026-05-22.",
        None,
        "wood 的设备 (evenings)：每天最多 2 小时（peak 时段内的使用时长），"
        "加上这次为 3 小时（2026年5月22日）。",
    ),
    (
        "There were 3 no-shows from 2026-05-01 to 2026-05-31, and at most 2 a month are let pass. "
        "You may book again from Mon 2026-06-01 00:00 on.",
        None,
        "您有 3 次未到场（2026年5月1日至2026年5月31日），而每月最多允许 2 次。"
        "您可在 2026年6月1日 00:00 起再次预约。",
    ),
    (
        "There was 1 no-show from 2026-05-01 to 2026-05-31, and at most 0 a month are let pass. "
        "You may book again from Mon 2026-06-01 00:00 on.",
        None,
        "您有 1 次未到场（2026年5月1日至2026年5月31日），而每月最多允许 0 次。"
        "您可在 2026年6月1日 00:00 起再次预约。",
    ),
    (
        "laser-1 is for patron, student, and you are guest.",
        None,
        "Laser cutter 60 W 仅限以下级别预约：赞助会员, 学生；您的级别是：访客。",
    ),
    ("It may last 1 h, 2 h: this is 1 h 30 min.", None, "时长只能是 1 小时, 2 小时：您选了 1 小时 30 分钟。"),
    (
        "At most 3 reservations in 7 days on laser-1: this is reached at Fri 2026-05-22 15:00.",
        None,
        "Laser cutter 60 W：7 天内最多 3 次（预约），将在 2026年5月22日 15:00 用完。",
    ),
    (
        "From Fri 2026-05-22 15:00 on laser-1 is not for you without a reservation.",
        None,
        "从 2026年5月22日 15:00 起，没有预约不能使用 Laser cutter 60 W。",
    ),
    (
        "Fri 2026-05-22 is a holiday: the space is closed.",
        "22 May 2026 is a holiday: the space is closed.",
        "2026年5月22日 是 节假日，空间不开放。",
    ),
    ("First comes: Safety, Woodwork.", "First comes: Safety, Woodwork.", "须先具备：安全培训, Woodwork。"),
    ("Nobody knows this sentence.", None, "Nobody knows this sentence."),
)  # fmt: skip


@pytest.mark.parametrize(("sentence", "english", "chinese"), CASES)
def test_a_refusal_is_said_in_the_readers_language(sentence: str, english: str | None, chinese: str) -> None:
    dublin = ZoneInfo("Europe/Dublin")
    if english:
        assert said(sentence, Formats("en", dublin), NAMES) == english
    assert said(sentence, Formats("zh", dublin), NAMES | SKILLS).replace("\u00a0", " ") == chinese


def test_a_chinese_name_is_read_with_its_last_name_first() -> None:
    assert whole("桂花", "王") == "王桂花"
    assert whole("Mira", "Quince") == "Mira Quince"
    assert whole("桂花", "Quince") == "桂花 Quince"
    assert whole("Li", "") == "Li"
