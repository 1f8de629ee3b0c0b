"""The whole day of each role, on a phone, at a desk and at a wall, in both languages."""

from __future__ import annotations

import asyncio
import io
import zipfile
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect
from sqlmodel import select

from booking_api.badges import service as badges
from booking_api.billing.models import Charge
from booking_api.courses import classes
from booking_api.disputes import service as disputes
from floor.gateway_keys import Purpose, badge_read_context
from floor.money import Commodity
from floor.wire.journal import AlarmRaised
from floor.wire.messages import BadgeRead, ReadBadge
from floor.words import BadgeKind
from gateway.sealing import Sealing
from tests.kit.days import Day, day
from tests.kit.furnished import COURSES, Maker
from tests.kit.months import cost_file
from tests.kit.pictures import jpeg
from tests.kit.reservations import with_policy
from tests.kit.served import Served, chromium, serving
from tests.kit.web import GATEWAY, MINUTE, NOW_MS, WebFloor, build

expect.set_options(timeout=20_000)
SCREENS = {
    "mira": ((360, "zh"), (1920, "en")),
    "tomas": ((1000, "zh"), (360, "en")),
    "ines": ((360, "zh"), (1000, "en")),
    "olga": ((1920, "zh"), (1000, "en")),
}
"""Where each role's day is walked, once in each language; each page is looked at in all three widths."""
FEBRUARY_MS = 1_770_724_800_000  # 2026-02-10 12:00 UTC
UPKEEP = '[[plans]]\nid = "lens"\nname = "Clean it"\nkinds = ["laser", "cnc"]\ndays = 14\n'
PART = {"id": "ply", "name": "Plywood", "unit": "sheet", "price_micro": 4_000_000, "stock_milli": 50_000}
ALARM = "ALARM:1 (hard limit: the position is likely lost, home the machine)"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    web = with_policy(build(tmp_path_factory.mktemp("days")))
    asyncio.run(furnish(web))  # before Playwright, which has this thread's loop for itself
    with serving(web) as one:
        yield one


@pytest.fixture(scope="module")
def browser(served: Served) -> Iterator[Browser]:
    with chromium() as one:
        yield one


async def furnish(web: WebFloor) -> None:
    """What the days find: a past to close, costs, a course, parts, upkeep, a drawer, badges to lose."""
    web.session("use-old", "mira", "laser-1", FEBRUARY_MS, 30)
    with web.context.database.write() as session:
        classes.put_file(session, COURSES, "classes.toml", Commodity("EUR"), "test", NOW_MS)
        for number in range(2):
            uid = bytes((0x20 + number, 1, 2, 3))
            vault, mira = web.context.vault, web.people["mira"]
            badges.enrol(session, vault, mira, uid, BadgeKind.UID_13MHZ, f"Fob {number}", NOW_MS)
    async with web.program("ada") as client:
        made = Maker(client)
        await made("costs/versions", {"text": cost_file().replace('"2027-01"', '"2026-02"')})
        await made("items/ply", PART, "PUT")
        await made("desk/drawer/open", {"float_micro": 100_000_000})
        await made("maintenance/plans", {"text": UPKEEP})


def use(web: WebFloor, id: str, name: str, machine: str, minutes: int) -> None:
    """Let somebody use a machine until now."""
    web.session(id, name, machine, web.context.clock.now_ms(), minutes)


@pytest.mark.parametrize("number", [0, 1])
def test_a_member_s_day(browser: Browser, served: Served, number: int) -> None:
    with day(browser, served, "mira", *SCREENS["mira"][number], number) as one:
        finds_and_reserves(one)
        uses_and_pays(one)
        keeps_their_own_things(one)


