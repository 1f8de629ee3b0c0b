"""What comes to the server from people, banks, payers and programs: files, forms, bodies, signatures."""

from __future__ import annotations

import contextlib
import re
import struct
import zlib
from collections.abc import Callable
from datetime import UTC
from pathlib import Path
from tempfile import NamedTemporaryFile
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from booking_api import cursors, toml_text
from booking_api.alerts.payload import Told
from booking_api.api import bodies
from booking_api.badges import service as badges
from booking_api.billing.splits import parse_shares
from booking_api.certifications import skill_file
from booking_api.cli.base import read_date
from booking_api.client.problems import problem_of
from booking_api.costing import importing
from booking_api.costing.importing import Preview
from booking_api.costing.source import read_costs
from booking_api.courses import class_file
from booking_api.maintenance import pictures
from booking_api.maintenance import plan_file as maintenance_file
from booking_api.members import cells, file_endpoints, sheet
from booking_api.memberships import plan_file
from booking_api.payments import bank_csv, camt, levels, price_list, stripe
from booking_api.payments.bank_endpoints import read_file as read_bank_file
from booking_api.payments.sales import read_quantity
from booking_api.prints.upload import _Parser as FormParser
from booking_api.reports.spans import read_span
from booking_api.settings import read_settings
from booking_api.tariffs import source
from booking_api.tariffs.usage_file import read_usage
from booking_api.web.typed import read_amount
from floor.errors import ConfigError, PeerError, Refused
from floor.money import Commodity
from floor.money import parse as parse_money
from floor.reservation.load import read_policies
from floor.reservation.trial.file import read_requests
from floor.timescale import TimeScale
from gateway.config import load as load_gateway
from tests.fuzz.engine import Target
from tests.fuzz.ways import noted, pieces, said, text
from tests.kit.camt import OWNER, Detail, Line, statement

ROOT = Path(__file__).resolve().parents[2]
PRESETS = ROOT / "booking_api/presets"
EUR, BERLIN = Commodity("EUR"), ZoneInfo("Europe/Berlin")
FORM = b"multipart/form-data; boundary=b0"


def found(pattern: str, most: int = 6) -> tuple[bytes, ...]:
    """Return files of the product that are good."""
    return tuple(path.read_bytes()[:8_000] for path in sorted(ROOT.glob(pattern))[:most])


def documented(page: str) -> tuple[bytes, ...]:
    """Return the TOML examples of a page of docs/."""
    blocks = re.findall(r"```toml\n(.*?)```", (ROOT / "docs" / page).read_text(), re.DOTALL)
    return tuple(block.encode() for block in blocks)


def _png() -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", 2, 2, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(bytes(14)))
        + chunk(b"IEND", b"")
    )


EXIF = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
JPEG = (
    b"\xff\xd8\xff\xe1"
    + struct.pack(">H", len(EXIF) + 2)
    + EXIF
    + b"\xff\xc0\0\x0b\x08\0\x02\0\x02\x01\x01\x11\0"
    b"\xff\xda\0\x08\x01\x01\0\0\x3f\0\x12\x34\xff\xd9"
)
MULTIPART = (
    b'--b0\r\nContent-Disposition: form-data; name="csrf"\r\n\r\nabc\r\n--b0\r\nConten'
    b"t-Disposition: form-data; "
    b'name="file"; filename="a.gcode"\r\nContent-Type: text/plain\r\n\r\nG28\r\nG1 X1\r\n--b0--\r\n'
)
BANK = (
    statement(
        Line("30.00", reference="A", details=(Detail("30.00", "Ada", OWNER, ("INV", "7"), "D-1", "E"),))
    ),
    b"date,amount,name,iban,text,reference,currency\n2026-09-20,-12.50,Ada,,INV-2026-7"
    b",,EUR\n2026-09-21,3.00,B,,,,EUR\n",
)
EVENT = (
    b'{"id":"evt_1","type":"checkout.session.completed","data":{"object":{"id":"cs_1"'
    b',"client_reference_id":"o",'
    b'"payment_status":"paid","amount_total":1250,"currency":"eur","payment_intent":"pi_1"}}}'
)
ALERTS = (
    b'{"version":"4","status":"firing","receiver":"r","groupLabels":{},"alerts":[{"sta'
    b'tus":"firing","labels":{"alertname":'
    b'"GatewayDown","gateway":"pi-1","severity":"page"},"annotations":{"summary":"s"}'
    b',"startsAt":"2026-01-01T00:00:00Z",'
    b'"endsAt":"0001-01-01T00:00:00Z","fingerprint":"ab"}]}'
)
MEMBERS = b"number,name,email,born,badges,badge_kind,certifications,balance\n"
MEMBERS += b"7,Ada B,a@b.test,1990-01-02,04AA,uid_13mhz,laser,\n"
INVOICES = b"date,supplier,number,pool,kind,amount,tax,memo\n2026-01-02,S,1,laser,upkeep,12.50,2.00,m\n"


