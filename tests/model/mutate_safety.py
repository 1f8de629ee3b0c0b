"""Take each safety rule out of session.step and access.decide, one at a time, and see whether a test notices.

A mutation is a piece of source and what stands in its place. It is made in a copy of the package, which an
interpreter of its own finds first; there the walk over known kinds of machines and the table of denials run.
A mutant that they let pass is a rule that no test holds. By itself: python tests/model/mutate_safety.py
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
DEADLINE_S = 60
KILLED, SURVIVED = 3, 0
RUN = """
import sys, floor.session
assert floor.session.__file__.startswith(sys.argv[1]), floor.session.__file__
try:
    import test_floor_access as access
    access.test_a_request_that_only_just_passes_is_granted_with_the_terms_of_the_roster()
    access.test_each_rule_refuses_by_itself()
    access.test_of_two_reasons_the_earlier_rule_is_told()
    access.test_a_session_holds_a_part_where_its_machine_says_so()
    access.test_an_account_is_chosen_while_something_of_it_is_left()
    access.test_a_hold_grows_out_of_what_is_left()
    import session_rules
    session_rules.check_kinds()
except AssertionError as error:
    print(str(error)[:300])
    sys.exit(3)
"""


@dataclass(frozen=True, slots=True)
class Mutation:
    """A rule of a file, the source that is the rule, and the source without it."""

    rule: str
    file: str
    old: str
    new: str


def _session(rule: str, old: str, new: str) -> Mutation:
    return Mutation(rule, "session.py", old, new)


def _access(rule: str, old: str, new: str) -> Mutation:
    return Mutation(rule, "access.py", old, new)


MUTATIONS = [
    Mutation("nothing is changed: this one must survive", "session.py", "Free()", "Free()"),
    _session(
        "a fault takes power first", "(OpenRelay(), Extraction(False), *ended,", "(*ended, OpenRelay(),"
    ),
    _session(
        "a fault takes power", "(OpenRelay(), Extraction(False), *ended,", "(Extraction(False), *ended,"
    ),
    _session("a fault ends the session", "*ended, RecordLockout(reason)", "RecordLockout(reason)"),
    _session("a lockout is recorded", "*ended, RecordLockout(reason))", "*ended)"),
    _session("a fault stops extraction", "OpenRelay(), Extraction(False), *ended", "OpenRelay(), *ended"),
    _session("a second fault takes power again", "return state, (OpenRelay(),)", "return state, ()"),
    _session("a fault locks out", "return LockedOut(reason), (OpenRelay()", "return Free(), (OpenRelay()"),
    _session(
        "staff's lockout works",
        "return _lock_out(state, StopType.LOCKOUT, reason)",
        "return state, (RecordLockout(reason),)",
    ),
    _session("staff alone clear", "case ClearOrdered() if", "case _ if"),
    _session(
        "clearing gives no power",
        "return Free(), (RecordClear(),)",
        "return Free(), (RecordClear(), CloseRelay())",
    ),
    _session(
        "an end takes power",
        "ended = (OpenRelay(), EndSession(state.lease, stop_type))",
        "ended: tuple[Effect, ...] = (EndSession(state.lease, stop_type),)",
    ),
    _session(
        "power goes before the end is recorded",
        "ended = (OpenRelay(), EndSession(state.lease, stop_type))",
        "ended = (EndSession(state.lease, stop_type), OpenRelay())",
    ),
    _session(
        "an end is recorded",
        "ended = (OpenRelay(), EndSession(state.lease, stop_type))",
        "ended: tuple[Effect, ...] = (OpenRelay(),)",
    ),
    _session("extraction runs on", "if policy.run_on_s:", "if False:"),
    _session(
        "extraction runs on for its time",
        "at_ms + policy.run_on_s * 1000)",
        "at_ms + policy.run_on_s * 2000)",
    ),
    _session("extraction stops with the machine", "(*ended, Extraction(False))", "ended"),
    _session("extraction stops after its run-on", "return Free(), (Extraction(False),)", "return Free(), ()"),
    _session("a run-on ends", "case RunOn(until_ms) if at_ms >= until_ms:", "case RunOn(until_ms) if False:"),
    _session(
        "a start is recorded", "(StartSession(lease), Extraction(True), CloseRelay())", "(CloseRelay(),)"
    ),
    _session(
        "a start is recorded before power",
        "(StartSession(lease), Extraction(True), CloseRelay())",
        "(CloseRelay(), Extraction(True), StartSession(lease))",
    ),
    _session(
        "extraction runs before power", "StartSession(lease), Extraction(True), C", "StartSession(lease), C"
    ),
    _session("what must run is proven before power", "    if tap.proven:\n", "    if True:\n"),
    _session(
        "extraction starts before it is proven",
        "run_on_ms), (Extraction(True),)",
        "run_on_ms), ()",
    ),
    _session(
        "a wait for the proof ends",
        "case Proving(lease, until_ms) if at_ms >= until_ms",
        "case Proving(lease, until_ms) if False",
    ),
    _session(
        "a wait for the proof is as long as the policy says", "policy.proof_s * 1000", "policy.proof_s * 2000"
    ),
    _session(
        "a proof may be too late",
        "case Proven(decision, at_ms, job) if at_ms < state.until_ms:",
        "case Proven(decision, at_ms, job):",
    ),
    _session(
        "a missing proof is told",
        "return _give_up(state, at_ms, Refuse(DenialReason.PROOF_MISSING, lease.member))",
        "return _give_up(state, at_ms)",
    ),
    _session(
        "a missing proof stops extraction", "return Free(), (Extraction(False), *why)", "return Free(), why"
    ),
    _session("a missing proof cuts no run-on", "if state.run_on_ms > at_ms:", "if False:"),
    _session(
        "what is proven is decided anew",
        "            if isinstance(decision, Denied):\n                return _give_up(",
        "            if isinstance(decision, Denied):\n"
        "                return _start(state.lease, at_ms, job)\n"
        "            if False:\n                return _give_up(",
    ),
    _session(
        "a proof starts nobody else's session", "if decision.lease.member == state.lease.member:", "if True:"
    ),
    _session(
        "who waits may leave",
        "if isinstance(state, Proving) and tap.member == state.lease.member:",
        "if False:",
    ),
    _session(
        "nobody takes the place of who waits",
        "    if isinstance(state, Proving):\n        return state, (Refuse",
        "    if False:\n        return state, (Refuse",
    ),
    _session(
        "others do not end a wait",
        "isinstance(state, Proving) and tap.member == state.lease.member:",
        "isinstance(state, Proving):",
    ),
    _session(
        "the end button ends a wait", "case EndPressed(at_ms) | Stopped(_, at_ms):", "case Stopped(_, at_ms):"
    ),
    _session("staff end a wait", "case EndPressed(at_ms) | Stopped(_, at_ms):", "case EndPressed(at_ms):"),
    _session(
        "a card that leaves ends a wait",
        "case CardRemoved(at_ms) if policy.card_must_stay:\n            return _give_up",
        "case CardRemoved(at_ms) if False:\n            return _give_up",
    ),
    _session(
        "a building that closes ends sessions",
        "case ClosingDue(at_ms) if not _works(state)",
        "case ClosingDue(at_ms) if False",
    ),
    _session(
        "a building that closes cuts no work",
        "case ClosingDue(at_ms) if not _works(state)",
        "case ClosingDue(at_ms)",
    ),
    _session(
        "a denied tap starts nothing",
        "return state, (Refuse(tap.decision.reason, tap.member),)",
        "return state, (CloseRelay(),)",
    ),
    _session(
        "a machine out of order refuses",
        "    if isinstance(state, LockedOut):\n        return state, (Refuse",
        "    if isinstance(state, Free) and isinstance(tap.decision, Denied):\n        return state, (Refuse",
    ),
    _session(
        "others do not end a session",
        "state, InSession) and tap.member == state.lease.member:",
        "state, InSession):",
    ),
    _session("a takeover needs the policy", "not policy.takeover or _works(state)", "_works(state)"),
    _session("a takeover waits for the work", "not policy.takeover or _works(state)", "not policy.takeover"),
    _session(
        "a job that is held is work",
        "isinstance(state, Holding) or state.busy or state.job",
        "isinstance(state, Running) and (state.busy or state.job)",
    ),
    _session(
        "a takeover ends the other session", "return begun, (*ended, *effects)", "return begun, effects"
    ),
    _session("a job that runs is work", "or state.busy or state.job", "or state.busy"),
    _session("a machine that is busy is work", "or state.busy or state.job", "or state.job"),
    _session(
        "the longest time binds", "if at_ms - state.since_ms >=", "if False and at_ms - state.since_ms >="
    ),
    _session(
        "the longest time binds a held job", "case Running() | Holding() if at_ms", "case Running() if at_ms"
    ),
    _session(
        "the longest time is not begun again",
        "Running(state.lease, state.since_ms, at_ms, state.busy",
        "Running(state.lease, at_ms, at_ms, state.busy",
    ),
    _session(
        "the longest time is not begun again by holding",
        "Holding(state.lease, state.since_ms, at_ms",
        "Holding(state.lease, at_ms, at_ms",
    ),
    _session(
        "the longest time is the lease's", "state.lease.max_duration_s * 1000", "policy.max_duration_s * 2000"
    ),
    _session("a machine left idle is switched off", "if policy.idle_after_s and not", "if False and not"),
    _session("a job is not idle", "policy.idle_after_s and not _works(state)", "policy.idle_after_s"),
    _session(
        "work begins the idle time again",
        "replace(state, busy=busy, active_ms=at_ms, warned=False)",
        "replace(state, busy=busy)",
    ),
    _session(
        "idleness is warned of", 'return replace(state, warned=True), (Warn("idle"),)', "return state, ()"
    ),
    _session(
        "a card that must stay ends it",
        "case CardRemoved(at_ms) if policy.card_must_stay:\n            return _leave",
        "case CardRemoved(at_ms) if False:\n            return _leave",
    ),
    _session(
        "another card may go",
        "case CardRemoved(at_ms) if policy.card_must_stay:\n            return _leave",
        "case CardRemoved(at_ms):\n            return _leave",
    ),
    _session("the end button ends it", "case EndPressed(at_ms):", "case EndPressed(at_ms) if False:"),
    _session("only a job is held", "if state.job and policy.on_leave is", "if policy.on_leave is"),
    _session("only a policy holds", " and policy.on_leave is OnLeave.HOLD_FOR_JOB", ""),
    _session("a hold is recorded", "return held, (HoldSession(state.lease),)", "return held, ()"),
    _session(
        "a held job's end takes power", "case JobChanged(False, at_ms):", "case JobChanged(True, at_ms):"
    ),
    _session(
        "credit stops at once",
        "policy.on_credit_spent is OnCreditSpent.STOP_AT_ONCE:\n        r",
        "False:\n        r",
    ),
    _session(
        "credit stops a held job at once",
        "policy.on_credit_spent is OnCreditSpent.STOP_AT_ONCE:\n                r",
        "False:\n                r",
    ),
    _session(
        "credit stops when idle",
        "not _works(state) and policy.on_credit_spent is OnCreditSpent.STOP_WHEN_IDLE",
        "False",
    ),
    _session("credit waits for the work", "state.spent and not _works(state) and", "state.spent and"),
    _session(
        "staff's stop works",
        "case Stopped(stop_type, at_ms) if",
        "case Stopped(stop_type, at_ms) if False and",
    ),
    _access(
        "an unknown badge opens nothing",
        "return Denied(DenialReason.UNKNOWN_BADGE)",
        "return Granted(_lease(request, MemberStanding('', '', '', '')))",
    ),
    _access("a lost badge opens nothing", "    if badge.lost:", "    if False:"),
    _access("a weak badge may not be enough", "    if badge.kind.weak and", "    if False and"),
    _access("a suspended member waits", "    if member.suspended:", "    if False:"),
    _access("a membership ends", "return DenialReason.MEMBERSHIP_EXPIRED if", "return None if False and"),
    _access(
        "a membership ends on time", "request.now_ms >= member.until_ms", "request.now_ms > member.until_ms"
    ),
    _access(
        "no clock, no membership",
        "        return None\n    if not request.clock_known:\n        return DenialReason.CLOCK_UNKNOWN\n"
        "    return DenialReason.MEMBERSHIP",
        "        return None\n    return DenialReason.MEMBERSHIP",
    ),
    _access(
        "a roster grows too old",
        "    if request.roster_age_s > request.policy",
        "    if False and request.policy",
    ),
    _access("power must be proven off", "    if not request.power_proven_off:", "    if False:"),
    _access("a building that closes starts nothing", "    if request.closing:", "    if False:"),
    _access(
        "the machine must answer", "    if request.policy.needs_machine_reachable and", "    if False and"
    ),
    _access(
        "training is needed",
        "    if until_ms is None:\n        return DenialReason.NOT_CERTIFIED",
        "    if until_ms is None:\n        return None",
    ),
    _access(
        "training is of this machine", "member.allowed.get(request.machine)", "max(member.allowed.values())"
    ),
    _access("training ends", "return DenialReason.CERTIFICATION_EXPIRED if", "return None if False and"),
    _access("training ends on time", "request.now_ms >= until_ms else", "request.now_ms > until_ms else"),
    _access(
        "no clock, no training",
        "    if not request.clock_known:\n        return DenialReason.CLOCK_UNKNOWN\n"
        "    return DenialReason.CERTIFICATION",
        "    return DenialReason.CERTIFICATION",
    ),
    _access("credit is needed", "member.spendable_micro <= 0:", "member.spendable_micro < 0:"),
    _access("debt opens nothing", "and member.spendable_micro <= 0:", "and member.spendable_micro == 0:"),
    _access(
        "the lease has an end", "max_duration_s=request.policy.max_duration_s", "max_duration_s=31 * 86_400"
    ),
    _access(
        "the lease has a limit",
        "limit_micro=_held(member.spendable_micro, request.policy)",
        "limit_micro=None",
    ),
    _access(
        "a hold is no more than is left", "else min(left_micro, policy.hold_micro)", "else policy.hold_micro"
    ),
    _access("an account that is used up is not chosen", "left <= price_micro", "left < price_micro"),
    _access(
        "a chosen account has a limit", "account.name, limit_micro=limit", "account.name, limit_micro=None"
    ),
    _access(
        "what was used already counts for the chosen account",
        "limit = None if held is None else price_micro + held",
        "limit = held",
    ),
    _access("a hold grows no further than what is left", "limit = min(most, wanted)", "limit = wanted"),
    _access("a hold grows near its end only", "policy.hold_micro // 2 < lease.limit_micro", "0 < 0"),
    _session("a choice is recorded", "(RecordAccount(terms) if picked else RecordHold(terms),)", "()"),
    _session("terms are no other lease", "lease != terms or terms ==", "terms =="),
    _session(
        "a hold that grows picks no account", " or (terms.account != state.lease.account) != picked", ""
    ),
    _session("new credit is not spent yet", "lease=terms, spent=False", "lease=terms"),
]


def run(mutation: Mutation) -> tuple[int, str]:
    """Return how the tests ended on a mutant, KILLED or SURVIVED, and what they said."""
    with TemporaryDirectory(prefix="mutant-") as folder:
        copy = Path(folder).resolve() / "floor"
        shutil.copytree(ROOT / "floor", copy, ignore=shutil.ignore_patterns("__pycache__"))
        source = (copy / mutation.file).read_text()
        if mutation.old != mutation.new and source.count(mutation.old) != 1:
            return -1, f"the rule's source stands {source.count(mutation.old)} times in {mutation.file}"
        (copy / mutation.file).write_text(source.replace(mutation.old, mutation.new))
        path = os.pathsep.join([folder, str(HERE), str(HERE.parent / "unit")])
        done = subprocess.run(
            [sys.executable, "-c", RUN, folder],
            env={**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
        )
        return done.returncode, (done.stdout + done.stderr).strip()[-600:]


def survivors() -> Iterator[str]:
    """Yield a sentence for each mutant that passed, and for each that did not run at all."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        for mutation, (code, said) in zip(MUTATIONS, pool.map(run, MUTATIONS), strict=True):
            changed = mutation.old != mutation.new
            if code == SURVIVED and changed:
                yield f"no test holds the rule that {mutation.rule}"
            elif code != (KILLED if changed else SURVIVED):
                yield f"the mutant for {mutation.rule!r} is not one: {said}"


if __name__ == "__main__":
    left = list(survivors())
    print("\n".join([*left, f"{len(MUTATIONS) - 1} mutants, {len(left)} of them not killed"]))
    sys.exit(bool(left))
