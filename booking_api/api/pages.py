"""The API, described by the server itself: a plain page from the OpenAPI document, and the codes of problems.

Nothing is loaded from elsewhere, and no script is needed. Also the routes of the document's room.
"""

from __future__ import annotations

import json
from typing import Any

from fastapi import Request
from starlette.responses import Response

from booking_api.api import codes
from booking_api.api.routes import Router
from booking_api.web.pages import Paged

router = Router(prefix="/api", include_in_schema=False)
_METHODS = ("get", "post", "put", "patch", "delete")


@router.get("")
def api_page(request: Request, page: Paged) -> Response:
    """Show every operation, by room."""
    document: dict[str, Any] = request.app.openapi()
    rooms: dict[str, list[dict[str, Any]]] = {tag["name"]: [] for tag in document["tags"]}
    for path, operations in document["paths"].items():
        for method in _METHODS:
            if method in operations:
                operation = operations[method]
                rooms[operation["tags"][0]].append(_shown(path, method, operation))
    words = {tag["name"]: tag["description"] for tag in document["tags"]}
    return page.answer("api.html", {"rooms": rooms, "words": words})


@router.get("/problems")
def problems_page(page: Paged) -> Response:
    """Show every code of a problem."""
    return page.answer("api_problems.html", {"codes": codes.read_kept(), "said": page.f.texts.gettext})


def _shown(path: str, method: str, operation: dict[str, Any]) -> dict[str, Any]:
    body = operation.get("requestBody", {}).get("content", {})
    sent = next((one["example"] for one in body.values() if one.get("example") not in (None, "")), None)
    answers = [
        {
            "code": code,
            "words": answer["description"],
            "kinds": ", ".join(answer.get("content", {})),
            "example": _example(answer.get("content", {})),
        }
        for code, answer in sorted(operation["responses"].items())
    ]
    return {
        "id": operation["operationId"],
        "method": method.upper(),
        "path": path,
        "summary": operation["summary"],
        "words": operation["description"].split("\n\n")[1:],
        "parameters": [{"description": ""} | one for one in operation.get("parameters", [])],
        "sent": _written(sent) if sent is not None else "",
        "kinds": ", ".join(body),
        "answers": answers,
    }


def _example(content: dict[str, Any]) -> str:
    return next((_written(one["example"]) for one in content.values() if "example" in one), "")


def _written(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
