"""A signed reading is taken once: by its address and by the journals of gateways, on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlmodel import select

from booking_api.badges import readings, service
from booking_api.badges.models import Badge, BadgeReading
from booking_api.badges.readings import Judged, Outcome
from booking_api.gateways.models import Gateway
from booking_api.sessions.models import Alarm
from floor.badge_keys import PROOF_KEY, ntag424_key, ntag424_meta_key
from floor.ids import badge_reference
from floor.sun import sun_mac
from floor.wire.journal import BadgeProven
from floor.words import BadgeKind
from tests.kit.rosters import second_gateway
from tests.kit.server import NOW_MS, Floor, Writer
from tests.kit.sun import encrypted_picc

UID = bytes.fromhex("04DE5F1EACC040")
HOUR_MS = 3_600_000


@pytest.fixture
def badge(floor: Floor) -> Badge:
    with floor.db.write() as session:
        return service.enrol(session, floor.vault, floor.ada, UID, BadgeKind.NTAG424, "", NOW_MS)


def mac(floor: Floor, counter: int, uid: bytes = UID) -> str:
    key = ntag424_key(floor.vault.masters.master(1), uid, PROOF_KEY, 1)
    return sun_mac(key, uid, counter).hex()


def judged(floor: Floor, counter: int, signature: str = "", uid: bytes = UID, encrypted: str = "") -> Judged:
    plain = ("", "") if encrypted else (uid.hex(), f"{counter:06X}")
    address = readings.parse(floor.vault.masters, *plain, encrypted, signature or mac(floor, counter))
    assert address is not None
    with floor.db.read() as session:
        return readings.judge(session, floor.vault, address)


def taken(floor: Floor, badge: Badge, counter: int) -> bool:
    with floor.db.write() as session:
        return readings.take(session, badge.id, counter, NOW_MS)


def test_an_address_proves_its_badge_once(floor: Floor, badge: Badge) -> None:
    first = judged(floor, 61)
    assert (first.outcome, first.badge and first.badge.id, first.counter) == (Outcome.GENUINE, badge.id, 61)
    assert taken(floor, badge, 61)
    assert not taken(floor, badge, 61)
    for counter, outcome in ((61, Outcome.REPLAYED), (60, Outcome.REPLAYED), (62, Outcome.GENUINE)):
        assert judged(floor, counter).outcome is outcome


def test_what_is_forged_or_unknown_is_found_out_and_takes_nothing(floor: Floor, badge: Badge) -> None:
    assert judged(floor, 62, mac(floor, 61)).outcome is Outcome.FORGED
    assert judged(floor, 61, "0" * 16).outcome is Outcome.FORGED
    assert judged(floor, 61, mac(floor, 61, bytes(7)), bytes(7)).outcome is Outcome.UNKNOWN
    with floor.db.write() as session:
        service.remove(session, badge.id, NOW_MS)
        session.flush()
        service.enrol(session, floor.vault, floor.ada, UID, BadgeKind.UID_13MHZ, "", NOW_MS)
    assert judged(floor, 63).outcome is Outcome.UNKNOWN


def test_encrypted_addresses_are_read_by_the_key_of_every_version(floor: Floor, badge: Badge) -> None:
    meta = ntag424_meta_key(floor.vault.masters.master(1), 1)
    sealed = encrypted_picc(meta, UID, 61).hex()
    floor.vault.masters.renew()
    assert judged(floor, 61, encrypted=sealed).outcome is Outcome.GENUINE
    assert judged(floor, 61, encrypted="ab" * 16).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("parts", "good"),
    [
        (("04DE5F1EACC040", "00003D", "", "94EED9EE65337086"), True),
        (("", "", "EF963FF7828658A599F3041510671E88", "94eed9ee65337086"), True),
        (("04DE5F1EACC0", "00003D", "", "94EED9EE65337086"), False),
        (("04DE5F1EACC040", "3D", "", "94EED9EE65337086"), False),
        (("", "", "", "94EED9EE65337086"), False),
        (("04DE5F1EACC040", "00003D", "", "94EED9EE6533708"), False),
        (("04DE5F1EACC040", "00003D", "", "９４EED9EE65337086"), False),
    ],
)
def test_an_address_has_its_form(floor: Floor, parts: tuple[str, str, str, str], good: bool) -> None:
    assert (readings.parse(floor.vault.masters, *parts) is not None) is good


def test_of_many_at_once_one_is_taken(floor: Floor, badge: Badge) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(lambda _: taken(floor, badge, 61), range(8))) == 1


class Gateways:
    """Two gateways that write of the same badge."""

    def __init__(self, floor: Floor) -> None:
        second_gateway(floor)
        self.floor = floor
        self.writers = {name: Writer(gateway=name, boot_id=f"boot-{name}") for name in ("gw", "gw2")}

    def reads(self, gateway: str, counter: int, at_ms: int) -> None:
        """Apply that a gateway took a reading at an instant, by its own clock."""
        with self.floor.db.read() as session:
            row = session.get(Gateway, gateway)
            assert row is not None
            reference = badge_reference(self.floor.vault.open(row.badge_key_sealed), UID)
        fact = BadgeProven(machine="laser-1", badge=reference, member=self.floor.ada, counter=counter)
        writer = self.writers[gateway]
        writer.monotonic_ms = at_ms - writer.start_ms
        writer.write(fact, 0)
        self.floor.apply(writer.batch())

    def alarms(self) -> list[str]:
        with self.floor.db.read() as session:
            rows = session.exec(select(Alarm)).all()
            assert {row.code for row in rows} <= {"badge_replayed"}
            return [row.words.replace(self.floor.ada, "ADA") for row in rows]


@pytest.fixture
def gateways(floor: Floor, badge: Badge) -> Gateways:
    return Gateways(floor)


def test_journals_that_come_late_and_out_of_order_are_no_replay(gateways: Gateways) -> None:
    gateways.reads("gw", 70, NOW_MS + 2 * HOUR_MS)
    gateways.reads("gw2", 61, NOW_MS)
    gateways.reads("gw2", 65, NOW_MS + HOUR_MS)
    gateways.reads("gw2", 71, NOW_MS + 3 * HOUR_MS)
    assert gateways.alarms() == []


def test_the_same_reading_at_two_gateways_alarms_once(gateways: Gateways) -> None:
    gateways.reads("gw", 61, NOW_MS)
    gateways.reads("gw", 62, NOW_MS + HOUR_MS)
    gateways.reads("gw2", 61, NOW_MS + 2 * HOUR_MS)
    assert gateways.alarms() == ["reading 61 of a badge of ADA was taken before, at gateway gw"]


def test_a_reading_that_was_kept_back_and_shown_later_alarms(gateways: Gateways) -> None:
    gateways.reads("gw", 62, NOW_MS)
    gateways.reads("gw2", 61, NOW_MS + HOUR_MS)
    assert gateways.alarms() == ["reading 61 of a badge of ADA came after reading 62, at gateway gw"]


def test_it_alarms_too_when_the_journals_come_the_other_way_round(gateways: Gateways) -> None:
    gateways.reads("gw2", 61, NOW_MS + HOUR_MS)
    gateways.reads("gw", 62, NOW_MS)
    assert gateways.alarms() == ["reading 62 of a badge of ADA came before reading 61, at gateway gw2"]


def test_a_reading_by_address_is_no_tap_afterwards(gateways: Gateways, badge: Badge) -> None:
    assert taken(gateways.floor, badge, 61)
    gateways.reads("gw", 61, NOW_MS + HOUR_MS)
    assert gateways.alarms() == ["reading 61 of a badge of ADA was taken before, by its address"]


def test_what_a_gateway_took_no_address_shows_again(gateways: Gateways) -> None:
    gateways.reads("gw", 61, NOW_MS)
    assert judged(gateways.floor, 61).outcome is Outcome.REPLAYED
    assert judged(gateways.floor, 62).outcome is Outcome.GENUINE


def test_a_journal_that_began_anew_tells_no_replay(gateways: Gateways) -> None:
    gateways.reads("gw", 61, NOW_MS)
    gateways.writers["gw"] = Writer(epoch=2, boot_id="boot-gw")
    gateways.reads("gw", 61, NOW_MS)
    assert gateways.alarms() == []


def test_a_gateway_whose_clock_runs_ahead_ends_nobodys_memory(gateways: Gateways) -> None:
    gateways.reads("gw", 61, NOW_MS)
    gateways.reads("gw2", 62, NOW_MS + 2 * readings.KEPT_MS)
    gateways.reads("gw2", 61, NOW_MS + 2 * readings.KEPT_MS + HOUR_MS)
    assert "reading 61 of a badge of ADA was taken before, at gateway gw" in gateways.alarms()


def test_a_master_that_cannot_be_read_stops_no_other_badges(floor: Floor, badge: Badge) -> None:
    sealed = encrypted_picc(ntag424_meta_key(floor.vault.masters.master(1), 1), UID, 61).hex()
    (floor.db.data / "badge-master-2.key").write_text("torn")
    assert judged(floor, 61, encrypted=sealed).outcome is Outcome.GENUINE


def test_a_clock_that_is_not_known_says_nothing_of_the_order(gateways: Gateways) -> None:
    gateways.reads("gw", 62, NOW_MS)
    gateways.writers["gw2"].clock_error_ms = None
    gateways.reads("gw2", 61, NOW_MS + HOUR_MS)
    gateways.reads("gw2", 62, NOW_MS + HOUR_MS)
    assert gateways.alarms() == ["reading 62 of a badge of ADA was taken before, at gateway gw"]


def test_old_readings_are_forgotten_and_the_greatest_count_is_not(floor: Floor, badge: Badge) -> None:
    with floor.db.write() as session:
        assert readings.take(session, badge.id, 61, NOW_MS)
        assert readings.take(session, badge.id, 62, NOW_MS + readings.KEPT_MS + 1)
    with floor.db.read() as session:
        assert [row.counter for row in session.exec(select(BadgeReading))] == [62]
    assert judged(floor, 61).outcome is Outcome.REPLAYED
