"""Files that come in over HTTP: straight to disk, bounded in bytes, time and number."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from booking_api.prints.files import Incoming, Taken
from floor.errors import FloorError, Refused

TOGETHER = 4
"""So many files come in at a time; the others are told to try again."""
WITHIN_S = 600.0
FIELD_MAX = 2_000
FIELDS_MAX = 16
HEADERS_MAX = 4_096
PIECE_BYTES = 1 << 20


@dataclass(slots=True)
class Uploads:
    """The files that come in now: one for each member, and not too many together."""

    members: set[str] = field(default_factory=set)

    @contextlib.asynccontextmanager
    async def one(self, member: str, data: Path, limit: int) -> AsyncIterator[Incoming]:
        """Give a file to write to, gone afterwards unless it was kept; raises Refused when too many come."""
        if member in self.members or len(self.members) >= TOGETHER:
            raise Refused("uploads_many", "Other files are coming in just now. Try again in a minute.")
        self.members.add(member)
        try:
            incoming = await asyncio.to_thread(Incoming, data, limit)
            try:
                async with asyncio.timeout(WITHIN_S):
                    yield incoming
            except TimeoutError:
                raise Refused("upload_late_malformed", "The file came too slowly. Try it again.") from None
            finally:
                await asyncio.to_thread(incoming.discard)
        finally:
            self.members.discard(member)


async def take_body(request: Request, incoming: Incoming) -> Taken:
    """Write the body of a request to a file; raises as `Incoming` does."""
    held = bytearray()
    async for piece in request.stream():
        held += piece
        if len(held) >= PIECE_BYTES:
            await asyncio.to_thread(incoming.write, bytes(held))
            held.clear()
    await asyncio.to_thread(incoming.write, bytes(held))
    return await asyncio.to_thread(incoming.close)


@dataclass(slots=True)
class Form:
    """A form's fields, as they stand before its file; `name` is what the file is called."""

    fields: dict[str, str] = field(default_factory=dict)
    name: str = ""


async def take_form(
    request: Request, incoming: Incoming, check: Callable[[Form], None], limit: int
) -> tuple[Form, Taken]:
    """Write the file of a form to disk; `check` is asked before its first byte, with all fields before it.

    What is refused is read to its end, as far as that is bounded: a browser shows no answer before.
    """
    parser = _Parser(request.headers.get("content-type", ""))
    refused: FloorError | None = None
    checked, total = False, 0
    async for piece in request.stream():
        total += len(piece)
        if refused is not None:
            if total > 2 * limit:
                break
            continue
        try:
            data = parser.feed(piece)
            if parser.has_file and not checked:
                checked = True
                check(parser.form)
            if data:
                await asyncio.to_thread(incoming.write, data)
        except FloorError as error:
            refused = error
    if refused is not None:
        raise refused
    if not checked:
        check(parser.form)
        raise Refused("print_file_missing", "Choose a file of G-code.")
    return parser.form, await asyncio.to_thread(incoming.close)


class _Parser:
    """Reads a form of fields that are followed by one file."""

    def __init__(self, content_type: str) -> None:
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary")
        if kind != b"multipart/form-data" or not boundary:
            raise Refused("form_malformed", "This is not the form of the page.")
        self.form = Form()
        self.has_file = False
        self._over = False
        self._name = ""
        self._header = [bytearray(), bytearray()]
        self._disposition = b""
        self._text = bytearray()
        self._data = bytearray()
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_part_data": self._part_data,
                "on_part_end": self._end,
                "on_header_field": self._header_field,
                "on_header_value": self._header_value,
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_finished,
            },
        )

    def feed(self, piece: bytes) -> bytes:
        """Take a piece of the body; return what of it belongs to the file. Raises Refused."""
        try:
            self._parser.write(piece)
        except FormParserError as error:
            raise Refused("form_malformed", "This is not the form of the page.") from error
        data = bytes(self._data)
        self._data.clear()
        return data

    def _begin(self) -> None:
        self._name, self._disposition = "", b""
        self._header = [bytearray(), bytearray()]
        self._text.clear()

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._grow(self._header[0], data[start:end], HEADERS_MAX)

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._grow(self._header[1], data[start:end], HEADERS_MAX)

    def _header_end(self) -> None:
        name, value = (bytes(part) for part in self._header)
        if name.lower() == b"content-disposition":
            self._disposition = value
        self._header = [bytearray(), bytearray()]

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        self._name = options.get(b"name", b"").decode(errors="replace")
        if b"filename" in options:
            if self.has_file or self._over:
                raise Refused("form_malformed", "Send one file at a time.")
            self.form.name = options[b"filename"].decode(errors="replace")
            self.has_file = bool(self.form.name)  # a browser sends an empty one where none was chosen
        elif len(self.form.fields) >= FIELDS_MAX:
            raise Refused("form_malformed", "This is not the form of the page.")

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self.has_file and not self._over:
            self._data += data[start:end]
        else:
            self._grow(self._text, data[start:end], FIELD_MAX)

    def _end(self) -> None:
        if self.has_file:
            self._over = True  # what follows the file is not looked at
        elif self._name:
            self.form.fields[self._name] = self._text.decode(errors="replace")

    @staticmethod
    def _grow(held: bytearray, data: bytes, limit: int) -> None:
        if len(held) + len(data) > limit:
            raise Refused("form_malformed", "This is not the form of the page.")
        held += data
