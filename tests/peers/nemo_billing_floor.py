"""Run by the Python of the peer: NEMO with NEMO-billing, accounts, and months of uses to bill.

`nemo_billing_floor.py ACCOUNTS USES MONTH...` gives each account a project, and each month that many uses
of a quarter of an hour at 24.00 an hour. A project of the member of `nemo_floor` has as many uses behind it,
and a hard cap that they do not reach. Prints the ids of tool, member and project, and the keys of the
member's and of a manager's browser.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.apps import apps
from nemo_floor import furnish, signed_in

LENGTH = timedelta(minutes=15)


def main() -> None:
    accounts, uses, months = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    tool, member, capped = furnish()
    category = _make("rates", "RateCategory", name="member")
    kind = apps.get_model("rates", "RateType").objects.get(type="TOOL_USAGE")
    _make("rates", "Rate", category=category, type=kind, tool=tool, amount="24.00")
    plan = _make(
        "invoices", "InvoiceConfiguration", name="bench", email_from="nemo@localhost", merchant_name="bench"
    )
    _billed(capped, category, plan)
    projects = [_project(n, category, plan) for n in range(accounts)]
    event = apps.get_model("NEMO", "UsageEvent")
    numbers = itertools.count(1)
    for month in months:
        began = datetime.fromisoformat(f"{month}-01T00:00:00+00:00")
        event.objects.bulk_create(_uses(tool, member, projects, began, uses, numbers))
    now = datetime.now(UTC)
    event.objects.bulk_create(_uses(tool, member, [capped], now - timedelta(days=60), uses, numbers))
    cap = {"project": capped, "amount": "1000000.00", "charge_types": "1"}
    _make("NEMO_billing", "ProjectBillingHardCap", start_date=date(now.year - 1, 1, 1), **cap)
    manager = _make(
        "NEMO", "User", username="olga", first_name="Olga", last_name="Maple", email="olga@localhost",
        training_required=False, is_superuser=True, is_staff=True, is_accounting_officer=True,
    )  # fmt: skip
    print(tool.pk, member.pk, capped.pk, signed_in(member), signed_in(manager), flush=True)


def _make(room: str, model: str, /, **values: Any) -> Any:
    return apps.get_model(room, model).objects.create(**values)


def _project(n: int, category: Any, plan: Any) -> Any:
    account = _make("NEMO", "Account", name=f"account {n}")
    project = _make("NEMO", "Project", name=f"project {n}", account=account, application_identifier=f"p{n}")
    return _billed(project, category, plan)


def _billed(project: Any, category: Any, plan: Any) -> Any:
    _make("invoices", "AccountBillingDetails", account=project.account, invoice_configuration=plan)
    _make("invoices", "ProjectBillingDetails", project=project, category=category, no_tax=True)
    return project


def _uses(
    tool: Any, member: Any, projects: list[Any], began: datetime, count: int, numbers: Iterator[int]
) -> Iterator[Any]:
    event = apps.get_model("NEMO", "UsageEvent")
    step = timedelta(days=27) / count
    for n in range(count):
        ended = began + LENGTH + n * step
        yield event(
            user=member, operator=member, project=projects[n % len(projects)], tool=tool,
            start=ended - LENGTH, end=ended, has_ended=next(numbers),
        )  # fmt: skip


if __name__ == "__main__":
    main()