def _json_body(data: bytes) -> None:
    bodies.read_json(data)


def _sheet(data: bytes) -> None:
    for row in sheet.read(sheet.decode(data)).rows:
        cells.read_row(row.line, row.cells)


def _usage(words: str) -> None:
    read_usage(words, "usage.toml", {"laser": TARIFFS})


def _settings(reads: Callable[[Path], object]) -> Callable[[bytes], None]:
    def run(data: bytes) -> None:
        with NamedTemporaryFile() as file:
            file.write(data)
            file.flush()
            noted(lambda: reads(Path(file.name)), ConfigError)

    return run


def _changed(data: bytes) -> None:
    words = text(data)
    with contextlib.suppress(Refused):
        after = toml_text.changed(words, [(("broker", "port"), 1884), (("a",), None)])
        assert toml_text.parse(after)["broker"]["port"] == 1884


def _form(data: bytes) -> None:
    parser, taken = FormParser(FORM.decode()), 0
    for piece in pieces(data):
        taken += len(parser.feed(piece))
    assert taken <= len(data)


def _invoices(data: bytes) -> None:
    importing._rows(text(data), Preview())


def _typed(data: bytes) -> None:
    words = text(data)
    for read in (
        read_amount,
        read_quantity,
        cursors.read_cursor,
        badges.parse_uid,
        read_date,
        file_endpoints.read_mapping,
        lambda one: read_span(one, UTC),
        lambda one: parse_shares([("a", one), ("b", "1")]),
    ):
        noted(lambda read=read: read(words), Refused)  # type: ignore[misc]
    for parse in (parse_money, TimeScale.parse):
        noted(lambda parse=parse: parse(words), ValueError)  # type: ignore[misc]


def _event(data: bytes) -> None:
    stripe.read_event(data)
    stripe.check_signature(b"{}", text(data), "secret", 0)


def server(
    name: str,
    run: Callable[[bytes], object],
    seeds: tuple[bytes, ...],
    *covers: str,
    allowed: tuple[type[Exception], ...] = (),
    group: str = "bodies",
) -> Target:
    return Target(name, group, run, seeds, allowed, covers)


def toml(name: str, call: Callable[[str], object], seeds: tuple[bytes, ...], *covers: str) -> Target:
    assert seeds, name
    return Target(name, "toml", said(call), seeds, (), (*covers, "floor.toml"))


