"""Each preset, from its files to the bill: a month of use, invoices and the close, against sums by hand.

Amounts are written as `Decimal` and worked out from the published figures, never from the code under test.
"""

from __future__ import annotations

from decimal import Decimal as D
from fractions import Fraction
from pathlib import Path

from booking_api.accounts.models import Fund
from booking_api.certifications import service as certifications
from booking_api.members import service as members
from booking_api.memberships import service as memberships
from booking_api.memberships.service import By, Wish
from booking_api.presets.apply import Work, apply
from booking_api.tariffs.quote import quote_files
from tests.kit.preset import Space, Use, cents, money, pool

GRAM = 1_000
HOUR = 3_600_000


def owes(space: Space, expected: dict[str, D]) -> None:
    """What accounts owe is what was worked out by hand, and what their one invoice says."""
    assert {account: space.owed(account) for account in expected} == expected
    for account, amount in expected.items():
        assert money(space.invoice(account).total_micro) == amount, space.statement(account)


def test_techshop(tmp_path: Path) -> None:
    """150 USD, or 95 for students and soldiers; classes 50 to 150; tools free, material by the gram."""
    space = Space("techshop", tmp_path)
    ann, bob, cleo, dora = (space.person(name) for name in ("Ann", "Bob", "Cleo", "Dora"))
    space.join(ann, "full", "2026-10-01")
    space.join(bob, "full", "2026-10-01", group="student", proof_until="2027-06-30")
    space.join(cleo, "full", "2026-10-17", group="soldier")
    space.join(dora, "day-pass", "2026-10-20")
    space.attend("laser-basics", ann, "2026-10-05T18:00", ann, bob)
    space.attend("welding", ann, "2026-10-06T18:00", ann)
    space.use(
        [
            Use(ann, "laser-1", "2026-10-08T10:00", 90),
            Use(bob, "printer-1", "2026-10-09T10:00", 200, counters={"filament_mg": 45_500}),
            Use(dora, "printer-1", "2026-10-20T15:00", 60, counters={"filament_mg": 10 * GRAM}),
        ]
    )
    space.bill("2026-10-31")
    with space.db.read() as session:
        assert {one.skill for one in certifications.of_member(session, ann)} == {"laser-1", "welder-1"}
        held = [members.get(session, one).tier for one in (ann, bob, cleo, dora)]
    assert held == ["member", "student", "soldier", "guest"]
    stated = space.close()
    assert stated.pools == ()
    assert {machine: money(amount) for machine, amount in stated.outside.items()} == {"printer-1": D("6.66")}
    owes(
        space,
        {
            ann: D(150) + D(50) + D(150),
            bob: D(95) + D(50) + cents(D("45.5") * D("0.12")),
            cleo: D(95) - cents(D(95) * 16 / 31),
            dora: D(35) + D(10) * D("0.12"),
        },
    )
    space.sound()


def test_fablab(tmp_path: Path) -> None:
    """Firms pay what an hour costs, makers a part, pupils nothing; a fund pays the rest, idle hours too."""
    space = Space("fablab", tmp_path)
    pupil, maker, firm = (space.person(name) for name in ("Pia", "Max", "Fay"))
    space.join(pupil, "pupil", "2026-10-01")
    space.join(maker, "maker", "2026-10-01")
    acme = space.team("acme", firm)
    space.join(firm, "firm", "2026-10-01", account=acme)
    space.use(
        [
            Use(pupil, "laser-1", "2026-10-05T10:00", 60),
            Use(maker, "laser-1", "2026-10-06T10:00", 90),
            Use(firm, "laser-1", "2026-10-07T10:00", 120, acme),
            Use(pupil, "printer-1", "2026-10-05T10:00", 310, counters={"job_time_ms": 5 * HOUR}),
            Use(maker, "printer-2", "2026-10-06T10:00", 250, counters={"job_time_ms": 4 * HOUR}),
            Use(firm, "printer-1", "2026-10-07T10:00", 70, acme, {"job_time_ms": HOUR}),
            Use(maker, "mill-1", "2026-10-08T10:00", 120),
            Use(firm, "mill-1", "2026-10-09T10:00", 180, acme),
        ]
    )
    by_use = D("5.25") + D("1.5") * 3 + D(5) * 1 + D(4) * D("0.5") + D(2) * D("6.5")
    assert space.fund("public") == by_use
    stated = space.close()
    laser = pool(stated, "laser")
    assert (Fraction(laser.units), money(laser.cost_micro)) == (Fraction(9, 2), D(3000) / 12 + D("4.5"))
    idle = cents(D(250) * (D(1600) / 12 - D("4.5")) / (D(1600) / 12))
    assert [money(one.pays_micro) for one in laser.standing] == [idle] == [D("241.56")]
    assert money(laser.recovered_micro) == D("4.5") * D("5.25") + idle
    assert money(laser.carried_out_micro) == D("254.50") - D("23.625") - idle
    assert space.fund("public") == by_use + idle
    mill = pool(stated, "mill")
    twelfth = cents(D(1250) * 10 / 12) - cents(D(1250) * 9 / 12)
    assert money(mill.cost_micro) == twelfth + D(5) * 2
    assert money(mill.recovered_micro) == D(5) * D("10.75")
    owes(
        space,
        {
            maker: cents(D("1.5") * D("2.25")) + D(4) * D("0.50") + D(2) * D("4.25"),
            acme: D(2) * D("5.25") + D(1) + D(3) * D("10.75"),
        },
    )
    assert "Ministry of education" in space.statement(pupil)
    space.sound()


