"""People on pages: joining, signing, households, files, and to be forgotten."""

from __future__ import annotations

import io
import re
import zipfile
from datetime import timedelta

import pytest
from sqlmodel import select

from booking_api.auth.throttle import prune
from booking_api.happenings.models import Letter
from booking_api.members import care
from booking_api.members import service as members
from booking_api.members.models import Member
from booking_api.memberships.days import day_of
from booking_api.registrations import service as registrations
from booking_api.registrations.models import Registration, RegistrationState
from booking_api.settings import read_settings
from booking_api.waivers import service as waivers
from tests.contract.server.test_waivers import text as waiver
from tests.kit.web import NOW_MS, WebFloor, build

BIRTHDAY = "2010-02-03"


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> WebFloor:
    folder = tmp_path_factory.mktemp("people")
    floor = build(folder)
    file = folder / "makerfloor.toml"
    file.write_text(file.read_text() + '[people]\njoin = "approval"\n')
    object.__setattr__(floor.context, "settings", read_settings(file, {}))
    with floor.context.database.write() as session:
        due = day_of(NOW_MS, floor.context.zone) + timedelta(days=3)
        waivers.publish(session, waiver(due=due.isoformat()), "test", NOW_MS)
    return floor


def wish(**more: object) -> dict[str, object]:
    asked = {"first_name": "小明", "last_name": "王", "email": "wang@kelp.test", "note": "🪚 ‘Ножи’"}
    return asked | {"waiver": "house-rules@1", "signature": "王小明"} | more


def links(web: WebFloor, address: str) -> list[str]:
    with web.context.database.read() as session:
        found = session.exec(select(Letter).where(Letter.address == address).order_by(Letter.id)).all()
        return [str(one.values.get("link")) for one in found]


async def test_a_stranger_joins_and_staff_admit_them(web: WebFloor) -> None:
    stranger, olga = web.browser(), await web.signed_in("olga")
    assert "House rules" in (await stranger.get("/join")).text
    sent = await stranger.post("/join", data=wish())
    assert sent.status_code == 200, sent.text
    (link,) = links(web, "wang@kelp.test")
    path = re.sub("^https?://[^/]+", "", link)
    assert "Is this your address?" in (await stranger.get(path)).text
    assert "小明" not in (await olga.get("/registrations")).text, "nobody is asked before"
    token = path.partition("token=")[2]
    for _ in range(2):
        assert "Staff will answer" in (await stranger.post("/join/confirm", data={"token": token})).text
    with web.context.database.read() as session:
        row = session.exec(select(Registration).where(Registration.email == "wang@kelp.test")).one()
    assert "🪚" in (await olga.get("/registrations")).text
    admitted = await olga.post(f"/registrations/{row.id}/approve", data={"plan": ""})
    assert admitted.status_code == 303
    with web.context.database.read() as session:
        member = members.find(session, "wang@kelp.test")
        assert [one.name for one in waivers.signatures(session, member.id)] == ["王小明"]
        assert member.language == "en"
    assert (await olga.post(f"/registrations/{row.id}/approve", data={})).status_code == 409


async def test_nobody_learns_whose_addresses_are_members(web: WebFloor) -> None:
    stranger = web.browser()
    said = [
        (await stranger.post("/join", data=wish(email=email))).text.replace(email, "")
        for email in ("mira@kelp.test", "nobody@kelp.test")
    ]
    assert said[0] == said[1]
    assert links(web, "mira@kelp.test")[0].endswith("/sign-in")
    assert "/join/confirm?token=" in links(web, "nobody@kelp.test")[0]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"first_name": ""}, "Write a name"),
        ({"first_name": "x" * 101}, "Write a name"),
        ({"email": "nonsense"}, "one e-mail address"),
        ({"note": "x" * 1001}, "at most 1000"),
        ({"born": "3000-01-01"}, "date of birth"),
        ({"born": "soon"}, "date of birth"),
        ({"born": BIRTHDAY}, "needs a guardian"),
        ({"waiver": ""}, "agree to each text"),
        ({"signature": " "}, "whole name"),
        ({"plan": "nothing"}, "no such plan"),
        ({"first_name": "a\x00b"}, "Write a name"),
    ],
)
async def test_what_is_wrong_is_said_and_nothing_is_lost(
    web: WebFloor, wrong: dict[str, object], words: str
) -> None:
    with web.context.database.write() as session:
        prune(session, 1 << 46)
    answer = await web.browser().post("/join", data=wish(**wrong))
    assert 400 <= answer.status_code < 500
    assert words in answer.text
    assert "wang@kelp.test" in answer.text or "email" in wrong