def finds_and_reserves(one: Day) -> None:
    one.follow("a.pick[href*='may=1']")
    expect(one.find("#machine-laser-1")).to_be_visible()
    expect(one.find("#machine-laser-2")).to_have_count(0)
    one.follow("#machine-laser-1 a[href='/machines/laser-1']")
    begin, end = (f"2026-05-22T{10 + 2 * one.number + at:02}:00" for at in (0, 1))
    if one.width == 360:
        one.follow("a[href='/machines/laser-1/reserve']")
        one.send("form[action='/machines/laser-1/reserve']", begin=begin, end=end)
    else:
        one.show("/reservations/day?day=2026-05-22")
        one.find(f".track[data-machine='laser-1'] .cell[href*='begin={begin}']").focus()
        one.page.keyboard.press("Enter")
        one.page.keyboard.press("Shift+ArrowRight")
        one.page.keyboard.press("Enter")
        expect(one.find("dialog #begin")).to_have_value(begin)
        one.find("dialog #end").fill(end)
        one.send("dialog form, form:has(dialog)", "button.button:not(.quiet)")
    one.done()
    one.show("/reservations")
    expect(one.find(f"input[name=begin][value='{begin}']")).to_have_count(1)


def uses_and_pays(one: Day) -> None:
    web, id = one.web, f"day-{one.id}"
    one.show("/me")
    one.hears()
    for minutes, price in ((1, 2), (11, 4)):
        shown = web.in_use("laser-1", "mira", minutes, session_id=id, price_micro=price * 1_000_000)
        one.served.tell(lambda shown=shown: web.shows(shown))  # type: ignore[misc]
        expect(one.find("#running")).to_contain_text(f"€{price}.00")
    use(web, id, "mira", "laser-1", 12)
    one.served.tell(lambda: web.shows(web.free("laser-1")))
    expect(one.find("#running .running")).to_have_count(0)
    one.show("/me/uses")
    one.follow(f"a[href='/sessions/{id}/receipt']")
    expect(one.find("main")).to_contain_text("2 × €2.00 = €4.00")
    expect(one.find("main")).to_contain_text("€4.00")
    one.send("form[action='/disputes']", reason="The lens was cracked.")
    one.done()


def keeps_their_own_things(one: Day) -> None:
    one.show("/faults/laser-1")
    one.attach("form[action='/faults/laser-1']", "lens.jpg", jpeg(), "image/jpeg")
    one.send("form[action='/faults/laser-1']", title=f"It smells {one.id}", words="Of fish.")
    one.done()
    one.show("/me/badges")
    lost = one.find("form[action$='/lost']").count()
    one.send("form[action$='/lost']")
    expect(one.find("form[action$='/lost']")).to_have_count(lost - 1)
    one.show("/me/notices")
    one.send("form[action='/me/notices']", sessions="nothing")
    expect(one.find("[name=sessions][value=nothing]")).to_be_checked()
    one.show("/me/details")
    one.send("form[action='/me/shown']", how="nickname", nickname=f"Q {one.number}")
    expect(one.find("#nickname")).to_have_value(f"Q {one.number}")
    data = zipfile.ZipFile(io.BytesIO(one.take("a[href='/me/data.zip']")))
    known = data.read("data.json").decode()
    assert all(words in known for words in ("Of fish.", "The lens was cracked.", f"Q {one.number}"))


@pytest.mark.parametrize("number", [0, 1])
def test_a_technician_s_day(browser: Browser, served: Served, number: int) -> None:
    with day(browser, served, "tomas", *SCREENS["tomas"][number], number) as one:
        mends_what_an_alarm_tells(one, ("cnc-1", "laser-2", "saw-1")[number])
        looks_back(one)
        keeps_machines_up(one)


