"""Invoices as PDF in both languages: the words are there as text, none is markup, letters are no boxes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from booking_api.documents import pdf
from booking_api.documents.content import Bank, Content, Item, Party, Reduction, TaxSum
from booking_api.documents.models import InvoiceKind
from booking_api.documents.paper import invoice_paper, transfer_code
from floor.errors import Refused

AT_MS = 1_779_357_600_000
ODD = "#strong[x] *b* _u_ $a^2$ [l](m) \\ `c` <lbl> @ref // no /* no */ = h"


def sample(language: str = "en", count: int = 3, commodity: str = "EUR", name: str = ODD) -> Content:
    words = {"en": "Laser cutter", "zh": "激光切割机"}[language]
    items = tuple(
        Item(
            at_ms=AT_MS + n * 3_600_000,
            what=f"{words} {n + 1}",
            details=(ODD,),
            rates=("1/5",),
            full_micro=12_000_000,
            amount_micro=6_000_000,
            commodity=commodity,
        )
        for n in range(count)
    )
    total = 6_000_000 * count
    return Content(
        kind=InvoiceKind.INVOICE,
        number="INV-2026-0042",
        account="a",
        language=language,
        timezone="Europe/Dublin",
        month="2026-05",
        commodity=commodity,
        issued_ms=AT_MS,
        due_ms=AT_MS + 14 * 86_400_000,
        seller=Party(name="Kelp Street e.V.", lines=("Quay 4",), vat_id="IE1234567T"),
        bank=Bank(iban="DE89370400440532013000", bic="COBADEFFXXX"),
        recipient=Party(name=name, lines=("Pier #1",)),
        items=items,
        reductions=(Reduction(name="Youth *fund*", amount_micro=total),),
        taxes=(TaxSum(rate="1/5", net_micro=total * 5 // 6, tax_micro=total // 6),),
        total_micro=total,
        due_micro=total - 1_000_000,
    )


def text_of(made: bytes, tmp_path: Path) -> list[str]:
    """Return the text of each page, with its spaces made one."""
    program = shutil.which("pdftotext")
    assert program, "no pdftotext: install it with `apt-get install poppler-utils`"
    file = tmp_path / "made.pdf"
    file.write_bytes(made)
    done = subprocess.run([program, "-layout", str(file), "-"], capture_output=True, check=True, timeout=60)
    return [" ".join(page.split()) for page in done.stdout.decode().split("\f") if page.strip()]


def test_an_english_invoice_reads_as_it_should(tmp_path: Path) -> None:
    (page,) = text_of(pdf.pdf("document", invoice_paper(sample()).data()), tmp_path)
    for words in (
        "Invoice INV-2026-0042", "21 May 2026", "To be paid by 4 Jun 2026", "Laser cutter 2", "€12.00",
        "Paid by Youth *fund* -€18.00", "Total €18.00", "Net €15.00", "VAT 20 % €3.00",
        "Paid from your credit -€1.00", "To pay €17.00", "DE89 3704 0044 0532 0130 00", "Page 1 of 1",
        "VAT number: IE1234567T",
    ):  # fmt: skip
        assert words in page, words


def test_a_chinese_invoice_reads_as_it_should(tmp_path: Path) -> None:
    made = pdf.pdf("document", invoice_paper(sample("zh", 2, "CNY", "王小明")).data())
    (page,) = text_of(made, tmp_path)
    for words in (
        "结算单 INV-2026-0042",
        "激光切割机 2",
        "王小明",
        "¥12.00",
        "合计 ¥12.00",
        "增值税 20 %",
        "应付 ¥11.00",
    ):
        assert words in page, words
    assert "2026年5月21日" in page.replace(" ", "")
    assert "第1页，共1页" in page.replace(" ", "")


def test_what_people_wrote_is_no_markup(tmp_path: Path) -> None:
    (page,) = text_of(pdf.pdf("document", invoice_paper(sample()).data()), tmp_path)
    assert page.count(ODD) >= 2  # the recipient and the details of lines, as they were typed
    assert "Pier #1" in page


def test_the_head_of_a_table_stands_on_every_page(tmp_path: Path) -> None:
    pages = text_of(pdf.pdf("document", invoice_paper(sample(count=80)).data()), tmp_path)
    assert len(pages) > 2
    holding = [page for page in pages if "Laser cutter" in page]
    assert all("Date What VAT Full price Amount" in page for page in holding)
    assert [f"Page {n} of {len(pages)}" in page for n, page in enumerate(pages, 1)] == [True] * len(pages)


def test_the_same_invoice_is_the_same_file() -> None:
    data = invoice_paper(sample("zh")).data()
    assert pdf.pdf("document", data) == pdf.pdf("document", data)


def test_every_letter_has_a_font_in_the_file(tmp_path: Path) -> None:
    program = shutil.which("pdffonts")
    assert program, "no pdffonts: install it with `apt-get install poppler-utils`"
    file = tmp_path / "made.pdf"
    file.write_bytes(pdf.pdf("document", invoice_paper(sample("zh", name="王小明 Ærø Ż")).data()))
    fonts = subprocess.run([program, str(file)], capture_output=True, check=True, timeout=60).stdout.decode()
    assert "NotoSansCJKsc" in fonts
    embedded = [line.split()[-5] for line in fonts.splitlines()[2:]]
    assert set(embedded) == {"yes"}


def test_the_code_of_a_transfer_is_read_from_the_page(tmp_path: Path) -> None:
    zbarimg = shutil.which("zbarimg")
    assert zbarimg, "no zbarimg: install it with `apt-get install zbar-tools`"
    content = sample()
    picture = tmp_path / "page.png"
    picture.write_bytes(pdf.images("document", invoice_paper(content).data(), 200)[0])
    read = subprocess.run([zbarimg, "--raw", "-q", str(picture)], capture_output=True, check=True, timeout=60)
    assert read.stdout.decode().rstrip("\n") == transfer_code(content)
    assert "EUR17.00" in transfer_code(content)


@pytest.mark.parametrize("commodity", ["USD", "CNY"])
def test_only_euros_are_asked_for_by_a_code(commodity: str) -> None:
    assert transfer_code(sample(commodity=commodity)) == ""
    assert transfer_code(sample().model_copy(update={"bank": Bank()})) == ""
    assert transfer_code(sample().model_copy(update={"due_micro": 0})) == ""


def test_without_the_font_latin_is_set_and_chinese_is_refused(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(pdf, "FONT", "A font that nobody has")
    assert pdf.pdf("document", invoice_paper(sample()).data()).startswith(b"%PDF")
    assert "fonts-noto-cjk" in caplog.text
    with pytest.raises(Refused, match="fonts-noto-cjk"):
        pdf.pdf("document", invoice_paper(sample("zh")).data())


def test_without_typst_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "typst", None)
    with pytest.raises(Refused, match="extra `pdf`"):
        pdf.pdf("document", invoice_paper(sample()).data())
