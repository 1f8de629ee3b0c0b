"""The pages that a person can come to by following links, one address for each route."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import urldefrag, urljoin, urlsplit

import httpx
from starlette.routing import Route

from booking_api.rooms import API, PAGES

HTML = "text/html"
TRIES = 3
"""So many addresses of a route are tried until one answers with a page."""
PAGED = re.compile(r"[?&](at|cursor|month|day|week|from|to)=")
NO_PAGE = re.compile(
    r"^/(api/|static/|vendor/|healthz|metrics|live/)|/live$|\.(csv|pdf|ics|json|xml|zip|svg|txt)"
)


@dataclass(frozen=True, slots=True)
class Reached:
    """A page: its route, the address asked, the answer's status and type, and the route that linked to it."""

    route: str
    address: str
    status: int
    media_type: str
    linked_from: str

    @property
    def is_page(self) -> bool:
        """Whether a person would read it on a screen."""
        return self.status == 200 and self.media_type == HTML


def patterns() -> list[tuple[re.Pattern[str], str]]:
    """Return every route that can be read, as the server would try them."""
    routes = [route for room in (*PAGES, *API) for route in room.router.routes if isinstance(route, Route)]
    return [(route.path_regex, route.path) for route in routes if "GET" in (route.methods or ())]


async def crawl(client: httpx.AsyncClient, begin: str = "/") -> list[Reached]:
    """Follow links from a page until no new route is met; pages first asked plain, then with a query."""
    known, waiting = patterns(), deque([(begin, "")])
    reached: dict[str, Reached] = {}
    asked: dict[str, int] = {}
    seen = {begin}
    while waiting:
        address, linked_from = waiting.popleft()
        path = urlsplit(address).path
        route = next((path_of for shape, path_of in known if shape.fullmatch(path)), "")
        if not route or NO_PAGE.search(path) or asked.get(route, 0) >= TRIES:
            continue
        if route in reached and reached[route].is_page:
            continue
        asked[route] = asked.get(route, 0) + 1
        answer = await client.get(address)
        kind = answer.headers.get("content-type", "").partition(";")[0]
        reached[route] = Reached(route, address, answer.status_code, kind, linked_from)
        onward = links(answer.text, address) if kind == HTML else [answer.headers.get("location", "")]
        for link in sorted(set(onward) - seen, key=lambda one: (PAGED.search(one) is not None, one)):
            if link.startswith("/"):
                seen.add(link)
                waiting.append((link, route))
    return list(reached.values())


def links(page: str, address: str) -> Iterator[str]:
    """Yield what a page links to on the same server, without fragments."""
    reader = _Links()
    reader.feed(page)
    for href in reader.found:
        if not href.startswith(("mailto:", "tel:", "data:", "blob:")):
            whole = urldefrag(urljoin(f"http://here{address}", href))[0]
            if whole.startswith("http://here/"):
                yield whole.removeprefix("http://here")


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if tag == "a" and name == "href" and value]
