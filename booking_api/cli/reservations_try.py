"""`makerfloor reservations try`: a policy file tried on requests, without a database or settings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import tzinfo
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from booking_api.cli.base import app, read_text
from booking_api.tariffs.source import at_line
from floor.errors import ConfigError
from floor.money import MICRO
from floor.reservation.calendar import shown
from floor.reservation.load import read_policies
from floor.reservation.terms import Allowed, Turned
from floor.reservation.trial.file import Requests, read_requests
from floor.reservation.trial.run import Outcome, run
from floor.tariff.calendar import local

reservations = typer.Typer(help="Reservations: who may book a machine and when.", no_args_is_help=True)
app.add_typer(reservations, name="reservations")


@reservations.command("try")
def try_(
    policy: Annotated[Path, typer.Argument(help="A policy file, as docs/reservations.md says.")],
    requests: Annotated[Path, typer.Argument(help="Members, machines and requests in order of time.")],
    as_data: Annotated[bool, typer.Option("--json", help="Write JSON for programs.")] = False,
) -> None:
    """Show each request granted or refused with the rule that decided; ends with 1 where the file expects
    otherwise, with 2 where a file is wrong.
    """
    try:
        asked, outcomes = tried(policy, requests)
    except ConfigError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
    if as_data:
        typer.echo(json.dumps(as_json(outcomes, asked.zone), indent=2, ensure_ascii=False))
    else:
        for line in lines_of(outcomes, asked.zone):
            typer.echo(line)
    if any(one.missed for one in outcomes):
        raise typer.Exit(1)


def tried(policy: Path, requests: Path) -> tuple[Requests, list[Outcome]]:
    """Try a policy file on a requests file; raises ConfigError with file, line, key, problem and remedy."""
    text = read_text(requests)
    try:
        asked = read_requests(text, str(requests), ZoneInfo)
        text = read_text(policy)
        policies = read_policies(text, str(policy), asked.zone, asked.machines)
    except ConfigError as error:
        raise error if error.line else at_line(error, text) from error
    return asked, run(policies, asked)


def lines_of(outcomes: list[Outcome], zone: tzinfo) -> Iterator[str]:
    """Write outcomes for people."""
    for one in outcomes:
        decision = one.decision
        number = f"{one.step.number:>3}" if one.step else "  ·"
        result = "granted"
        if isinstance(decision, Turned):
            key = decision.values.get("key", "")
            result = f"refused by {decision.rule}" + (f" ({key})" if key not in ("", decision.rule) else "")
        if one.step is None:
            result = ""
        elif one.step.do == "offered":
            result = one.offered or "nobody"
        yield f"{number}  {shown(one.at_ms, zone)}  {_said(one, zone)}{': ' if result else ''}{result}"
        for note in _notes(one, zone):
            yield f"       {note}"
        if one.missed:
            yield f"       EXPECTED {one.missed}"
    missed = sum(1 for one in outcomes if one.missed)
    granted = sum(1 for one in outcomes if one.step and one.granted)
    steps = sum(1 for one in outcomes if one.step)
    yield ""
    yield f"{granted} granted, {steps - granted} refused" + (f", {missed} not as expected" if missed else "")


def _said(one: Outcome, zone: tzinfo) -> str:
    step = one.step
    if step is None:
        return one.what
    words = [step.member or str(step.kind), step.do.replace("_", "-"), step.machine]
    if step.begins_ms and step.ends_ms:
        begins, ends = shown(step.begins_ms, zone), shown(step.ends_ms, zone)
        words.append(f"{begins}-{ends[-5:] if ends[:-5] == begins[:-5] else ends}")
    return " ".join(word for word in [*words, one.what] if word)


def _notes(one: Outcome, zone: tzinfo) -> Iterator[str]:
    decision = one.decision
    if isinstance(decision, Turned):
        yield decision.sentence
        if decision.again_ms:
            yield f"Ask again at {shown(decision.again_ms, zone)}."
    if isinstance(decision, Allowed):
        if decision.warning:
            yield f"Warned: {decision.warning}"
        if decision.until_ms and one.step and one.step.do in ("use", "extend"):
            by = f", by {decision.until_rule}" if decision.until_rule else ""
            yield f"It must end at {shown(decision.until_ms, zone)}{by}."
        if decision.displaces:
            yield f"Gives way: {', '.join(decision.displaces)}."
    if one.fee:
        yield f"Fee: {_fee(one)} ({one.fee.words})."
    if one.offered and (one.step is None or one.step.do != "offered"):
        yield f"Offered to {one.offered}."


def _fee(one: Outcome) -> str:
    if one.fee is None:
        return ""
    if one.fee.tariff:
        return f"by tariff {one.fee.tariff}"
    whole, part = divmod(one.fee.micro, MICRO)
    decimals = f"{part:06}"
    return f"{whole}.{decimals[:2]}{decimals[2:].rstrip('0')}"


def as_json(outcomes: list[Outcome], zone: tzinfo) -> dict[str, Any]:
    """Return outcomes for programs; instants are ISO 8601 on the space's clock, None where there is none."""
    return {
        "steps": [_json(one, zone) for one in outcomes if one.step],
        "events": [_json(one, zone) for one in outcomes if not one.step],
        "unexpected": sorted({one.step.number for one in outcomes if one.step and one.missed}),
    }


def _json(one: Outcome, zone: tzinfo) -> dict[str, Any]:
    def time(at_ms: int) -> str | None:
        return local(at_ms, zone).isoformat() if at_ms else None

    step, decision = one.step, one.decision
    turned = decision if isinstance(decision, Turned) else None
    allowed = decision if isinstance(decision, Allowed) else Allowed()
    made: dict[str, Any] = {"at": time(one.at_ms), "fee": _fee(one) or None, "offered": one.offered or None}
    if step is None:
        return {**made, "what": one.what}
    return {
        "step": step.number,
        "do": step.do,
        "member": step.member,
        "machine": step.machine,
        "begins": time(step.begins_ms),
        "ends": time(step.ends_ms),
        **made,
        "granted": one.granted,
        "rule": turned.rule if turned else None,
        "key": turned.values.get("key") if turned else None,
        "sentence": turned.sentence if turned else None,
        "again": time(turned.again_ms) if turned else None,
        "until": time(allowed.until_ms),
        "until_rule": allowed.until_rule or None,
        "warning": allowed.warning or None,
        "displaces": list(allowed.displaces),
        "expected": step.expect or None,
        "as_expected": not one.missed,
    }
