"""The OpenAPI document: what FastAPI reads from the endpoints, and what is common to all of them."""

from __future__ import annotations

import inspect
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from booking_api.api import PREFIX
from booking_api.api.common import is_plain_list
from booking_api.api.examples import example
from booking_api.api.rights import rights_of
from booking_api.auth.guards import SAFE, writing
from booking_api.paging import LIMIT_MAX
from booking_api.problems import MEDIA

Json = dict[str, Any]
DONE = {
    "200": "Here it is.",
    "201": "It is made.",
    "202": "It is asked for.",
    "204": "Done; there is nothing to say.",
}
STATUSES = {
    304: "It is what you have: no body.",
    400: "The request cannot be read.",
    401: "Nobody is signed in.",
    403: "It is not yours to do.",
    404: "There is no such thing, or it is hidden from you.",
    408: "The body came too slowly.",
    409: "A rule says no: see `code`.",
    412: "It changed since you read it.",
    413: "The body is too large.",
    414: "The address is too long.",
    415: "The body is of another kind than JSON.",
    422: "A value is missing or wrong: see `errors`.",
    429: "Asked too often.",
    431: "The headers are too long.",
    503: "Too much is asked of it at once.",
    504: "The machine or the provider does not answer.",
    507: "The disk is full.",
}
PROBLEM: Json = {
    "type": "object",
    "title": "Problem",
    "description": "What went wrong (RFC 9457). `code` is stable; `detail` is a sentence for people.",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference", "examples": ["/api/problems#badge_not_found"]},
        "title": {"type": "string", "examples": ["Badge not found"]},
        "status": {"type": "integer", "minimum": 400, "maximum": 599, "examples": [404]},
        "code": {"type": "string", "pattern": "^[a-z0-9_]+$", "examples": ["badge_not_found"]},
        "detail": {"type": "string", "examples": ["There is no such badge."]},
        "errors": {
            "type": "array",
            "description": "Each wrong field: its place (RFC 6901), and what is wrong, without the value.",
            "items": {
                "type": "object",
                "required": ["in", "pointer", "message", "kind"],
                "properties": {
                    "in": {"type": "string", "examples": ["body"]},
                    "pointer": {"type": "string", "examples": ["/first_name"]},
                    "message": {"type": "string", "examples": ["Field required"]},
                    "kind": {"type": "string", "examples": ["missing"]},
                },
            },
        },
    },
}
SECURITY = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API token, made on a signed-in page; its scopes are rights.",
    },
    "cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": "makerfloor",
        "description": "A signed-in browser. Writes carry the page's token in `X-CSRF-Token`.",
    },
}
_TEXT: Json = {"type": "string"}
KEY: Json = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Chosen by the caller, new for each write; the same again returns the first answer.",
    "schema": {"type": "string", "minLength": 8, "maxLength": 100, "pattern": "^[!-~]+$"},
}
IF_MATCH: Json = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "description": "The ETag of what was read: 412 when it changed meanwhile.",
    "schema": _TEXT,
}
IF_NONE_MATCH: Json = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "ETags that the caller has: 304 when one is current.",
    "schema": _TEXT,
}
PART: tuple[Json, ...] = (
    {
        "name": "limit",
        "in": "query",
        "required": False,
        "description": "How many at most; without it and without a cursor all.",
        "schema": {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX},
    },
    {
        "name": "cursor",
        "in": "query",
        "required": False,
        "description": "From the Link header of the part before.",
        "schema": {"type": "string", "maxLength": 200},
    },
)


class Application(FastAPI):
    """FastAPI, with a document that says all of the API."""

    def openapi(self) -> Json:
        """Return the document, made at the first question."""
        if self.openapi_schema is None:
            self.openapi_schema = _finished(super().openapi(), self.routes)
        return self.openapi_schema


def operation_id(method: str, path: str) -> str:
    """Return the name of an operation: stable, as its address is."""
    words = path.removeprefix(PREFIX).replace("{", "").replace("}", "").replace("-", "_").replace(".", "_")
    return f"{method.lower()}{words.replace('/', '_')}"


