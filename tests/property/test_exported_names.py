"""Names of accounts and commodities in exports can be read back, so no two of them ever meet."""

import re
from decimal import Decimal

from hypothesis import example, given
from hypothesis import strategies as st

from booking_api.exports import beancount, hledger, table
from booking_api.exports.books import decimal

ROOTS = st.sampled_from(["assets", "income", "expense", "equity", "liabilities", "allowances", "Assets", ""])
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
LIKELY = st.from_regex(r"[A-Za-z0-9Z._:-]{0,12}", fullmatch=True)
ACCOUNTS = st.builds(":".join, st.tuples(ROOTS, TEXT | LIKELY)) | TEXT
BEAN_ACCOUNT = re.compile(r"(Assets|Liabilities|Equity|Income|Expenses)(:[A-Z0-9][A-Za-z0-9-]*)+")
BEAN_COMMODITY = re.compile(r"[A-Z][A-Z0-9'._-]*[A-Z0-9_]")
HLEDGER_ACCOUNT = re.compile(r"[\w.%-]+(:[\w.%-]+)*")


@given(ACCOUNTS)
@example("equity:allowances:granted")
@example("assets:member:")
@example("assets:member:z")
@example("assets")
def test_a_beancount_account_is_valid_and_reads_back(name: str) -> None:
    written = beancount.account(name)
    assert BEAN_ACCOUNT.fullmatch(written), written
    assert beancount.account_back(written) == name


@given(LIKELY | TEXT)
@example("TRUE")
@example("a-")
@example("U.COINS")
def test_a_beancount_commodity_is_valid_and_reads_back(code: str) -> None:
    written = beancount.commodity(code)
    assert BEAN_COMMODITY.fullmatch(written), written
    assert beancount.commodity_back(written) == code


@given(ACCOUNTS, ACCOUNTS)
def test_two_accounts_never_meet_in_hledger(one: str, two: str) -> None:
    assert HLEDGER_ACCOUNT.fullmatch(hledger.account(one))
    assert (hledger.account(one) == hledger.account(two)) == (one == two)


@given(TEXT)
@example("＝1+1")
def test_a_text_of_a_table_reads_back_and_is_no_formula(text: str) -> None:
    kept = table.harmless(text)
    assert not kept.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"))
    assert (kept[1:] if kept.startswith("'") else kept) == text


@given(st.integers(-(1 << 63), (1 << 63) - 1))
def test_an_amount_is_written_exactly(amount_micro: int) -> None:
    text = decimal(amount_micro)
    assert re.fullmatch(r"-?[0-9]+\.[0-9]{6}", text)
    assert Decimal(text) * 10**6 == amount_micro
