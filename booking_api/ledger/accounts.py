"""The chart of accounts. Debits are positive: what is owed to the space and what it holds. Income is not.

```
assets:member:ACCOUNT      what a member, a team or a guest owes (< 0: has in credit)
assets:fund:FUND           what a funder owes for reductions and subsidies
assets:site:SITE           what another site owes for its members' use here, and `assets:settled:SITE` what
                           settlements left to be paid (< 0: by us)
assets:cash, assets:bank, assets:provider:NAME    where money lies
assets:transit             cash and refunds on their way to or from the bank
income:machine:ID          what a machine earned, funds' shares with it
income:fee:OCCASION        memberships, classes, no-shows, damages, packs
income:sale:ITEM           materials and consumables that were sold
income:visits              what this site adds to what its members use elsewhere
income:pool:POOL           what funds pay for a pool whatever is used
income:rounding            what rounding gave or took
liabilities:tax            tax in what was charged
liabilities:site:SITE      what is owed to another site for what our members used there
liabilities:payable        invoices of suppliers that are not paid
liabilities:deposit:ACCOUNT    what an account gets back when its membership is over
expense:pool:POOL:KIND     what a cost pool cost
expense:bank_charges       what the bank and a payment provider take
expense:cash_difference    what was counted in the drawer and what should have been there
expense:unfunded:FUND      reductions that a fund could no longer pay
equity:imputed:POOL:KIND   costs without an invoice: wear, meters, rooms, staff; against expense:pool
equity:carried:POOL        over- and under-recovery carried on
equity:rebate:POOL         surplus given back
equity:conversion          between commodities, each side for itself
equity:opening             balances from before these books
allowances:ACCOUNT:LOT     units left in a lot; against allowances:granted, :used, :expired:LOT, :moved
```
"""

CASH = "assets:cash"
BANK = "assets:bank"
TRANSIT = "assets:transit"
BANK_CHARGES = "expense:bank_charges"
CASH_DIFFERENCE = "expense:cash_difference"
ROUNDING = "income:rounding"
SITE_FEE = "income:visits"
TAX = "liabilities:tax"
PAYABLE = "liabilities:payable"
CONVERSION = "equity:conversion"
OPENING = "equity:opening"
GRANTED, USED, EXPIRED, MOVED = (f"allowances:{word}" for word in ("granted", "used", "expired", "moved"))


def member_account(account: str) -> str:
    """Return the account on which a member, a team or a guest owes the space (positive: they owe)."""
    return f"assets:member:{account}"


def site_receivable(site: str) -> str:
    """Return the account on which another site owes for what its members used here."""
    return f"assets:site:{site}"


def site_payable(site: str) -> str:
    """Return the account of what is owed to another site for what our members used there."""
    return f"liabilities:site:{site}"


def site_settled(site: str) -> str:
    """Return the account of what settlements with a site left to be paid: by them, or (less than 0) by us."""
    return f"assets:settled:{site}"


def deposit_account(account: str) -> str:
    """Return the account of deposits that a member or a team gets back."""
    return f"liabilities:deposit:{account}"


def fund_account(fund: str) -> str:
    """Return the account on which a funder owes the space."""
    return f"assets:fund:{fund}"


def provider_account(name: str) -> str:
    """Return the account of money that a payment provider holds for the space."""
    return f"assets:provider:{name}"


def machine_income(machine: str) -> str:
    """Return the account that a machine's charges earn to."""
    return f"income:machine:{machine}"


def fee_income(occasion: str) -> str:
    """Return the account that fees of an occasion earn to."""
    return f"income:fee:{occasion}"


def pool_income(pool: str) -> str:
    """Return the account of what funds pay for a pool whatever is used."""
    return f"income:pool:{pool}"


def imputed(pool: str, kind: str) -> str:
    """Return the account against which costs stand that no supplier sent an invoice for."""
    return f"equity:imputed:{pool}:{kind}"


def sale_income(item: str) -> str:
    """Return the account that sales of an item earn to."""
    return f"income:sale:{item}"


def pool_cost(pool: str, kind: str) -> str:
    """Return the account of one kind of a cost pool's costs."""
    return f"expense:pool:{pool}:{kind}"


def unfunded(fund: str) -> str:
    """Return the account of reductions that a fund could no longer pay."""
    return f"expense:unfunded:{fund}"


def carried(pool: str) -> str:
    """Return the account of what a pool's closed periods left over."""
    return f"equity:carried:{pool}"


def rebated(pool: str) -> str:
    """Return the account of what a pool gave back."""
    return f"equity:rebate:{pool}"


def lot_account(account: str, lot: str) -> str:
    """Return the account of the units that are left in a lot."""
    return f"allowances:{account}:{lot}"


def expired_account(lot: str) -> str:
    """Return the account of what expired of a lot."""
    return f"{EXPIRED}:{lot}"