def test_access_space(tmp_path: Path) -> None:
    """1, 3 and 10 GBP (here 12, as chosen), more at each level; the welfare fund pays for what is free."""
    space = Space("access-space", tmp_path)
    one, two, three = (space.person(name) for name in ("Una", "Dua", "Tria"))
    space.join(one, "one", "2026-10-01")
    space.join(two, "two", "2026-10-01")
    space.join(three, "three", "2026-10-01", price_micro=12_000_000)
    space.use(
        [
            Use(one, "computer-1", "2026-10-02T10:00", 120),
            Use(one, "laser-1", "2026-10-02T13:00", 30),
            Use(two, "laser-1", "2026-10-03T10:00", 45),
            Use(two, "laser-1", "2026-10-10T10:00", 30),
            Use(three, "laser-1", "2026-10-04T10:00", 200),
            Use(three, "printer-1", "2026-10-05T10:00", 600, counters={"filament_mg": 250 * GRAM}),
        ]
    )
    space.bill("2026-10-30")
    tenth = D("0.10")
    assert space.fund("welfare") == 60 * tenth + 200 * tenth + 200 * D("0.05")
    space.close()
    owes(space, {one: 1 + 30 * tenth, two: 3 + 15 * tenth, three: 12 + 50 * D("0.05")})
    space.sound()


def test_metalab(tmp_path: Path) -> None:
    """Dues, also what one can pay; a sponsor pays a part of the laser while its money lasts."""
    space = Space("metalab", tmp_path)
    ada, bo, stu, sue, gast = (space.person(name) for name in ("Ada", "Bo", "Stu", "Sue", "Gast"))
    space.join(ada, "member", "2026-10-01")
    space.join(bo, "solidarity", "2026-10-16", price_micro=12_000_000)
    space.join(stu, "member", "2026-10-01", group="student")
    space.join(sue, "sustaining", "2026-10-01", price_micro=480_000_000)
    file = tmp_path / "funds.toml"
    file.write_text(file.read_text().replace("budget = 400", "budget = 40"))
    with space.db.write() as session:
        work = Work(session, space.settings.currency, "test", space.at("2026-10-01T09:00"))
        changed = [step for step in apply(work, tmp_path) if step.what != "as it was"]
        assert [(step.kind, step.name, step.what) for step in changed] == [
            ("fund", "laser-sponsor", "changed")
        ]
        fund = session.get(Fund, "laser-sponsor")
        assert fund is not None
        assert fund.budget_micro == 40_000_000
    space.attend("laser", ada, "2026-10-10T18:00", ada, gast)
    space.use(
        [
            Use(ada, "laser-1", "2026-10-11T08:00", 600),
            Use(bo, "laser-1", "2026-10-17T00:00", 1200),
            Use(stu, "printer-1", "2026-10-18T08:00", 100, counters={"filament_mg": 33 * GRAM}),
        ]
    )
    assert space.fund("laser-sponsor") == 40
    assert space.fund("city-culture") == 15
    stated = space.close()
    laser = pool(stated, "laser")
    cost = cents(D(400) * 10 / 12) - cents(D(400) * 9 / 12) + 30 * D("0.5")
    assert money(laser.cost_micro) == cost == D("48.33")
    assert money(laser.recovered_micro) == 30 * D("3.50")
    assert money(laser.carried_out_micro) == cost - 105
    owes(
        space,
        {
            ada: D(25) + 5 + 10 * 2,
            bo: (12 - cents(D(12) * 15 / 31)) + 20 * 2 + (D(10) * D("1.5") + D(20) * D("1.5") - 40),
            stu: 15 + 33 * D("0.03"),
            sue: D(480),
            gast: D(20),
        },
    )
    space.sound()


