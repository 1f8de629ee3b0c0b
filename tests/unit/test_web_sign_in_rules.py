"""What makes guessing slow, and a password acceptable; where a form may send a browser."""

import pytest

from booking_api.auth.passwords import check_password, hash_password, verify_password
from booking_api.auth.permissions import GRANTS, Permission
from booking_api.auth.throttle import Throttle
from booking_api.problems import status_of
from booking_api.web.pages import local
from floor.errors import Refused
from floor.words import Role


def test_a_throttle_lets_a_few_fail_and_then_waits_for_the_oldest() -> None:
    throttle = Throttle(tries=3, window_s=100)
    for now_s in (0, 10, 20):
        assert throttle.wait_s("mira", now_s) == 0
        throttle.failed("mira", now_s)
    assert throttle.wait_s("mira", 30) == 70
    assert throttle.wait_s("otto", 30) == 0
    assert throttle.wait_s("mira", 100) == 0


def test_success_is_forgiving() -> None:
    throttle = Throttle(tries=1)
    throttle.failed("mira", 0)
    throttle.succeeded("mira")
    assert throttle.wait_s("mira", 1) == 0


def test_a_throttle_remembers_a_bounded_number() -> None:
    throttle = Throttle(tries=1, remembered=10)
    for number in range(50):
        throttle.failed(str(number), 0)
    assert [key for key in map(str, range(50)) if throttle.wait_s(key, 1)] == [str(n) for n in range(40, 50)]


def test_passwords() -> None:
    kept = hash_password("correct horse battery")
    assert kept.startswith("$argon2id$")
    assert verify_password(kept, "correct horse battery")
    assert not verify_password(kept, "correct horse batterie")
    assert not verify_password(None, "nobody has this password")
    assert not verify_password("nonsense", "correct horse battery")
    assert not verify_password(kept, "x" * 5000)


@pytest.mark.parametrize("password", ["short", "aaaaaaaaaaaaaaa", "x" * 201])
def test_poor_passwords_are_refused(password: str) -> None:
    with pytest.raises(Refused):
        check_password(password)


def test_only_operators_and_admins_see_everybodys_money() -> None:
    seeing = {role for role in Role if Permission.LEDGER_READ in GRANTS[role]}
    assert seeing == {Role.OPERATOR, Role.ADMIN}
    assert {role for role in Role if Permission.ROLES_WRITE in GRANTS[role]} == {Role.ADMIN}
    assert all(GRANTS[Role.MEMBER] <= GRANTS[role] for role in Role)


@pytest.mark.parametrize(
    "address", ["https://evil.test/", "//evil.test", "/\\evil.test", "javascript:alert(1)", "", "me", "/a\nb"]
)
def test_a_form_sends_nobody_elsewhere(address: str) -> None:
    assert local(address) == "/"


def test_a_form_leads_back() -> None:
    assert local("/me?month=2026-05") == "/me?month=2026-05"


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("member_not_found", 404),
        ("forbidden", 403),
        ("not_signed_in", 401),
        ("uid_malformed", 422),
        ("x", 409),
    ],
)
def test_each_refusal_has_a_status(code: str, status: int) -> None:
    assert status_of(code) == status