def mends_what_an_alarm_tells(one: Day, machine: str) -> None:
    web = one.web
    one.show("/workshop")
    one.hears()
    alarms = one.find("#health-alarms")
    expect(alarms).not_to_contain_text("ALARM:1")
    web.journal((web.context.clock.now_ms(), AlarmRaised(machine=machine, code="order_failed", words=ALARM)))
    one.served.tell(lambda: web.context.live.touch(machine))
    expect(alarms).to_contain_text("ALARM:1")
    one.send("#health-alarms form[action$='/order']")
    order = one.page.url.removeprefix(one.served.url).partition("?")[0]
    one.send(f"form[action='{order}/lockout']", reason=f"Belt torn {one.id}")
    expect(one.find("main")).to_contain_text(f"Belt torn {one.id}")
    one.attach(f"form[action='{order}/photos']", "belt.jpg", jpeg(), "image/jpeg")
    one.send(f"form[action='{order}/photos']")
    expect(one.find(".photos img")).to_have_count(1)
    one.send(f"form[action='{order}/parts']", item="ply", quantity="1")
    one.send(f"form[action='{order}']", state="done", words="A new belt.")
    expect(one.find("#state")).to_have_value("done")
    one.send(f"form[action='{order}/clear']", reason="A new belt.")
    one.show("/")
    expect(one.find(f"#machine-{machine}")).not_to_contain_text("Belt torn")


def looks_back(one: Day) -> None:
    one.show("/workshop/timeline")
    assert b"laser-1" in one.take("a[href*='/workshop/timeline.csv']")
    one.show("/upkeep/labels")
    sheet = one.page.request.get(f"{one.served.url}/upkeep/labels.pdf")
    assert sheet.body().startswith(b"%PDF-")


def keeps_machines_up(one: Day) -> None:
    one.show("/upkeep")
    machine = ("laser-1", "laser-2", "cnc-1")[one.number]
    one.send(f"form[action='/upkeep/plans/lens/{machine}/done']")
    one.done()


@pytest.mark.parametrize("number", [0, 1])
def test_an_instructor_s_day(browser: Browser, served: Served, number: int) -> None:
    web = served.web
    with day(browser, served, "ines", *SCREENS["ines"][number], number) as one:
        one.show("/classes")
        place = f"Room {one.id}"
        one.send("form[action='/classes']", course="laser", begin=f"2026-06-0{1 + number}T18:00", place=place)
        one.done()
        with web.context.database.write() as session:
            planned = next(row.row for row in classes.listed(session, NOW_MS) if row.row.place == place)
            classes.sign_up(session, planned.id, web.people["mira"], "test", web.context.clock.now_ms())
        one.show("/classes")
        one.follow(f"a[href='/classes/{planned.id}']")
        expect(one.find(".attendance")).to_contain_text("Mira Quince")
        one.show(f"/members/{web.people['otto']}")
        one.send("form[action$='/certify']", skill="laser-2")
        revoke = "form[action$='/certifications/laser-2/revoke']"
        expect(one.find(revoke)).to_have_count(1)
        one.send(revoke, reason="It was the other laser.")
        expect(one.find(revoke)).to_have_count(0)


@pytest.mark.parametrize("number", [0, 1])
def test_an_operator_s_day(browser: Browser, served: Served, number: int) -> None:
    web, disputed = served.web, f"odd-{number}"
    use(web, disputed, "otto", "laser-1", 14)
    use(web, f"billed-{number}", "mira", "laser-1", 14)
    with web.context.database.write() as session:
        charge = session.exec(select(Charge).where(Charge.session == disputed)).one()
        disputes.for_member(session, charge.id, "It broke off.", web.people["otto"], NOW_MS + MINUTE)
    with day(browser, served, "olga", *SCREENS["olga"][number], number) as one:
        takes_people_in(one)
        changes_a_price(one)
        decides(one)
        bills(one)
        closes_and_reports(one)
        sets_and_reads_what_was_done(one)


