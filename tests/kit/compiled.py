"""All engines of a test process share a dialect and what was compiled for it.

Each test has a database of its own, and thus an engine; each would compile the same statements anew.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.engine import Dialect

from booking_api import db

_KEPT = 10_000
_shared: dict[str, tuple[Dialect, Any]] = {}


def shared_engine(url: URL, **more: Any) -> Engine:
    """Make an engine, as SQLAlchemy does; the first that connects is the one whose dialect the others get."""
    engine = create_engine(url, query_cache_size=_KEPT, **more)
    if url.drivername in _shared:
        engine.dialect, engine._compiled_cache = _shared[url.drivername]
    else:
        told = (engine.dialect, engine._compiled_cache)
        event.listen(engine, "first_connect", lambda *_: _shared.setdefault(url.drivername, told))
    return engine


def share() -> None:
    """Have the product's databases take such engines, from now on."""
    db.create_engine = shared_engine
