"""Versions of the space's cost file: added as they were written, never edited."""

from __future__ import annotations

import hashlib

from sqlalchemy import func
from sqlmodel import Session, col, select

from booking_api.accounts.models import Fund
from booking_api.costing.models import CostVersion
from booking_api.costing.source import at_line, parsed, read_costs
from booking_api.db import zone_of
from booking_api.machines.models import Machine
from booking_api.periods.calendar import bounds, open_from_ms
from floor.costing import Costs, study
from floor.costing.model import USERS
from floor.errors import ConfigError, Refused


def add(session: Session, text: str, author: str, now_ms: int, file: str = "costs") -> CostVersion:
    """Keep a new version; the text that is in force from its month already is the same version.

    Raises ConfigError for a text that is no cost file, and for a machine or a fund that is not known here;
    Refused when it begins in a month that is closed.
    """
    costs = read_costs(text, file)
    try:
        study(costs, file)
        _check(session, costs, file)
    except ConfigError as error:
        raise at_line(error, text) from error
    from_ms, _ = bounds(costs.valid_from, zone_of(session))
    if from_ms < open_from_ms(session):
        words = f"{costs.valid_from} is closed. Let the file begin in a month that is open."
        raise Refused("period_closed", words)
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    same = select(CostVersion).where(CostVersion.valid_from == costs.valid_from)
    last = session.exec(same.order_by(col(CostVersion.n).desc())).first()
    if last is not None and last.sha256 == sha256:
        return last
    most = session.exec(select(func.max(CostVersion.n))).one() or 0
    version = CostVersion(
        n=most + 1,
        valid_from=costs.valid_from,
        text=text,
        sha256=sha256,
        author=author,
        created_ms=now_ms,
    )
    session.add(version)
    session.flush()
    return version


def _check(session: Session, costs: Costs, file: str) -> None:
    """Raise ConfigError unless the space can be closed by this file."""
    if not costs.valid_from:
        problem = "is missing, so no month can be closed by it"
        raise ConfigError(file, "valid_from", problem, 'Write valid_from = "2027-01".')
    machines = set(session.exec(select(Machine.id)))
    funds = set(session.exec(select(Fund.id)))
    for number, pool in enumerate(costs.pools, 1):
        place = f"pools[{number}]"
        if not pool.machines:
            remedy = 'Write machines = ["laser-1"]: their charges pay for the pool.'
            raise ConfigError(file, f"{place}.machines", "are missing", remedy)
        for machine in pool.machines:
            if machine not in machines:
                problem = f"name {machine!r}, which is no machine here"
                raise ConfigError(file, f"{place}.machines", problem, "Add the machine first.")
        paying = {f"{place}.subsidies[{n}].fund": one.fund for n, one in enumerate(pool.subsidies, 1)}
        if pool.idle_payer != USERS:
            paying[f"{place}.idle_payer"] = pool.idle_payer
        for key, fund in paying.items():
            if fund not in funds:
                problem = f"is {fund!r}, which is no fund in the books"
                raise ConfigError(file, key, problem, "Add the fund to the space first.")


def in_force(session: Session, month: str) -> tuple[CostVersion, Costs] | None:
    """Return the version by which a month is closed, None where there is none yet."""
    query = select(CostVersion).where(CostVersion.valid_from <= month)
    order = (col(CostVersion.valid_from).desc(), col(CostVersion.n).desc())
    version = session.exec(query.order_by(*order)).first()
    return None if version is None else (version, costs_of(version))


def listed(session: Session) -> list[CostVersion]:
    """Return every version, newest first."""
    return list(session.exec(select(CostVersion).order_by(col(CostVersion.n).desc())))


def costs_of(version: CostVersion) -> Costs:
    """Return what a kept version says."""
    return parsed(version.text, f"costs of {version.valid_from}")