def test_hackerspace(tmp_path: Path) -> None:
    """People and teams have the same services at the same prices; a team stays half a year to a year."""
    space = Space("hackerspace", tmp_path)
    ind, stud, own, mate, day = (space.person(name) for name in ("晓明", "小红", "阿强", "阿珍", "访客"))
    space.join(ind, "individual", "2026-10-01")
    space.join(stud, "individual", "2026-10-01", group="student", proof_until="2027-07-01")
    space.join(day, "day", "2026-10-20")
    rocket = space.team("rocket", own, mate)
    with space.db.write() as session:
        asked = By(own, space.at("2026-09-28T10:00"), is_staff=False)
        wish = Wish.model_validate({"plan": "team", "account": rocket, "first": "2026-10-01"})
        row = memberships.join(session, own, wish, asked)
        assert row.accepted_ms is None
        memberships.accept(session, row.id, By("staff", space.at("2026-09-29T10:00")))
        assert str(row.until) == "2027-10-01"
    space.bill("2026-10-01")
    space.use(
        [
            Use(ind, "laser-1", "2026-10-05T10:00", 30),
            Use(mate, "laser-1", "2026-10-06T10:00", 30, rocket),
            Use(stud, "printer-1", "2026-10-07T10:00", 100, counters={"filament_mg": 100 * GRAM}),
            Use(own, "printer-1", "2026-10-08T10:00", 100, rocket, {"filament_mg": 100 * GRAM}),
            Use(day, "laser-1", "2026-10-20T10:00", 10),
        ]
    )
    with space.db.write() as session:
        tiers = [members.get(session, one).tier for one in (ind, stud, own, mate, day)]
        end = memberships.end(session, row.id, By("staff", space.at("2026-10-30T10:00")))
    assert tiers == ["member"] * 4 + ["guest"]
    assert str(end) == "2027-04-01"
    space.close()
    assert space.stands(f"liabilities:deposit:{rocket}") == -1200
    assert space.owed(rocket) == 1200 + 1200 + 30 + 30
    assert money(space.invoice(rocket).total_micro) == 1200 + 30 + 30
    owes(space, {ind: D(230), stud: D(130), day: D(30 + 20)})
    assert "正式" not in space.statement(ind)
    space.sound()


def test_prototype_factory(tmp_path: Path) -> None:
    """A quote before the work is the receipt after it, also above ten hours a month."""
    space = Space("prototype-factory", tmp_path)
    boss = space.person("陈工")
    acme = space.team("acme", boss)
    space.join(boss, "resident", "2026-10-01", account=acme)
    usage = (tmp_path / "usage.toml").read_text().replace("2026-11", "2026-10")
    usage += """
[[use]]
id = "a long series"
tariff = "pick-place"
tier = "resident"
account = "a firm"
machine = "pick-place-1"
start = 2026-10-12T09:00:00
end = 2026-10-12T20:00:00
used = { busy_time = "9 h" }
"""
    file = tmp_path / "october.toml"
    file.write_text(usage)
    quoted = quote_files(tmp_path / "tariffs", file)
    assert not quoted.unexpected()
    minutes = 60_000
    space.use(
        [
            Use(boss, "pick-place-1", "2026-10-03T09:00", 180, acme, {"busy_time_ms": 150 * minutes}),
            Use(
                boss,
                "printer-1",
                "2026-10-04T09:00",
                360,
                acme,
                {"job_time_ms": 330 * minutes, "filament_mg": 210 * GRAM},
            ),
            Use(boss, "pick-place-1", "2026-10-12T09:00", 660, acme, {"busy_time_ms": 9 * HOUR}),
        ]
    )
    part = D("0.8")
    first = part * (150 + D("2.5") * 120)
    housing = part * (D("5.5") * 12 + 210 * D("0.40"))
    series = part * (150 + D("7.5") * 120 + D("1.5") * 100)
    asked = sum(money(one.total_micro) for _, one in quoted.bills)
    assert asked == first + housing + series == space.owed(acme)
    assert space.fund("park") == (first + housing + series) / 4
    stated = space.close()
    placed = pool(stated, "pick-place")
    assert money(placed.recovered_micro) == (first + series) / part
    staff, capital = D(48_000) / 12, D(60_000) / 12
    assert money(placed.cost_micro) == staff + capital
    owes(space, {acme: first + housing + series})
    space.sound()


