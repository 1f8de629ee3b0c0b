"""One-time codes are those of RFC 6238, appendix B, and a step is known by its neighbours."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from booking_api.auth import second

SECRET = b"12345678901234567890"


def code_of(secret: bytes, now_ms: int) -> str:
    """What an authenticator shows."""
    return TOTP(secret, 6, SHA1(), 30).generate(now_ms // 1000).decode()


@pytest.mark.parametrize(
    ("at_s", "code"),
    [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")],
)
def test_codes_are_those_of_the_rfc(at_s: int, code: str) -> None:
    assert second._step_of(SECRET, code, at_s * 1000) == at_s // 30
    assert second._step_of(SECRET, f"{code[:3]} {code[3:]}", (at_s + 30) * 1000) == at_s // 30
    assert second._step_of(SECRET, code, (at_s + 61) * 1000) is None


def test_a_secret_is_written_for_people_and_for_authenticators() -> None:
    assert second.shown(SECRET) == "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ"
    uri = second.uri(SECRET, "mira@kelp.test", "Kelp: Street")
    assert uri.startswith("otpauth://totp/Kelp%20%20Street:mira%40kelp.test?")
    assert "secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ" in uri
