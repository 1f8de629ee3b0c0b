"""Calls on their way: a token on each, a key on each write, and again when network or server falter."""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

import httpx

from booking_api.client import calls
from booking_api.client.calls import Call, Many
from booking_api.client.models import (
    Badge,
    Balance,
    Charge,
    FreeSlot,
    Machine,
    Member,
    Outcome,
    Posted,
    Reservation,
    Session,
    TariffVersion,
)
from booking_api.client.problems import Unreachable, Unreadable, problem_of

T = TypeVar("T")
AGAIN = frozenset({429, 502, 503, 504})
"""Statuses after which the same request is sent again."""
IN_USE = "key_in_use"
"""The code of a write that is still being done, by a try whose answer did not come in time."""
PAUSE_MAX_S = 10.0


@dataclass(frozen=True)
class Seen(Generic[T]):
    """A thing as it was read, and its ETag: passed as `if_match`, it lets nothing unseen be changed."""

    value: T
    etag: str


@dataclass(frozen=True)
class Patience:
    """How long to wait for an answer (seconds), how often to try, and the first pause, which doubles."""

    timeout_s: float = 30.0
    tries: int = 4
    pause_s: float = 0.25

    def pause(self, tried: int, answer: httpx.Response | None) -> float:
        """Return how long to wait after a try, in seconds; the server's `Retry-After` stands over it."""
        asked = answer.headers.get("retry-after", "") if answer is not None else ""
        if asked.isdigit():
            return min(PAUSE_MAX_S, float(asked))
        doubled: float = self.pause_s * 2 ** (tried - 1)
        return min(PAUSE_MAX_S, doubled) * random.uniform(0.5, 1)


