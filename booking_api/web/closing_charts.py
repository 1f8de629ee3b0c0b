"""A month that is closed, or will be, as charts: its pools beside each other, and who paid for them."""

from __future__ import annotations

from collections.abc import Mapping

from booking_api.periods.statement import CloseStated
from booking_api.web import charts
from booking_api.web.charts import Chart, Series, money_say
from booking_api.web.formats import Formats


def month_charts(f: Formats, stated: CloseStated, names: Mapping[str, str]) -> list[Chart]:
    """Draw costs and income of each pool, and what users and each fund paid; none without a pool."""
    if not stated.pools:
        return []
    gettext, say = f.texts.gettext, money_say(f, stated.commodity)
    pools = stated.pools
    beside = [
        Series(gettext("Costs"), [pool.cost_micro for pool in pools], "6"),
        Series(gettext("Recovered"), [pool.recovered_micro for pool in pools], "1"),
    ]
    labels, first = [pool.name for pool in pools], gettext("Pool")
    title = gettext("Costs and income by pool")
    users = sum(pool.members_micro for pool in pools)
    funds: dict[str, int] = {}
    for pool in pools:
        standing = {f"assets:fund:{one.fund}": 0 for one in pool.standing}
        for account, micro in (standing | pool.funds).items():
            more = sum(one.pays_micro for one in pool.standing if f"assets:fund:{one.fund}" == account)
            funds[account] = funds.get(account, 0) + micro + more
    payers = [Series(gettext("users"), [users])]
    payers += [
        Series(names.get(account, account.rpartition(":")[2]), [micro])
        for account, micro in sorted(funds.items())
    ]
    return [
        charts.bars("by-pool", title, labels, beside, say, first=first, height=180),
        charts.share("by-payer", gettext("Who paid"), payers, say, first=gettext("Payer")),
    ]
