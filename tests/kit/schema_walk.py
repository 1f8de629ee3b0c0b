"""Requests that schemathesis makes from the OpenAPI document, to every operation of a seeded floor.

Half of the ids are those of things that there are, so that requests come to the rules behind the addresses.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import schemathesis
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.kit.web import WebFloor

CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
_KEYS = itertools.count()
REAL = 0.5
"""How many ids are of things that there are."""
MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)


@dataclass
class Walk:
    """What was asked and what was wrong; `known` are ids that a path's part of that name may be."""

    known: dict[str, list[str]] = field(default_factory=dict)
    wrong: dict[str, str] = field(default_factory=dict)
    asked: int = 0
    answered: dict[int, int] = field(default_factory=dict)


def walk(web: WebFloor, client: httpx.AsyncClient, loop: asyncio.AbstractEventLoop, each: int, seed: int,
         known: dict[str, list[str]], modes: Sequence[GenerationMode] = MODES,
         before: httpx.AsyncClient | None = None) -> Walk:  # fmt: skip
    """Ask every operation `each` times in each mode; one seed makes the same requests again.

    To make a request takes far longer than to answer it: `before` asks each too, first.
    """
    document = web.app.openapi()
    schema = schemathesis.openapi.from_dict(document)
    done = Walk(known)
    chance = random.Random(seed)
    for result in schema.get_all_operations():
        operation = result.ok()
        for mode in modes:
            try:
                strategy = operation.as_strategy(generation_mode=mode)
            except Exception as error:  # noqa: BLE001
                done.wrong[f"{operation.label} {mode}"] = repr(error)
                continue

            @seeded(seed)
            @settings(max_examples=each, database=None, deadline=None, phases=[Phase.generate],
                      suppress_health_check=list(HealthCheck))  # fmt: skip
            @given(case=strategy)
            def ask(case: Any) -> None:
                _real_ids(case, done.known, chance)
                if "Idempotency-Key" in case.headers:
                    case.headers["Idempotency-Key"] = f"key-{seed}-{next(_KEYS):06}"
                if chance.random() < 0.7:
                    case.headers.pop("If-Match", None)
                for asker in (before, client) if before is not None else (client,):
                    loop.run_until_complete(_ask(asker, case, done))

            try:
                ask()
            except Exception as error:  # noqa: BLE001
                done.wrong[f"{operation.label} {mode}"] = f"generation: {error!r}"[:500]
    return done


def _real_ids(case: Any, known: dict[str, list[str]], chance: random.Random) -> None:
    for container in (case.path_parameters, case.query, case.body if isinstance(case.body, dict) else {}):
        for name in container or {}:
            room = case.path.split("/")[3]
            ids = known.get(f"{room}/{name}") or known.get(name)
            if ids and chance.random() < REAL:
                container[name] = chance.choice(ids)


async def _ask(client: httpx.AsyncClient, case: Any, done: Walk) -> None:
    kwargs = case.as_transport_kwargs(base_url="http://floor.test")
    request = _request(client, kwargs)
    if request is None:
        return
    answer = await client.send(request)
    done.asked += 1
    done.answered[answer.status_code] = done.answered.get(answer.status_code, 0) + 1
    try:
        if answer.status_code in (500, 502):
            raise Failure(operation=case.operation.label, title="Server error", message="")
        case.validate_response(schemathesis.Response.from_httpx(answer, verify=True), checks=CHECKS)
    except FailureGroup as group:
        for failure in group.exceptions:
            _note(done, case, answer, failure)
    except Failure as failure:
        _note(done, case, answer, failure)


def _request(client: httpx.AsyncClient, kwargs: dict[str, Any]) -> httpx.Request | None:
    """Make a request; None for what no client can send (a header with a line break, for one)."""
    body = {"json": kwargs["json"]} if kwargs.get("json") is not None else {"content": _bytes(kwargs)}
    try:
        headers = {name: value.encode("latin-1") for name, value in (kwargs.get("headers") or {}).items()
                   if name.lower() not in {"user-agent", "authorization"}}  # fmt: skip
        return client.build_request(
            kwargs["method"], kwargs["url"], params=kwargs.get("params"), headers=headers, **body
        )
    except (UnicodeError, ValueError, TypeError, httpx.InvalidURL):
        return None


def _bytes(kwargs: dict[str, Any]) -> bytes:
    data = kwargs.get("data")
    return data if isinstance(data, bytes) else str(data).encode() if data is not None else b""


def _note(done: Walk, case: Any, answer: httpx.Response, failure: Failure) -> None:
    sent = answer.request
    told = f"{failure.title} {answer.status_code} {answer.text[:160]}"
    done.wrong.setdefault(
        f"{case.operation.label}: {failure.title} {answer.status_code} "
        + (answer.json().get("code", "") if "problem" in answer.headers.get("content-type", "") else ""),
        f"{told}\n  {str(failure)[:300]}\n  {sent.method} {sent.url} {sent.content[:300]!r}",
    )


def api_routes(web: WebFloor) -> list[APIRoute]:
    """Return every route that the document names."""
    return [one for one in web.app.routes if isinstance(one, APIRoute) and one.include_in_schema]
