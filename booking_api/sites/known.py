"""What a site knows of the other sites of its network: the courier writes it, pages read it."""

from __future__ import annotations

from collections.abc import Collection

from sqlmodel import Session, select

from booking_api.sites.models import SiteKnown
from booking_api.sites.network import HOUR_MS, Network
from floor.errors import Refused


def others(network: Network, home: str) -> list[SiteKnown]:
    """Return all other sites of a network, as one of them is to know them."""
    found = []
    for id, site in network.sites.items():
        if id == home:
            continue
        terms = network.agreement(home, id)
        one = SiteKnown(
            site=id,
            name=site.settings.space_name[:200],
            address=site.settings.address[:500],
            commodity=site.settings.currency.code,
        )
        if terms is not None:
            one.way, one.limit_micro, one.fee = terms.way, terms.limit_micro, str(terms.fee)
            one.hours = terms.lease_ms // HOUR_MS
        found.append(one)
    return found


def keep(session: Session, wanted: Collection[SiteKnown]) -> None:
    """Know these sites, and no others."""
    names = {one.site for one in wanted}
    for gone in session.exec(select(SiteKnown)):
        if gone.site not in names:
            session.delete(gone)
    for one in wanted:
        session.merge(one)
    session.flush()


def listed(session: Session) -> list[SiteKnown]:
    """Return the other sites, by name; none where the space is in no network."""
    return list(session.exec(select(SiteKnown).order_by(SiteKnown.name, SiteKnown.site)))


def get(session: Session, site: str) -> SiteKnown:
    """Return another site; raises Refused for one that the network has not told of."""
    found = session.get(SiteKnown, site)
    if found is None:
        raise Refused("site_not_found", "The network has no such site.")
    return found


def named(session: Session, site: str) -> SiteKnown:
    """Return another site, or what is left of one that is in the network no more: its short name."""
    return session.get(SiteKnown, site) or SiteKnown(site=site, name=site, address="", commodity="")
