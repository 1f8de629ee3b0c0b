"""The QR code of a SEPA credit transfer, which banking apps read to fill in a payment.

Source: European Payments Council, EPC069-12 version 2.1 (2012), "Quick Response Code: Guidelines to enable
data capture for the initiation of a SEPA Credit Transfer": section 3 (content) and 4 (code).
"""

from __future__ import annotations

import io
from decimal import Decimal

import segno
from stdnum import bic as bics
from stdnum import iban as ibans

from floor.money import MICRO

NAME_MAX, TEXT_MAX, PAYLOAD_MAX = 70, 140, 331
AMOUNT_MAX_MICRO = 999_999_999_990_000
CENT_MICRO = MICRO // 100


def payload(name: str, iban: str, bic: str, amount_micro: int, text: str) -> str:
    """Return what the code says: a transfer of `amount_micro` EUR to an account, with a text for the payee.

    A name or text that is too long is cut. Raises ValueError for an account that is none, no name, or an
    amount outside of 0.01 to 999,999,999.99 or with parts of a cent.
    """
    if not ibans.is_valid(iban) or (bic and not bics.is_valid(bic)):
        raise ValueError("this is no account: check the IBAN and the BIC")
    if not CENT_MICRO <= amount_micro <= AMOUNT_MAX_MICRO or amount_micro % CENT_MICRO:
        raise ValueError("a transfer has from 0.01 to 999999999.99 EUR, in whole cents")
    payee = _one_line(name)[:NAME_MAX].strip()
    if not payee:
        raise ValueError("a transfer names who is paid")
    amount = f"EUR{Decimal(amount_micro) / MICRO:.2f}"
    account = str(ibans.compact(iban))
    head = ["BCD", "002", "1", "SCT", str(bics.compact(bic)) if bic else "", payee, account, amount, "", ""]
    words = _one_line(text)[:TEXT_MAX].strip()
    said = "\n".join([*head, words])
    while len(said.encode()) > PAYLOAD_MAX:  # letters of several bytes: the text for the payee gives way
        words = words[:-1]
        said = "\n".join([*head, words.strip()])
    return said


def code(said: str) -> segno.QRCode:
    """Return the QR code of a payload: level M, no larger than version 13, UTF-8."""
    return segno.make_qr(said, error="m", encoding="utf-8", boost_error=False, mode="byte")


def svg(said: str) -> str:
    """Return the code as an SVG element, black on white with the quiet zone of four modules."""
    out = io.BytesIO()
    code(said).save(out, kind="svg", border=4, omitsize=True, xmldecl=False, nl=False, light="white")
    return out.getvalue().decode()


def _one_line(text: str) -> str:
    return " ".join(text.split())
