"""What can go wrong, as exceptions.

ClientError
├── Unreachable      no answer came, also after trying again
├── Unreadable       an answer came that is none of the API's: is the address right?
└── Problem          the server refused: `code` is stable (docs/api-problems.md), `sentence` is for people
    ├── NotSignedIn      401
    ├── Forbidden        403
    ├── NotFound         404
    ├── Conflict         409: a rule says no
    ├── Changed          412: it changed since it was read
    ├── Invalid          400, 405, 413, 415, 422: `fields` names each wrong field
    ├── TooOften         429
    └── Unavailable      5xx
"""

from __future__ import annotations

from pydantic import BaseModel, ValidationError


class Field(BaseModel):
    """A field that is wrong: in which part of the request, where there (RFC 6901), and how."""

    part: str = ""
    pointer: str = ""
    message: str = ""
    kind: str = ""


class _Told(BaseModel):
    code: str
    detail: str
    errors: list[dict[str, str]] = []


class ClientError(Exception):
    """The root of all that this client raises on purpose."""


class Unreachable(ClientError):
    """No answer came. A write may have been done: send it again with the same key to know."""


class Unreadable(ClientError):
    """An answer came that is not what the API answers: another server, or another version, is there."""


class Problem(ClientError):
    """The server refused."""

    def __init__(self, status: int, code: str, sentence: str, fields: tuple[Field, ...] = ()) -> None:
        super().__init__(f"{sentence} ({code})")
        self.status = status
        self.code = code
        self.sentence = sentence
        self.fields = fields


class NotSignedIn(Problem):
    """The token is unknown, has expired or was revoked."""


class Forbidden(Problem):
    """The token's rights do not reach so far."""


class NotFound(Problem):
    """There is no such thing, or it is hidden from this token."""


class Conflict(Problem):
    """A rule says no."""


class Changed(Problem):
    """It changed since it was read: read it again, and decide anew."""


class Invalid(Problem):
    """A value is missing or wrong."""


class TooOften(Problem):
    """Asked too often."""


class Unavailable(Problem):
    """The server, a machine or a provider cannot answer now."""


_KINDS: dict[int, type[Problem]] = {
    401: NotSignedIn,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    412: Changed,
    429: TooOften,
}


def problem_of(status: int, body: bytes) -> Problem:
    """Return what an answer of 400 or more says; an answer that is no problem+json has the code `unknown`."""
    try:
        told = _Told.model_validate_json(body)
    except ValidationError:
        told = _Told(code="unknown", detail=f"The server answered {status}.")
    kind = _KINDS.get(status, Unavailable if status >= 500 else Invalid)
    fields = tuple(Field.model_validate(one | {"part": one.get("in", "")}) for one in told.errors)
    return kind(status, told.code, told.detail, fields)
