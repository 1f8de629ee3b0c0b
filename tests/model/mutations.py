"""Each safety rule of floor.session and floor.access: its source, and the source without it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mutation:
    """A rule of a file, the source that is the rule, and the source without it."""

    rule: str
    file: str
    old: str
    new: str


def session_rule(rule: str, old: str, new: str) -> Mutation:
    return Mutation(rule, "session.py", old, new)


def _access(rule: str, old: str, new: str) -> Mutation:
    return Mutation(rule, "access.py", old, new)


RULES = [
    Mutation("nothing is changed: this one must survive", "session.py", "Free()", "Free()"),
    session_rule(
        "a fault takes power first", "(OpenRelay(), Extraction(False), *ended,", "(*ended, OpenRelay(),"
    ),
    session_rule(
        "a fault takes power", "(OpenRelay(), Extraction(False), *ended,", "(Extraction(False), *ended,"
    ),
    session_rule("a fault ends the session", "*ended, RecordLockout(reason)", "RecordLockout(reason)"),
    session_rule("a lockout is recorded", "*ended, RecordLockout(reason))", "*ended)"),
    session_rule("a fault stops extraction", "OpenRelay(), Extraction(False), *ended", "OpenRelay(), *ended"),
    session_rule("a second fault takes power again", "return state, (OpenRelay(),)", "return state, ()"),
    session_rule(
        "a fault locks out", "return LockedOut(reason), (OpenRelay()", "return Free(), (OpenRelay()"
    ),
    session_rule(
        "staff's lockout works",
        "return _lock_out(state, StopType.LOCKOUT, reason)",
        "return state, (RecordLockout(reason),)",
    ),
    session_rule("a card that stays does not leave", "    if policy.card_must_stay:  #", "    if False:  #"),
    session_rule(
        "a repair clears nothing",
        "if isinstance(state, Running) and state.out_of_order:\n        return Lo",
        "if False:\n        return Lo",
    ),
    session_rule("a repair is taken over by nobody", "and not repairs and not _works", "and not _works"),
    session_rule(
        "a repair holds no job",
        " is OnLeave.HOLD_FOR_JOB and not state.out_of_order",
        " is OnLeave.HOLD_FOR_JOB",
    ),
    session_rule(
        "a second person is needed",
        "    if not (_alone(tap, policy) or purpose",
        "    if not (True or purpose",
    ),
    session_rule(
        "a second person is needed for a takeover",
        "policy.takeover and _alone(tap, policy) and",
        "policy.takeover and",
    ),
    session_rule("only a supervisor stands by", "if tap.supervises and tap.member:", "if tap.member:"),
    session_rule(
        "nobody stands by themselves",
        "    if tap.member == state.lease.member:\n        return state, (Warn",
        "    if False:\n        return state, (Warn",
    ),
    session_rule(
        "who waits for a supervisor is decided anew",
        "        case DecidedAnew(Denied(reason)):\n"
        "            return state.then, (Refuse(reason, state.lease.member),)\n",
        "",
    ),
    session_rule(
        "who waits has the lease of the second tap",
        "            return replace(state, lease=lease), ()\n",
        "            return state, ()\n",
    ),
    session_rule(
        "nobody's decision stands for another's",
        "case DecidedAnew(Granted(lease)) if lease.member == state.lease.member:",
        "case DecidedAnew(Granted(lease)):",
    ),
    session_rule(
        "a fire drill keeps why a machine is repaired",
        "if was and stop_type is StopType.FIRE_ALARM:",
        "if False:",
    ),
    session_rule(
        "a fire alarm ends a repair",
        "return LockedOut(was), (OpenRelay(), *ended, Extraction(False))",
        "return LockedOut(was), (*ended, Extraction(False))",
    ),
    session_rule("who stood by is recorded", "replace(state.lease, supervisor=tap.member)", "state.lease"),
    session_rule(
        "the wait for a second person ends",
        "case Waiting(lease, until_ms, then) if at_ms >= until_ms:",
        "case Waiting(lease, until_ms, then) if False:",
    ),
    session_rule(
        "adoption gives no power", "Extraction(True), KeepRelay())", "Extraction(True), CloseRelay())"
    ),
    session_rule(
        "adoption keeps the time",
        "return Running(lease, since_ms, at_ms, event.busy, event.job), effects",
        "return Running(lease, at_ms, at_ms, event.busy, event.job), effects",
    ),
    session_rule(
        "only a free machine is adopted",
        "case Adopted() if isinstance(state, Free):",
        "case Adopted() if not isinstance(state, LockedOut):",
    ),
    session_rule(
        "staff alone clear", "        case ClearOrdered():\n", "        case ClearOrdered() | EndPressed():\n"
    ),
    session_rule(
        "clearing gives no power",
        "return Free(), (RecordClear(),)",
        "return Free(), (RecordClear(), CloseRelay())",
    ),
    session_rule(
        "an end takes power",
        "ended = (OpenRelay(), EndSession(state.lease, stop_type))",
        "ended: tuple[Effect, ...] = (EndSession(state.lease, stop_type),)",
    ),
    session_rule(
        "power goes before the end is recorded",
        "ended = (OpenRelay(), EndSession(state.lease, stop_type))",
        "ended = (EndSession(state.lease, stop_type), OpenRelay())",
    ),
    session_rule(
        "an end is recorded",
        "ended = (OpenRelay(), EndSession(state.lease, stop_type))",
        "ended: tuple[Effect, ...] = (OpenRelay(),)",
    ),
    session_rule("extraction runs on", "if policy.run_on_s:", "if False:"),
    session_rule(
        "extraction runs on for its time",
        "at_ms + policy.run_on_s * 1000)",
        "at_ms + policy.run_on_s * 2000)",
    ),
    session_rule(
        "extraction stops with the machine",
        "return Free(), (*ended, Extraction(False))",
        "return Free(), ended",
    ),
    session_rule(
        "extraction stops after its run-on", "return Free(), (Extraction(False),)", "return Free(), ()"
    ),
    session_rule(
        "a run-on ends", "case RunOn(until_ms) if at_ms >= until_ms:", "case RunOn(until_ms) if False:"
    ),
    session_rule(
        "a start is recorded", "(StartSession(lease), Extraction(True), CloseRelay())", "(CloseRelay(),)"
    ),
    session_rule(
        "a start is recorded before power",
        "(StartSession(lease), Extraction(True), CloseRelay())",
        "(CloseRelay(), Extraction(True), StartSession(lease))",
    ),
    session_rule(
        "extraction runs before power", "StartSession(lease), Extraction(True), C", "StartSession(lease), C"
    ),
    session_rule(
        "a denied tap starts nothing",
        "return state, (Refuse(tap.decision.reason, tap.member),)",
        "return state, (CloseRelay(),)",
    ),
    session_rule(
        "a machine out of order refuses",
        "    if out_of_order and purpose is not Purpose.REPAIR:",
        "    if False:",
    ),
    session_rule(
        "others do not end a session", " and tap.member == state.lease.member and not _c", " and not _c"
    ),
    session_rule("a takeover needs the policy", "policy.takeover and _alone", "_alone"),
    session_rule(
        "a takeover waits for the work", " and not repairs and not _works(state)", " and not repairs"
    ),
    session_rule(
        "a job that is held is work",
        "isinstance(state, Holding) or state.busy or state.job",
        "isinstance(state, Running) and (state.busy or state.job)",
    ),
    session_rule("a takeover ends the other session", "_after(ended, _begin(", "_after((), _begin("),
    session_rule("a job that runs is work", "or state.busy or state.job", "or state.busy"),
    session_rule("a machine that is busy is work", "or state.busy or state.job", "or state.job"),
    session_rule(
        "the longest time binds", "if at_ms - state.since_ms >=", "if False and at_ms - state.since_ms >="
    ),
    session_rule(
        "the longest time binds a held job", "case Running() | Holding() if at_ms", "case Running() if at_ms"
    ),
    session_rule(
        "the longest time is not begun again",
        "Running(state.lease, state.since_ms, at_ms, state.busy",
        "Running(state.lease, at_ms, at_ms, state.busy",
    ),
    session_rule(
        "the longest time is not begun again by holding",
        "Holding(state.lease, state.since_ms, at_ms",
        "Holding(state.lease, at_ms, at_ms",
    ),
    session_rule(
        "the longest time is the lease's", "state.lease.max_duration_s * 1000", "policy.max_duration_s * 2000"
    ),
    session_rule("a machine left idle is switched off", "if policy.idle_after_s and not", "if False and not"),
    session_rule("a job is not idle", "policy.idle_after_s and not _works(state)", "policy.idle_after_s"),
    session_rule(
        "work begins the idle time again",
        "replace(state, busy=busy, active_ms=at_ms, warned=False)",
        "replace(state, busy=busy)",
    ),
    session_rule(
        "idleness is warned of", 'return replace(state, warned=True), (Warn("idle"),)', "return state, ()"
    ),
    session_rule(
        "a card that must stay ends it",
        "case CardRemoved(at_ms) if policy.card_must_stay:\n            return _leave",
        "case CardRemoved(at_ms) if False:\n            return _leave",
    ),
    session_rule(
        "another card may go",
        "case CardRemoved(at_ms) if policy.card_must_stay:\n            return _leave",
        "case CardRemoved(at_ms):\n            return _leave",
    ),
    session_rule("the end button ends it", "case EndPressed(at_ms):", "case EndPressed(at_ms) if False:"),
    session_rule("only a job is held", "if state.job and policy.on_leave is", "if policy.on_leave is"),
    session_rule("only a policy holds", " and policy.on_leave is OnLeave.HOLD_FOR_JOB", ""),
    session_rule("a copy takes up no held session", "and tap.decision.reason in OF_THE_BADGE", "and False"),
    session_rule("a hold is recorded", "return held, (HoldSession(state.lease),)", "return held, ()"),
    session_rule(
        "a held job's end takes power", "case JobChanged(False, at_ms):", "case JobChanged(True, at_ms):"
    ),
    session_rule(
        "credit stops at once",
        "policy.on_credit_spent is OnCreditSpent.STOP_AT_ONCE:\n        r",
        "False:\n        r",
    ),
    session_rule(
        "credit stops a held job at once",
        "policy.on_credit_spent is OnCreditSpent.STOP_AT_ONCE:\n                r",
        "False:\n                r",
    ),
    session_rule(
        "credit stops when idle",
        "not _works(state) and policy.on_credit_spent is OnCreditSpent.STOP_WHEN_IDLE",
        "False",
    ),
    session_rule("credit waits for the work", "state.spent and not _works(state) and", "state.spent and"),
    session_rule(
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
    _access("a strong badge proves itself", "    if not badge.kind.weak and", "    if False and"),
    _access("a weak badge may not be enough", "    if badge.kind.weak and", "    if False and"),
    _access(
        "a suspended member waits",
        "    if member.suspended:\n        return DenialReason.MEMBER_SUSPENDED\n    if member.waiver",
        "    if member.waiver",
    ),
    _access("a membership ends", "return DenialReason.MEMBERSHIP_EXPIRED if", "return None if False and"),
    _access(
        "a membership ends on time",
        "IRED if request.now_ms >= member.until_ms",
        "IRED if request.now_ms > member.until_ms",
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
    _access("only technicians override", "if member.technician and (purpose", "if (purpose"),
    _access(
        "the policy forbids to break the glass", "if alone and not request.policy.break_glass:", "if False:"
    ),
    _access(
        "the glass is broken only alone",
        "return Purpose.BREAK_GLASS if alone else None",
        "return Purpose.BREAK_GLASS",
    ),
    _access(
        "no technician overrides a building that closes",
        "closing = DenialReason.CLOSING if request.closing else None",
        "closing = None",
    ),
    _access("a repair is of what is out of order", "    if request.out_of_order:", "    if True:"),
    _access(
        "no override of power that is not proven off",
        "return closing if request.power_proven_off else DenialReason.MACHINE_NOT_SAFE",
        "return closing",
    ),
    _access(
        "no override of a badge that does not count",
        "_badge_refuses(request, badge) or _never_overridden",
        "_never_overridden",
    ),
    _access(
        "no override of a suspension",
        "    if member.suspended:\n        return DenialReason.MEMBER_SUSPENDED\n    if request.clock",
        "    if request.clock",
    ),
    _access("broken glass lasts an hour", "limit_micro=None, max_duration_s=longest_s", "limit_micro=None"),
    _access(
        "no phone does what staff's badges do",
        "if request.proven is BadgeKind.PHONE or",
        "if",
    ),
    _access(
        "no phone stands by",
        "    if request.proven is BadgeKind.PHONE:\n        return False",
        "    if False:\n        return False",
    ),
    _access(
        "supervisors are chosen",
        "or not (member.supervisor or member.technician) or",
        "or",
    ),
    _access(
        "supervisors are trained",
        "isinstance(decision, Granted) and decision.lease",
        "isinstance(decision, Denied) or decision.lease",
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
    session_rule("a choice is recorded", "(RecordAccount(terms) if picked else RecordHold(terms),)", "()"),
    session_rule("terms are no other lease", "lease != terms or terms ==", "terms =="),
    session_rule(
        "a hold that grows picks no account", " or (terms.account != state.lease.account) != picked", ""
    ),
    session_rule("new credit is not spent yet", "lease=terms, spent=False", "lease=terms"),
]