async def test_programs_that_fill_everything_in_and_who_comes_too_often_are_stopped(web: WebFloor) -> None:
    stranger = web.browser()
    sent = await stranger.post("/join", data=wish(email="bot@kelp.test", website="x"))
    assert sent.status_code == 200
    assert links(web, "bot@kelp.test") == []
    answers = [
        (await stranger.post("/join", data=wish(email="often@kelp.test"))).status_code for _ in range(25)
    ]
    assert 429 in answers
    foreign = await stranger.post("/join", data=wish(), headers={"sec-fetch-site": "cross-site"})
    assert foreign.status_code == 403


async def test_a_minor_joins_with_a_guardian_and_a_no_has_a_reason(web: WebFloor) -> None:
    olga = await web.signed_in("olga")
    real_ms, welcomed = web.context.wall.now_ms(), list[Member]()
    with web.context.database.write() as session:
        for email in ("young@kelp.test", "no@kelp.test"):
            asked = wish(email=email, born=BIRTHDAY, guardian_name="王芳", guardian_contact="+86 10")
            asked["waivers"] = [asked.pop("waiver")]
            wanted = registrations.Wanted.model_validate(asked)
            registrations.write(session, wanted, "http://kelp", real_ms, NOW_MS)
            session.flush()
            token = str(session.exec(select(Letter).where(Letter.address == email)).one().values["link"])
            registrations.confirm(
                session, token.partition("=")[2], real_ms, NOW_MS, welcomed.append, is_open=email[0] == "y"
            )
        young = members.find(session, "young@kelp.test")
        assert welcomed == [young]
        kept = care.of(session, young.id)
        assert (str(kept.minor_until), kept.guardian_name) == ("2028-02-03", "王芳")
        assert [one.guardian for one in waivers.signatures(session, young.id)] == ["王小明"]
        row = session.exec(select(Registration).where(Registration.email == "no@kelp.test")).one()
    assert (await olga.post(f"/registrations/{row.id}/decline", data={"reason": "full"})).status_code == 303
    with web.context.database.read() as session:
        state = session.get(Registration, row.id)
        assert state is not None
        assert state.state is RegistrationState.DECLINED
        letters = session.exec(select(Letter).where(Letter.address == "no@kelp.test")).all()
        assert "full" in [one.values.get("reason") for one in letters]


async def test_a_member_reads_signs_and_keeps_who_is_called(web: WebFloor) -> None:
    mira = await web.signed_in("mira")
    assert "has to be signed before" in (await mira.get("/me")).text
    assert "Tidy up." in (await mira.get("/waivers/house-rules@1")).text
    refused = await mira.post("/waivers/house-rules@1", data={"name": "Mira Quince"})
    assert refused.status_code == 422
    data = {"name": "Mira Quince", "agreed": "1", "language": "zh"}
    assert (await mira.post("/waivers/house-rules@1", data=data)).status_code == 303
    other = await mira.post("/waivers/house-rules@1", data=data | {"member": web.people["otto"]})
    assert other.status_code == 403
    with web.context.database.read() as session:
        (row,) = waivers.signatures(session, web.people["mira"])
    paper = await mira.get(f"/signatures/{row.id}.pdf")
    assert paper.content.startswith(b"%PDF")
    otto = await web.signed_in("otto")
    assert (await otto.get(f"/signatures/{row.id}.pdf")).status_code == 403
    kept = {"phone": "+353 1", "emergency_name": "Ona Quince", "emergency_phone": "+353 2"}
    assert (await mira.post("/me/contact", data=kept)).status_code == 303
    tomas = await web.signed_in("tomas")
    assert "Ona Quince" in (await tomas.get(f"/members/{web.people['mira']}")).text
    assert (await mira.post("/me/contact", data={"phone": "1" * 41})).status_code == 422


async def test_staff_note_paper_guardians_households_and_suspensions(web: WebFloor) -> None:
    olga, otto = await web.signed_in("olga"), web.people["otto"]
    at = f"/members/{otto}"

    async def post(path: str, **data: str) -> int:
        return (await olga.post(f"{at}{path}", data=data)).status_code

    assert await post("/guardianship", minor_until="2030-01-01") == 422
    assert await post("/guardianship", minor_until="2030-01-01", guardian="mira@kelp.test") == 303
    mira = await web.signed_in("mira")
    assert "You answer for Otto" in (await mira.get("/me/details")).text
    own = await web.signed_in("otto")
    assert "Your guardian signs this" in (await own.get("/waivers/house-rules@1")).text
    ward = {"name": "Mira Quince", "agreed": "1", "member": otto}
    assert (await mira.post("/waivers/house-rules@1", data=ward)).status_code == 303
    assert await post("/household", person="mira@kelp.test") == 303
    assert await post("/household", name="Kelp cabin") == 303
    payer = await olga.post(f"/members/{web.people['mira']}/household/payer", data={"pays": "all"})
    assert payer.status_code == 303
    with web.context.database.read() as session:
        charged = members.get(session, otto).charges_to
        assert charged
        assert charged == members.get(session, web.people["mira"]).charges_to
    assert (await mira.get(f"/teams/{charged}")).status_code == 200
    leave = await olga.post(f"/members/{web.people['mira']}/household/leave", data={})
    assert leave.status_code == 409
    assert await post("/household/leave") == 303
    with web.context.database.read() as session:
        assert members.get(session, otto).charges_to is None
    assert await post("/suspend", reason="noise", until="2030-01-01") == 303
    page = (await olga.get(f"{at}/details")).text
    assert "noise" in page
    assert "Olga" in page
    assert "noise" in (await own.get("/me")).text
    assert await post("/restore") == 303


