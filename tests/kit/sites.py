"""A network of real sites: Berlin bills in EUR and speaks English, Shanghai in CNY and Chinese; a third is
Lisbon, in EUR too.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from booking_api import migrations
from booking_api.badges import service as badges
from booking_api.certifications import service as certifications
from booking_api.db import Database
from booking_api.gateways import enrol
from booking_api.machines import service as machines
from booking_api.members import service as members
from booking_api.members.service import MemberDetails
from booking_api.metering.ingest import ingest
from booking_api.sites.courier import Courier, Open, opened
from booking_api.sites.models import Visitor
from booking_api.sites.network import read_network
from booking_api.sites.visitors import find
from booking_api.tariffs import service as tariffs
from booking_api.vault import open_vault
from floor.words import BadgeKind
from tests.kit.server import NOW_MS, TARIFF, Writer
from tests.kit.template import copied

UID = bytes.fromhex("04a2b3c4")
UIDS = {"Ada": UID, "Lin": UID[::-1], "Rui": bytes.fromhex("04b1c2d3")}
RATE = "0.1281"
SETTINGS = """
[space]
name = "{name}"
timezone = "{zone}"
language = "{language}"
currency = "{currency}"
[server]
data = "data"
port = 1808{n}
[broker]
port = 1888{n}
[database]
url = "{url}"
"""
NETWORK = """
name = "Two rivers"
[[site]]
id = "berlin"
settings = "berlin/makerfloor.toml"
[[site]]
id = "shanghai"
settings = "shanghai/makerfloor.toml"
[[roaming]]
home = "berlin"
host = "shanghai"
limit = "200.00"
fee_percent = "2.5"
skills = {{ laser-1 = "laser-1" }}
[[roaming]]
home = "shanghai"
host = "berlin"
limit = "50.00"
[[rate]]
day = 2020-01-01
of = "CNY"
in = "EUR"
rate = "{rate}"
"""
PLACES = {
    "berlin": ("Berlin", "Europe/Berlin", "en", "EUR"),
    "shanghai": ("上海", "Asia/Shanghai", "zh", "CNY"),
    "lisbon": ("Lisboa", "Europe/Lisbon", "en", "EUR"),
}
THIRD = """
[[site]]
id = "lisbon"
settings = "lisbon/makerfloor.toml"
""" + "".join(
    f"""
[[roaming]]
home = "{home}"
host = "{host}"
limit = "300.00"
fee_percent = "{fee}"
passes = "{way}"
"""
    for home, host, fee, way in (
        ("berlin", "lisbon", "0", "ask"),
        ("lisbon", "berlin", "1", "take"),
        ("shanghai", "lisbon", "0", "staff"),
        ("lisbon", "shanghai", "3", "staff"),
    )
)


@dataclass
class Two:
    """The open network, with a member of each site: `ada` of Berlin, `lin` of Shanghai, and Lisbon's Rui."""

    courier: Courier
    file: Path
    people: dict[str, str]
    now_ms: int = NOW_MS

    @property
    def ada(self) -> str:
        return self.people["berlin"]

    @property
    def lin(self) -> str:
        return self.people["shanghai"]

    @property
    def berlin(self) -> Open:
        return self.courier.sites["berlin"]

    @property
    def shanghai(self) -> Open:
        return self.courier.sites["shanghai"]

    def look(self, after_ms: int = 1_000) -> None:
        self.now_ms += after_ms
        self.courier.look(self.now_ms)

    def visitor(self) -> Visitor:
        with self.shanghai.db.read() as session:
            found = find(session, "berlin", self.ada)
            assert found is not None
            return found

    def use(self, minutes: int, epoch: int = 1) -> str:
        """Let Ada use Shanghai's laser, by a journal as its gateway writes it."""
        journal = Writer(epoch=epoch)
        visitor = self.visitor()
        id = journal.session(visitor.member, minutes, account=visitor.account)
        with self.shanghai.db.write() as session:
            ingest(session, journal.batch(), self.now_ms)
        return id


@contextlib.contextmanager
def two_sites(folder: Path, url: str = "", *, third: bool = False) -> Iterator[Two]:
    """Make Berlin, Shanghai (its database at `url`, where nothing is yet; else a file), Lisbon if `third`."""
    made = {}
    for n, (id, (name, zone, language, currency)) in enumerate([*PLACES.items()][: 3 if third else 2]):
        data = folder / id / "data"
        data.mkdir(parents=True)
        where = url if url and id == "shanghai" else f"sqlite:///{data / 'makerfloor.db'}"
        text = SETTINGS.format(name=name, zone=zone, language=language, currency=currency, url=where, n=n)
        (folder / id / "makerfloor.toml").write_text(text, encoding="utf-8")
        made[id] = copied(MAKERS[id], where, data)
    file = folder / "network.toml"
    file.write_text(NETWORK.format(rate=RATE) + (THIRD if third else ""), encoding="utf-8")
    with opened(read_network(file)) as courier:
        yield Two(courier, file, made)


def _berlin(url: str, data: Path) -> str:
    return _made(url, data, "Ada", "EUR")


def _shanghai(url: str, data: Path) -> str:
    return _made(url, data, "Lin", "CNY")


def _lisbon(url: str, data: Path) -> str:
    return _made(url, data, "Rui", "EUR")


def _made(url: str, data: Path, name: str, currency: str) -> str:
    db, vault = Database(url, data), open_vault(data)
    migrations.upgrade(db.engine)
    with db.write() as session:
        enrol.enrol(session, vault, "gw", NOW_MS)
        tariffs.add(session, TARIFF.replace("EUR", currency), "test", NOW_MS)
        session.flush()
        details = machines.MachineDetails(id="laser-1", name="Laser", gateway="gw", tariff="laser")
        machines.add(session, details, NOW_MS)
        member = members.add(session, MemberDetails(first_name=name, last_name="Brook"), NOW_MS)
        certifications.grant(session, member.id, "laser-1", "test", NOW_MS)
        badges.enrol(session, vault, member.id, UIDS[name], BadgeKind.UID_13MHZ, "", NOW_MS)
    db.close()
    return member.id


MAKERS = {"berlin": _berlin, "shanghai": _shanghai, "lisbon": _lisbon}
