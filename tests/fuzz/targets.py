"""Every target of the fuzzer. What reads from outside and stands in none fails tests/house/test_fuzzed.py."""

from __future__ import annotations

from tests.fuzz import machine_targets, reader_targets, server_targets, wire_targets
from tests.fuzz.engine import Target

TARGETS: list[Target] = [
    *wire_targets.TARGETS,
    *machine_targets.TARGETS,
    *reader_targets.TARGETS,
    *server_targets.TARGETS,
]
GROUPS = sorted({target.group for target in TARGETS})
COVERED = {name for target in TARGETS for name in target.covers}
ELSEWHERE = {
    "booking_api.api.answers": "what this server wrote itself",
    "booking_api.api.codes": "a file of the package",
    "booking_api.api.lists": "what this server wrote itself",
    "booking_api.audit.service": "what this server wrote itself",
    "booking_api.auth.oidc": "a provider's answers: tests/contract/server/test_single_sign_on.py",
    "booking_api.auth.passkeys": "the library webauthn reads them: tests/contract/server/test_sign_in.py",
    "booking_api.backups.reading": "what was sealed with the operator's own key",
    "booking_api.broker.__main__": "the broker's own files",
    "booking_api.broker.plan": "the broker's own files",
    "booking_api.cli.people": "an operator's own file, read by floor.toml",
    "booking_api.crew": "what another process of the same server told by the database",
    "booking_api.demo.folder": "what this server wrote itself",
    "booking_api.documents.content": "what this server wrote itself",
    "booking_api.doctor": "what this server wrote itself",
    "booking_api.gateways.unsealing": "what a key of ours sealed",
    "booking_api.gateways.wiring": "what a key of ours sealed",
    "booking_api.idempotency": "what this server wrote itself",
    "booking_api.payments.debits": "what this server wrote itself",
    "booking_api.payments.opening": "needs a database: tests/property/test_opening_balances.py",
    "booking_api.presets.library": "files of the package",
    "booking_api.privacy.erasers": "what this server wrote itself",
    "booking_api.privacy.export": "what this server wrote itself",
    "booking_api.vault": "what this server wrote itself",
    "booking_api.web.member_import": "what this server wrote itself",
    "firmware_bridge.recordings.redaction": "names of a recording that is written",
    "floor.wire.handbook": "examples of ours",
    "gateway.journal_store": "what this gateway wrote itself: tests/simulation/test_power_cuts.py",
    "gateway.server_keys": "the wire's Signed, then tests/unit/test_gateway_server_keys.py",
    "gateway.tools.badge_keys": "an operator's own file",
    "gateway.upgrade": "its own gateway's page",
    "hardware.relays.rig": "a bench of tests",
    "hardware.wires.handbook": "files of the package",
}
"""What decodes and is not fuzzed, with the reason."""
