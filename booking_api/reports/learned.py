"""Classes, and who was trained in some months."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from sqlmodel import Session, col, select

from booking_api.certifications.models import Certification
from booking_api.courses.models import ClassSession, SignUp, SignUpState
from booking_api.db import zone_of
from booking_api.reports.figure import Figure, Section
from booking_api.reports.spans import Months, Span


def figures(session: Session, span: Span, now_ms: int) -> Iterator[Figure]:
    """Yield classes that were held, places taken in them, sign-offs, and people who were trained."""
    months_of, end_ms = Months(zone_of(session)).of, min(span.to_ms, now_ms)
    starts = col(ClassSession.starts_ms)
    held = (
        col(ClassSession.cancelled_ms).is_(None),
        starts >= span.from_ms,
        starts < span.to_ms,
        col(ClassSession.ends_ms) <= end_ms,
    )
    classes = dict.fromkeys(span.months, 0)
    for at_ms in session.exec(select(starts).where(*held)):
        classes[months_of(at_ms)] += 1
    attended = dict.fromkeys(span.months, 0)
    trained: dict[str, set[str]] = {month: set() for month in span.months}
    came = select(SignUp.member, starts).join(ClassSession, col(ClassSession.id) == col(SignUp.session))
    for member, at_ms in session.exec(came.where(*held, SignUp.state == SignUpState.ATTENDED)):
        month = months_of(at_ms)
        attended[month] += 1
        trained[month].add(member)
    signed = dict.fromkeys(span.months, 0)
    granted = col(Certification.granted_ms)
    query = select(Certification.member, granted).where(granted >= span.from_ms, granted < end_ms)
    for member, at_ms in session.exec(query):
        month = months_of(at_ms)
        signed[month] += 1
        trained[month].add(member)
    at = Section.LEARNING
    for id, months in (("classes", classes), ("class_places", attended), ("sign_offs", signed)):
        counts = {month: Fraction(count) for month, count in months.items()}
        yield Figure(at, id, "", Fraction(sum(months.values())), months=counts)
    everybody = Fraction(len(set().union(*trained.values())))
    by_month = {month: Fraction(len(people)) for month, people in trained.items()}
    yield Figure(at, "people_trained", "", everybody, months=by_month, adds=False)
