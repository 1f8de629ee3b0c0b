"""A CSV file of members: its columns by their names in English or Chinese, and its rows as text. Pure.

UTF-8 with or without a byte order mark; comma, semicolon or tab, whichever parts the first line into most
cells. An apostrophe that an export put before what a spreadsheet would take for a formula is taken away.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from booking_api.exports.table import RISKY
from floor.errors import Refused

BYTES_MAX = 5 << 20
ROWS_MAX = 20_000
DELIMITERS = (",", ";", "\t")
IGNORED = "-"
"""What a mapping says of a column that is not to be read."""
COLUMNS: dict[str, tuple[str, ...]] = {
    "number": ("member number", "no", "编号", "会员号", "会员编号"),
    "name": ("full name", "姓名"),
    "first_name": ("first name", "given name", "名", "名字"),
    "last_name": ("last name", "surname", "family name", "姓", "姓氏"),
    "shown_name": ("shown name", "nickname", "显示名", "显示名称", "昵称"),
    "email": ("e-mail", "mail", "邮箱", "电子邮件", "电子邮箱"),
    "tier": ("level", "等级", "级别", "会员等级"),
    "language": ("lang", "语言"),
    "valid_until": ("valid until", "until", "有效期", "有效期至"),
    "credit_limit": ("credit limit", "信用额度"),
    "phone": ("telephone", "mobile", "电话", "手机", "手机号"),
    "emergency_name": ("emergency contact", "紧急联系人"),
    "emergency_phone": ("emergency phone", "紧急联系电话", "紧急联系人电话"),
    "born": ("date of birth", "birthday", "出生日期", "生日"),
    "minor_until": ("minor until", "成年日期"),
    "guardian": ("guardian number", "监护人编号"),
    "guardian_name": ("guardian name", "监护人", "监护人姓名"),
    "guardian_contact": ("guardian contact", "guardian phone", "监护人电话", "监护人联系方式"),
    "badges": ("badge", "uid", "uids", "card", "卡号", "卡", "工卡"),
    "badge_kind": ("badge kind", "卡类型"),
    "certifications": ("certification", "certified for", "认证", "培训", "设备认证"),
}
"""Each column, and what else it may be called; capitals, underscores and spaces make no difference."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the file: where it begins, and what stands in its known columns; no empty cells."""

    line: int
    cells: Mapping[str, str]


@dataclass(slots=True)
class Sheet:
    """A file that was read. `headers` maps each heading to its column, "" for one that is not known."""

    headers: dict[str, str] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)

    @property
    def unknown(self) -> list[str]:
        """The headings that are not read."""
        return [header for header, column in self.headers.items() if not column]


def decode(data: bytes) -> str:
    """Return a file's text; raises Refused for one that is too long or not UTF-8."""
    if len(data) > BYTES_MAX:
        raise Refused("file_length", "The file is too large: 5 MiB at most.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        sentence = "The file is not UTF-8. In a spreadsheet, save it as «CSV UTF-8»."
        raise Refused("file_malformed", sentence) from None


def read(text: str, mapping: Mapping[str, str] | None = None) -> Sheet:
    """Read a file; `mapping` says which column a heading is (IGNORED: none), where its name does not.

    Raises Refused for what is no table with a heading, and for a column that is there twice.
    """
    text = text.removeprefix("\ufeff")
    found = Sheet()
    lines = _records(text)
    _, head = next(lines, (0, []))
    for header in head:
        name = header.strip()
        if name:
            found.headers[name] = _column(name, mapping or {})
    known = [column for column in found.headers.values() if column]
    if not known:
        raise Refused("file_malformed", "The first line names no column of members, such as number or name.")
    for column in known:
        if known.count(column) > 1:
            raise Refused("file_malformed", f"Two columns are {column}. Leave one of them out.")
    columns = [found.headers.get(header.strip(), "") for header in head]
    for line, record in lines:
        cells = {
            column: value
            for column, cell in zip(columns, record, strict=False)
            if column and (value := plain(cell))
        }
        if cells:
            found.rows.append(Row(line, cells))
        if len(found.rows) > ROWS_MAX:
            raise Refused("file_length", "The file has too many lines: 20,000 at most.")
    return found


def plain(cell: str) -> str:
    """Return a cell as it was before an export defused it, without spaces around."""
    text = cell.strip()
    return text[1:] if text.startswith("'") and text[1:].startswith(RISKY) else text


def _column(header: str, mapping: Mapping[str, str]) -> str:
    if header in mapping:
        column = mapping[header]
        if column and column != IGNORED and column not in COLUMNS:
            raise Refused("mapping_invalid", f"{column!r} is no column. Use: {', '.join(COLUMNS)}.")
        return "" if column == IGNORED else column
    name = " ".join(header.replace("_", " ").casefold().split())
    for column, names in COLUMNS.items():
        if name == column.replace("_", " ") or name in names:
            return column
    return ""


def _records(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each record with the line on which it begins."""
    first = io.StringIO(text[:10_000], newline="")
    heads = {one: next(csv.reader(first, delimiter=one), []) for one in DELIMITERS if first.seek(0) == 0}
    delimiter = max(DELIMITERS, key=lambda one: len(heads[one]))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    begin = 1
    try:
        for record in reader:
            yield begin, record
            begin = reader.line_num + 1
    except csv.Error as error:
        raise Refused("file_malformed", f"Line {begin} cannot be read: {error}.") from None
