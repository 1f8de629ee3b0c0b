"""What holds for all tests: a machine that is busy makes no property false."""

import gc
import os
import zlib

import pytest
from hypothesis import settings

from tests.kit import compiled, engine

WHOLE = "MAKERFLOOR_TEST_WHOLE" in os.environ
"""Whether nothing is left to `make campaign`."""
settings.register_profile("makerfloor", deadline=None, max_examples=100 if WHOLE else 50)
settings.load_profile("makerfloor")
compiled.share()
# Thousands of tests stay in memory: looking through them for garbage again and again took a part of each.
gc.set_threshold(50_000, 20, 50)


LONG = (
    "tests/contract/test_first_machine.py",
    "tests/browser/test_every_page_browser.py",
    "tests/simulation/test_kills.py",
    "tests/browser/test_days_browser.py",
    "tests/fuzz",
    "tests/simulation/test_several_workers.py",
    "tests/contract/server/test_api_schema.py",
    "tests/simulation/test_demo_floor.py",
    "tests/model/test_session_walk.py",
    "tests/contract/test_broker_cluster.py",
    "tests/simulation/test_oracle.py",
    "tests/contract/gateway/test_gateway_life.py",
    "tests/model/test_mutate_safety.py",
    "tests/contract/firmware/test_firmware_octoprint.py",
    "tests/property/test_billing_history.py",
)
"""What takes longest goes first, work beside waiting: begun last, one worker would be left with it alone."""
WAITING = (
    "tests/contract/gateway",
    "tests/contract/firmware",
    "tests/contract/dashboards",
    "tests/contract/deploy",
)
"""What waits for other processes most of its time; among the rest, so that processors have work meanwhile."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if engine.IS_POSTGRESQL:
        of_sqlite = tuple(engine.OF_SQLITE)
        config.hook.pytest_deselected(items=[one for one in items if one.nodeid.startswith(of_sqlite)])
        items[:] = [one for one in items if not one.nodeid.startswith(of_sqlite)]
    elif not WHOLE:
        config.hook.pytest_deselected(items=[one for one in items if _is_left(one)])
        items[:] = [one for one in items if not _is_left(one)]
    ranks = _ranks(list(dict.fromkeys(_file(one) for one in items)))
    items.sort(key=lambda one: ranks[_file(one)])
    gc.collect()
    gc.freeze()


def _is_left(item: pytest.Item) -> bool:
    """Of what runs on either database, each test runs on SQLite, and about half of them on PostgreSQL too."""
    is_postgresql = item.nodeid.endswith("]") and "postgresql" in item.nodeid.rpartition("[")[2]
    return (
        is_postgresql
        and "url" in getattr(item, "fixturenames", ())
        and zlib.crc32(item.nodeid.encode()) % 2 == 0
    )


def _file(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]


def _ranks(files: list[str]) -> dict[str, float]:
    """Place LONG first, in its order; then the rest, with what waits spread over two thirds of it."""
    long = {place: rank - len(LONG) for rank, place in enumerate(LONG)}
    ranks = {file: float(rank) for place, rank in long.items() for file in files if file.startswith(place)}
    rest = [file for file in files if file not in ranks]
    waiting = [file for file in rest if file.startswith(WAITING)]
    others = [file for file in rest if not file.startswith(WAITING)]
    ranks |= {file: float(n) for n, file in enumerate(others)}
    return ranks | {file: n * len(others) / (1.5 * len(waiting)) for n, file in enumerate(waiting)}


def pytest_runtest_logfinish() -> None:
    if engine.IS_POSTGRESQL:
        engine.sweep()


def pytest_unconfigure() -> None:
    engine.end()
