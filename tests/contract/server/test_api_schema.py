"""Every operation of the OpenAPI document is asked what schemathesis thinks of: no failure of ours, and no
answer that the document does not name, in its status, its kind, its headers and its shape.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator

import httpx
import pytest
from jsonschema_rs import Draft202012Validator

from booking_api.api.common import is_plain_list
from tests.kit.furnished import furnish
from tests.kit.schema_walk import api_routes, walk
from tests.kit.web import WebFloor, build

SEED = 6
EACH = 1
"""How many requests of each kind an operation gets; `make campaign` asks more."""


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebFloor]:
    made = build(tmp_path_factory.mktemp("schema"))
    yield made
    made.context.database.close()


@pytest.mark.timeout(300)
def test_no_answer_is_a_failure_or_a_surprise(web: WebFloor, caplog: pytest.LogCaptureFixture) -> None:
    """Each request is made by nobody, then by who may do all."""
    caplog.set_level(logging.CRITICAL)
    with asyncio.Runner() as runner:
        transport = httpx.ASGITransport(web.app, raise_app_exceptions=False)
        nobody = httpx.AsyncClient(transport=transport, base_url="http://floor.test")
        client = httpx.AsyncClient(transport=transport, base_url="http://floor.test")
        client.headers["authorization"] = f"Bearer {web.tokens['ada']}"
        known = runner.run(furnish(web, client))
        done = walk(web, client, runner.get_loop(), EACH, SEED, known, before=nobody)
    assert done.wrong == {}, f"seed {SEED}"
    assert done.asked >= len(api_routes(web)) * 3


async def test_what_was_sold_beyond_the_count_is_still_listed(web: WebFloor) -> None:
    """An answer is not bound by what may be sent: it was a failure of the whole list."""
    item = {"id": "oak", "name": "Oak", "unit": "board", "price_micro": 4_000_000, "stock_milli": 500}
    async with web.program("olga") as client:
        assert (await client.put("/api/v1/items/oak", json=item)).status_code == 200
        sold = {"item": "oak", "quantity_milli": 1000, "account": web.people["mira"]}
        key = {"Idempotency-Key": "beyond-the-count"}
        assert (await client.post("/api/v1/sales", json=sold, headers=key)).status_code == 201
        listed = {one["id"]: one["stock_milli"] for one in (await client.get("/api/v1/items")).json()}
        assert listed["oak"] == -500
        most = {"more_milli": (1 << 50) - 1}
        assert (await client.post("/api/v1/items/oak/stock", json=most)).status_code == 200
        assert (await client.post("/api/v1/items/oak/stock", json=most)).json()["code"] == "count_malformed"


async def test_a_statement_of_no_month_is_refused(web: WebFloor) -> None:
    async with web.program("olga") as client:
        path = f"/api/v1/accounts/{web.people['mira']}/statement/pdf"
        answer = await client.get(path, params={"month": "五月"})
    assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid")


def test_each_operation_says_what_a_reader_needs(web: WebFloor) -> None:
    document = web.app.openapi()
    names: list[str] = []
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            label = f"{method} {path}"
            names.append(operation["operationId"])
            assert operation["summary"].strip(), label
            assert operation["tags"], label
            assert "x-rights" in operation, label
            for code, answer in operation["responses"].items():
                if code >= "400":
                    assert list(answer["content"]) == ["application/problem+json"], label
                elif code not in {"204", "304"}:
                    assert answer["content"], f"{label} says not what it answers"
            for one in operation.get("parameters", ()):
                if one["in"] in {"query", "path"} and one["schema"].get("type") == "integer":
                    assert {"maximum", "exclusiveMaximum"} & set(one["schema"]), f"{label} {one['name']}"
    assert len(names) == len(set(names))
    assert all(tag["description"] for tag in document["tags"])


def test_examples_are_what_the_models_take(web: WebFloor) -> None:
    document = web.app.openapi()
    wrong: list[str] = []
    for route in api_routes(web):
        for method in route.methods or ():
            operation = document["paths"][route.path_format][method.lower()]
            body = operation.get("requestBody", {}).get("content", {}).get("application/json")
            if body is not None and route.body_field is not None:
                _, errors = route.body_field.validate(body["example"], {}, loc=("body",))
                wrong += [f"{method} {route.path} takes {body['example']}: {errors}"] if errors else []
            for code, answer in operation["responses"].items():
                told = answer.get("content", {}).get("application/json")
                if code < "300" and told and "example" in told:
                    schema = told["schema"] | {"components": document["components"]}
                    wrong += [
                        f"{method} {route.path} answers {error.instance_path}: {error.message}"
                        for error in Draft202012Validator(schema).iter_errors(told["example"])
                    ]
    assert wrong == []


def test_lists_without_pages_can_be_told_in_parts(web: WebFloor) -> None:
    document = web.app.openapi()
    for route in api_routes(web):
        if is_plain_list(route):
            parameters = document["paths"][route.path_format]["get"]["parameters"]
            assert {"limit", "cursor"} <= {one["name"] for one in parameters}, route.path
            own = {one.alias for one in route.dependant.query_params}
            assert not own & {"limit", "cursor"}, f"{route.path} cuts its list before it is told in parts"