class Client:
    """The API in plain calls, by noun. Raises Problem, or Unreachable."""

    def __init__(
        self,
        address: str,
        token: str,
        patience: Patience | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._patience = patience or Patience()
        self._http = httpx.Client(
            base_url=address, headers=_headers(token), timeout=self._patience.timeout_s, transport=transport
        )
        self.machines = Machines(self)
        self.members = Members(self)
        self.sessions = Sessions(self)
        self.reservations = Reservations(self)
        self.tariffs = Tariffs(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self._http.close()

    def do(self, call: Call[T], *, if_match: str | None = None, key: str | None = None) -> T:
        """Do a call; `key` is its Idempotency-Key, a new one unless given."""
        return call.read(self._sent(_request(self._http.build_request, call, if_match, key)).content)

    def see(self, call: Call[T]) -> Seen[T]:
        """Read something with its ETag."""
        answer = self._sent(_request(self._http.build_request, call, None, None))
        return Seen(call.read(answer.content), answer.headers.get("etag", ""))

    def each(self, many: Many[T]) -> Iterator[T]:
        """Return every row of a list, asking for the next part when it is needed."""
        request: httpx.Request | None = _first(self._http.build_request, many)
        while request is not None:
            answer = self._sent(request)
            yield from many.read(answer.content)
            request = _next(self._http.build_request, answer)

    def _sent(self, request: httpx.Request) -> httpx.Response:
        for tried in range(1, self._patience.tries + 1):
            answer, error = None, None
            try:
                answer = self._http.send(request)
            except httpx.TransportError as failed:
                error = failed
            done = _judged(answer, error, last=tried == self._patience.tries)
            if done is not None:
                return done
            time.sleep(self._patience.pause(tried, answer))
        raise AssertionError("the last try returns or raises")


class AsyncClient:
    """The API in an event loop: `do`, `see` and `each` with what `calls` makes."""

    def __init__(
        self,
        address: str,
        token: str,
        patience: Patience | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._patience = patience or Patience()
        self._http = httpx.AsyncClient(
            base_url=address, headers=_headers(token), timeout=self._patience.timeout_s, transport=transport
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def do(self, call: Call[T], *, if_match: str | None = None, key: str | None = None) -> T:
        """Do a call; `key` is its Idempotency-Key, a new one unless given."""
        answer = await self._sent(_request(self._http.build_request, call, if_match, key))
        return call.read(answer.content)

    async def see(self, call: Call[T]) -> Seen[T]:
        """Read something with its ETag."""
        answer = await self._sent(_request(self._http.build_request, call, None, None))
        return Seen(call.read(answer.content), answer.headers.get("etag", ""))

    async def each(self, many: Many[T]) -> AsyncIterator[T]:
        """Return every row of a list, asking for the next part when it is needed."""
        request: httpx.Request | None = _first(self._http.build_request, many)
        while request is not None:
            answer = await self._sent(request)
            for row in many.read(answer.content):
                yield row
            request = _next(self._http.build_request, answer)

    async def _sent(self, request: httpx.Request) -> httpx.Response:
        for tried in range(1, self._patience.tries + 1):
            answer, error = None, None
            try:
                answer = await self._http.send(request)
            except httpx.TransportError as failed:
                error = failed
            done = _judged(answer, error, last=tried == self._patience.tries)
            if done is not None:
                return done
            await asyncio.sleep(self._patience.pause(tried, answer))
        raise AssertionError("the last try returns or raises")


class Machines:
    """Machines."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def list(self) -> Iterator[Machine]:
        """List the machines on the floor."""
        return self._client.each(calls.machines())

    def get(self, id: str) -> Machine:
        """Return a machine."""
        return self._client.do(calls.machine(id))

    def see(self, id: str) -> Seen[Machine]:
        """Return a machine with its ETag."""
        return self._client.see(calls.machine(id))

    def change(self, id: str, *, if_match: str | None = None, **changes: Any) -> Machine:
        """Change what is given of a machine; raises Changed when it is not as `if_match` saw it."""
        return self._client.do(calls.change_machine(id, **changes), if_match=if_match)

    def lock_out(self, id: str, reason: str) -> Outcome:
        """Take a machine out of order."""
        return self._client.do(calls.lock_out(id, reason))

    def clear(self, id: str, reason: str) -> Outcome:
        """Put a machine in order again; gives no power."""
        return self._client.do(calls.clear(id, reason))


class Members:
    """Members and their money."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def me(self) -> Member:
        """Return whose token it is."""
        return self._client.do(calls.me())

    def list(self, text: str | None = None) -> Iterator[Member]:
        """List members; `text` is a part of a name, a number or an email."""
        return self._client.each(calls.members(text))

    def get(self, id: str) -> Member:
        """Return a member."""
        return self._client.do(calls.member(id))

    def see(self, id: str) -> Seen[Member]:
        """Return a member with an ETag."""
        return self._client.see(calls.member(id))

    def add(self, first_name: str, last_name: str = "", *, key: str | None = None, **more: Any) -> Member:
        """Admit a member."""
        return self._client.do(calls.add_member(first_name, last_name, **more), key=key)

    def change(self, id: str, *, if_match: str | None = None, **changes: Any) -> Member:
        """Change what is given of a member; raises Changed when it is not as `if_match` saw it."""
        return self._client.do(calls.change_member(id, **changes), if_match=if_match)

    def balances(self, id: str) -> Sequence[Balance]:
        """Return what a member owes or has in credit."""
        return self._client.do(calls.balances(id))

    def badges(self, id: str) -> Sequence[Badge]:
        """Return a member's badges."""
        return self._client.do(calls.badges(id))

    def report_lost(self, badge: str) -> Badge:
        """Have a badge refused everywhere."""
        return self._client.do(calls.report_lost(badge))

    def report_found(self, badge: str) -> Badge:
        """Let a badge that was lost be used again."""
        return self._client.do(calls.report_found(badge))

    def charge(self, id: str) -> Charge:
        """Return a charge, also one that was replaced."""
        return self._client.do(calls.charge(id))

    def take_payment(
        self, id: str, amount_micro: int, commodity: str, memo: str = "", *, key: str | None = None
    ) -> Posted:
        """Post money that a member paid in cash."""
        return self._client.do(calls.take_payment(id, amount_micro, commodity, memo), key=key)


class Sessions:
    """Uses of machines."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def list(self, member: str | None = None, machine: str | None = None) -> Iterator[Session]:
        """List uses, newest first: one's own unless the token has a right to others'."""
        return self._client.each(calls.sessions(member, machine))

    def get(self, id: str) -> Session:
        """Return a use of a machine."""
        return self._client.do(calls.session(id))


class Reservations:
    """Reservations."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def list(
        self,
        machine: str | None = None,
        member: str | None = None,
        from_ms: int | None = None,
        to_ms: int | None = None,
    ) -> Iterator[Reservation]:
        """List reservations that touch a time, in the order in which they were made."""
        return self._client.each(calls.reservations(machine, member, from_ms, to_ms))

    def free(self, machine: str, from_ms: int, to_ms: int) -> Sequence[FreeSlot]:
        """Return the times of a machine that are open and that nobody has, within at most 100 days."""
        return self._client.do(calls.free_slots(machine, from_ms, to_ms))

    def book(
        self, machine: str, begins_ms: int, ends_ms: int, *, key: str | None = None, **more: Any
    ) -> Reservation:
        """Book a slot; raises Conflict, whose `code` names the rule that decided."""
        return self._client.do(calls.book(machine, begins_ms, ends_ms, **more), key=key)

    def cancel(self, id: str, reason: str = "") -> Reservation:
        """Give a slot up."""
        return self._client.do(calls.cancel(id, reason))


class Tariffs:
    """Price lists."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def list(self) -> Iterator[TariffVersion]:
        """List every version of every price list."""
        return self._client.each(calls.tariffs())

    def quote(self, usage: str, *tariffs: str) -> dict[str, Any]:
        """Return what a list of uses (TOML) costs by price lists (TOML), every line explained."""
        return self._client.do(calls.quote_uses(usage, *tariffs))

    def compare(self, new: str, since: str, **more: Any) -> dict[str, Any]:
        """Return what past use would have cost by another price list (TOML), since a day."""
        return self._client.do(calls.compare_tariffs(new, since, **more))


def _headers(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", "Accept": "application/json"}


def _request(
    build: Callable[..., httpx.Request], call: Call[Any], if_match: str | None, key: str | None
) -> httpx.Request:
    headers = {"If-Match": if_match} if if_match else {}
    if call.method != "GET":
        headers["Idempotency-Key"] = key or str(uuid.uuid4())
    query = {name: value for name, value in call.query.items() if value is not None}
    return build(call.method, call.path, params=query, json=call.body, headers=headers)


def _first(build: Callable[..., httpx.Request], many: Many[Any]) -> httpx.Request:
    query = {name: value for name, value in many.query.items() if value is not None}
    return build("GET", many.path, params=query | {"limit": many.limit})


def _next(build: Callable[..., httpx.Request], answer: httpx.Response) -> httpx.Request | None:
    following = answer.links.get("next", {}).get("url")
    return build("GET", following) if following else None


def _judged(
    answer: httpx.Response | None, error: httpx.TransportError | None, *, last: bool
) -> httpx.Response | None:
    """Return a good answer, None for what is worth another try; raises ClientError for all else."""
    if answer is None:
        if last:
            raise Unreachable(str(error)) from error
        return None
    if answer.is_success:
        return answer
    if answer.status_code < 400:
        raise Unreadable(f"{answer.request.url} leads elsewhere ({answer.status_code}): give that address.")
    problem = problem_of(answer.status_code, answer.content)
    if (answer.status_code in AGAIN or problem.code == IN_USE) and not last:
        return None
    raise problem