def test_shared_instruments(tmp_path: Path) -> None:
    """Full cost over rated hours; makers pay less, the district the rest, the owner what is idle."""
    space = Space("shared-instruments", tmp_path)
    lab, maker, school = (space.person(name) for name in ("研究所", "创客", "中学"))
    space.join(lab, "institute", "2026-10-01")
    space.join(maker, "maker", "2026-10-01")
    space.join(school, "school", "2026-10-01")
    space.attend("sem", lab, "2026-10-09T09:00", maker)
    space.use(
        [
            Use(lab, "sem-1", "2026-10-10T08:00", 8 * 60),
            Use(maker, "sem-1", "2026-10-12T08:00", 5 * 60),
            Use(school, "sem-1", "2026-10-13T08:00", 2 * 60),
            Use(maker, "cmm-1", "2026-10-14T08:00", 3 * 60),
        ]
    )
    difference = 5 * (300 - D(120)) + 2 * (300 - D(30)) + 3 * (160 - D(60)) + (200 - D(50))
    assert space.fund("district") == difference
    stated = space.close()
    depreciation = (D(2_000_000) - 80_000) / 8
    assert depreciation / 1600 == 150
    sem = pool(stated, "sem")
    room = cents(D(20_000) * 10 / 12) - cents(D(20_000) * 9 / 12)
    assert money(sem.cost_micro) == depreciation / 12 + 15 * D(300) / 60 + D(800 * 60) / 12 + room
    idle = cents((D(1600) / 12 - 15) * 150)
    assert (
        {one.fund: money(one.pays_micro) for one in sem.standing} == {"owner": idle} == {"owner": D(17_750)}
    )
    assert money(sem.recovered_micro) == 15 * 300 + idle
    cmm = pool(stated, "cmm")
    assert {one.fund: money(one.pays_micro) for one in cmm.standing} == {
        "owner": cents((D(1400) / 12 - 3) * 60)
    }
    assert space.fund("owner") == idle + 6820
    assert space.fund("district") == difference
    owes(space, {lab: D(8 * 300), maker: D(5 * 120 + 3 * 60 + 50), school: D(2 * 30)})
    assert "区创新券" in space.statement(maker)
    space.sound()


def test_chain(tmp_path: Path) -> None:
    """What visitors of another site use is charged to that site's account, at what members pay."""
    space = Space("chain", tmp_path)
    own, contact, visitor = (space.person(name) for name in ("会员", "苏州站长", "来访"))
    suzhou = space.team("site-suzhou", contact, visitor)
    space.join(own, "member", "2026-10-01")
    space.join(contact, "partner", "2026-10-01", account=suzhou)
    space.use(
        [
            Use(own, "laser-1", "2026-10-05T10:00", 20),
            Use(visitor, "laser-1", "2026-10-06T10:00", 50, suzhou),
            Use(visitor, "printer-1", "2026-10-07T10:00", 50, suzhou, {"filament_mg": 40 * GRAM}),
        ]
    )
    assert space.tier(visitor) == "visitor"
    space.close()
    assert space.owed(visitor) == 0
    owes(space, {own: 300 + 20 * D("1.20"), suzhou: 50 * D("1.20") + 40 * D("0.35")})
    space.sound()


def test_desk(tmp_path: Path) -> None:
    """450 USD a desk a month; granted minutes are used before money; a desk for two days."""
    space = Space("desk", tmp_path)
    boss, solo, guest = (space.person(name) for name in ("Boss", "Solo", "Guest"))
    acme = space.team("acme", boss)
    space.join(boss, "desk", "2026-10-01", account=acme, quantity=3)
    space.join(solo, "office", "2026-10-12")
    space.join(guest, "day-desk", "2026-10-20", days=2)
    space.use(
        [
            Use(boss, "laser-1", "2026-10-05T10:00", 40, acme),
            Use(solo, "laser-1", "2026-10-13T10:00", 100),
            Use(solo, "laser-1", "2026-10-14T10:00", 50),
            Use(guest, "printer-1", "2026-10-20T10:00", 50, counters={"filament_mg": 12_340}),
        ]
    )
    space.bill("2026-10-31", "2026-10")
    space.close()
    office = 650 - cents(D(650) * 11 / 31)
    charged = {acme: 3 * 450 + 40 * D("0.50"), solo: office + 30 * D("0.50")}
    deposits = {acme: D(3 * 450), solo: D(650)}
    for account, amount in charged.items():
        assert space.owed(account) == amount + deposits[account]
        assert money(space.invoice(account).total_micro) == amount
    owes(space, {guest: 2 * 40 + cents(D("12.34") * D("0.10"))})
    space.sound()
