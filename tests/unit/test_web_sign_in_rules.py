"""What makes guessing slow, and a password acceptable; where a form may send a browser."""

import pytest
from argon2 import PasswordHasher

from booking_api.auth import passkeys
from booking_api.auth.devices import device_of
from booking_api.auth.passwords import check_password, hash_password, renewed_hash, verify_password
from booking_api.auth.permissions import GRANTS, Permission
from booking_api.auth.throttle import place_of
from booking_api.problems import status_of
from booking_api.web.pages import local
from floor.errors import Refused
from floor.words import Role


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:bbbb::9%eth0", "2001:db8:1:2::/64"),
        ("testclient", "testclient"),
        ("", ""),
    ],
)
def test_tries_are_counted_by_household(address: str, place: str) -> None:
    assert place_of(address) == place


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("password1234", "leaked"),
        ("qwertyuiop12", "leaked"),
        ("Quince1987", "name or address"),
        ("mira-quince-7", "name or address"),
        ("x7x7x7x7x7x7x7y8", "easy to guess"),
        ("aaaaabbbbbccc", "too simple"),
    ],
)
def test_a_password_that_guessers_try_early_is_refused_and_told_why(password: str, why: str) -> None:
    with pytest.raises(Refused) as caught:
        check_password(password, ("Mira", "Quince", "mira@kelp.test"))
    assert why in caught.value.sentence


@pytest.mark.parametrize(
    "password",
    ["a long enough password", "mira-likes-7-otters", "正确的马电池订书钉呀呀", "otter " * 8 + "in a boat"],
)
def test_a_password_of_a_few_words_will_do(password: str) -> None:
    check_password(password, ("Mira", "Quince", "mira@kelp.test"))


def test_what_is_known_of_one_person_is_not_held_against_another() -> None:
    with pytest.raises(Refused):
        check_password("zyxomma-otterby", ("Zyxomma", "Otterby"))
    check_password("zyxomma-otterby", ("Mira", "Quince"))


def test_a_hash_of_other_parameters_is_made_anew() -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("correct horse battery")
    assert verify_password(weak, "correct horse battery")
    fresh = renewed_hash(weak, "correct horse battery")
    assert fresh is not None
    assert renewed_hash(fresh, "correct horse battery") is None


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("https://floor.example", ("floor.example", "https://floor.example")),
        ("https://Floor.Example:8443", ("floor.example", "https://floor.example:8443")),
        ("http://localhost:8080", ("localhost", "http://localhost:8080")),
        ("http://floor.example", None),
        ("http://127.0.0.1:8080", None),
        ("https://192.0.2.7", None),
        ("https://[2001:db8::1]", None),
    ],
)
def test_passkeys_need_a_name_and_a_safe_way(address: str, found: tuple[str, str] | None) -> None:
    assert passkeys.site(address) == found


def test_a_device_is_told_roughly() -> None:
    firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    assert device_of(firefox) == "Firefox · Linux"
    assert (
        device_of("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0) AppleWebKit/605 Safari/604") == "Safari · iPhone"
    )
    assert device_of("") == ""


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
