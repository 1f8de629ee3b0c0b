"""What each endpoint asks of who asks, read from the endpoint itself: a sign-in, and which rights."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FunctionType
from typing import Any

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from booking_api.auth.guards import acts_for, own_or, signed_in, somebody, who_asks
from booking_api.auth.permissions import Permission

_LEVELS = 2
"""How far it is looked for rights: the endpoint, and what it calls of its own room."""


@dataclass(frozen=True, slots=True)
class Rights:
    """`always` are asked of everybody; of `else_` it depends on what is asked, and whose it is."""

    is_open: bool
    always: tuple[Permission, ...]
    depends: tuple[Permission, ...]

    @property
    def words(self) -> str:
        """The rights in one sentence."""
        if self.is_open:
            return "Anybody may ask; who is signed in may see more." if self.depends else "Anybody may ask."
        said = [f"Takes the right {', '.join(f'`{one}`' for one in self.always)}."] if self.always else []
        if self.depends:
            said.append(f"By what is asked and whose it is: {', '.join(f'`{one}`' for one in self.depends)}.")
        return " ".join(said) or "Takes a sign-in."


def rights_of(route: APIRoute) -> Rights:
    """Return what a route asks."""
    calls = [one.call for one in _all(route.dependant) if one.call is not None]
    always = {right for call in calls for right in _held(call)}
    mentioned = {right for call in calls if call is not who_asks for right in _mentioned(call, _LEVELS)}
    order = list(Permission)
    return Rights(
        is_open=not any(call in (signed_in, somebody) for call in calls),
        always=tuple(sorted(always, key=order.index)),
        depends=tuple(sorted(mentioned - always, key=order.index)),
    )


def _all(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for inner in dependant.dependencies:
        yield from _all(inner)


def _held(call: Callable[..., Any]) -> Iterator[Permission]:
    """Return the right that `holds` was given: it stands in the closure of what it returned."""
    for cell in getattr(call, "__closure__", None) or ():
        if isinstance(cell.cell_contents, Permission):
            yield cell.cell_contents


def _mentioned(call: Callable[..., Any], levels: int) -> Iterator[Permission]:
    function = inspect.unwrap(call)
    if not isinstance(function, FunctionType) or not function.__module__.startswith("booking_api."):
        return
    names = set(function.__code__.co_names)
    yield from (Permission[name] for name in names & set(Permission.__members__))
    for name in sorted(names):
        inner = function.__globals__.get(name)
        if inner is own_or:
            yield Permission.ME_READ
        elif inner is acts_for:
            yield Permission.ME_WRITE
        elif levels > 1 and isinstance(inner, FunctionType) and "who" in inner.__code__.co_varnames:
            yield from _mentioned(inner, levels - 1)
