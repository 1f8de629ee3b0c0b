"""What is said of telling to Prometheus; never whom."""

from prometheus_client import Counter, Gauge

DELIVERIES = Counter(
    "makerfloor_webhook_deliveries_total", "Tries of webhook deliveries, by what came of them", ["outcome"]
)
NOTICES = Counter(
    "makerfloor_notices_total", "Tries of notices and letters, by what came of them", ["outcome"]
)
WAITING = Gauge("makerfloor_outgoing_waiting", "Webhook deliveries, notices and letters that wait", ["kind"])
