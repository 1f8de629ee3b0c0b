"""The names of accounts."""

CASH = "assets:cash"
BANK = "assets:bank"
ROUNDING = "income:rounding"


def member_account(account: str) -> str:
    """Return the account on which a member, a team or a project owes the space (positive: they owe)."""
    return f"assets:member:{account}"


def machine_income(machine: str) -> str:
    """Return the account that a machine's charges earn to."""
    return f"income:machine:{machine}"