async def test_a_file_waits_between_its_pages_and_comes_in_once(web: WebFloor) -> None:
    olga = await web.signed_in("olga")
    text = "\ufeffNr;姓名;邮箱\n500;陈静;nonsense\n".encode()
    sent = await olga.post("/member-import", files={"file": ("m.csv", text)})
    where = sent.headers["location"]
    assert "1 cell is wrong" in (await olga.get(where)).text
    assert (await olga.post(f"{where}/apply")).status_code == 409
    sent = await olga.post(
        "/member-import", files={"file": ("m.csv", text.replace(b"nonsense", b"c@kelp.test"))}
    )
    where = sent.headers["location"]
    assert (await olga.post(where, data={"c:Nr": "number"})).status_code == 303
    page = (await olga.get(where)).text
    assert "New: 1" in page
    ada = await web.signed_in("ada")
    assert (await ada.get(where)).status_code == 404
    assert (await olga.post(f"{where}/apply")).status_code == 303
    assert (await olga.post(f"{where}/apply")).status_code == 404
    assert "陈静" in (await olga.get("/members", params={"text": "静"})).text.replace("静 陈", "陈静")
    assert "500" in (await olga.get("/member-export.csv")).text
    big = await olga.post("/member-import", files={"file": ("m.csv", b"x" * ((5 << 20) + 1))})
    assert big.status_code == 422


async def test_a_program_brings_members_in_and_reads_what_is_wrong(web: WebFloor) -> None:
    async with web.program("olga") as client:
        wrong = await client.post("/api/v1/member-imports", content="number,email\n600,x\n")
        assert (wrong.json()["applied"], wrong.json()["problem_count"]) == (False, 2)
        body = "number,first_name\n600,Eve\n"
        for dry, applied in ((True, False), (False, True), (False, True)):
            answer = await client.post("/api/v1/member-imports", params={"dry_run": dry}, content=body)
            assert answer.json()["applied"] is applied
        assert answer.json()["counts"] == {"add": 0, "change": 0, "same": 1}


async def test_all_that_is_known_and_to_be_forgotten(web: WebFloor) -> None:
    mira, olga = await web.signed_in("mira"), await web.signed_in("olga")
    raw = (await mira.get("/me/data.zip")).content
    with zipfile.ZipFile(io.BytesIO(raw)) as made:
        assert "Mira" in made.read("index.html").decode()
        assert "use-1" in made.read("csv/machine_session.csv").decode()
    page = await olga.get(f"/members/{web.people['mira']}/details")
    assert "The account is not settled" in page.text
    with web.context.database.write() as session:
        eve = members.add(session, members.MemberDetails(first_name="Zora"), NOW_MS)
    wrong = await olga.post(f"/members/{eve.id}/erase", data={"number": "0", "reason": "asked"})
    assert wrong.status_code == 422
    done = await olga.post(f"/members/{eve.id}/erase", data={"number": eve.number, "reason": "asked"})
    assert done.status_code == 303
    assert "Zora" not in (await olga.get("/members", params={"text": "Zora"})).text.partition("<tbody>")[2]


async def test_who_has_to_sign_is_on_a_page_and_a_text_is_published_there(web: WebFloor) -> None:
    olga = await web.signed_in("olga")
    data = {"kind": "laser", "name_en": "Laser", "text_en": "Goggles.", "again": "1"}
    assert (await olga.post("/waivers", data=data)).status_code == 303
    page = (await olga.get("/waivers")).text
    assert "laser@1" in page
    assert "Quince" in page
    assert (await olga.post("/waivers", data={"kind": "LASER"})).status_code == 422
    some = data | {"kind": "saws", "machine": ["saw-1"], "machine_kind": ["cnc"], "due": "2026-05-30"}
    assert (await olga.post("/waivers", data=some)).status_code == 303
    page = (await olga.get("/waivers", params={"machine": "saw-1"})).text
    assert "for Table saw, CNC machine" in page
    assert "saws" not in (await web.browser().get("/join")).text, "they sign it once they use the saw"
    mine = await web.signed_in("mira")
    assert "Table saw" in (await mine.get("/me/details")).text
