"""The health board: what is out of reach is kept, alarms stand once, times have their states."""

import csv
import io
from collections.abc import AsyncIterator

import httpx
import pytest

from booking_api.gateways.models import Gateway
from booking_api.health import watch
from booking_api.health.models import Away, Watched
from booking_api.machines.models import Machine
from booking_api.web.language import catalogue
from booking_api.web.remedies import explained
from firmware_bridge.bambu.wording import describe_error
from firmware_bridge.grbl.codes import ALARMS, FLUIDNC_ALARMS, GRBLHAL_ALARMS, alarm_words
from floor.wire.journal import AlarmRaised, MachineLockedOut
from floor.wire.messages import Reading, Stations, Vitals
from floor.wire.roster import RosterVersion
from floor.words import Activity
from tests.kit.web import GATEWAY, MACHINES, MINUTE, NOW_MS, WebFloor, build

HOUR = 60 * MINUTE
WORDS = "ALARM:1 (hard limit: the position is likely lost, home the machine)"


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> WebFloor:
    floor = build(tmp_path_factory.mktemp("health"))
    alarms = [
        (NOW_MS - at * MINUTE, AlarmRaised(machine="cnc-1", code="order_failed", words=WORDS))
        for at in range(9, 0, -1)
    ]
    locked = MachineLockedOut(machine="saw-1", reason="blade guard cracked", by=floor.people["tomas"])
    floor.journal(*alarms, (NOW_MS, locked))
    lost = floor.free("laser-1").model_copy(
        update={"activity": Activity.UNREACHABLE, "words": "it did not answer in 5 s"}
    )
    heat = [
        Reading(name="nozzle", value=214, target=215, unit="°C"),
        Reading(name="layer", value=12, target=60),
    ]
    prints = floor.in_use("printer-1", "mira", progress=0.4, job="secret.gcode", readings=heat)
    others = [floor.free(id) for id, *_ in MACHINES if id not in ("laser-1", "printer-1")]
    now_ms = floor.context.clock.now_ms()
    floor.context.live.received(
        Stations(
            gateway=GATEWAY,
            at_ms=now_ms + 140,
            roster=RosterVersion(0, 0),
            roster_age_s=40,
            vitals=Vitals(clock_error_ms=40, free_permille=71, celsius=52),
            stations=[prints, lost, *others],
        ),
        now_ms,
    )
    with floor.context.database.write() as session:
        session.add(Watched(id="first", from_ms=NOW_MS - 20 * HOUR, until_ms=NOW_MS - 6 * HOUR))
        session.add(Watched(id="second", from_ms=NOW_MS - 5 * HOUR, until_ms=NOW_MS))
        session.add(Away(id="a", gateway=GATEWAY, from_ms=NOW_MS - 4 * HOUR, until_ms=NOW_MS - 3 * HOUR))
        session.add(
            Gateway(
                name="south",
                broker_username="south",
                broker_password_sealed="",
                badge_key_sealed="",
                enrolled_ms=NOW_MS,
            )
        )
    with floor.context.database.write() as session:
        watch.look(session, floor.context.live, now_ms)
    return floor


@pytest.fixture
async def tomas(web: WebFloor) -> AsyncIterator[httpx.AsyncClient]:
    async with await web.signed_in("tomas") as browser:
        yield browser


async def test_what_is_wrong_stands_first_and_the_same_alarm_stands_once(
    web: WebFloor, tomas: httpx.AsyncClient
) -> None:
    page = (await tomas.get("/workshop")).text
    assert page.count(WORDS) == 1
    assert "×9" in page
    assert "reset it and home it" in page
    assert "it did not answer in 5 s" in page
    assert "Its disk is nearly full." in page
    assert "140" in page
    assert "ahead" in page
    assert "It was enrolled, and never heard of." in page
    assert "214 / 215" in page
    tomas.cookies.set("language", "zh", domain="floor.test")
    assert "ALARM:1 (硬限位" in (await tomas.get("/workshop")).text
    assert "ALARM:1 (硬限位" in (await tomas.get("/workshop/alarms?machine=cnc-1")).text
    assert "ALARM:1" not in (await tomas.get("/workshop/alarms?severity=grave")).text
    tomas.cookies.delete("language")
    mine = page[page.index("×9") :]
    last = mine[mine.index('action="') + 8 :].split('"')[0].replace("/order", "/seen")
    await tomas.post(last)
    assert WORDS not in (await tomas.get("/workshop")).text, "one look sees all nine"


