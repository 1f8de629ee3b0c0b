"""Cost sharing: cost pools and how a file says them, the rate that breaks even, what a period leaves over."""

from floor.costing.close import Closed, close
from floor.costing.load import load
from floor.costing.model import CostPool, Costs, Goes, SurplusRule
from floor.costing.study import PoolStudy, Study, study

__all__ = [
    "Closed",
    "CostPool",
    "Costs",
    "Goes",
    "PoolStudy",
    "Study",
    "SurplusRule",
    "close",
    "load",
    "study",
]
