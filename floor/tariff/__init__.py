"""Tariffs: what they say (model), how they are read (load), what they charge (price)."""

from floor.tariff.charge import Charge, Line, Share, TaxPart
from floor.tariff.gross import Visit
from floor.tariff.history import History
from floor.tariff.load import load
from floor.tariff.model import Component, Occasion, Rounding, RoundWhere, Tariff, Tier
from floor.tariff.price import Bill, bill, in_force, price, price_visit
from floor.tariff.standing import depends_on_history

__all__ = [
    "Bill",
    "Charge",
    "Component",
    "History",
    "Line",
    "Occasion",
    "RoundWhere",
    "Rounding",
    "Share",
    "Tariff",
    "TaxPart",
    "Tier",
    "Visit",
    "bill",
    "depends_on_history",
    "in_force",
    "load",
    "price",
    "price_visit",
]
