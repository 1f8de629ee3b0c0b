"""How messages are written and read: JSON of a fixed shape, a version, a limit on size, one error."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from floor.errors import PeerError
from floor.ids import GATEWAY_NAME

VERSION = 1
MAX_MS = 1 << 47

Name = Annotated[str, Field(pattern=f"^{GATEWAY_NAME.pattern}$")]
Id = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.:@-]+$")]
Millis = Annotated[int, Field(ge=0, lt=MAX_MS)]
Text = Annotated[str, Field(max_length=400)]
Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0, lt=1 << 62)]
Micro = Annotated[int, Field(gt=-(1 << 62), lt=1 << 62)]


class Wire(BaseModel):
    """A part of a message: frozen and strict; keys of later versions are ignored, wrong types are not."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", ser_json_bytes="base64")


class Message(Wire):
    """A whole message. `v` is the version of its shape; a receiver refuses versions that it does not know."""

    v: Annotated[int, Field(ge=1, le=VERSION)] = VERSION

    def encode(self) -> bytes:
        """Return the message as compact JSON."""
        return self.model_dump_json().encode()

    @classmethod
    def decode(cls, payload: bytes, limit_bytes: int) -> Self:
        """Read a message; raises PeerError, which says what is wrong, for anything malformed or too long."""
        if len(payload) > limit_bytes:
            raise PeerError(f"{cls.__name__}: {len(payload)} bytes, more than {limit_bytes}")
        try:
            return cls.model_validate_json(payload)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "the message"
            raise PeerError(f"{cls.__name__}: {where}: {first['msg']}"[:300]) from None
