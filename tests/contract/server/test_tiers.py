"""Levels of patrons, reduced dues, households and day guests: from a plan to a tier, and what that gives.

No tier here is known to the software: their names stand in plans, tariffs and rules alone.
"""

from __future__ import annotations

from decimal import Decimal as D
from pathlib import Path

from booking_api.accounts import guests
from booking_api.accounts.guests import GuestDetails
from booking_api.certifications import service as certifications
from booking_api.households import service as households
from booking_api.households.service import HouseholdDetails
from booking_api.members import service as members
from booking_api.presets.apply import Work, apply
from booking_api.reservations import booking
from booking_api.reservations.booking import BookingDetails
from booking_api.reservations.diary import Diary
from floor.reservation.terms import Allowed, Turned
from tests.kit.preset import Space, Use

DAY_MS = 86_400_000
PLANS = """
valid_from = 2026-01-01
commodity = "CNY"

[[plans]]
id = "individual"
name = "Member"
price = 200
tier = "member"
[plans.reduced.student]
price = 100
tier = "learner"

[[plans]]
id = "bamboo"
name = "Friend of the bamboo"
tier = "bamboo"
choose = { minimum = 300, suggested = 400 }

[[plans]]
id = "hearth"
name = "Household"
tier = "member"
price = 250
people = 4

[[plans]]
id = "cedar"
name = "Friend of the cedar"
tier = "cedar"
choose = { minimum = 1000, suggested = 1500 }
"""
TARIFF = """
id = "laser"
name = "Laser cutter"
commodity = "CNY"
valid_from = 2026-01-01
[tiers.member]
[tiers.learner]
multiplier = 0.8
[tiers.bamboo]
multiplier = 0.5
[tiers.cedar]
multiplier = 0
[tiers.guest]
multiplier = 2
[[components]]
per = "machine_time"
price = 1
unit = "min"
"""
RULES = """
[policy.machines]
length_max = "2 h"
ahead = "7 days"
except_tiers = ["guest"]
priority = ["cedar", "bamboo"]
[policy.machines.tiers.bamboo]
ahead = "14 days"
[policy.machines.tiers.cedar]
ahead = "60 days"
length_max = "8 h"
"""


def space(folder: Path) -> Space:
    made = Space("hackerspace", folder)
    for name, text in (
        ("plans.toml", PLANS.replace("2026-01-01", "2026-09-21")),
        ("tariffs/laser.toml", TARIFF.replace("2026-01-01", "2026-09-21")),
        ("reservations.toml", RULES),
    ):
        (folder / name).write_text(text)
    with made.db.write() as session:
        apply(Work(session, made.settings.currency, "test", made.at("2026-09-20T10:00")), folder)
    return made


def tried(made: Space, member: str, days: int, hours: int = 1) -> str:
    """The rule that refuses a member the laser cutter on 3 October and some days; "" where none does."""
    begins_ms = made.at("2026-10-03T10:00") + days * DAY_MS
    details = BookingDetails(
        machine="laser-1", begins_ms=begins_ms, ends_ms=begins_ms + hours * 3_600_000, member=member
    )
    with made.db.read() as session:
        decision = booking.check(Diary(session, made.at("2026-10-03T09:00"), member, "CNY"), details)
    assert isinstance(decision, Allowed | Turned)
    return decision.rule if isinstance(decision, Turned) else ""


def test_what_a_tier_gives_stands_in_files(tmp_path: Path) -> None:
    made = space(tmp_path)
    ada, bo, cy, stu, mum, kid = (made.person(name) for name in ("Ada", "Bo", "Cy", "Stu", "Mum", "Kid"))
    made.join(ada, "individual", "2026-10-01")
    made.join(bo, "bamboo", "2026-10-01")
    made.join(cy, "cedar", "2026-10-01", price_micro=2_500_000_000)
    made.join(stu, "individual", "2026-10-01", group="student", proof_until="2026-10-31")
    with made.db.write() as session:
        now_ms = made.at("2026-10-01T09:00")
        home = households.make(session, HouseholdDetails(name="Hearth"), mum, now_ms)
        households.put(session, home.id, kid, now_ms)
        paying = households.pay_together(session, home.id, mum, now_ms)
        visitor = GuestDetails(first_name="Vi", last_name="Day", last_day_ms=made.at("2026-10-05T12:00"))
        guest = guests.add(session, visitor, made.zone, now_ms).id
        for one in (ada, bo, cy, stu, kid, guest):
            certifications.grant(session, one, "laser-1", cy, now_ms)
        account = str(paying.account)
    made.join(mum, "hearth", "2026-10-01", account=account)
    assert [made.tier(one) for one in (ada, bo, cy, stu, kid, guest)] == [
        "member", "bamboo", "cedar", "learner", "member", "guest",
    ]  # fmt: skip
    with made.db.read() as session:
        assert members.get(session, guest).valid_until_ms == made.at("2026-10-06T00:00")
        assert members.get(session, kid).charges_to == account, "what a child uses goes to the household"
    assert [tried(made, one, 6) for one in (ada, bo, cy, guest)] == ["", "", "", "membership"]
    assert [tried(made, one, 1) for one in (ada, guest)] == ["", "except_tiers"]
    assert [tried(made, one, 10) for one in (ada, stu, bo, cy)] == ["ahead", "ahead", "", ""]
    assert [tried(made, one, 20) for one in (bo, cy)] == ["ahead", ""]
    assert [tried(made, one, 1, 8) for one in (bo, cy)] == ["length_max", ""]
    made.use([Use(one, "laser-1", f"2026-10-04T{9 + n:02}:00", 30, account if one == kid else "")
              for n, one in enumerate((ada, bo, cy, stu, kid, guest))])  # fmt: skip
    made.bill("2026-10-31")
    owed = {one: made.owed(one) for one in (ada, bo, cy, stu, guest, account)}
    assert owed == {
        ada: D(200) + 30, bo: D(400) + 15, cy: D(2500), stu: D(100) + 24, guest: D(60), account: D(250) + 30,
    }  # fmt: skip
    # The proof has run out: from its next month on the student is a member as others are.
    made.bill("2026-11-01")
    assert made.tier(stu) == "member"
    assert made.owed(stu) == D(100) + 24 + 200
    made.sound()
