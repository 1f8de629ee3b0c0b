"""A policy of reservations for tests, and slots of its machines."""

from __future__ import annotations

from booking_api.reservations import policies
from tests.kit.web import MINUTE, NOW_MS, WebFloor

API = "/api/v1"
HOUR = 60 * MINUTE
TOMORROW = NOW_MS - 10 * HOUR + 24 * HOUR  # 2026-05-22 00:00 UTC, 01:00 in Dublin
POLICY = """
[policy.lasers]
machines = ["laser-1", "laser-2"]
length_max = "4 h"
no_show = "15 min"
no_show_fee = { amount = 5 }
cancel_free = "1 day"
late_cancel_fee = { amount = 2.50 }
waiting = true
offer = "30 min"
extend = "nobody_waits"
priority = [["patron"], ["member"]]

[[policy.lasers.limits]]
most = 6
per = "week"

[policy.others]
machines = "*"
on_others = "warn"
"""


def with_policy(web: WebFloor, text: str = POLICY) -> WebFloor:
    """Put a policy in force."""
    with web.context.database.write() as session:
        policies.put(session, text, "test", web.context.clock.now_ms())
    return web


def slot(hour: float = 10, hours: float = 1, machine: str = "laser-1", **more: object) -> dict[str, object]:
    """A slot on the next day, by its hour in UTC."""
    begins = TOMORROW + round(hour * HOUR)
    return {"machine": machine, "begins_ms": begins, "ends_ms": begins + round(hours * HOUR), **more}
