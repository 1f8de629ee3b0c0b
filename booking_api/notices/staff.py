"""What staff are told of that is no happening of the floor."""

from __future__ import annotations

from sqlmodel import Session

from booking_api.clock import make_id
from booking_api.notices.kinds import STAFF, Way
from booking_api.notices.models import Notice
from booking_api.notices.wording import one_line


def tell(session: Session, what: str, now_ms: int, **values: str) -> None:
    """Tell staff, in English. `now_ms` is real time."""
    title, sentence = STAFF[what]
    lines = "\n".join(f"{key}: {one_line(value)}" for key, value in values.items())
    body = f"{sentence}\n\n{lines}\n"
    session.add(
        Notice(
            id=make_id(now_ms), what=what, member=None, way=Way.PUSH, title=title, body=body, at_ms=now_ms,
            next_ms=now_ms,
        )
    )  # fmt: skip
