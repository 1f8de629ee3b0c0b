"""What sign-in keeps holds on both databases, also when several come at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlmodel import select

from booking_api.auth import ceremonies, letters, second, service
from booking_api.auth.ceremonies import Step
from booking_api.auth.models import Throttled
from booking_api.auth.settings import SignInSettings
from booking_api.auth.throttle import Throttle, prune
from booking_api.happenings.models import Letter
from floor.errors import Refused
from floor.words import Role
from tests.kit.server import NOW_MS, Floor
from tests.unit.test_totp_vectors import code_of

AT_ONCE = 6


def at_once(floor: Floor, act: Callable[[int], object]) -> list[object]:
    """Let several threads do something in a transaction each, beginning together; errors are answers."""
    ready = threading.Barrier(AT_ONCE)

    def one(number: int) -> object:
        ready.wait()
        try:
            return act(number)
        except Refused as refused:
            return refused.code

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(one, range(AT_ONCE)))


def test_tries_are_counted_exactly_when_many_come_at_once(floor: Floor) -> None:
    throttle = Throttle("test", tries=4)

    def act(_number: int) -> object:
        with floor.db.write() as session:
            return throttle.count(session, "mira", NOW_MS)

    assert sorted(at_once(floor, act), key=str) == [False, False, True, True, True, True]
    with floor.db.write() as session:
        assert throttle.waits(session, "mira", NOW_MS + 299_000)
        assert not throttle.waits(session, "otto", NOW_MS)
        assert not throttle.waits(session, "mira", NOW_MS + 300_000)
        assert throttle.count(session, "mira", NOW_MS + 300_000), "another window"
        throttle.forgive(session, "mira")
        for number in range(12):
            throttle.count(session, str(number), NOW_MS + number)
        prune(session, NOW_MS, remembered=8)
        assert len(session.exec(select(Throttled)).all()) == 4, "the oldest are forgotten"


def test_a_step_and_a_link_are_used_once_of_many(floor: Floor) -> None:
    with floor.db.write() as session:
        token = ceremonies.begin(session, Step.PASSKEY, NOW_MS, challenge="x")
        letters.invite(session, "zoe@x.test", Role.MEMBER, "test", "https://f.test", "en", 7, NOW_MS)
        link = session.exec(select(Letter)).one().values["link"].rpartition("/")[2]

    def take(_number: int) -> object:
        with floor.db.write() as session:
            return ceremonies.take(session, Step.PASSKEY, token, NOW_MS) is not None

    def accept(number: int) -> object:
        with floor.db.write() as session:
            word = "a rather long sentence to type"
            return bool(letters.accept(session, link, f"Zoe {number}", "Teal", word, "en", NOW_MS, NOW_MS))

    assert at_once(floor, take).count(True) == 1
    answers = at_once(floor, accept)
    assert (answers.count(True), set(answers) - {True}) == (1, {"link_over_not_found"})


def test_a_code_and_a_recovery_code_are_used_once_of_many(floor: Floor) -> None:
    with floor.db.write() as session:
        second.begin_setup(session, floor.vault, floor.ada)
        session.flush()
        secret = second.pending_secret(session, floor.vault, floor.ada)
        assert secret is not None
        codes = second.confirm_setup(session, floor.vault, floor.ada, code_of(secret, NOW_MS), NOW_MS)
    later_ms = NOW_MS + 30_000

    def use(code: str) -> Callable[[int], object]:
        def act(_number: int) -> object:
            with floor.db.write() as session:
                return second.check_code(session, floor.vault, floor.ada, code, later_ms)

        return act

    assert at_once(floor, use(code_of(secret, later_ms))).count(True) == 1
    assert at_once(floor, use(codes[3])).count(True) == 1
    with floor.db.read() as session:
        assert second.recovery_left(session, floor.ada) == 9
        assert not second.check_code(session, floor.vault, floor.ben, codes[4], later_ms), "another member's"
        kept = session.get(second.SecondFactor, floor.ada)
        assert kept is not None
        assert kept.sealed is not None
        assert secret.hex() not in kept.sealed


def test_sessions_are_kept_found_and_renewed(floor: Floor) -> None:
    settings, day_ms = SignInSettings(), 86_400_000
    with floor.db.write() as session:
        first = service.begin_session(session, floor.ada, None, NOW_MS, settings, device="Firefox · Linux")
    with floor.db.write() as session:
        assert not service.is_unseen(session, first.token, NOW_MS + 1)
        fresh = service.note_use(session, first.token, NOW_MS + day_ms, settings)
        assert fresh is not None
    with floor.db.write() as session:
        at_ms = NOW_MS + day_ms
        both = [service.by_cookie(session, token, at_ms + 1) for token in (first.token, fresh)]
        assert [who is not None and who.session == first.session for who in both] == [True, True]
        assert service.by_cookie(session, first.token, at_ms + service.OVERLAP_MS) is None
        with pytest.raises(Refused):
            service.end_own(session, floor.ben, first.session)
        service.sign_out(session, floor.ada)
        assert service.by_cookie(session, fresh, at_ms + 1) is None
