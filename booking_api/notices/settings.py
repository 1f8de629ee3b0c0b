"""The settings of webhooks and notices."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from booking_api.setting import Tables
from booking_api.webhooks.addresses import Reach

KEYS: dict[str, tuple[str, ...]] = {
    "webhooks": ("loopback", "private"),
    "notices": ("mail", "from", "push", "staff", "quiet", "remind_min"),
}
SECRETS = {
    "notices.mail": "MAKERFLOOR_NOTICES_MAIL",
    "notices.staff": "MAKERFLOOR_NOTICES_STAFF",
}
_SCHEME = re.compile(r"[a-z][a-z0-9]{1,15}")
_URL = r"[a-zA-Z][a-zA-Z0-9]*://\S+"
_FROM = r"[^@\s<>]+@[^@\s<>]+|[^@<>\r\n]{1,60} <[^@\s<>]+@[^@\s<>]+>"
_MAIL = r"mailtos?://\S+"
_QUIET = r"([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]"
FORBIDDEN = frozenset({"mailto", "mailtos", "syslog", "dbus", "file", "exec", "gnome", "windows", "macosx"})
"""What acts on this machine, or is no push: never a member's."""


@dataclass(frozen=True, slots=True)
class NoticeSettings:
    """How people are told. `mail` and `staff` are addresses of Apprise, "" for none; `sender` stands in From.

    `push` are the schemes that members may use. `quiet` are the minutes of the day, from and to before, in
    which no phone is rung; equal: none. `remind_min` is how long before its begin a reservation is reminded
    of (0: never). `reach` holds for webhooks and for members' own addresses.
    """

    mail: str = ""
    sender: str = ""
    push: tuple[str, ...] = ()
    staff: str = ""
    quiet: tuple[int, int] = (0, 0)
    remind_min: int = 60
    reach: Reach = field(default_factory=Reach)

    def __repr__(self) -> str:
        return f"NoticeSettings(push={self.push!r})"


def read(tables: Tables) -> NoticeSettings:
    """Read the tables `webhooks` and `notices`; raises ConfigError."""
    schemes = tables.texts("notices.push")
    for scheme in schemes:
        if not _SCHEME.fullmatch(scheme) or scheme in FORBIDDEN:
            problem, remedy = f"has {scheme!r}", 'Write schemes of Apprise, such as ["ntfys", "pover"].'
            raise tables.error("notices.push", problem, remedy)
    quiet = tables.matching("notices.quiet", "", _QUIET, 'hours such as "22:00-07:00"')
    return NoticeSettings(
        mail=tables.matching("notices.mail", "", _MAIL, '"mailtos://user:password@mail.example.org"'),
        sender=tables.matching("notices.from", "", _FROM, 'an address, "floor@example.org"'),
        push=schemes,
        staff=tables.matching("notices.staff", "", _URL, 'an address of Apprise, "ntfys://host/topic"'),
        quiet=_minutes(quiet),
        remind_min=tables.whole("notices.remind_min", 60, 0, 10_080),
        reach=Reach(tables.flag("webhooks.loopback", False), tables.flag("webhooks.private", False)),
    )


def _minutes(quiet: str) -> tuple[int, int]:
    if not quiet:
        return 0, 0
    (from_h, from_m), (to_h, to_m) = (part.split(":") for part in quiet.split("-"))
    return int(from_h) * 60 + int(from_m), int(to_h) * 60 + int(to_m)
