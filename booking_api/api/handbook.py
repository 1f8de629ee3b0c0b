"""The pages of docs/ that are read from the API itself: its codes, and what each endpoint takes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fastapi.routing import APIRoute

from booking_api.api import PREFIX, codes
from booking_api.api.rights import rights_of
from booking_api.auth.permissions import GRANTS, Permission
from booking_api.rooms import API
from booking_api.rooms import PAGES as ROOMS_OF_PAGES

ROOT = Path(__file__).resolve().parents[2]
SECURITY = "docs/security.md"
BEGIN, END = "<!-- rights: written by `make docs` -->", "<!-- end of rights -->"


def problems_page() -> str:
    """Return the list of every code."""
    lines = [
        "# Codes of problems",
        "",
        "Written from the sources by `make docs`. An answer that is no success is `application/problem+json`",
        "([api.md](api.md)): `code` is one of these and stays, `detail` is the sentence, with what differs",
        "in place of `…`. The server shows the same list at `/api/problems`, where a problem's `type` leads.",
        "",
        "| code | status | sentence |",
        "| --- | --- | --- |",
    ]
    for one in codes.read_sources(ROOT):
        said = "<br>".join(" ".join(text.replace("|", "\\|").split()) for text in one.sentences)
        lines.append(f'| <a id="{one.code}"></a>`{one.code}` | {one.status} | {said or "–"} |')
    return "\n".join(lines) + "\n"


def problems_kept() -> str:
    """Return the list that the server's page is made from."""
    return codes.written(codes.read_sources(ROOT))


def security_page() -> str:
    """Return docs/security.md with the matrix of roles and rights as the code has it."""
    text = (ROOT / SECURITY).read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n" + "\n".join(_matrix()) + f"\n\n{END}{after}"


def endpoints_page() -> str:
    """Return what each endpoint and page takes."""
    lines = [
        "# What each endpoint takes",
        "",
        "Written from the code by `make docs`. Who has which right is in [security.md](security.md); each",
        "line is held for each role, on one's own things and on another's, by",
        "`tests/contract/server/test_web_access.py`. *always*: everybody who asks has this right. *depends*:",
        "these rights are looked at, by what is asked and whose it is; `me:…` is for one's own things.",
        "",
        "| method | address | signed in | always | depends |",
        "| --- | --- | --- | --- | --- |",
    ]
    routes = [route for room in (*API, *ROOMS_OF_PAGES) for route in room.router.routes]
    rows = [
        (route.path, method, route)
        for route in routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    ]
    for path, method, route in sorted(rows, key=lambda row: (not row[0].startswith(PREFIX), row[0], row[1])):
        rights = rights_of(route)
        cells = (method, f"`{path}`", "no" if rights.is_open else "yes", _named(rights.always))
        lines.append(f"| {' | '.join(cells)} | {_named(rights.depends)} |")
    return "\n".join(lines) + "\n"


def _matrix() -> Iterator[str]:
    yield f"| right | nobody | {' | '.join(GRANTS)} |"
    yield f"| --- | --- |{' --- |' * len(GRANTS)}"
    for right in Permission:
        held = " | ".join("yes" if right in granted else "–" for granted in GRANTS.values())
        yield f"| `{right}` | – | {held} |"


def _named(rights: tuple[Permission, ...]) -> str:
    return ", ".join(f"`{right}`" for right in rights) or "–"


PAGES = {
    "docs/api-problems.md": problems_page,
    "docs/api-rights.md": endpoints_page,
    "booking_api/api/problems.json": problems_kept,
    SECURITY: security_page,
}
