"""Server and gateway at two nodes of a clustered broker, three real nodes of NATS; one of them is killed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract.broker_cluster import clustered, nobody_speaks_for_another


@pytest.mark.timeout(300)
async def test_a_node_that_dies_under_load_loses_nothing_and_the_links_come_back(tmp_path: Path) -> None:
    async with clustered(tmp_path) as space:
        await space.obeys()
        await nobody_speaks_for_another(space.cluster)
        took_s = await space.survives(1, "load")
        print(f"all of it came, and an order was obeyed, {took_s:.1f} s after the node's end")