async def test_a_time_line_says_what_the_rows_say(web: WebFloor, tomas: httpx.AsyncClient) -> None:
    answer = await tomas.get("/workshop/timeline.csv?machine=laser-1")
    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    states = [(row["state"], int(row["seconds"])) for row in rows if row["what"] == "machine"]
    assert [state for state, _ in states] == [
        "unknown", "free", "unknown", "free", "offline", "free", "in_use", "free", "in_use", "free",
    ] + ([] if states[-1][0] == "free" else ["unreachable"])  # fmt: skip
    assert ("in_use", 25 * 60) in states
    assert ("in_use", 14 * 60) in states
    assert ("offline", 3600) in states
    assert {row["state"] for row in rows if row["what"] == "gateway"} == {"unknown", "online", "offline"}
    for query in ("", "?period=7d", "?machine=saw-1&period=7d", f"?gateway={GATEWAY}", "?day=2026-05-20"):
        page = await tomas.get(f"/workshop/timeline{query}")
        assert page.status_code == 200
        assert 'role="img"' in page.text


async def test_programs_read_how_gateways_are(web: WebFloor) -> None:
    async with web.program("tomas") as program:
        south, north = sorted((await program.get("/api/v1/gateways")).json(), key=lambda one: one["online"])
    told = ("clock_offset_ms", "clock_error_ms", "free_permille", "memory_kb", "celsius")
    assert [north[key] for key in told] == [140, 40, 71, None, 52]
    assert [south[key] for key in told] == [None] * 5


async def test_a_name_in_a_time_lines_file_is_no_formula(web: WebFloor, tomas: httpx.AsyncClient) -> None:
    with web.context.database.write() as session:
        machine = session.get_one(Machine, "saw-1")
        machine.name = "=HYPERLINK(1)"
        session.add(machine)
    assert ",'=HYPERLINK(1)," in (await tomas.get("/workshop/timeline.csv?machine=saw-1")).text


async def test_the_machines_page_shows_its_gauges_to_members_only(web: WebFloor) -> None:
    async with await web.signed_in("otto") as otto, web.browser() as nobody:
        assert "214 / 215" in (await otto.get("/machines/printer-1")).text
        assert "214 / 215" not in (await nobody.get("/machines/printer-1")).text


def test_what_comes_back_is_over_and_what_goes_on_is_one_row(web: WebFloor) -> None:
    live, later = web.context.live, web.context.clock.now_ms() + MINUTE // 2
    with web.context.database.write() as session:
        watch.look(session, live, later)
        assert [row.machine for row in watch.opened(session)] == ["laser-1"]
        live.presence(GATEWAY, False, later)
        watch.look(session, live, later + 2_000)
        assert [(row.gateway, row.machine) for row in watch.opened(session)] == [(GATEWAY, "")]
        live.presence(GATEWAY, True, later + 4_000)
        watch.look(session, live, later + 4_000)
        assert [row.machine for row in watch.opened(session)] == ["laser-1"]
        watch.forget(session, later + 93 * 24 * HOUR)
        assert [row.until_ms for row in watch.opened(session)] == [None]


@pytest.mark.parametrize("family", ["grbl", "grblhal", "fluidnc"])
def test_every_alarm_of_a_driver_is_said_in_chinese_with_what_to_do(family: str) -> None:
    zh = catalogue("zh")
    for code in {*ALARMS, *GRBLHAL_ALARMS, *FLUIDNC_ALARMS}:
        said = explained("locked_out", alarm_words(code, family), zh)
        assert said.remedy
        assert "see the manual" in said.words or any("一" <= letter <= "鿿" for letter in said.words)
    bambu = explained("", describe_error(0x0300_8008), zh)
    assert "(运动)" in bambu.words
    assert "wiki.bambulab.com" in bambu.remedy
    assert explained("", "Heater extruder not heating at expected rate", zh).means == "加热器升温异常"