TARIFFS = [source.read(text(found("tests/cases/P01/tariff/laser.toml")[0]), "laser.toml")]
TARGETS = [
    server("json bodies", _json_body, (EVENT, ALERTS), "booking_api.api.bodies", allowed=(Refused,)),
    server(
        "alerts",
        lambda data: Told.model_validate_json(data),
        (ALERTS,),
        "booking_api.alerts.payload",
        allowed=(ValidationError,),
    ),
    server(
        "payment events",
        _event,
        (EVENT, b"t=1,v1=ab,v1=cd"),
        "booking_api.payments.stripe",
        allowed=(PeerError,),
    ),
    server("forms with a file", _form, (MULTIPART,), "booking_api.prints.upload", allowed=(Refused,)),
    server("photos", pictures.read, (_png(), JPEG), "booking_api.maintenance.pictures", allowed=(Refused,)),
    server(
        "words typed",
        _typed,
        (
            b"12.50",
            b"2026-03",
            b"2026-03..2026-08",
            b"04:DE:5F:1E",
            b"33.3%",
            b"1/3",
            b"bGFzdA==",
            b'{"Name":"name"}',
            b"1:2:3",
        ),
        "booking_api.members.file_endpoints",
        "booking_api.cursors",
        "booking_api.cli.base",
        "booking_api.badges.service",
        "floor.money",
        "floor.timescale",
    ),
    server(
        "problems told to the client",
        lambda data: problem_of(422, data),
        (b'{"code":"a","detail":"b","errors":[{"field":"x","message":"y"}]}',),
        "booking_api.client.problems",
    ),
    server(
        "bank files",
        lambda data: read_bank_file(data, "plain"),
        BANK,
        "booking_api.payments.camt",
        "booking_api.payments.bank_csv",
        allowed=(Refused,),
        group="tables",
    ),
    server("camt", camt.read, BANK[:1], "booking_api.payments.camt", allowed=(PeerError,), group="tables"),
    server(
        "member files",
        _sheet,
        (MEMBERS, b"name;email\nLovelace, Ada;x\n"),
        "booking_api.members.sheet",
        "booking_api.members.cells",
        allowed=(Refused,),
        group="tables",
    ),
    server(
        "supplier invoices",
        _invoices,
        (INVOICES, INVOICES.replace(b",", b";")),
        "booking_api.costing.importing",
        group="tables",
    ),
    toml(
        "tariffs",
        lambda words: source.read(words, "t.toml", BERLIN),
        found("booking_api/demo/tariffs/*.toml") + documented("tariffs.md"),
        "booking_api.tariffs.source",
        "floor.tariff.load",
    ),
    toml("uses to quote", _usage, found("tests/cases/P01/usage.toml"), "booking_api.tariffs.usage_file"),
    toml(
        "costs",
        lambda words: read_costs(words, "c.toml"),
        found("tests/cases/costs/*.toml"),
        "booking_api.costing.source",
    ),
    toml(
        "reservation rules",
        lambda words: read_policies(words, "r.toml", BERLIN, {"laser-1": "laser"}),
        found("booking_api/presets/*/reservations.toml"),
        "floor.reservation.load",
    ),
    toml(
        "reservation trials",
        lambda words: read_requests(words, "q.toml", ZoneInfo),
        found("tests/cases/reservations/*/requests.toml") or found("tests/cases/reservations/*/*.toml"),
        "floor.reservation.trial.file",
    ),
    toml(
        "training",
        lambda words: skill_file.read_file(words, "s.toml"),
        documented("training.md"),
        "booking_api.certifications.skill_file",
    ),
    toml(
        "classes",
        lambda words: class_file.read_file(words, "c.toml", EUR, BERLIN),
        found("booking_api/presets/*/classes.toml"),
        "booking_api.courses.class_file",
    ),
    toml(
        "upkeep",
        lambda words: maintenance_file.read_file(words, "m.toml"),
        found("booking_api/presets/*/maintenance.toml"),
        "booking_api.maintenance.plan_file",
    ),
    toml(
        "membership plans",
        lambda words: plan_file.read_file(words, "p.toml", EUR),
        found("booking_api/presets/*/plans.toml"),
        "booking_api.memberships.plan_file",
    ),
    toml(
        "price lists",
        lambda words: price_list.read(words, "i.toml"),
        found("booking_api/presets/*/items.toml"),
        "booking_api.payments.price_list",
    ),
    toml(
        "reminders",
        lambda words: levels.read(words, "l.toml"),
        (b'[[levels]]\ndays = 7\nfee = 2\n[levels.subject]\nen = "a"\n[levels.text]\nen = "b"\n',),
        "booking_api.payments.levels",
    ),
    toml(
        "columns of a bank",
        lambda words: bank_csv.read_mapping(words, "m.toml"),
        (b'day = "d"\namount = "a"\ndecimal = ","\nencoding = "utf-8"\nskip = 1\n',),
        "booking_api.payments.bank_csv",
    ),
    server(
        "settings of the server",
        _settings(lambda path: read_settings(path, {})),
        documented("install-server.md"),
        "booking_api.settings",
        group="toml",
    ),
    server(
        "settings of a gateway",
        _settings(load_gateway),
        documented("wiring/rdm6300.md") + documented("first-machine.md"),
        "gateway.config",
        group="toml",
    ),
    server(
        "settings changed in a page",
        _changed,
        (b"# c\n[broker]\nport = 1883 # p\n[x.y]\na = [1,\n2]\n",),
        "booking_api.toml_text",
        group="toml",
    ),
]
