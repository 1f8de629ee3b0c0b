"""Account statements of banks: ISO 20022 camt.053, bytes in, bookings out.

Elements are those of the message definition BankToCustomerStatement, camt.053.001.02 and .08. What differs:
`Sts` is a word in .02 and `Sts/Cd` in .08; names are `Dbtr/Nm` in .02 and `Dbtr/Pty/Nm` in .08; a
transaction's amount is `AmtDtls/TxAmt/Amt` in .02 and `Amt` from .04 on. `CdtDbtInd` is the direction of this
booking; `RvslInd` says that it takes an earlier one back. No DTD and no entity is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from booking_api.payments.booking import BOOKINGS_MAX, BYTES_MAX, Booking, trimmed
from floor.errors import PeerError
from floor.money import parse

NAMESPACE = re.compile(r"\{urn:iso:std:iso:20022:tech:xsd:camt\.053\.001\.[0-9]{2}\}Document")
AMOUNT = re.compile(r"[0-9]{1,10}(\.[0-9]{1,5})?")
DAY = re.compile(r"((?:199[0-9]|2[01][0-9]{2})-[0-9]{2}-[0-9]{2})(?![0-9])")
CURRENCY = re.compile(r"[A-Z]{3}")
BOOKED = "BOOK"


def looks_like_camt(data: bytes) -> bool:
    """Whether a file is XML by its first sign."""
    return data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")


def read(data: bytes) -> list[Booking]:
    """Return the bookings of every statement in a file, in order; what is only announced is left out.

    Raises PeerError, with the number of the entry, for what is no statement.
    """
    if len(data) > BYTES_MAX:
        raise PeerError("The file is larger than 16 MiB. Ask the bank for a shorter period.")
    try:
        root = fromstring(data, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise PeerError(f"The file is no XML that is safe to read ({type(error).__name__}).") from error
    if not NAMESPACE.fullmatch(root.tag):
        raise PeerError(
            f"The file is {_named(root.tag)}, not a statement camt.053. Ask the bank for that one."
        )
    found: list[Booking] = []
    for statement in _all(root, "BkToCstmrStmt/Stmt"):
        owner = _text(statement, "Acct/Id/IBAN") or _text(statement, "Acct/Id/Othr/Id")
        for n, entry in enumerate(_all(statement, "Ntry"), 1):
            try:
                found += [trimmed(booking) for booking in _entry(entry, owner[:64])]
            except ValueError as error:
                raise PeerError(f"Entry {n} of the statement of {owner[:40] or '?'}: {error}.") from error
            if len(found) > BOOKINGS_MAX:
                raise PeerError(f"The file has more than {BOOKINGS_MAX} bookings. Ask for a shorter period.")
    return found


def _entry(entry: Element, owner: str) -> Iterator[Booking]:
    """Yield an entry's bookings: its transactions where their amounts make up its own, else itself."""
    if (_text(entry, "Sts/Cd") or _text(entry, "Sts")) != BOOKED:
        return
    amount, commodity = _amount(_one(entry, "Amt"))
    amount *= _sign(entry)
    whole = Booking(
        day=_day(entry),
        amount_micro=amount,
        commodity=commodity,
        owner=owner,
        reference=_text(entry, "AcctSvcrRef"),
        remittance=_text(entry, "AddtlNtryInf"),
        batch=_text(entry, "NtryDtls/Btch/PmtInfId") or _text(entry, "NtryDtls/Btch/MsgId"),
        returned=_text(entry, "RvslInd") == "true",
    )
    details = _all(entry, "NtryDtls/TxDtls")
    if len(details) == 1:
        yield _detail(details[0], whole, amount, whole.reference or _text(details[0], "Refs/AcctSvcrRef"))
        return
    amounts = [_detail_amount(detail, amount, commodity) for detail in details]
    if not details or None in amounts or sum(one or 0 for one in amounts) != amount:
        yield whole
        return
    for n, (detail, one) in enumerate(zip(details, amounts, strict=True), 1):
        numbered = f"{whole.reference}/{n}" if whole.reference else ""
        yield _detail(detail, whole, one or 0, _text(detail, "Refs/AcctSvcrRef") or numbered)


