"""Tables of reservations, of their policies, of who waits, of offers and of calendar addresses.

Times are UTC milliseconds of the floor; an end is the first instant after. No two rows of `reservation` that
are booked or begun block the same instant of a machine: the database refuses it (docs/adr/0015).
"""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import BigInteger, Index, Text
from sqlmodel import Field, SQLModel

from booking_api.db import word_column
from floor.reservation.terms import Kind, Standing


class ReservationPolicy(SQLModel, table=True):
    """The rules of all machines as they were written; never edited: a newer one takes their place."""

    __tablename__ = "reservation_policy"

    id: str = Field(primary_key=True, max_length=64)
    text: str = Field(sa_type=Text)
    sha256: str = Field(max_length=64)
    author: str = Field(max_length=64)
    valid_from_ms: int = Field(sa_type=BigInteger, index=True)
    created_ms: int = Field(sa_type=BigInteger)


class Reserved(SQLModel, table=True):
    """A reservation as it is kept. `member` is None for classes and maintenance.

    From `blocks_from_ms` to before `blocks_to_ms` nobody else has the machine: the slot and its buffer.
    `standing` is what was written last; `facts` says what a no-show has become since. `series` names those
    that recur together, `class_session` the class that a block is for. `begun_ms` is 0 until the holder has
    used the machine in it. `tier` is what the member was in when it was made. `closed_by` and `closed_ms` say
    who ended it and when, `reason` why, where staff said so; `excused` that it counts as no late
    cancellation: it was taken away from its holder, or staff say so.
    """

    __tablename__ = "reservation"
    __table_args__ = (
        Index("ix_reservation_slot", "machine", "begins_ms"),
        Index("ix_reservation_standing", "standing", "blocks_to_ms"),
    )

    id: str = Field(primary_key=True, max_length=64)
    machine: str = Field(foreign_key="machine.id", max_length=64)
    member: str | None = Field(default=None, foreign_key="member.id", index=True, max_length=64)
    kind: Kind = Field(default=Kind.USE, sa_type=word_column(Kind))
    tier: str = Field(default="", max_length=64)
    words: str = Field(default="", max_length=200)
    series: str | None = Field(default=None, index=True, max_length=64)
    class_session: str | None = Field(default=None, foreign_key="class_session.id", index=True, max_length=64)
    begins_ms: int = Field(sa_type=BigInteger)
    ends_ms: int = Field(sa_type=BigInteger, index=True)
    blocks_from_ms: int = Field(sa_type=BigInteger)
    blocks_to_ms: int = Field(sa_type=BigInteger)
    standing: Standing = Field(default=Standing.BOOKED, sa_type=word_column(Standing))
    made_ms: int = Field(sa_type=BigInteger)
    made_by: str = Field(max_length=64)
    begun_ms: int = Field(default=0, sa_type=BigInteger)
    changed_ms: int = Field(sa_type=BigInteger)
    closed_ms: int | None = Field(default=None, sa_type=BigInteger)
    closed_by: str | None = Field(default=None, max_length=64)
    excused: bool = False
    reason: str = Field(default="", max_length=200)


class Waiting(SQLModel, table=True):
    """That a member waits for a machine: for `length_ms` within a time; until `left_ms`, where it is set."""

    __tablename__ = "reservation_waiting"

    id: str = Field(primary_key=True, max_length=64)
    machine: str = Field(foreign_key="machine.id", index=True, max_length=64)
    member: str = Field(foreign_key="member.id", index=True, max_length=64)
    from_ms: int = Field(sa_type=BigInteger)
    to_ms: int = Field(sa_type=BigInteger)
    length_ms: int = Field(sa_type=BigInteger)
    asked_ms: int = Field(sa_type=BigInteger)
    left_ms: int | None = Field(default=None, sa_type=BigInteger)


class OfferState(StrEnum):
    """What became of an offer. One that is open lapses by itself at its end."""

    OPEN = "open"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    LAPSED = "lapsed"
    WITHDRAWN = "withdrawn"


class Offer(SQLModel, table=True):
    """A freed slot, kept for one who waits until `until_ms`; then the next in line has it.

    Of a slot that runs already it is as much as holds what they wait for whenever they accept.
    """

    __tablename__ = "reservation_offer"

    id: str = Field(primary_key=True, max_length=64)
    waiting: str = Field(foreign_key="reservation_waiting.id", index=True, max_length=64)
    machine: str = Field(foreign_key="machine.id", index=True, max_length=64)
    member: str = Field(foreign_key="member.id", index=True, max_length=64)
    begins_ms: int = Field(sa_type=BigInteger)
    ends_ms: int = Field(sa_type=BigInteger)
    made_ms: int = Field(sa_type=BigInteger)
    until_ms: int = Field(sa_type=BigInteger)
    state: OfferState = Field(default=OfferState.OPEN, sa_type=word_column(OfferState))


class Feed(SQLModel, table=True):
    """A calendar's private address, by the SHA-256 of its secret; whoever has the address reads it.

    It shows the reservations of `machine`, or (None) those of `member`, who made it.
    """

    __tablename__ = "reservation_feed"

    id: str = Field(primary_key=True, max_length=64)
    token_hash: str = Field(unique=True, index=True, max_length=64)
    member: str = Field(foreign_key="member.id", index=True, max_length=64)
    machine: str | None = Field(default=None, foreign_key="machine.id", max_length=64)
    made_ms: int = Field(sa_type=BigInteger)
    revoked_ms: int | None = Field(default=None, sa_type=BigInteger)
