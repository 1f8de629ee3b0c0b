"""What a member may still spend, by each account that they may charge to, in words."""

from __future__ import annotations

from dataclasses import dataclass

from sqlmodel import Session

from booking_api.accounts import choice, limits
from booking_api.accounts.limits import Budget
from booking_api.members.models import Member
from booking_api.periods.calendar import month_at
from booking_api.web.render import Page


@dataclass(frozen=True, slots=True)
class Spending:
    """An account of theirs (`name` "" for the member's own), what is left of it, and by which limits."""

    name: str
    left: str
    is_spent: bool
    rules: tuple[str, ...]


def read_spending(session: Session, page: Page, member: Member) -> list[Spending]:
    """Return the accounts that have a limit."""
    accounts = choice.choices(session, {member.id}).get(member.id, [])
    names = {member.account: ""} | {one.id: one.name for one in accounts}
    known = limits.read(session, set(names))
    code = page.context.settings.currency.code
    month = month_at(page.context.clock.now_ms(), page.f.zone)
    keys = {id: known.keys(id, member.id) for id in names}
    budgets = {key: known.budgets[key] for some in keys.values() for key in some}
    left = limits.available(session, list(budgets.values()), code, month)
    found = []
    for id, mine in keys.items():
        if not mine:
            continue
        least = min(left[key] for key in mine)
        rules = tuple(words for key in mine for words in _rules(budgets[key], page))
        found.append(Spending(names[id], page.f.money(max(0, least), code), least <= 0, rules))
    return found


def _rules(budget: Budget, page: Page) -> list[str]:
    f, code = page.f, page.context.settings.currency.code
    said = []
    if budget.credit_micro == 0:
        said.append(f.texts.gettext("prepaid: it never owes"))
    elif budget.credit_micro is not None:
        words = {"amount": f.money(budget.credit_micro, code)}
        said.append(f.texts.gettext("may owe up to %(amount)s") % words)
    if budget.monthly_micro is not None:
        words = {"amount": f.money(budget.monthly_micro, code)}
        each = f.texts.gettext("you may charge %(amount)s to it in a month")
        said.append((each if budget.member else f.texts.gettext("%(amount)s in a month")) % words)
    return said
