"""Run by the Python of the peer: Fab-O-Matic's backend with a floor of its own, without its web pages.

Its web pages would listen at every address of the machine. Usage: fabomatic_backend.py MEMBERS, with its
settings below HOME; it says "ready" when it listens at the broker.
"""

from __future__ import annotations

import logging
import sys
import time
from typing import Any

from FabOMatic.__main__ import Backend
from FabOMatic.database.models import Authorization, Machine, MachineType, Role, User


def seed(session: Any, members: int) -> None:
    """Add a machine, and members who may use it: member n has the card a0000000 + n."""
    session.add(Role(role_id=50, role_name="maker"))
    session.add(MachineType(type_id=50, type_name="laser"))
    session.flush()
    session.add(Machine(machine_id=50, machine_name="laser 50", machine_type_id=50))
    for n in range(members):
        session.add(User(user_id=1000 + n, name="Maker", surname=str(n), role_id=50, card_UUID=f"a{n:07x}"))
    session.flush()
    session.add_all([Authorization(user_id=1000 + n, machine_id=50) for n in range(members)])
    session.commit()


def main() -> None:
    logging.basicConfig(level=logging.ERROR)
    backend = Backend()
    assert backend.connect(), "it did not connect"
    with backend._db.getSession() as session:
        seed(session, int(sys.argv[1]))
    while not backend.connected:
        time.sleep(0.05)
    print("ready", flush=True)
    while True:
        time.sleep(5)


if __name__ == "__main__":
    main()