def takes_people_in(one: Day) -> None:
    web, otto = one.web, one.web.people["otto"]
    one.show("/members")
    one.find("#text").press_sequentially("basal")
    expect(one.find("#rows tbody tr")).to_have_count(1)
    one.follow(f"a[href='/members/{otto}']")
    if one.number == 0:
        one.send("form[action$='/reading']", machine="laser-1")
        one.send("#badges form[action$='/reading/cancel']")
    one.send("form[action$='/reading']", machine="laser-1", label=f"Card {one.id}")
    said = one.find("#badges [role=status]")
    expect(said).to_have_attribute("data-tone", "accent")
    tap(one, bytes((0x40 + one.number, 9, 8, 7)))
    expect(said).to_have_attribute("data-tone", "good")
    expect(one.find("#badges")).to_contain_text(f"Card {one.id}")
    one.show("/member-import")
    table = f"number,first name,last name\n{70 + one.number},Wren,Sedge\n".encode()
    one.attach("form[action='/member-import']", "members.csv", table, "text/csv")
    one.send("form[action='/member-import']")
    one.send("form[action$='/apply']")
    one.done()
    assert web.context.readings.of_member(otto) is not None


def tap(one: Day, uid: bytes) -> None:
    """Hold a badge to the reader that waits for one."""
    web = one.web
    order = web.link.orders[-1][1]
    assert isinstance(order, ReadBadge)
    bound = badge_read_context(GATEWAY, order.machine, order.reading)
    sealed = Sealing(bytes(32), Purpose.BADGE_READ).seal(f"uid_13mhz {uid.hex()}".encode(), bound)
    read = BadgeRead(gateway=GATEWAY, machine=order.machine, reading=order.reading, sealed=sealed)
    one.served.ask(web.context.readings.take(GATEWAY, read))


def changes_a_price(one: Day) -> None:
    one.show("/tariffs/printer/edit")
    one.find("#f-valid_from").fill(f"2026-0{6 + one.number}-01T00:00")
    price = f"0.7{one.number}"
    one.find("#f-components-0-price").fill(price)
    one.find("#f-components-0-price").press("Tab")
    expect(one.find("#told .says")).to_contain_text(price)
    one.find("button[formaction='/tariffs/compare']").click()
    expect(one.find("#compared table").first).to_contain_text("€")
    one.send("#tariff-form", "button[formaction='/tariffs/keep']")
    one.done()
    expect(one.find("main")).to_contain_text(price)


def decides(one: Day) -> None:
    one.show("/disputes")
    one.follow("#content a[href^='/disputes/']")
    one.send("form[action$='/waive']", words="You are right.")
    one.done()
    one.show("/pools")
    expect(one.find("#pool-laser")).to_be_visible()
    one.show("/study")
    one.send("form.what-if", use="80")
    expect(one.find("[aria-labelledby='study-laser']")).to_contain_text("→")


def bills(one: Day) -> None:
    one.show("/billing-run")
    one.send("form[action='/billing-run']")
    one.show("/invoices")
    one.follow("a[href^='/invoices/INV-']:not([href$='.pdf'])")
    expect(one.find("main")).to_contain_text("€")
    one.show("/desk")
    one.send("form[role=search]", text="quince")
    one.follow("a[href^='/desk?account=']")
    one.send("form[action$='/top-up']", amount="5", means="cash")
    expect(one.find("main")).to_contain_text("€5.00")


def closes_and_reports(one: Day) -> None:
    one.show("/closing")
    one.follow("a.button[href^='/closing/2026-']")
    one.send("form[action$='/close']")
    expect(one.find("form[action$='/reopen']")).to_have_count(1)
    one.show("/reports")
    assert one.take("a[href*='/reports/year.csv']")
    sheet = one.page.request.get(f"{one.served.url}/reports/year.pdf?time=2026")
    assert sheet.body().startswith(b"%PDF-")


def sets_and_reads_what_was_done(one: Day) -> None:
    one.show("/settings")
    one.send(
        "form[action='/settings']", "button.button:not(.quiet)", **{"invoice.term_days": f"{20 + one.number}"}
    )
    expect(one.find("main > .notice[data-tone=accent]")).to_have_count(1)
    one.show("/audit")
    for what in ("tariff", "badge", "dispute", "setting"):
        expect(one.find("main")).to_contain_text(what)
