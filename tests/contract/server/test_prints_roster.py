"""What gateways are told of the print queue, and that the queue holds on both databases."""

from __future__ import annotations

import dataclasses

from booking_api.machines.models import Machine
from booking_api.members import service as members
from booking_api.prints.files import FOLDER, Incoming
from booking_api.prints.models import PrintJob
from booking_api.prints.service import PrintDetails, Queue, file_for
from booking_api.settings import PrintSettings
from floor.ids import uuid7
from floor.wire.roster import PRINTS_MAX, QueuedPrint, RosterDelta
from tests.kit.prints import GCODE
from tests.kit.rosters import GatewayPeer, badge
from tests.kit.server import NOW_MS, Floor

BOUNDS = PrintSettings(max_waiting=100)


class Prints:
    """A floor whose members submit; time goes on by a second with each print."""

    def __init__(self, floor: Floor) -> None:
        self.floor = floor
        self.count = 0

    def queue(self, member: str, machine: str = "door", gcode: str = GCODE) -> PrintJob:
        self.count += 1
        now_ms, floor = NOW_MS + self.count * 1_000, self.floor
        work = Queue(floor.vault, BOUNDS, now_ms)
        incoming = Incoming(floor.db.data, BOUNDS.max_file_bytes)
        incoming.write(gcode.encode())
        taken = incoming.close()
        with floor.db.write() as session:
            who = members.get(session, member)
            details = PrintDetails(machine=machine, name=f"n{self.count}.gcode")
            job = work.submit(session, who, details, taken, uuid7(now_ms, self.count.to_bytes(10, "big")))
            session.flush()
            return work.confirm(session, job.id, member, job.price_micro)

    def cancel(self, job: PrintJob) -> None:
        with self.floor.db.write() as session:
            work = Queue(self.floor.vault, BOUNDS, NOW_MS + 90_000)
            work.cancel(session, session.get_one(PrintJob, job.id))


def told(gateway: GatewayPeer, machine: str = "door") -> list[QueuedPrint]:
    (entry,) = [one for one in gateway.held.machines if one.id == machine]
    return entry.prints


def test_a_gateway_is_told_of_its_machines_prints_and_their_token_opens_the_file(floor: Floor) -> None:
    badge(floor, floor.ada)
    gateway, prints = GatewayPeer(floor), Prints(floor)
    gateway.hello()
    assert told(gateway) == []
    job = prints.queue(floor.ada)
    delta = gateway.update()
    assert isinstance(delta, RosterDelta)
    assert [machine.id for machine in delta.machines] == ["door"]
    (queued,) = told(gateway)
    assert (queued.id, queued.member, queued.account) == (job.id, floor.ada, floor.ada)
    assert (queued.sha256, queued.size, queued.name) == (job.sha256, len(GCODE), "n1.gcode")
    with floor.db.read() as session:
        assert file_for(session, floor.vault, job.id, queued.token).read_text() == GCODE
    prints.cancel(job)
    gateway.update()
    assert told(gateway) == []


def test_everybodys_first_comes_before_anybodys_second_and_few_are_told(floor: Floor) -> None:
    gateway, prints = GatewayPeer(floor), Prints(floor)
    many = [prints.queue(floor.ada) for _ in range(PRINTS_MAX + 3)]
    late = prints.queue(floor.ben)
    gateway.hello()
    ids = [one.id for one in told(gateway)]
    assert ids == [many[0].id, late.id, *(job.id for job in many[1 : PRINTS_MAX - 1])]
    prints.cancel(many[0])
    gateway.update()
    assert [one.id for one in told(gateway)][-1] == many[PRINTS_MAX - 1].id


def test_files_are_forgotten_when_no_print_needs_them(floor: Floor) -> None:
    prints = Prints(floor)
    one, two = prints.queue(floor.ada), prints.queue(floor.ben)
    prints.cancel(one)
    later = NOW_MS + 40 * 86_400_000
    with floor.db.write() as session:
        session.get_one(Machine, "door").gateway = None
        gone = Queue(floor.vault, dataclasses.replace(BOUNDS, expire_days=365), later).sweep(session)
    assert gone == 0, "another's is the same file"
    with floor.db.write() as session:
        Queue(floor.vault, BOUNDS, later).sweep(session)
    with floor.db.write() as session:
        assert Queue(floor.vault, BOUNDS, later + 8 * 86_400_000).sweep(session) == 1
    assert [path for path in (floor.db.data / FOLDER).rglob("*") if path.is_file()] == []
    with floor.db.read() as session:
        assert [session.get_one(PrintJob, job.id).state for job in (one, two)] == ["cancelled", "expired"]
