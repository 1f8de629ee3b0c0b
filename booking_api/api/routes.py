"""The routes of rooms: read by FastAPI when they are first asked, and with what is common to the API's.

A server has some 450 endpoints. To read all of them at its start, signatures, dependencies and models, took a
third of its start and a fifth of its memory, and most are not asked for in a day.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from starlette.routing import compile_path, get_name

from booking_api.api import PREFIX
from booking_api.api.common import Around

LATE = frozenset(APIRoute.__annotations__) | {"app", "response_model"}
"""What FastAPI makes of an endpoint; a mistake in one is found when it is first asked, as tests ask all."""


class Route(APIRoute):
    """An endpoint; until it is asked for it only knows which requests are its own."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        self._read = partial(super().__init__, path, endpoint, **options)
        self.path, self.endpoint = path, endpoint
        self.methods = {method.upper() for method in options.get("methods") or ("GET",)}
        self.name = options.get("name") or get_name(endpoint)
        self.include_in_schema = options.get("include_in_schema", True)
        self.path_regex, self.path_format, self.param_convertors = compile_path(path)

    def __getattr__(self, name: str) -> Any:
        """Read the endpoint for what is not known yet; two threads that do it at once make the same twice."""
        if name not in LATE:
            raise AttributeError(name)
        self._read()
        return self.__dict__[name]

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers a request."""
        inner = super().get_route_handler()
        return Around(self, inner).answer if self.path.startswith(f"{PREFIX}/") else inner


class Router(APIRouter):
    """The endpoints of a room; it takes what FastAPI's takes."""

    def __init__(self, **options: Any) -> None:
        super().__init__(route_class=Route, **options)
