"""Tariffs: what they say (model), how they are read (load), what they charge (price)."""

from floor.tariff.charge import Charge, Line, Share
from floor.tariff.gross import Visit
from floor.tariff.history import History
from floor.tariff.load import load
from floor.tariff.model import Component, Occasion, Rounding, RoundWhere, Tariff, Tier
from floor.tariff.price import Bill, bill, in_force, price, price_visit

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
    "Tier",
    "Visit",
    "bill",
    "in_force",
    "load",
    "price",
    "price_visit",
]
