"""The rate study as a page: what a unit costs, who pays it, and what other use or funding would change."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Annotated

from fastapi import Depends, Form, Query
from sqlmodel import select
from starlette.responses import RedirectResponse, Response

from booking_api.accounts.models import Fund
from booking_api.api.routes import Router
from booking_api.auth.guards import Writing, holds
from booking_api.auth.permissions import Permission
from booking_api.auth.who import Who
from booking_api.costing import versions
from booking_api.costing.models import CostVersion
from booking_api.costing.source import TEXT_MAX
from booking_api.exports import sheet
from booking_api.web import charts
from booking_api.web.charts import Chart, Series, money_say
from booking_api.web.closing import KINDS, PURPOSES
from booking_api.web.pages import Paged
from booking_api.web.render import Page
from floor.costing import CostKind, CostPool, Costs, PoolStudy, Study, study
from floor.errors import ConfigError, Refused
from floor.money import plain

router = Router(prefix="/study", include_in_schema=False)
Reads = Annotated[Who, Depends(holds(Permission.LEDGER_READ))]
Prices = Annotated[Who, Depends(holds(Permission.TARIFFS_WRITE))]
UseText = Annotated[str, Query(max_length=8)]
USE_MOST = 1000
"""The most that a what-if multiplies the expected use by, in per cents."""


@router.get("")
def overview(who: Reads, page: Paged, n: int = 0, use: UseText = "", fund: UseText = "") -> Response:
    """Show the study of a version of the cost file, and what another use or another subsidy would change."""
    with page.context.database.read() as session:
        known = versions.listed(session)
        fund_names = dict(session.exec(select(Fund.id, Fund.name)).all())
    version = _chosen(known, n)
    values: dict[str, object] = {
        "versions": known,
        "fund_names": fund_names,
        "version": version,
        "use": use or "100",
        "fund": fund or "100",
        "kinds": KINDS,
        "purposes": PURPOSES,
        "problem": "",
        "text_max": TEXT_MAX,
    }
    if version is None:
        return page.answer("study.html", values | {"found": None})
    costs = versions.costs_of(version)
    found = study(costs, "costs")
    values |= {"found": found, "supposed": None, "charts": {}}
    changed = (values["use"], values["fund"]) != ("100", "100")
    try:
        supposed = study(suppose(costs, _percent(use), _percent(fund)), "costs") if changed else None
    except ConfigError as error:
        supposed, values["problem"] = None, error.problem
    values["supposed"] = {pool.id: pool for pool in supposed.pools} if supposed else None
    values["charts"] = {pool.id: _charts(page, pool, found) for pool in found.pools}
    values["rates"] = _rates(page, found)
    return page.answer("study.html", values)


@router.post("")
def add(
    who: Prices, session: Writing, page: Paged, text: Annotated[str, Form(min_length=1, max_length=TEXT_MAX)]
) -> Response:
    """Keep a new version of the cost file."""
    try:
        version = versions.add(session, text, who.id, page.context.clock.now_ms())
    except ConfigError as error:
        raise Refused("costs_invalid", str(error)) from error
    return RedirectResponse(f"/study?n={version.n}&notice=kept", 303)


@router.get(".csv")
def table(who: Reads, page: Paged, n: int = 0) -> Response:
    """Give every line of a study as CSV; amounts are in the currency of the file."""
    with page.context.database.read() as session:
        version = _chosen(versions.listed(session), n)
    if version is None:
        raise Refused("costs_not_found", "There is no cost file yet.")
    found = study(versions.costs_of(version), "costs")
    rows = [("pool", "what", "name", "how", "units", "amount")]
    for pool in found.pools:
        for line in pool.year.lines:
            amount = plain(line.amount_micro, found.commodity)
            rows.append((pool.id, str(line.kind), line.name, line.formula, "", amount))
        for tier in pool.tiers:
            amount = plain(tier.pays_micro, found.commodity)
            each = plain(tier.rate_micro, found.commodity)
            rows.append((pool.id, "users", tier.id, each, str(tier.units), amount))
        for share in pool.asked:
            amount = plain(share.amount_micro, found.commodity)
            rows.append((pool.id, str(share.purpose), share.fund, share.tier, "", amount))
    return sheet.answer(rows, f"study-{version.n}")


@router.get("/{n}.toml")
def file(who: Reads, page: Paged, n: int) -> Response:
    """Give a version of the cost file as it was written."""
    with page.context.database.read() as session:
        version = _chosen(versions.listed(session), n)
    if version is None or version.n != n:
        raise Refused("costs_not_found", "There is no such version of the cost file.")
    headers = {"Content-Disposition": f'attachment; filename="costs-{n}.toml"'}
    return Response(version.text, media_type="application/toml; charset=utf-8", headers=headers)


def suppose(costs: Costs, use: Fraction, fund: Fraction) -> Costs:
    """Return the costs with the expected use, and what funds give whatever is used, multiplied."""

    def changed(pool: CostPool) -> CostPool:
        tiers = tuple(replace(tier, units=tier.units * use) for tier in pool.tiers)
        given = tuple(
            replace(one, amount_micro=int(one.amount_micro * fund) // costs.unit_micro * costs.unit_micro)
            for one in pool.subsidies
        )
        return replace(pool, tiers=tiers, subsidies=given)

    return replace(costs, pools=tuple(changed(pool) for pool in costs.pools))


def _chosen(known: list[CostVersion], n: int) -> CostVersion | None:
    """Return a version by its number, else the newest."""
    return next((one for one in known if one.n == n), known[0] if known else None)


def _percent(text: str) -> Fraction:
    """Read per cents, 1 to 1000 ("" for 100), as a part; raises Refused for anything else."""
    try:
        value = Decimal(text.strip().replace(",", ".") or "100")
    except InvalidOperation:
        value = Decimal(-1)
    if not (value.is_finite() and 0 <= value <= USE_MOST):
        raise Refused("percent_invalid", "Write per cents from 0 to 1000.")
    return Fraction(value) / 100


def _charts(page: Page, pool: PoolStudy, found: Study) -> tuple[Chart, Chart]:
    """Draw what a unit's full cost is made of, and costs and income at three uses."""
    gettext, f, code = page.f.texts.gettext, page.f, found.commodity.code
    say = money_say(f, code)
    sums: dict[CostKind, int] = {}
    for line in pool.year.lines:
        sums[line.kind] = sums.get(line.kind, 0) + line.amount_micro
    kinds = [kind for kind in CostKind if sums.get(kind)]
    tones = {CostKind.MANAGEMENT: "unused"}
    parts = [
        Series(gettext(KINDS[kind]), [Fraction(sums[kind]) / pool.year.units], tones.get(kind, ""))
        for kind in kinds
    ]
    title = gettext("What 1 %(unit)s costs") % {"unit": gettext(pool.unit)}
    made_of = charts.share(f"made-{pool.id}", title, parts, say, first=gettext("Cost item"))
    labels = [f"{f.percent(use.part)}" for use in pool.uses]
    compared = [
        Series(
            gettext("Income at the published rates"),
            [use.cost_micro + use.balance_micro for use in pool.uses],
        ),
        Series(gettext("Costs"), [use.cost_micro for use in pool.uses]),
    ]
    title = gettext("Income and costs, by the use that was expected")
    return made_of, charts.bars(
        f"uses-{pool.id}", title, labels, compared, say, first=gettext("Use"), height=180
    )


def _rates(page: Page, found: Study) -> Chart:
    gettext = page.f.texts.gettext
    series = [
        Series(gettext("full cost"), [pool.year.full_cost_rate for pool in found.pools], "6"),
        Series(gettext("published rate"), [pool.published_micro for pool in found.pools], "1"),
    ]
    names = [f"{pool.name} ({gettext(pool.unit)})" for pool in found.pools]
    say = money_say(page.f, found.commodity.code)
    title = gettext("Full cost and rate of each unit")
    return charts.bars("rates", title, names, series, say, first=gettext("Pool"), csv="/study.csv")
