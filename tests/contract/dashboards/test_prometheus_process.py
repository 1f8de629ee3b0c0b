"""A real Prometheus, started beside the server: it follows its targets, ends, and says what is wrong."""

import asyncio
import time
from pathlib import Path

import pytest

from booking_api.prometheus.process import HOW_TO_GET, PrometheusProcess, PrometheusSettings, find_prometheus
from booking_api.prometheus.query import Prometheus, Vector
from floor.errors import ConfigError
from tests.contract.dashboards.known_truth import debian, exporter

WAIT_S = 60.0


async def until(prometheus: Prometheus, expression: str) -> Vector:
    """Ask until there is an answer."""
    async with asyncio.timeout(WAIT_S):
        while not (found := await prometheus.instant(expression, time.time_ns() // 1_000_000)):
            await asyncio.sleep(0.2)
    return found


async def test_it_scrapes_what_it_is_told_and_takes_up_a_new_gateway(tmp_path: Path) -> None:
    debian("prometheus")
    with exporter("Gateway") as gateway, exporter("Server") as server:
        settings = PrometheusSettings(tmp_path / "prometheus", {"gw1": gateway}, server, scrape_interval_s=1)
        async with PrometheusProcess(settings) as process:
            prometheus = Prometheus(process.url)
            assert await until(prometheus, "makerfloor_ledger_entries") == {
                frozenset(
                    {("__name__", "makerfloor_ledger_entries"), ("job", "server"), ("instance", server)}
                ): 1234
            }
            await until(prometheus, 'up{job="gateway", gateway="gw1"} == 1')
            await until(prometheus, 'floor:makerfloor_utilisation:ratio_5m{state="busy"}')
            process.set_gateways({"gw1": gateway, "gw2": "127.0.0.1:9"})
            await until(prometheus, 'up{gateway="gw2"} == 0')
            with pytest.raises(ConfigError, match=f"port {process.port}.*choose another"):
                async with PrometheusProcess(PrometheusSettings(tmp_path / "second", port=process.port)):
                    pass
    await asyncio.wait_for(process.ended(), WAIT_S)
    with pytest.raises(OSError, match=r"."):
        await asyncio.open_connection("127.0.0.1", process.port)


async def test_figures_are_there_after_a_restart(tmp_path: Path) -> None:
    debian("prometheus")
    with exporter("Server") as server:
        settings = PrometheusSettings(tmp_path, server=server, scrape_interval_s=1)
        async with PrometheusProcess(settings) as process:
            await until(Prometheus(process.url), "makerfloor_ledger_entries")
    async with PrometheusProcess(PrometheusSettings(tmp_path)) as process:
        await until(Prometheus(process.url), "last_over_time(makerfloor_ledger_entries[10m])")


async def test_a_directory_that_another_one_uses_is_named(tmp_path: Path) -> None:
    debian("prometheus")
    async with PrometheusProcess(PrometheusSettings(tmp_path)):
        with pytest.raises(ConfigError, match=r"another Prometheus uses .* name another directory"):
            async with PrometheusProcess(PrometheusSettings(tmp_path)):
                pass


async def test_without_prometheus_a_sentence_says_how_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_prometheus() is None
    with pytest.raises(ConfigError, match="apt-get install prometheus") as caught:
        async with PrometheusProcess(PrometheusSettings(tmp_path)):
            pass
    assert HOW_TO_GET in str(caught.value)


def test_an_interval_that_the_rules_cannot_live_with_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="1 to 60 seconds"):
        PrometheusSettings(tmp_path, scrape_interval_s=600)
