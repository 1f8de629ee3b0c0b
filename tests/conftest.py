"""What holds for all tests: a machine that is busy makes no property false."""

import gc

import pytest
from hypothesis import settings

from tests.kit import engine

settings.register_profile("makerfloor", deadline=None)
settings.load_profile("makerfloor")
# Thousands of tests stay in memory: looking through them for garbage again and again took a part of each.
gc.set_threshold(50_000, 20, 50)


LONG = (
    "tests/contract/test_first_machine.py",
    "tests/simulation",
    "tests/browser/test_days_browser.py",
    "tests/fuzz",
    "tests/contract/server/test_api_schema.py",
    "tests/contract/firmware/test_firmware_octoprint.py",
    "tests/contract/firmware/test_firmware_moonraker.py",
    "tests/browser/test_every_page_browser.py",
    "tests/browser/test_web_browser.py",
    "tests/model/test_session_walk.py",
    "tests/property/test_billing_history.py",
    "tests/property/test_server_exactly_once.py",
    "tests/contract/dashboards",
    "tests/contract/gateway",
)
"""What takes longest goes first: begun last, one worker would be left with it alone."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    ranks = {place: rank for rank, place in enumerate(LONG)}

    def rank(item: pytest.Item) -> int:
        return min((ranks[place] for place in LONG if item.nodeid.startswith(place)), default=len(LONG))

    if engine.IS_POSTGRESQL:
        of_sqlite = tuple(engine.OF_SQLITE)
        config.hook.pytest_deselected(items=[one for one in items if one.nodeid.startswith(of_sqlite)])
        items[:] = [one for one in items if not one.nodeid.startswith(of_sqlite)]
    items.sort(key=rank)
    gc.collect()
    gc.freeze()


def pytest_runtest_logfinish() -> None:
    if engine.IS_POSTGRESQL:
        engine.sweep()


def pytest_unconfigure() -> None:
    engine.end()
