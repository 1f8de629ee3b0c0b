"""Server and gateway at two nodes of a clustered broker, three real nodes of NATS."""

from __future__ import annotations

import pytest

from tests.contract.broker_cluster import SENT, Space, nobody_speaks_for_another, space, until

__all__ = ["space"]


@pytest.mark.timeout(240)
async def test_what_one_node_takes_another_gives_and_nobody_speaks_for_another(space: Space) -> None:
    await space.obeys()
    await nobody_speaks_for_another(space.cluster)
    await space.write()
    await until(lambda: len(space.applied()) == SENT)
    await space.obeys()
