"""Sessions left open on their page: which are shown, what an end costs, and that nothing is kept before."""

from __future__ import annotations

import pytest
from sqlmodel import func, select

from booking_api import doctor
from booking_api.audit.models import AuditPart
from booking_api.ledger.models import LedgerEntry
from booking_api.sessions.models import MachineSession, SessionState
from floor.meter import Quantity
from floor.wire.journal import SessionMetered, SessionStarted
from tests.kit.web import MINUTE, NOW_MS, WebFloor, build

BEGIN_MS = NOW_MS - 200 * MINUTE
END = "/workshop/sessions/lost/end"
PROVEN = "2026-05-21T08:10:00"  # half an hour after it began, in Dublin
FORM = {"end": PROVEN, "reason": "its card is lost"}


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> WebFloor:
    web = build(tmp_path_factory.mktemp("lost"))
    for id, machine, from_ms in (("lost", "laser-1", BEGIN_MS), ("new", "laser-2", NOW_MS - 2 * MINUTE)):
        begun = SessionStarted(
            session_id=id,
            machine=machine,
            member=web.people["mira"],
            account=web.people["mira"],
            badge="ab" * 16,
            tier="member",
            max_duration_s=36_000,
        )
        web.journal((from_ms, begun))
    counters = {Quantity.MACHINE_TIME_MS: 30 * MINUTE}
    metered = SessionMetered(session_id="lost", elapsed_ms=30 * MINUTE, counters=counters)
    web.journal((BEGIN_MS + 30 * MINUTE, metered))
    return web


def kept(web: WebFloor) -> tuple[SessionState, int, int]:
    with web.context.database.read() as session:
        used = session.get_one(MachineSession, "lost")
        entries = session.exec(select(func.count()).select_from(LedgerEntry)).one()
        parts = session.exec(select(func.count()).select_from(AuditPart)).one()
    return used.state, entries, parts


async def test_a_price_is_shown_before_and_only_that_is_kept(web: WebFloor) -> None:
    async with await web.signed_in("olga") as browser:
        page = await browser.get("/workshop/sessions")
        assert "Mira Quince" in page.text
        assert PROVEN in page.text
        assert "/workshop/sessions/new/end" not in page.text, "it was heard of two minutes ago"
        assert "1 session was left open" in (await browser.get("/workshop")).text
        before, head = kept(web), (web.context.settings.data / "ledger.head").exists()
        for form, words, status in (
            (FORM | {"reason": " "}, "Say why.", 422),
            (FORM | {"end": "2026-05-21T08:11:00"}, "only between its start", 409),
            (FORM, "€6.00", 200),
            (FORM | {"end": "2026-05-21T07:59:59"}, "€0.00", 200),
            (FORM | {"shown": "1 2 EUR"}, "The price has changed meanwhile", 200),
        ):
            answer = await browser.post(END, data=form)
            assert (words in answer.text, answer.status_code) == (True, status), answer.text
        assert kept(web) == before, "nothing was kept, and nothing is in the audit log"
        assert (web.context.settings.data / "ledger.head").exists() == head
        answer = await browser.post(END, data=FORM | {"shown": "1800000 6000000 EUR"})
        assert answer.headers["location"] == "/workshop/sessions?notice=session_ended"
        answer = await browser.post(END, data=FORM)
        assert "It has ended, or its gateway was heard of again." in answer.text
        assert "/workshop/sessions" not in (await browser.get("/workshop")).text
    assert kept(web)[0] is SessionState.PRICED
    assert [one for one in doctor.examine(web.context.database) if "ledger" in one.where] == []


async def test_what_a_gateway_in_touch_shows_as_running_is_not_lost(web: WebFloor) -> None:
    begun = SessionStarted(
        session_id="now-saw-1",
        machine="saw-1",
        member=web.people["otto"],
        account=web.people["otto"],
        badge="ab" * 16,
        tier="member",
        max_duration_s=36_000,
    )
    web.journal((NOW_MS - 60 * MINUTE, begun))
    async with await web.signed_in("ada") as browser:
        assert "now-saw-1" in (await browser.get("/workshop/sessions")).text
        web.shows(web.in_use("saw-1", "otto", 60))
        assert "now-saw-1" not in (await browser.get("/workshop/sessions")).text
