"""Cursors of long lists: they name the last row that was seen, in letters that may stand in an address."""

from __future__ import annotations

import base64
import binascii

from floor.errors import Refused


def read_cursor(cursor: str) -> str:
    """Return the key of the last row seen; raises Refused for what is no cursor of ours."""
    try:
        return base64.b64decode(cursor.encode(), b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError):
        raise Refused("cursor_malformed", "This is not a cursor. Take `next` of the page before.") from None


def write_cursor(key: str) -> str:
    """Return a key as a cursor."""
    return base64.urlsafe_b64encode(key.encode()).decode()
