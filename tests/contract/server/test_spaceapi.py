"""The directory's description of the space: the fields that SpaceAPI v15 and v14 ask for, and nobody in it.

The constraints are written here from https://spaceapi.io/docs and the published schemas of both versions.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator

from booking_api.settings import read_settings
from floor.errors import ConfigError
from tests.kit.web import SETTINGS, WebFloor, build

TEXT = {"type": "string"}
V15: dict[str, Any] = {
    "type": "object",
    "required": ["api_compatibility", "space", "logo", "url", "contact"],
    "properties": {
        "api_compatibility": {"type": "array", "items": TEXT, "contains": {"const": "15"}},
        "space": TEXT,
        "logo": TEXT,
        "url": TEXT,
        "location": {
            "type": "object",
            "minProperties": 1,
            "properties": {
                **dict.fromkeys(("address", "timezone", "country_code", "hint"), TEXT),
                **{key: {"type": "number"} for key in ("lat", "lon")},
            },
            "dependentRequired": {"lat": ["lon"], "lon": ["lat"]},
        },
        "contact": {"type": "object", "additionalProperties": TEXT},
        "sensors": {"type": "object"},
    },
}
ENTRY = """
[spaceapi]
url = "https://kelp.example"
address = "12 Kelp Street, Dublin, Ireland"
country = "IE"
lat = 53.34
lon = -6.26
email = "hello@kelp.example"
matrix = "#kelp:kelp.example"
"""


def described(folder: Path, entry: str) -> WebFloor:
    floor = build(folder)
    (folder / "makerfloor.toml").write_text(SETTINGS + entry)
    settings = read_settings(folder / "makerfloor.toml", {})
    object.__setattr__(floor.context, "settings", settings)
    return floor


async def test_the_description_is_what_the_directory_takes(tmp_path: Path) -> None:
    web = described(tmp_path, ENTRY)
    web.shows(web.in_use("laser-1", "mira"), *(web.free(one) for one in ("laser-2", "printer-1")))
    answer = await web.browser().get("/spaceapi.json", headers={"origin": "https://directory.example"})
    told = answer.json()
    assert [error.message for error in Draft202012Validator(V15).iter_errors(told)] == []
    assert told["api_compatibility"] == ["14", "15"]
    assert {"location", "contact"} <= set(told)  # which v14 asks for
    assert (told["location"]["lat"], told["contact"]["email"]) == (53.34, "hello@kelp.example")
    used = {one["location"]: one["value"] for one in told["sensors"]["ext_machines_in_use"]}
    assert (used["Laser room"], used["Print room"]) == (1, 0)
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["content-type"] == "application/json"


async def test_nobody_is_in_it_and_who_asks_makes_no_difference(tmp_path: Path) -> None:
    web = described(tmp_path, ENTRY)
    web.shows(web.in_use("laser-1", "mira"))
    text = (await web.browser().get("/spaceapi.json")).text
    assert not [name for name in ("Mira", "Quince", *web.people.values()) if name in text]
    assert (await web.program("ada").get("/spaceapi.json")).text == text


async def test_a_space_that_did_not_ask_is_in_no_directory(tmp_path: Path) -> None:
    web = build(tmp_path)
    answer = await web.browser().get("/spaceapi.json")
    assert (answer.status_code, answer.json()["code"]) == (404, "path_not_found")
    assert "access-control-allow-origin" not in (await web.browser().get("/api/v1/machines")).headers


@pytest.mark.parametrize(
    "wrong", ["lat = 91", 'lon = "x"', 'country = "Ireland"', 'url = "kelp.example"', "a = 1"]
)
def test_a_wrong_setting_is_named(tmp_path: Path, wrong: str) -> None:
    file = tmp_path / "makerfloor.toml"
    file.write_text(f"[spaceapi]\n{wrong}\n")
    with pytest.raises(ConfigError, match=r"spaceapi\."):
        read_settings(file, {})
