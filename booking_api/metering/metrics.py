"""What the link and the books say of themselves to Prometheus; never a member or a badge."""

from prometheus_client import Counter, Gauge, Histogram

ENTRIES = Counter(
    "makerfloor_ingest_entries_total", "Journal entries received, by what came of them", ["outcome"]
)
BATCH_SECONDS = Histogram(
    "makerfloor_ingest_batch_seconds",
    "Time to apply a journal batch durably",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5),
)
ONLINE = Gauge("makerfloor_gateway_online", "Whether a gateway is connected", ["gateway"])
LAST_CONTACT = Gauge(
    "makerfloor_gateway_last_contact_timestamp_seconds", "When a gateway last said something", ["gateway"]
)
PEER_ERRORS = Counter("makerfloor_peer_errors_total", "Malformed messages from outside", ["source"])
LEDGER_ENTRIES = Gauge("makerfloor_ledger_entries", "Entries in the main book")
CHAIN_OK = Gauge("makerfloor_ledger_chain_ok", "Whether every entry looked at follows the one before it")
UNPRICED = Gauge("makerfloor_sessions_unpriced", "Sessions that ended and wait for an operator")
