"""The client of the API against a running server; and the quick start of docs/api.md, as it stands there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from booking_api.client import (
    AsyncClient,
    Changed,
    Client,
    Conflict,
    Forbidden,
    Invalid,
    Machine,
    Member,
    NotFound,
    NotSignedIn,
    Unavailable,
    Unreachable,
    Unreadable,
    calls,
)
from booking_api.client.sending import Patience
from tests.kit.reservations import with_policy
from tests.kit.served import Served
from tests.kit.web import NOW_MS, TARIFF, WebFloor, build

QUICK = Patience(timeout_s=20, tries=3, pause_s=0.001)
PAGE = Path(__file__).resolve().parents[3] / "docs" / "api.md"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    made = Served(with_policy(build(tmp_path_factory.mktemp("client"))))
    made.start()
    yield made
    made.stop()
    made.web.context.database.close()


@pytest.fixture
def web(served: Served) -> WebFloor:
    return served.web


def client(served: Served, name: str, transport: httpx.BaseTransport | None = None) -> Client:
    return Client(served.url, served.web.tokens[name], QUICK, transport)


class LosesAnswers(httpx.BaseTransport):
    """A network on which a write arrives and its answer is lost, the first `times`."""

    def __init__(self, times: int, instead: int | None = None) -> None:
        self._times = times
        self._instead = instead
        self._inner = httpx.HTTPTransport()
        self.sent: list[str] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self._inner.handle_request(request)
        answer.read()
        self.sent.append(request.headers.get("idempotency-key", ""))
        if len(self.sent) > self._times:
            return answer
        if self._instead is not None:
            return httpx.Response(self._instead, headers={"retry-after": "0"}, request=request)
        raise httpx.ReadError("the line is cut")


def test_the_programs_of_the_page_run_as_they_stand(
    served: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    blocks = re.findall(r"```python\n(.+?)```", PAGE.read_text(), re.DOTALL)
    said: list[str] = []
    for block, name in zip(blocks, ("olga", "mira", "ada"), strict=True):
        code = block.replace("https://floor.example", served.url).replace("mf_…", served.web.tokens[name])
        code = code.replace("time.time_ns() // 1_000_000", str(NOW_MS))
        exec(compile(code, str(PAGE), "exec"), {})
        said.append(capsys.readouterr().out)
    assert "I am Olga" in said[0]
    assert "Laser cutter 60 W free" in said[0]
    assert "amount_micro=-20000000" in said[0]
    assert said[0].splitlines()[-1] == "changed_meanwhile"
    assert said[1].splitlines()[-1].endswith(" booked"), said[1]
    assert (said[2].splitlines()[0], said[2].splitlines()[-1]) == ("free", "True")


def test_lists_go_on_by_themselves(served: Served, web: WebFloor) -> None:
    with client(served, "olga") as floor:
        few = calls.Many("/api/v1/machines", Machine, limit=3)
        assert [one.id for one in floor.each(few)] == [one.id for one in floor.machines.list()]
        people = calls.Many("/api/v1/members", Member, limit=2)
        assert {one.id for one in floor.each(people)} >= set(web.people.values())
        assert {one.machine for one in floor.sessions.list(member=web.people["mira"])} >= {"laser-1", "saw-1"}
        assert {one.tariff for one in floor.tariffs.list()} == {"laser", "printer"}
        assert floor.sessions.get("use-1").total_micro == 6_000_000


@pytest.mark.parametrize("instead", [None, 503])
def test_a_write_whose_answer_was_lost_is_done_once(
    served: Served, web: WebFloor, instead: int | None
) -> None:
    line = LosesAnswers(2, instead)
    with client(served, "olga", line) as floor:
        before = sum(one.amount_micro for one in client(served, "olga").members.balances(web.people["otto"]))
        floor.members.take_payment(web.people["otto"], 1_000_000, "EUR")
        after = sum(one.amount_micro for one in floor.members.balances(web.people["otto"]))
    assert after == before - 1_000_000
    assert len(set(line.sent[:3])) == 1


def test_what_never_answers_is_said_to_be_unreachable(served: Served) -> None:
    line = LosesAnswers(99)
    with client(served, "olga", line) as floor, pytest.raises(Unreachable):
        floor.members.me()
    assert len(line.sent) == QUICK.tries
    with client(served, "olga", LosesAnswers(99, 502)) as floor, pytest.raises(Unavailable) as raised:
        floor.members.me()
    assert (raised.value.status, raised.value.code) == (502, "unknown")


class StillDoing(httpx.BaseTransport):
    """A server that is still doing the first try, the first `times`; then it answers with `last`."""

    def __init__(self, times: int, last: httpx.Response) -> None:
        self._times, self._last = times, last

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self._times -= 1
        busy = {"code": "key_in_use", "detail": "It is still being done."}
        return httpx.Response(409, json=busy) if self._times >= 0 else self._last


def test_a_try_that_is_still_being_done_is_waited_for() -> None:
    done = httpx.Response(200, json={"done": True, "recorded": True, "words": ""})
    with Client("http://floor.test", "mf_x", QUICK, StillDoing(2, done)) as floor:
        assert floor.machines.lock_out("saw-1", "a bent blade").done
    with Client("http://floor.test", "mf_x", QUICK, StillDoing(9, done)) as floor, pytest.raises(Conflict):
        floor.machines.lock_out("saw-1", "a bent blade")


@pytest.mark.parametrize("answer", [httpx.Response(200, text="<html>"), httpx.Response(307)])
def test_what_is_no_answer_of_the_api_is_an_error_of_the_client(answer: httpx.Response) -> None:
    with Client("http://floor.test", "mf_x", QUICK, StillDoing(0, answer)) as floor:
        with pytest.raises(Unreadable):
            floor.members.me()
        with pytest.raises(Unreadable):
            list(floor.machines.list())


def test_problems_are_exceptions_by_kind(served: Served, web: WebFloor) -> None:
    with Client(served.url, "mf_wrong", QUICK) as nobody, pytest.raises(NotSignedIn):
        nobody.members.me()
    with client(served, "mira") as mine:
        with pytest.raises(Forbidden) as forbidden:
            mine.members.get(web.people["otto"])
        assert (forbidden.value.status, forbidden.value.code) == (403, "forbidden")
        with pytest.raises(NotFound):
            mine.sessions.get("use-3")
    with client(served, "olga") as floor:
        with pytest.raises(Invalid) as invalid:
            floor.members.add("", "Reed", email="x")
        assert {one.pointer for one in invalid.value.fields} == {"/first_name", "/email"}
        floor.members.add("Kofi", "Brook", key="the-same-key")
        with pytest.raises(Conflict) as conflict:
            floor.members.add("Kofi", "Stone", key="the-same-key")
        assert conflict.value.code == "key_reused"


def test_a_script_looks_after_badges_and_asks_what_a_use_would_cost(served: Served, web: WebFloor) -> None:
    usage = '[[use]]\nid = "cut"\ntier = "member"\nused = { machine_time = "12 min" }\n'
    with client(served, "olga") as floor:
        (badge,) = floor.members.badges(web.people["mira"])
        assert (badge.id, badge.lost_ms) == (web.badge["mira"], None)
        assert floor.members.report_lost(badge.id).lost_ms is not None
        assert floor.members.report_found(badge.id).lost_ms is None
        with pytest.raises(NotFound):
            floor.members.charge("none")
        told = floor.tariffs.quote(usage, TARIFF)
        assert [(one["id"], one["total"]) for one in told["uses"]] == [("cut", "4")]
        with pytest.raises(Invalid) as wrong:
            floor.tariffs.quote("[[use", TARIFF)
        assert wrong.value.code == "quote_invalid"


async def test_the_same_calls_in_an_event_loop(served: Served, web: WebFloor) -> None:
    async with AsyncClient(served.url, web.tokens["olga"], QUICK) as floor:
        seen = await floor.see(calls.machine("cnc-1"))
        changed = await floor.do(calls.change_machine("cnc-1", name="Router"), if_match=seen.etag)
        assert changed.name == "Router"
        with pytest.raises(Changed):
            await floor.do(calls.change_machine("cnc-1", name="CNC"), if_match=seen.etag)
        assert len([one async for one in floor.each(calls.members())]) >= len(web.people)
        assert (await floor.do(calls.lock_out("cnc-1", "Spindle"))).recorded
