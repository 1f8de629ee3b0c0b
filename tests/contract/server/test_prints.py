"""The print queue by API: what is taken, at which price, who manages it, and what becomes of files."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest
from sqlmodel import col, select

from booking_api.accounts import teams
from booking_api.gateways.models import RosterChange
from booking_api.machines.models import Machine
from booking_api.members import service as members
from booking_api.prints import files
from booking_api.prints.endpoints import queue_of
from booking_api.prints.models import PrintJob
from booking_api.prints.names import safe_name
from booking_api.tariffs import service as tariffs
from floor.job_codes import codes_in
from floor.wire.journal import Fact, JobFinished, PrintFailed, PrintSent, SessionEnded, SessionStarted
from floor.words import JobOutcome, StopType
from tests.kit.prints import API, GCODE, queued, submit
from tests.kit.web import NOW_MS, PRINTER_TARIFF, WebFloor, build

DAY_MS = 86_400_000


@pytest.fixture
def web(tmp_path: Path) -> WebFloor:
    return build(tmp_path)


def job(web: WebFloor, id: str) -> PrintJob:
    with web.context.database.read() as session:
        found = session.get(PrintJob, id)
    assert found is not None
    return found


def kept(web: WebFloor) -> set[str]:
    folder = web.context.database.data / files.FOLDER
    return {path.name for path in folder.rglob("*") if path.is_file()}


def sweep(web: WebFloor, days: int) -> int:
    queue = queue_of(web.context)
    with web.context.database.write() as session:
        return type(queue)(queue.vault, queue.bounds, queue.now_ms + days * DAY_MS).sweep(session)


async def test_a_member_sees_the_price_and_agrees_to_it(web: WebFloor) -> None:
    async with web.program("mira") as mira:
        made = await submit(mira, note="two walls, please")
        assert made.status_code == 201, made.text
        shown = made.json()
        # 10 of the 70 minutes are free: 0.60 for the hour, and 3 g at 0.035
        assert (shown["state"], shown["price_micro"], shown["commodity"]) == ("uploaded", 710_000, "EUR")
        assert {line["component"]: line["amount_micro"] for line in shown["lines"]} == {
            "job_time": 600_000,
            "filament_mass": 105_000,
        }
        assert (shown["missing"], shown["weighed"], shown["note"]) == ([], True, "two walls, please")
        assert shown["quantities"]["filament_um"] == 1_000_000
        refused = await mira.post(f"{API}/prints/{shown['id']}/confirm", json={"price_micro": 1})
        assert refused.json()["code"] == "price_changed"
        done = await mira.post(f"{API}/prints/{shown['id']}/confirm", json={"price_micro": 710_000})
        assert (done.json()["state"], done.json()["price_micro"]) == ("queued", 710_000)
        again = await mira.post(f"{API}/prints/{shown['id']}/confirm", json={"price_micro": 710_000})
        assert again.json()["code"] == "print_not_waiting"
    assert job(web, shown["id"]).tariffs == [f"printer@{1_767_225_600_000}"]


async def test_what_the_file_does_not_tell_is_said_and_not_priced(web: WebFloor) -> None:
    async with web.program("mira") as mira:
        shown = (await submit(mira, "M83\nG1 X1 E1000\n")).json()
    assert (shown["missing"], shown["weighed"]) == (["job_time_ms"], False)
    assert "job_time_ms" not in shown["quantities"]
    assert [line["component"] for line in shown["lines"]][:1] == ["filament_mass"]


async def test_a_price_that_changed_is_shown_anew(web: WebFloor) -> None:
    async with web.program("mira") as mira:
        made = (await submit(mira)).json()
        dearer = PRINTER_TARIFF.replace("0.60", "1.20").replace("2026-01-01", "2026-05-20")
        with web.context.database.write() as session:
            tariffs.add(session, dearer, "test", NOW_MS)
        shown = (await mira.get(f"{API}/prints/{made['id']}")).json()
        assert (made["price_micro"], shown["price_micro"]) == (710_000, 1_310_000)
        old = await mira.post(f"{API}/prints/{made['id']}/confirm", json={"price_micro": 710_000})
        assert old.status_code == 409


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"PK\x03\x04" + bytes(64), "print_file_invalid"),
        (b"GCDE\x01\x00", "print_file_invalid"),
        (b"solid cube\nfacet normal 0 0 1\n", "print_file_invalid"),
        (b"", "print_file_invalid"),
        (b"G1 X1\n" + b";" * (1 << 20), "print_file_length"),
    ],
)
async def test_what_is_no_gcode_or_too_large_is_refused_and_leaves_nothing(
    web: WebFloor, content: bytes, code: str
) -> None:
    object.__setattr__(web.context.settings.prints, "max_file_bytes", 1 << 20)
    async with web.program("mira") as mira:
        answer = await submit(mira, content)

        async def pieces():
            for at in range(0, len(content), 65_536):
                yield content[at : at + 65_536]

        unsized = await mira.post(f"{API}/prints", params={"machine": "printer-1"}, content=pieces())
    assert [(one.status_code, one.json()["code"]) for one in (answer, unsized)] == [(422, code)] * 2
    assert kept(web) == set()


async def test_nobody_has_more_waiting_than_the_space_allows(web: WebFloor) -> None:
    object.__setattr__(web.context.settings.prints, "max_waiting", 2)
    async with web.program("mira") as mira:
        first = await queued(mira)
        await submit(mira)
        assert (await submit(mira)).json()["code"] == "prints_many"
        await mira.post(f"{API}/prints/{first['id']}/cancel")
        assert (await submit(mira)).status_code == 201


async def test_files_that_are_over_make_room_and_those_that_wait_do_not(web: WebFloor) -> None:
    object.__setattr__(web.context.settings.prints, "max_total_bytes", 2 * len(GCODE) + 1)
    async with web.program("mira") as mira:
        first = await queued(mira)
        await mira.post(f"{API}/prints/{first['id']}/cancel")
        for note in "ab":
            assert (await submit(mira, GCODE[:-1] + note)).status_code == 201
        assert job(web, first["id"]).sha256 == ""
        assert (await submit(mira, GCODE[:-1] + "c")).json()["code"] == "prints_room_length"


async def test_only_who_may_use_a_machine_and_charge_an_account_submits(web: WebFloor) -> None:
    async with web.program("otto") as otto:
        assert (await submit(otto)).json()["code"] == "print_not_certified"
    async with web.program("mira") as mira:
        assert (await submit(mira, account="robots")).json()["code"] == "account_not_theirs"
        assert (await submit(mira, machine="nowhere")).json()["code"] == "machine_not_found"
        with web.context.database.write() as session:
            mira_id = web.people["mira"]
            owner = members.get(session, mira_id)
            team = teams.add(session, teams.TeamDetails(id="robots", name="Robots"), NOW_MS, owner.id)
        assert (await queued(mira, account=team.id))["account"] == "robots"


async def test_prints_are_their_members_and_of_staff(web: WebFloor) -> None:
    async with web.program("mira") as mira:
        mine = await queued(mira)
    for name, sees, manages in (("otto", 404, 404), ("ines", 404, 404), ("tomas", 200, 200)):
        async with web.program(name) as client:
            seen = await client.get(f"{API}/prints/{mine['id']}")
            listed = await client.get(f"{API}/prints", params={"member": web.people["mira"]})
            assert (seen.status_code, listed.status_code) == (sees, 200 if sees == 200 else 403)
            for act in ("confirm", "earlier", "again"):
                answer = await client.post(f"{API}/prints/{mine['id']}/{act}", json={"price_micro": 1})
                assert answer.status_code == 404, act
            assert (await client.post(f"{API}/prints/{mine['id']}/cancel")).status_code == manages
            if sees == 200:
                assert (seen.json()["price_micro"], seen.json()["account"]) == (None, None)
    assert job(web, mine["id"]).state == "cancelled"


async def test_a_browser_submits_from_a_page_only(web: WebFloor) -> None:
    browser = await web.signed_in("mira")
    token = browser.headers.pop("x-csrf-token")
    assert (await submit(browser)).json()["code"] == "csrf_failed"
    browser.headers["x-csrf-token"] = token
    assert (await submit(browser)).status_code == 201


async def test_a_member_puts_prints_in_another_order(web: WebFloor) -> None:
    async with web.program("mira") as mira:
        ids = [(await queued(mira, name=f"{name}.gcode"))["id"] for name in "abc"]
        await mira.post(f"{API}/prints/{ids[2]}/earlier")
        await mira.post(f"{API}/prints/{ids[2]}/earlier")
        await mira.post(f"{API}/prints/{ids[2]}/earlier")
    jobs = sorted((job(web, id) for id in ids), key=lambda one: (one.position, one.id))
    assert [one.name[0] for one in jobs] == ["c", "a", "b"]


@pytest.mark.parametrize(
    ("given", "kept_as"),
    [
        ("../../etc/passwd", "passwd.gcode"),
        ("C:\\prints\\Zahnrad groß.GCODE", "Zahnrad_gross.gcode"),
        ("齿轮.gco", "Chi_Lun.gcode"),
        ("a\nM112\n.gcode", "a_M112.gcode"),
        ("..", "print.gcode"),
        ("", "print.gcode"),
        (";G28*<script>'\"", "G28_script.gcode"),
        ("x" * 300, "x" * 60 + ".gcode"),
        ("gear_mf-robots.gcode", "gear_mf_robots.gcode"),
        ("MF-robots", "mf_robots.gcode"),
    ],
)
def test_a_name_is_no_path_no_command_and_no_code(given: str, kept_as: str) -> None:
    assert safe_name(given) == kept_as
    assert codes_in(kept_as) == frozenset()


async def test_the_file_is_for_whoever_has_its_token(web: WebFloor) -> None:
    async with web.program("mira") as mira:
        mine = await queued(mira)
    token = web.context.vault.open(job(web, mine["id"]).token_sealed).hex()
    async with web.browser() as gateway:
        address = f"/api/print-files/{mine['id']}"
        for wrong in ({}, {"x-print-token": "00" * 16}, {"x-print-token": "é".encode()}):
            assert (await gateway.get(address, headers=wrong)).status_code == 404
        right = await gateway.get(address, headers={"x-print-token": token})
        assert right.text == GCODE
        with web.context.database.write() as session:
            queue_of(web.context).cancel(session, session.get_one(PrintJob, mine["id"]))
        assert (await gateway.get(address, headers={"x-print-token": token})).status_code == 404


async def test_files_are_kept_once_and_forgotten_when_nobody_needs_them(web: WebFloor) -> None:
    async with web.program("mira") as mira:
        one, two = await queued(mira), await queued(mira)
        assert len(kept(web)) == 1
        await mira.post(f"{API}/prints/{one['id']}/cancel")
        assert sweep(web, days=8) == 0
        assert [job(web, id["id"]).sha256 == "" for id in (one, two)] == [True, False]
        gone = await mira.post(f"{API}/prints/{one['id']}/again")
        assert gone.json()["code"] == "print_file_gone"
    assert sweep(web, days=31) == 0
    assert job(web, two["id"]).state == "expired"
    assert sweep(web, days=39) == 1
    assert kept(web) == set()


async def test_what_nobody_agreed_to_expires_and_stray_files_go(web: WebFloor) -> None:
    async with web.program("mira") as mira:
        made = (await submit(mira)).json()
    stray = web.context.database.data / files.FOLDER / "ab"
    stray.mkdir(parents=True)
    (stray / ("ab" * 32)).write_text("left by a crash")
    assert sweep(web, days=2) == 1
    assert job(web, made["id"]).state == "expired"


async def test_two_files_of_a_member_do_not_come_in_together(web: WebFloor) -> None:
    async with web.program("mira") as mira:
        asked, going_on = asyncio.Event(), asyncio.Event()

        async def slowly():
            yield GCODE.encode()
            asked.set()
            await going_on.wait()

        params = {"machine": "printer-1"}
        first = asyncio.create_task(mira.post(f"{API}/prints", params=params, content=slowly()))
        await asked.wait()
        async with asyncio.timeout(20):
            while not kept(web):
                await asyncio.sleep(0.01)
        assert (await submit(mira)).json()["code"] == "uploads_many"
        going_on.set()
        assert (await first).status_code == 201


USED = "used-1"


def started(web: WebFloor) -> SessionStarted:
    mira = web.people["mira"]
    return SessionStarted(
        session_id=USED, machine="printer-1", member=mira, account=mira, badge="ab" * 16, tier="member",
        max_duration_s=3600,
    )  # fmt: skip


def finished(name: str = "queue-gear.gcode", outcome: JobOutcome = JobOutcome.DONE) -> JobFinished:
    return JobFinished(
        session_id=USED, machine="printer-1", name=name, outcome=outcome, job_time_ms=1, counters={}
    )


ENDED = SessionEnded(session_id=USED, stop_type=StopType.JOB_DONE, elapsed_ms=1_000, counters={})


def tell(web: WebFloor, *facts: Fact) -> None:
    web.journal(*((NOW_MS + n, fact) for n, fact in enumerate(facts)))


async def waiting(web: WebFloor) -> str:
    async with web.program("mira") as mira:
        return str((await queued(mira))["id"])


@pytest.mark.parametrize("at_once", [True, False])
async def test_the_journal_tells_what_became_of_a_print(web: WebFloor, at_once: bool) -> None:
    id = await waiting(web)
    failed = PrintFailed(print_id=id, session_id=USED, words="no answer")
    sent = PrintSent(print_id=id, session_id=USED)
    if at_once:
        tell(web, started(web), failed, sent, finished(), ENDED)
    else:
        for fact, state in ((started(web), "queued"), (failed, "queued"), (sent, "printing")):
            tell(web, fact)
            assert job(web, id).state == state
        assert job(web, id).words == ""
        tell(web, finished("another.gcode"))
        assert job(web, id).state == "printing"
        tell(web, finished(), ENDED)
    assert (job(web, id).state, job(web, id).session) == ("done", USED)
    for again in (failed, sent, finished(outcome=JobOutcome.FAILED), ENDED):
        tell(web, again)
        assert job(web, id).state == "done"
    with web.context.database.read() as session:
        told = session.exec(select(RosterChange).where(col(RosterChange.ref) == "printer-1")).all()
    assert told


@pytest.mark.parametrize(
    ("facts", "state", "words"),
    [
        (("sent", "cancelled", "ended"), "failed", ""),
        (("sent", "ended"), "failed", "The session ended before the print did."),
        (("ended", "sent"), "failed", "The session ended before the print did."),
        (("failed", "ended"), "queued", "no answer"),
    ],
)
@pytest.mark.parametrize("at_once", [True, False])
async def test_a_print_that_did_not_end_well(
    web: WebFloor, facts: tuple[str, ...], state: str, words: str, at_once: bool
) -> None:
    id = await waiting(web)
    known: dict[str, Fact] = {
        "sent": PrintSent(print_id=id, session_id=USED),
        "failed": PrintFailed(print_id=id, session_id=USED, words="no answer"),
        "cancelled": finished(outcome=JobOutcome.CANCELLED),
        "ended": ENDED,
    }
    tell(web, started(web))
    groups = [[known[name] for name in facts]] if at_once else [[known[name]] for name in facts]
    for group in groups:
        tell(web, *group)
    assert (job(web, id).state, job(web, id).words) == (state, words)


@pytest.mark.parametrize("at_once", [True, False])
async def test_a_print_that_was_handed_over_with_its_session_goes_on_in_the_next(
    web: WebFloor, at_once: bool
) -> None:
    id = await waiting(web)
    taken = ENDED.model_copy(update={"stop_type": StopType.TAKEOVER})
    next_ = started(web).model_copy(update={"session_id": "used-2"})
    sent = PrintSent(print_id=id, session_id=USED)
    again = sent.model_copy(update={"session_id": "used-2"})
    facts = (started(web), sent, taken, next_, again)
    for group in [facts] if at_once else [(fact,) for fact in facts]:
        tell(web, *group)
    assert (job(web, id).state, job(web, id).session) == ("printing", "used-2")
    tell(web, finished().model_copy(update={"session_id": "used-2"}))
    assert job(web, id).state == "done"
    tell(web, again)
    assert job(web, id).state == "done"


async def test_the_machines_word_stands_over_a_late_cancel_and_another_gateways_does_not(
    web: WebFloor,
) -> None:
    id = await waiting(web)
    with web.context.database.write() as session:
        queue_of(web.context).cancel(session, session.get_one(PrintJob, id))
    tell(web, started(web), PrintSent(print_id=id, session_id=USED))
    assert (job(web, id).state, job(web, id).closed_ms) == ("printing", None)
    async with web.program("mira") as mira:
        assert (await mira.post(f"{API}/prints/{id}/cancel")).json()["code"] == "print_runs"
        other = (await queued(mira))["id"]
    with web.context.database.write() as session:
        session.get_one(Machine, "printer-1").gateway = None
    tell(web, PrintSent(print_id=other, session_id="used-2"))
    assert job(web, other).state == "queued"


async def test_a_print_that_is_over_can_be_submitted_again(web: WebFloor) -> None:
    id = await waiting(web)
    tell(web, started(web), PrintSent(print_id=id, session_id=USED), ENDED)
    async with web.program("mira") as mira:
        made: httpx.Response = await mira.post(f"{API}/prints/{id}/again")
    assert (made.status_code, made.json()["state"], made.json()["price_micro"]) == (201, "uploaded", 710_000)
    assert made.json()["id"] != id
