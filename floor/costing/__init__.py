"""Cost sharing: cost pools and how a file says them, the rate that breaks even, what a period leaves over."""

from floor.costing.close import Closed, close
from floor.costing.load import load
from floor.costing.model import Actual, CostKind, CostPool, Costs, Goes, Settled, SurplusRule
from floor.costing.month import ActualLine, Month, Standing, Used, costs_of, standing_of
from floor.costing.study import PoolStudy, Study, study

__all__ = [
    "Actual",
    "ActualLine",
    "Closed",
    "CostKind",
    "CostPool",
    "Costs",
    "Goes",
    "Month",
    "PoolStudy",
    "Settled",
    "Standing",
    "Study",
    "SurplusRule",
    "Used",
    "close",
    "costs_of",
    "load",
    "standing_of",
    "study",
]
