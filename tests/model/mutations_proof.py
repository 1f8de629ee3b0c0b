"""The rules of what a session waits for: extraction and cooling, and a building that closes."""

from __future__ import annotations

from mutations import Mutation, session_rule

PROOFS: list[Mutation] = [
    session_rule("what must run is proven before power", "    if tap.proven:\n", "    if True:\n"),
    session_rule(
        "extraction starts before it is proven",
        "return waits, (Extraction(True),)",
        "return waits, ()",
    ),
    session_rule(
        "a wait for the proof ends",
        "case Proving(lease, until_ms) if at_ms >= until_ms",
        "case Proving(lease, until_ms) if False",
    ),
    session_rule(
        "a wait for the proof is as long as the policy says", "policy.proof_s * 1000", "policy.proof_s * 2000"
    ),
    session_rule(
        "a proof may be too late",
        "case Proven(decision, at_ms, job) if at_ms < state.until_ms:",
        "case Proven(decision, at_ms, job):",
    ),
    session_rule(
        "a missing proof is told",
        "return _give_up(state, at_ms, Refuse(DenialReason.PROOF_MISSING, lease.member))",
        "return _give_up(state, at_ms)",
    ),
    session_rule(
        "a missing proof stops extraction", "return Free(), (Extraction(False), *why)", "return Free(), why"
    ),
    session_rule("a missing proof cuts no run-on", "if state.run_on_ms > at_ms:", "if False:"),
    session_rule(
        "what is proven is decided anew",
        "            if isinstance(decision, Denied):\n                return _give_up(",
        "            if isinstance(decision, Denied):\n"
        "                return _start(state.lease, at_ms, job, '')\n"
        "            if False:\n                return _give_up(",
    ),
    session_rule(
        "a proof starts nobody else's session", "if decision.lease.member == state.lease.member:", "if True:"
    ),
    session_rule(
        "who waits may leave",
        "if isinstance(state, Proving) and tap.member == state.lease.member:",
        "if False:",
    ),
    session_rule(
        "nobody takes the place of who waits",
        "    if isinstance(state, Proving):\n        return state, (Refuse",
        "    if False:\n        return state, (Refuse",
    ),
    session_rule(
        "others do not end a wait",
        "isinstance(state, Proving) and tap.member == state.lease.member:",
        "isinstance(state, Proving):",
    ),
    session_rule(
        "the end button ends a wait", "case EndPressed(at_ms) | Stopped(_, at_ms):", "case Stopped(_, at_ms):"
    ),
    session_rule(
        "staff end a wait", "case EndPressed(at_ms) | Stopped(_, at_ms):", "case EndPressed(at_ms):"
    ),
    session_rule(
        "a card that leaves ends a wait",
        "case CardRemoved(at_ms) if policy.card_must_stay:\n            return _give_up",
        "case CardRemoved(at_ms) if False:\n            return _give_up",
    ),
    session_rule(
        "a building that closes ends sessions",
        "case ClosingDue(at_ms) if not _works(state)",
        "case ClosingDue(at_ms) if False",
    ),
    session_rule(
        "a building that closes cuts no work",
        "case ClosingDue(at_ms) if not _works(state)",
        "case ClosingDue(at_ms)",
    ),
    session_rule(
        "a repair that was not proven leaves the machine out of order",
        "    if state.out_of_order:\n        return LockedOut(state.out_of_order), (Extraction(False), *why)",
        "",
    ),
    session_rule(
        "who stood by is remembered through the proof",
        "replace(decision.lease, supervisor=state.lease.supervisor)",
        "decision.lease",
    ),
    session_rule(
        "a repair goes on out of order through the proof",
        "return _start(lease, at_ms, job, state.out_of_order)",
        'return _start(lease, at_ms, job, "")',
    ),
]
