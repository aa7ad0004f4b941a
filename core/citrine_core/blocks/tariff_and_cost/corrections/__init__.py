"""Corrections: what final costs are replaced by, numbered, each with its reason. A final cost itself never changes."""

from citrine_core.blocks.tariff_and_cost.corrections.models import CostCorrection
from citrine_core.blocks.tariff_and_cost.corrections.repository import CorrectionRepository, CorrectionRow
from citrine_core.blocks.tariff_and_cost.corrections.rules import (
    Cause,
    Reckoned,
    Total,
    correct,
    correction_of,
    currency_of,
)

__all__ = [
    "Cause",
    "CorrectionRepository",
    "CorrectionRow",
    "CostCorrection",
    "Reckoned",
    "Total",
    "correct",
    "correction_of",
    "currency_of",
]
