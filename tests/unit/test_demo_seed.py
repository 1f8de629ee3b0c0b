"""What a new demonstration begins with: once, and such that gateway, server and simulated people agree."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlmodel import select

from booking_api.auth.models import ApiToken, Credential
from booking_api.badges.models import Badge
from booking_api.broker.settings import BrokerSettings
from booking_api.certifications.models import Certification
from booking_api.db import Database
from booking_api.demo import cast, files, seed
from booking_api.demo.folder import SIGN_INS
from booking_api.gateways.enrol import recall
from booking_api.gateways.keys import open_signer
from booking_api.ledger.models import LedgerEntry
from booking_api.machines.models import Machine
from booking_api.maintenance import plans, work
from booking_api.maintenance.models import Source
from booking_api.members.models import Member
from booking_api.migrations import upgrade
from booking_api.settings import read_settings
from booking_api.tariffs import service as tariffs
from booking_api.vault import Vault, open_vault
from floor.maintenance import DueState
from floor.words import Role
from gateway import config as configuration
from gateway import devices
from gateway.simulation import people
from tests.kit.engine import empty_in

NOW_MS = 1_800_000_000_000
SIGNED = dict.fromkeys(SIGN_INS, "a-long-password-7")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(empty_in(tmp_path), tmp_path)
    upgrade(database.engine)
    yield database
    database.close()


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return open_vault(tmp_path)


def count(database: Database) -> dict[str, int]:
    tables = (Member, Badge, Machine, Certification, Credential, LedgerEntry)
    with database.read() as session:
        return {table.__tablename__: len(session.exec(select(table)).all()) for table in tables}


def test_seeds_are_sown_once(database: Database, vault: Vault) -> None:
    with database.write() as session:
        assert seed.seed(session, vault, SIGNED, NOW_MS)
    first = count(database)
    assert (first["member"], first["badge"], first["machine"], first["credential"]) == (40, 40, 8, 3)
    with database.read() as session:
        (fault,) = work.open_orders(session)
        due = [one.machine.id for one in plans.standings(session, NOW_MS) if one.due.state is DueState.DUE]
    assert (fault.machine, fault.source, due) == ("printer-1", Source.FAULT, ["saw-1"])
    with database.write() as session:
        assert not seed.seed(session, vault, SIGNED, NOW_MS + 1)
    assert count(database) == first


def test_the_staff_has_one_token_that_works(database: Database, vault: Vault) -> None:
    with database.write() as session:
        seed.seed(session, vault, SIGNED, NOW_MS)
        tokens = {seed.staff_token(session, NOW_MS + start) for start in range(3)}
        session.flush()
        kept = session.exec(select(ApiToken)).all()
        assert len(tokens) == len(kept) == 3
        assert sum(token.revoked_ms is None for token in kept) == 1
        assert Counter(seed.payers(session).values()) == {False: 34, True: 6}


def test_the_cast_has_everybody_that_a_floor_has() -> None:
    assert len(cast.MEMBERS) == len({member.uid for member in cast.MEMBERS}) == 40
    assert {member.tier for member in cast.MEMBERS} == {"guest", "member", "student", "volunteer"}
    assert {member.language for member in cast.MEMBERS} == {"en", "zh"}
    assert {member.standing for member in cast.MEMBERS} == set(cast.Standing)
    assert any(not member.machines for member in cast.MEMBERS)
    roles = {member.signs_in: member.role for member in cast.MEMBERS if member.signs_in}
    assert roles == {"member": Role.MEMBER, "technician": Role.TECHNICIAN, "operator": Role.OPERATOR}


def test_each_tariff_knows_each_tier() -> None:
    tiers = {member.tier for member in cast.MEMBERS}
    for name in cast.TARIFFS:
        read = tariffs.read(seed.tariff_text(name), name)
        assert read.id == name
        assert not read.tiers or set(read.tiers) == tiers


def test_the_gateway_reads_what_is_written_for_it(database: Database, vault: Vault, tmp_path: Path) -> None:
    with database.write() as session:
        seed.seed(session, vault, SIGNED, NOW_MS)
        enrolment = recall(session, vault, cast.GATEWAY)
    broker = BrokerSettings("127.0.0.1", 18830, "server", "secret", None)
    file = tmp_path / "gateway.toml"
    files.write_gateway(file, enrolment, open_signer(tmp_path), broker, "http://127.0.0.1:8081", 0, 60, 9)
    config = configuration.load(file)
    read = people.read(config)
    assert config.server.url == "http://127.0.0.1:8081"
    assert (config.name, config.badge_key, config.broker.port) == ("demo", enrolment.badge_key, 18830)
    assert (read.speed, read.seed, len(read.people)) == (60, 9, 41)
    assert {name: str(use) for name, use in read.machines.items()} == {m.id: m.kind for m in cast.MACHINES}
    assert sum(person.turned_away for person in read.people) == 5
    for station in config.stations:
        built = devices.build(config, station)
        assert (built.driver is None) == (station.machine in {"saw-1", "door-1"})
    assert file.stat().st_mode & 0o777 == 0o600
    assert json.loads((tmp_path / files.PEOPLE).read_text())


@pytest.mark.parametrize("prometheus", [None, "http://127.0.0.1:9090"])
def test_the_server_reads_what_is_written_for_it(tmp_path: Path, prometheus: str | None) -> None:
    file = tmp_path / "makerfloor.toml"
    broker = BrokerSettings("127.0.0.1", 18830, "server", 'quo"te', None)
    files.write_server(file, "127.0.0.1", 8081, broker, prometheus)
    read = read_settings(file, {})
    assert (read.port, read.broker.port, read.broker.password) == (8081, 18830, 'quo"te')
    assert read.prometheus_url == prometheus
