"""Tariffs and settings as pages: what operators read there, try, and put in force."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import httpx
import pytest

from booking_api.tariffs import service
from tests.kit.web import WebFloor, build

DRAFT = """id = "laser"
name = "Laser cutting"
commodity = "EUR"
valid_from = 2026-06-01
[tiers.member]
multiplier = 0.5
[[components]]
per = "machine_time"
unit = "min"
price = 0.5
"""
SENT = {"tariff": "laser", "text": DRAFT, "base": DRAFT}


@pytest.fixture(scope="module")
def floor(tmp_path_factory: pytest.TempPathFactory) -> WebFloor:
    return build(tmp_path_factory.mktemp("rates"))


async def ask(floor: WebFloor, method: str, path: str, **more: object) -> httpx.Response:
    olga = await floor.signed_in("olga")
    return await olga.request(method, path, **more)  # type: ignore[arg-type] # what httpx takes


def names(folder: Path) -> set[str]:
    return {one.name for one in folder.iterdir()}


async def test_the_next_version_is_tried_compared_and_put_in_force_once(floor: WebFloor) -> None:
    page = await ask(floor, "GET", "/tariffs/laser/edit")
    assert "valid_from = 2026-06-01" in page.text
    tried = await ask(floor, "POST", "/tariffs/draft?side=form", data=SENT | {"components.0.price": "x"})
    assert "components[1].price" in tried.text
    assert 'id="f-components-0-price-problem"' in tried.text
    compared = await ask(floor, "POST", "/tariffs/compare", data=SENT, headers={"hx-request": "true"})
    assert "2 uses from 20 Feb 2026" in compared.text
    table = await ask(floor, "POST", "/tariffs/compare.csv", data=SENT)
    rows = list(csv.DictReader(io.StringIO(table.content.decode("utf-8-sig"))))
    assert [(row["name"], row["change"]) for row in rows] == [
        ("Mira Quince (1)", "0.250000"),
        ("Otto Basalt (2)", "-0.500000"),
    ]
    for _ in range(2):
        kept = await ask(floor, "POST", "/tariffs/keep", data=SENT | {"components.0.price": "0,60"})
        assert kept.headers["location"] == "/tariffs/laser?notice=tariff_kept"
    with floor.context.database.read() as session:
        versions = service.versions(session, ["laser"])["laser"]
    assert [version.text.count("price = 0.60") for version in versions] == [0, 1]
    shown = await ask(floor, "GET", "/tariffs/laser")
    assert "to come" in shown.text
    assert "written by Olga" in shown.text


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"valid_from": "2026-02-01T00:00"}, "lies ahead"),
        ({"text": DRAFT.replace('"laser"', '"other"')}, "Begin a new tariff"),
        ({"tariff": ""}, "already"),
    ],
)
async def test_a_version_that_would_change_the_past_or_the_name_is_refused(
    floor: WebFloor, changed: dict[str, str], code: str
) -> None:
    answer = await ask(floor, "POST", "/tariffs/keep", data=SENT | changed | {"components.0.price": "9"})
    assert answer.status_code in (409, 422)
    assert code in answer.text


async def test_machines_are_put_on_a_tariff_and_taken_off(floor: WebFloor) -> None:
    await ask(floor, "POST", "/tariffs/printer/machines", data={"machine": ["printer-1", "saw-1"]})
    listed = (await ask(floor, "GET", "/tariffs")).text
    assert listed.index("Table saw") < listed.index("Printer 2 · Venus")


async def test_settings_are_written_whole_or_not_at_all(tmp_path: Path) -> None:
    floor = build(tmp_path)
    file = floor.context.settings.file
    before = file.read_text()
    wrong = await ask(floor, "POST", "/settings", data={"space.name": "Reef", "space.timezone": "Mars"})
    assert (wrong.status_code, file.read_text()) == (422, before)
    assert "Europe/Berlin" in wrong.text
    right = await ask(floor, "POST", "/settings", data={"space.name": "Reef", "prints.max_waiting": "4"})
    assert right.headers["location"] == "/settings?notice=settings_kept"
    assert file.read_text() == before.replace("Kelp Street", "Reef") + "\n[prints]\nmax_waiting = 4\n"
    assert file.with_name("makerfloor.toml.before").read_text() == before
    assert names(tmp_path) == {"data", file.name, f"{file.name}.before"}
    page, log = await ask(floor, "GET", "/settings"), await ask(floor, "GET", "/audit")
    assert "The file says something else" in page.text
    assert "prints.max_waiting" in log.text


async def test_a_secret_is_never_shown(tmp_path: Path) -> None:
    floor = build(tmp_path)
    with floor.context.settings.file.open("a") as file:
        file.write('[broker]\npassword = "tide-pool"\n[notices]\nmail = "smtp://tide-pool"\n')
    page = await ask(floor, "GET", "/settings")
    assert "tide-pool" not in page.text
    assert "is not of the right form" in page.text
    refused = await ask(floor, "POST", "/settings", data={"broker.password": "x"})
    assert refused.status_code in (409, 422)