def _detail(detail: Element, whole: Booking, amount: int, reference: str) -> Booking:
    """Return one transaction: the other side pays what comes in, and is paid what goes out."""
    other, opposite = ("Dbtr", "Cdtr") if amount > 0 else ("Cdtr", "Dbtr")
    reason = _text(detail, "RtrInf/Rsn/Cd") or _text(detail, "RtrInf/Rsn/Prtry")
    returned = whole.returned or bool(_all(detail, "RtrInf"))
    if returned:  # what is given back keeps the parties of the first booking
        other = opposite if not _party(detail, other) else other
    words = [reason, *(_inner(one) for one in _all(detail, "RtrInf/AddtlInf"))]
    return Booking(
        day=whole.day,
        amount_micro=amount,
        commodity=whole.commodity,
        owner=whole.owner,
        reference=reference,
        name=_party(detail, other),
        iban=_text(detail, f"RltdPties/{other}Acct/Id/IBAN"),
        remittance=_remittance(detail) or whole.remittance,
        end_to_end=_text(detail, "Refs/EndToEndId"),
        batch=_text(detail, "Refs/PmtInfId") or whole.batch,
        returned=returned,
        reason=" ".join(word for word in words if word),
    )


def _party(detail: Element, side: str) -> str:
    base = f"RltdPties/{side}"
    return _text(detail, f"{base}/Nm") or _text(detail, f"{base}/Pty/Nm")


def _remittance(detail: Element) -> str:
    """Return what the payer wrote, and the references of documents and creditors that are set apart."""
    free = [_inner(one) for one in _all(detail, "RmtInf/Ustrd")]
    paths = ("RfrdDocInf/Nb", "CdtrRefInf/Ref", "AddtlRmtInf")
    apart = [_inner(one) for path in paths for one in _all(detail, f"RmtInf/Strd/{path}")]
    return "\n".join(text for text in (*apart, *free) if text)


def _detail_amount(detail: Element, whole: int, commodity: str) -> int | None:
    """Return a transaction's amount with its sign, None where it says none in the account's currency."""
    for path in ("Amt", "AmtDtls/TxAmt/Amt", "AmtDtls/InstdAmt/Amt"):
        given = _all(detail, path)
        if given and given[0].get("Ccy") == commodity:
            amount, _ = _amount(given[0])
            sign = _sign(detail) if _all(detail, "CdtDbtInd") else 1 if whole >= 0 else -1
            return sign * amount
    return None


def _amount(element: Element) -> tuple[int, str]:
    text, commodity = _inner(element), element.get("Ccy", "")
    if not AMOUNT.fullmatch(text) or not CURRENCY.fullmatch(commodity):
        raise ValueError(f"{text[:20]!r} {commodity[:5]!r} is no amount")
    return parse(text), commodity


def _sign(element: Element) -> int:
    match _text(element, "CdtDbtInd"):
        case "CRDT":
            return 1
        case "DBIT":
            return -1
    raise ValueError("it says neither CRDT nor DBIT")


def _day(entry: Element) -> str:
    for path in ("BookgDt/Dt", "BookgDt/DtTm", "ValDt/Dt", "ValDt/DtTm"):
        text = _text(entry, path)
        if text:
            found = DAY.match(text)
            if found is None:
                break
            return date.fromisoformat(found[1]).isoformat()
    raise ValueError("it has no day of booking")


def _all(element: Element, path: str) -> list[Element]:
    """Return the elements at a path of local names, whatever their namespace."""
    return element.findall("/".join(f"{{*}}{name}" for name in path.split("/")))


def _one(element: Element, path: str) -> Element:
    found = _all(element, path)
    if not found:
        raise ValueError(f"it has no {path}")
    return found[0]


def _text(element: Element, path: str) -> str:
    found = _all(element, path)
    return _inner(found[0]) if found else ""


def _inner(element: Element) -> str:
    return " ".join((element.text or "").split())


def _named(tag: str) -> str:
    return re.sub(r"[^A-Za-z0-9:.]+", " ", tag).strip()[-60:] or "something else"
