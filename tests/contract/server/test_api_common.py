"""What is around every endpoint of the API: keys of writes, entity tags, lists in parts, sound bodies."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from sqlmodel import Session, select

from booking_api.api.answers import UNFINISHED_MS
from booking_api.api.bodies import BYTES_MAX, DEPTH_MAX
from booking_api.app import create_app
from booking_api.auth.models import IdempotentAnswer
from booking_api.idempotency import KEPT_MS
from booking_api.members.models import Member
from tests.kit.web import WebFloor, build

API = "/api/v1"
NEW = {"first_name": "Ngozi", "last_name": "Reed"}


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebFloor]:
    made = build(tmp_path_factory.mktemp("common"))
    yield made
    made.context.database.close()


def key(name: str) -> dict[str, str]:
    return {"Idempotency-Key": f"key-{name}"}


def people(web: WebFloor) -> int:
    with web.context.database.read() as session:
        return len(session.exec(select(Member.id)).all())


def code(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return answer.status_code, answer.json()["code"]


async def test_a_write_that_is_sent_twice_is_done_once(web: WebFloor) -> None:
    before = people(web)
    async with web.program("olga") as client:
        first = await client.post(f"{API}/members", json=NEW, headers=key("twice"))
        again = await client.post(f"{API}/members", json=NEW, headers=key("twice"))
        assert (again.status_code, again.content) == (201, first.content)
        assert (again.headers["idempotency-replayed"], "idempotency-replayed" in first.headers) == (
            "true",
            False,
        )
        other = await client.post(f"{API}/members", json=NEW | {"language": "zh"}, headers=key("twice"))
        assert code(other) == (409, "key_reused")
        elsewhere = await client.post(f"{API}/guests", json=NEW, headers=key("twice"))
        assert code(elsewhere) == (409, "key_reused")
    assert people(web) == before + 1
    async with web.program("ada") as client:  # another's key is another key
        assert (await client.post(f"{API}/members", json=NEW, headers=key("twice"))).status_code == 201
    assert people(web) == before + 2


async def test_twins_at_once_are_one(web: WebFloor) -> None:
    before = people(web)
    async with web.program("olga") as client:
        twins = await asyncio.gather(
            *(client.post(f"{API}/members", json=NEW, headers=key("twins")) for _ in range(12))
        )
    assert {answer.status_code for answer in twins} == {201}
    assert len({answer.json()["id"] for answer in twins}) == 1
    assert people(web) == before + 1


async def test_what_was_refused_may_be_mended_under_its_key(web: WebFloor) -> None:
    async with web.program("olga") as client:
        wrong = await client.post(f"{API}/members", json={"first_name": ""}, headers=key("mended"))
        assert code(wrong) == (422, "request_invalid")
        assert (await client.post(f"{API}/members", json=NEW, headers=key("mended"))).status_code == 201


async def test_work_and_answer_are_durable_together_or_not_at_all(
    web: WebFloor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_session: Session) -> None:
        raise OSError("no space left")

    before = people(web)
    async with web.program("olga") as client:
        with monkeypatch.context() as patched:
            patched.setattr(Session, "commit", full)
            with pytest.raises(OSError, match="no space left"):
                await client.post(f"{API}/members", json=NEW, headers=key("durable"))
        assert people(web) == before
        made = await client.post(f"{API}/members", json=NEW, headers=key("durable"))
    assert "idempotency-replayed" not in made.headers
    assert people(web) == before + 1


async def test_a_key_is_forgotten_after_thirty_days(web: WebFloor) -> None:
    async with web.program("olga") as client:
        await client.post(f"{API}/members", json=NEW, headers=key("aged"))
        with web.context.database.write() as session:
            kept = session.get_one(IdempotentAnswer, (web.people["olga"], "key-aged"))
            kept.created_ms -= KEPT_MS + 60_000
        again = await client.post(f"{API}/members", json=NEW, headers=key("aged"))
        assert (again.status_code, "idempotency-replayed" in again.headers) == (201, False)


async def test_a_secret_that_is_shown_once_lies_sealed(web: WebFloor) -> None:
    browser = await web.signed_in("olga")
    asked = {"name": "wall", "scopes": ["machines:read"]}
    made = await browser.post(f"{API}/tokens", json=asked, headers=key("secret"))
    assert (await browser.post(f"{API}/tokens", json=asked, headers=key("secret"))).json() == made.json()
    with web.context.database.read() as session:
        kept = session.get_one(IdempotentAnswer, (web.people["olga"], "key-secret")).body
    assert made.json()["secret"] not in kept


async def test_an_order_to_a_machine_goes_out_once(web: WebFloor) -> None:
    path = f"{API}/machines/laser-2/identify"
    async with web.program("tomas") as client:
        sent = len(web.link.orders)
        assert (await client.post(path, headers=key("blink"))).json()["done"]
        again = await client.post(path, headers=key("blink"))
        assert (again.json()["done"], again.headers["idempotency-replayed"]) == (True, "true")
        assert len(web.link.orders) == sent + 1
        web.link.reachable = False
        assert code(await client.post(path, headers=key("blind"))) == (504, "machine_unreachable")
        web.link.reachable = True
        assert (await client.post(path, headers=key("blind"))).status_code == 200


async def test_a_key_whose_work_is_not_over_is_in_use_for_a_while(web: WebFloor) -> None:
    path = f"{API}/machines/laser-2/identify"
    async with web.program("tomas") as client:
        await client.post(path, headers=key("slow"))
        with web.context.database.write() as session:
            session.get_one(IdempotentAnswer, (web.people["tomas"], "key-slow")).body = ""
        assert code(await client.post(path, headers=key("slow"))) == (409, "key_in_use")
        with web.context.database.write() as session:
            session.get_one(IdempotentAnswer, (web.people["tomas"], "key-slow")).created_ms -= (
                UNFINISHED_MS + 1
            )
        assert (await client.post(path, headers=key("slow"))).status_code == 200


@pytest.mark.parametrize("wrong", ["short", "with a space", "ü" * 10, "x" * 101])
async def test_what_is_no_key_is_refused(web: WebFloor, wrong: str) -> None:
    headers = {b"Idempotency-Key": wrong.encode("latin-1")}
    async with web.program("olga") as client:
        assert code(await client.post(f"{API}/members", json=NEW, headers=headers)) == (422, "key_malformed")


async def test_what_did_not_change_is_not_sent_again(web: WebFloor) -> None:
    async with web.program("olga") as client:
        for path in (f"{API}/members/{web.people['mira']}", f"{API}/machines", f"{API}/members?limit=3"):
            first = await client.get(path)
            tag = first.headers["etag"]
            for wanted in (tag, f'"x", {tag}', f"W/{tag}", "*"):
                same = await client.get(path, headers={"If-None-Match": wanted})
                assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
            assert (await client.get(path, headers={"If-None-Match": '"x"'})).content == first.content


async def test_nothing_is_changed_over_what_was_not_read(web: WebFloor) -> None:
    path = f"{API}/members/{web.people['otto']}"
    async with web.program("olga") as client:
        tag = (await client.get(path)).headers["etag"]
        held = {"If-Match": tag}
        both = await asyncio.gather(
            *(client.patch(path, json={"first_name": name}, headers=held) for name in ("Otmar", "Ottilie"))
        )
        assert sorted(answer.status_code for answer in both) == [200, 412]
        assert code(await client.patch(path, json={"first_name": "O"}, headers=held)) == (
            412,
            "changed_meanwhile",
        )
        now = (await client.get(path)).headers["etag"]
        assert (
            await client.patch(path, json={"first_name": "Otto"}, headers={"If-Match": f'"x", {now}'})
        ).status_code == 200
        nowhere = await client.post(f"{path}/suspend", json={"reason": "x"}, headers={"If-Match": "*"})
        assert code(nowhere) == (412, "changed_meanwhile")


async def test_a_retry_of_a_write_that_was_done_is_answered_as_it_was(web: WebFloor) -> None:
    path = f"{API}/members/{web.people['mira']}"
    async with web.program("olga") as client:
        headers = key("retry") | {"If-Match": (await client.get(path)).headers["etag"]}
        first = await client.patch(path, json={"shown_name": "Mira Q."}, headers=headers)
        again = await client.patch(path, json={"shown_name": "Mira Q."}, headers=headers)
    assert (first.status_code, again.status_code, again.content) == (200, 200, first.content)


async def test_lists_are_told_in_parts_and_link_to_the_next(web: WebFloor) -> None:
    async with web.program("olga") as client:
        for path in (f"{API}/machines", f"{API}/members"):
            whole = (await client.get(path, params={"limit": 200})).json()
            rows = whole if isinstance(whole, list) else whole["items"]
            seen: list[Any] = []
            url = f"{path}?limit=3"
            while url:
                part = await client.get(url)
                told = part.json()
                seen += told if isinstance(told, list) else told["items"]
                url = part.links.get("next", {}).get("url", "")
            assert seen == rows
        assert code(await client.get(f"{API}/machines?limit=0")) == (422, "limit_invalid")
        assert code(await client.get(f"{API}/machines?cursor=%25")) == (422, "cursor_malformed")


async def test_a_list_goes_on_behind_the_row_that_was_last(web: WebFloor) -> None:
    async with web.program("olga") as client:
        first = await client.get(f"{API}/machines?limit=2")
        await client.post(f"{API}/machines", json={"id": "a-first", "name": "Before all others"})
        second = await client.get(first.links["next"]["url"])
        ids = [one["id"] for one in (await client.get(f"{API}/machines")).json() if one["id"] != "a-first"]
        await client.delete(f"{API}/machines/a-first")
    assert [one["id"] for one in (*first.json(), *second.json())] == ids[:4]


@pytest.mark.parametrize(
    ("body", "kind", "expected"),
    [
        (b'{"first_name": "A"', "application/json", (400, "json_malformed")),
        (b"\xff\xfe", "application/json", (400, "json_malformed")),
        (b'{"a": NaN}', "application/json", (400, "json_malformed")),
        (b'{"a": 1, "a": 2}', "application/json", (400, "json_malformed")),
        (b"[" * 100_000, "application/json", (400, "json_deep")),
        (b'{"a":' * (DEPTH_MAX + 1) + b"1" + b"}" * (DEPTH_MAX + 1), "application/json", (400, "json_deep")),
        (b"9" * 5000, "application/json", (400, "json_malformed")),
        (b'{"valid_until_ms": 1' + b"0" * 30 + b"}", "application/json", (422, "number_invalid")),
        (b'{"first_name": 1e999}', "application/json", (422, "number_invalid")),
        (b'{"first_name": "a\\u0000b", "last_name": "x"}', "application/json", (422, "text_invalid")),
        (b'{"first_name": "\\ud800", "last_name": "x"}', "application/json", (422, "text_invalid")),
        (b"first_name=A", "application/x-www-form-urlencoded", (415, "content_type_wrong")),
        (b"{}", "", (415, "content_type_wrong")),
        (b"", "application/json", (422, "request_invalid")),
        (b"[]", "application/json", (422, "request_invalid")),
        (b'"' + b"x" * (BYTES_MAX + 10) + b'"', "application/json", (413, "body_too_large")),
    ],
)
async def test_a_body_that_is_wrong_is_named(
    web: WebFloor, body: bytes, kind: str, expected: tuple[int, str]
) -> None:
    headers = {"content-type": kind} if kind else {}
    async with web.program("olga") as client:
        assert code(await client.post(f"{API}/members", content=body, headers=headers)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "李雷",
        "मीरा",
        "مريم",
        "🛠️👩‍🔧",
        "\u202eevil",
        "z\u200bw\u200d",
        "'; DROP TABLE member;--",
        "<script>",
        "{{7*7}}",
        "%s%n",
    ],
)
async def test_names_in_any_script_are_kept_as_they_are(web: WebFloor, text: str) -> None:
    async with web.program("olga") as client:
        made = await client.post(f"{API}/members", json={"first_name": text, "last_name": text})
        assert made.status_code == 201
        read = (await client.get(f"{API}/members/{made.json()['id']}")).json()
        assert (read["first_name"], read["last_name"]) == (text, text)
        found = await client.get(f"{API}/members", params={"text": text})
        assert made.json()["id"] in {one["id"] for one in found.json()["items"]}


async def test_a_nul_in_an_address_is_refused(web: WebFloor) -> None:
    async with web.program("olga") as client:
        assert code(await client.get(f"{API}/members/a%00b")) == (422, "text_invalid")
        assert code(await client.get(f"{API}/members?text=a%00b")) == (422, "text_invalid")


async def test_each_wrong_field_is_named_and_no_value_is(web: WebFloor) -> None:
    sent = {"first_name": "", "email": "s3cret", "valid_until_ms": -5, "what/ever~": 1}
    async with web.program("olga") as client:
        told = (await client.post(f"{API}/members", json=sent)).json()
    assert {(one["in"], one["pointer"]) for one in told["errors"]} == {
        ("body", "/first_name"), ("body", "/email"), ("body", "/valid_until_ms"),
        ("body", "/what~1ever~0"),
    }  # fmt: skip
    assert "s3cret" not in str(told)
    assert told["type"] == "/api/problems#request_invalid"


async def test_a_problem_speaks_the_readers_language(web: WebFloor) -> None:
    client = web.browser()
    for language, sentence in (("zh-CN", "请先登录。"), ("en", "Please sign in."), ("fr", "Please sign in.")):
        answer = await client.get(f"{API}/members/me", headers={"accept-language": language})
        assert answer.json()["detail"] == sentence
        assert answer.headers["content-language"] == ("zh" if language == "zh-CN" else "en")


async def test_a_method_that_is_not_there_names_those_that_are(web: WebFloor) -> None:
    answer = await web.browser().put(f"{API}/machines")
    assert code(answer) == (405, "method_not_allowed")
    assert answer.headers["allow"]


async def test_head_answers_as_get_does_without_a_body(web: WebFloor) -> None:
    paths = {route.path for route in web.app.routes if "GET" in (getattr(route, "methods", None) or ())}
    asked = [path for path in sorted(paths) if "{" not in path and "/live" not in path][::5]
    differ = ("content-length", "etag", "set-cookie", "location")
    async with web.program("ada") as program, await web.signed_in("ada") as browser:
        for path in (*asked, "/static/base.css", f"{API}/members/{web.people['mira']}"):
            client = program if path.startswith("/api/") else browser
            head, got = await client.head(path), await client.get(path)
            assert (head.status_code, head.content) == (got.status_code, b""), path
            assert dict(head.headers).keys() == dict(got.headers).keys(), path
            same = {name for name in got.headers if name not in differ}
            assert all(head.headers[name] == got.headers[name] for name in same), path
        stream = await browser.head("/live/board")
        assert (stream.status_code, stream.headers["content-type"][:17]) == (200, "text/event-stream")
        assert (await program.head(f"{API}/machines/none")).status_code == 404
        assert (await program.head(f"{API}/members/import")).status_code in {404, 405}


async def test_who_asks_too_often_waits(web: WebFloor) -> None:
    sign_in = replace(web.context.settings.sign_in, requests_per_minute=60)
    context = replace(web.context, settings=replace(web.context.settings, sign_in=sign_in))
    hasty = replace(web, app=create_app(context))
    async with hasty.program("otto") as program, await hasty.signed_in("otto") as browser:
        for client, path in ((program, f"{API}/none"), (browser, "/none")):
            answers = [await client.get(path)]
            while answers[-1].status_code == 404 and len(answers) < 1000:
                answers.append(await client.get(path, headers={"accept-language": "zh"}))
            assert (len(answers) > 60, answers[-1].status_code) == (True, 429), path
            assert 1 <= int(answers[-1].headers["retry-after"]) <= 2
            assert "来自此处的请求过于频繁" in answers[-1].text
            is_api = path.startswith(API)
            assert (answers[-1].headers["content-type"] == "application/problem+json") == is_api
        assert (await browser.get("/static/base.css")).status_code == 200
    async with hasty.program("mira") as other:
        assert (await other.get(f"{API}/members/me")).status_code == 200
