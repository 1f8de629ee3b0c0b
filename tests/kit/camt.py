"""Statements as a bank writes them: camt.053 .02 and .08, after the ISO 20022 message definition."""

from __future__ import annotations

from dataclasses import dataclass, field
from xml.sax.saxutils import escape

OWNER = "DE89370400440532013000"


@dataclass(frozen=True)
class Detail:
    amount: str = ""
    name: str = ""
    iban: str = ""
    ustrd: tuple[str, ...] = ()
    document: str = ""
    end_to_end: str = ""
    returned: str = ""


@dataclass(frozen=True)
class Line:
    amount: str
    day: str = "2026-09-20"
    reference: str = "REF"
    currency: str = "EUR"
    status: str = "BOOK"
    reversal: bool = False
    batch: str = ""
    details: tuple[Detail, ...] = field(default_factory=lambda: (Detail(),))


def statement(*lines: Line, version: str = "02", owner: str = OWNER) -> bytes:
    body = "".join(entry(line, version) for line in lines)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.{version}"><BkToCstmrStmt>'
        "<GrpHdr><MsgId>M</MsgId><CreDtTm>2026-09-21T00:00:00</CreDtTm></GrpHdr>"
        f"<Stmt><Id>S</Id><Acct><Id><IBAN>{owner}</IBAN></Id></Acct>{body}</Stmt>"
        "</BkToCstmrStmt></Document>"
    ).encode()


def entry(line: Line, version: str) -> str:
    old = version == "02"
    amount, side = line.amount.lstrip("-"), "DBIT" if line.amount.startswith("-") else "CRDT"
    status = line.status if old else f"<Cd>{line.status}</Cd>"
    batch = f"<Btch><PmtInfId>{line.batch}</PmtInfId></Btch>" if line.batch else ""
    details = "".join(detail(one, line, side, old) for one in line.details)
    return (
        f'<Ntry><Amt Ccy="{line.currency}">{amount}</Amt><CdtDbtInd>{side}</CdtDbtInd>'
        f"{'<RvslInd>true</RvslInd>' if line.reversal else ''}<Sts>{status}</Sts>"
        f"<BookgDt><Dt>{line.day}</Dt></BookgDt>"
        f"{f'<AcctSvcrRef>{line.reference}</AcctSvcrRef>' if line.reference else ''}"
        f"<NtryDtls>{batch}{details}</NtryDtls></Ntry>"
    )


def detail(one: Detail, line: Line, side: str, old: bool) -> str:
    returned = bool(one.returned)
    payer = "Dbtr" if (side == "CRDT") != returned else "Cdtr"
    if returned:
        payer = "Dbtr"
    name = f"<Nm>{escape(one.name)}</Nm>" if old else f"<Pty><Nm>{escape(one.name)}</Nm></Pty>"
    party = f"<{payer}>{name}</{payer}>" if one.name else ""
    account = f"<{payer}Acct><Id><IBAN>{one.iban}</IBAN></Id></{payer}Acct>" if one.iban else ""
    value = f'<Amt Ccy="{line.currency}">{one.amount}</Amt>'
    amounts = f"<AmtDtls><TxAmt>{value}</TxAmt></AmtDtls>" if old else f"{value}<CdtDbtInd>{side}</CdtDbtInd>"
    document = f"<Strd><RfrdDocInf><Nb>{one.document}</Nb></RfrdDocInf></Strd>" if one.document else ""
    free = "".join(f"<Ustrd>{escape(text)}</Ustrd>" for text in one.ustrd)
    reason = f"<RtrInf><Rsn><Cd>{one.returned}</Cd></Rsn></RtrInf>" if returned else ""
    return (
        f"<TxDtls><Refs><EndToEndId>{one.end_to_end or 'NOTPROVIDED'}</EndToEndId></Refs>"
        f"{amounts if one.amount else ''}<RltdPties>{party}{account}</RltdPties>"
        f"<RmtInf>{free}{document}</RmtInf>{reason}</TxDtls>"
    )
