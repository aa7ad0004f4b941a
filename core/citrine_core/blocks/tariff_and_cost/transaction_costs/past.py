"""What all events of transactions make, where they are taken in anew."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from citrine.api.v1 import tariffs_pb2 as pb
from citrine_core.blocks.tariff_and_cost.accrual import Accrual, Moment, accrue_in_steps
from citrine_core.blocks.tariff_and_cost.repository import VersionKey
from citrine_core.blocks.tariff_and_cost.rules import Rules
from citrine_core.blocks.tariff_and_cost.transaction_costs.repository import TransactionKey
from citrine_core.steps import in_turns

__all__ = ["Past", "accrue_all"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Past:
    """What all events of a transaction make."""

    accrual: Accrual | None
    has_failed: bool = False
    """A bug of ours, which is in the log."""


async def accrue_all(
    history: Mapping[TransactionKey, Sequence[Moment]],
    chosen: Mapping[TransactionKey, VersionKey | None],
    tariffs: Mapping[VersionKey, tuple[pb.Tariff, Rules]],
) -> dict[TransactionKey, Past]:
    """Return what all events of transactions make; those that have many of them let others have their turn.

    Args:
        history: What became known of each, in order.
        chosen: Their tariffs.
        tariffs: What those say.
    """
    found = {}
    for key, moments in history.items():
        version = chosen[key]
        tariff = None if version is None else tariffs.get(version)
        try:
            found[key] = Past(None if tariff is None else await in_turns(accrue_in_steps(tariff[1], moments)))
        except Exception as error:
            # A bug of ours must not cost the message. Without an accrual, the next event takes in all anew.
            logger.error("the cost could not be computed", exc_info=error, extra={"transaction_id": key[1]})
            found[key] = Past(None, has_failed=True)
    return found
