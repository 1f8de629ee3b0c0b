"""Questions to Prometheus' HTTP API, each with a deadline. Times are real UTC ms.

Source: Prometheus 2.x, "HTTP API", instant and range queries.
"""

import asyncio
import math
import ssl
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from typing import Any

from floor.errors import FloorError

DEADLINE_S = 10.0

Labels = frozenset[tuple[str, str]]
Vector = dict[Labels, float]
Matrix = dict[Labels, dict[int, float]]
"""Values by instant (UTC ms) for each set of labels."""


class Absence(StrEnum):
    """Why there are no figures."""

    NONE_CONFIGURED = "none_configured"
    SILENT = "silent"
    REFUSED = "refused"


class NoFigures(FloorError):
    """Prometheus gave no figures: `why`, and what was seen."""

    def __init__(self, why: Absence, words: str) -> None:
        super().__init__(words)
        self.why = why


class Prometheus:
    """One Prometheus, by its URL (None: there is none). Every question raises NoFigures or answers."""

    def __init__(self, url: str | None, deadline_s: float = DEADLINE_S) -> None:
        self.url = url
        self.deadline_s = deadline_s

    async def instant(self, expression: str, at_ms: int) -> Vector:
        """Return the value of each series at an instant; what is not a number is left out."""
        rows = await self._ask("query", {"query": expression, "time": _seconds(at_ms)})
        try:
            values = {_labels(row): float(row["value"][1]) for row in rows}
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise self._stranger() from error
        return {labels: value for labels, value in values.items() if math.isfinite(value)}

    async def over(self, expression: str, first_ms: int, last_ms: int, step_ms: int) -> Matrix:
        """Return the values of an expression at each step from the first to the last instant."""
        question = {
            "query": expression,
            "start": _seconds(first_ms),
            "end": _seconds(last_ms),
            "step": _seconds(step_ms),
        }
        rows = await self._ask("query_range", question)
        try:
            return await asyncio.to_thread(_matrix, rows)
        except (KeyError, TypeError, ValueError) as error:
            raise self._stranger() from error

    async def _ask(self, what: str, question: Mapping[str, str]) -> list[dict[str, Any]]:
        if self.url is None:
            raise NoFigures(Absence.NONE_CONFIGURED, "No Prometheus is configured.")
        import httpx  # here: a server that asks none waits for none

        form = {**question, "timeout": f"{round(self.deadline_s * 1000)}ms"}
        try:
            async with (
                asyncio.timeout(self.deadline_s),
                httpx.AsyncClient(verify=_trust(), timeout=self.deadline_s, trust_env=False) as client,
            ):
                answer = await client.post(f"{self.url.rstrip('/')}/api/v1/{what}", data=form)
            # In a thread: others are served while the values of a month of a large floor are read.
            body = await asyncio.to_thread(answer.json)
            if body["status"] != "success":
                raise NoFigures(
                    Absence.REFUSED, f"Prometheus refused the question: {str(body['error'])[:300]}"
                )
            rows: list[dict[str, Any]] = body["data"]["result"]
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            words = str(error) or f"no answer within {self.deadline_s:g} s"
            raise NoFigures(
                Absence.SILENT, f"Prometheus does not answer at {self.url} ({words[:200]})."
            ) from error
        except (ValueError, KeyError, TypeError) as error:
            raise self._stranger() from error
        return rows

    def _stranger(self) -> NoFigures:
        return NoFigures(Absence.SILENT, f"What answers at {self.url} is not Prometheus.")


@cache
def _trust() -> ssl.SSLContext:
    """Read the machine's authorities once: it takes longer than a question."""
    return ssl.create_default_context()


def _matrix(rows: list[dict[str, Any]]) -> Matrix:
    return {
        _labels(row): {
            round(float(at) * 1000): seen
            for at, value in row["values"]
            if math.isfinite(seen := float(value))
        }
        for row in rows
    }


def _labels(row: Mapping[str, Any]) -> Labels:
    return frozenset((str(name), str(value)) for name, value in row["metric"].items())


def _seconds(ms: int) -> str:
    return f"{ms // 1000}.{ms % 1000:03}"
