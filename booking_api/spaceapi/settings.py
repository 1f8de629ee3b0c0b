"""The settings of the directory's entry, `[spaceapi]`; without `url` there is none."""

from __future__ import annotations

from dataclasses import dataclass

from booking_api.setting import Tables

KEYS = ("url", "logo", "address", "country", "lat", "lon", "hint", "email", "issue_mail", "phone", "matrix",
        "mastodon", "irc")  # fmt: skip
CONTACTS = ("email", "issue_mail", "phone", "matrix", "mastodon", "irc")


@dataclass(frozen=True, slots=True)
class SpaceApiSettings:
    """What stands in the directory; `url` None: the space is in none. `lat` and `lon` are degrees."""

    url: str | None
    logo: str
    address: str
    country: str
    lat: float | None
    lon: float | None
    hint: str
    contact: tuple[tuple[str, str], ...]


def read(tables: Tables) -> SpaceApiSettings:
    """Read the section; raises ConfigError."""
    address = r"https?://.+"
    return SpaceApiSettings(
        url=tables.matching("spaceapi.url", "", address, "the address of the space's web site") or None,
        logo=tables.matching("spaceapi.logo", "", address, "the address of a picture"),
        address=tables.text("spaceapi.address", ""),
        country=tables.matching("spaceapi.country", "", r"[A-Z]{2}", 'two letters such as "DE"'),
        lat=tables.number("spaceapi.lat", -90, 90),
        lon=tables.number("spaceapi.lon", -180, 180),
        hint=tables.text("spaceapi.hint", ""),
        contact=tuple((key, said) for key in CONTACTS if (said := tables.text(f"spaceapi.{key}", ""))),
    )