def _finished(document: Json, routes: list[Any]) -> Json:
    known = document["components"]["schemas"]
    known.pop("HTTPValidationError", None)
    known.pop("ValidationError", None)
    known["Problem"] = PROBLEM
    document["components"]["securitySchemes"] = SECURITY
    tags: dict[str, str] = {}
    for route in routes:
        if not isinstance(route, APIRoute) or not route.include_in_schema:
            continue
        for method in route.methods or ():
            operation = document["paths"][route.path_format][method.lower()]
            _describe(operation, route, method)
            _answers(operation, route, method)
            _show(operation, known)
            for tag in operation.get("tags", ()):
                tags.setdefault(tag, _room(route))
    document["tags"] = [{"name": tag, "description": tags[tag]} for tag in sorted(tags)]
    return document


def _room(route: APIRoute) -> str:
    """Return what the module of an endpoint says of itself."""
    return (inspect.getdoc(inspect.getmodule(route.endpoint)) or "").partition("\n")[0]


def _describe(operation: Json, route: APIRoute, method: str) -> None:
    rights = rights_of(route)
    first, _, rest = (route.description or operation["summary"]).partition("\n")
    operation["operationId"] = operation_id(method, route.path_format)
    operation["summary"] = first.strip().removesuffix(".")
    operation["description"] = "\n\n".join(part for part in (first, rest.strip(), rights.words) if part)
    if not rights.is_open:
        operation["security"] = [{"bearer": list(rights.always)}, {"cookie": []}]
    operation["x-rights"] = {"always": list(rights.always), "depends": list(rights.depends)}
    given = operation.setdefault("parameters", [])
    reads = [IF_NONE_MATCH, *(PART if is_plain_list(route) else ())]
    more = reads if method in SAFE else [KEY, IF_MATCH]
    names = {one["name"].lower() for one in given}
    given.extend(one for one in more if one["name"].lower() not in names)
    reads_body = route.dependant.request_param_name is not None and method not in SAFE
    if reads_body and "requestBody" not in operation:
        binary = {"schema": {"type": "string", "format": "binary"}, "example": ""}
        operation["requestBody"] = {"required": True, "content": {"application/octet-stream": binary}}


def _answers(operation: Json, route: APIRoute, method: str) -> None:
    """Document every refusal that an operation may answer, as a problem."""
    writes = method not in SAFE
    statuses = {414, 422, 431}
    if operation.get("security"):
        statuses |= {401, 403, 429}
    if writes or "{" in route.path_format or route.dependant.query_params:
        statuses |= {404}
    if writes:
        statuses |= {409, 412, 507}
        if "requestBody" in operation:
            statuses |= {400, 408, 413, 415}
        if not _transacts(route):
            statuses |= {429, 503, 504}
    answers: Json = operation["responses"]
    for code, words in DONE.items():
        if code in answers:
            answers[code]["description"] = words
    for status in sorted(statuses | {int(code) for code in answers if code >= "4"}):
        content = {MEDIA: {"schema": {"$ref": "#/components/schemas/Problem"}}}
        answers[str(status)] = {"description": STATUSES[status], "content": content}
    if not writes:
        answers["304"] = {"description": STATUSES[304]}
        _headers(answers, route)
    else:
        for code, answer in answers.items():
            if code.startswith("2"):
                answer.setdefault("headers", {})["Idempotency-Replayed"] = {
                    "description": "`true`: this is the answer that was given before.",
                    "schema": _TEXT,
                }


def _headers(answers: Json, route: APIRoute) -> None:
    headers = answers["200"].setdefault("headers", {})
    headers["ETag"] = {"description": "What stands here now.", "schema": _TEXT}
    if is_plain_list(route) or any(one.alias == "cursor" for one in route.dependant.query_params):
        headers["Link"] = {"description": '`rel="next"`: the next part.', "schema": _TEXT}


def _transacts(route: APIRoute) -> bool:
    return any(one.call is writing for one in route.dependant.dependencies)


def _show(operation: Json, known: Json) -> None:
    """Put an example to each body of JSON."""
    body = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if body is not None and "examples" not in body:
        body["example"] = example(body["schema"], known, whole=False)
    for code, answer in operation["responses"].items():
        told = answer.get("content", {}).get("application/json")
        if code.startswith("2") and told is not None and told.get("schema"):
            told["example"] = example(told["schema"], known, whole=True)
