"""What all events of transactions make, where they are taken in anew."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from citrine.api.v1 import tariffs_pb2 as pb
from citrine_core.blocks.tariff_and_cost.accrual import Accrual, Moment, accrue_in_steps
from citrine_core.blocks.tariff_and_cost.repository import VersionKey
from citrine_core.blocks.tariff_and_cost.rules import Rules
from citrine_core.blocks.tariff_and_cost.transaction_costs.repository import TransactionKey
from citrine_core.steps import run_cooperatively

__all__ = ["Past", "Prepared", "accrue_all"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Past:
    """What all events of a transaction make."""

    accrual: Accrual | None
    has_failed: bool = False
    """A bug of ours, which is in the log."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What became known of a transaction, and what that makes under the tariff that it had: reckoned beforehand, where
    nobody waits for it.
    """

    moments: Sequence[Moment]
    version: VersionKey | None = None
    accrual: bytes | None = None
    """As it is stored. None: it was not reckoned."""


async def accrue_all(
    history: Mapping[TransactionKey, Sequence[Moment] | Prepared],
    chosen: Mapping[TransactionKey, VersionKey | None],
    tariffs: Mapping[VersionKey, tuple[pb.Tariff, Rules]],
) -> dict[TransactionKey, Past]:
    """Return what all events of transactions make; those that have many of them let others have their turn.

    Args:
        history: What became known of each, in order; of some it is prepared.
        chosen: Their tariffs.
        tariffs: What those say.
    """
    found = {}
    for key, known in history.items():
        version = chosen[key]
        tariff = None if version is None else tariffs.get(version)
        if isinstance(known, Prepared):
            if known.accrual is not None and known.version == version:
                found[key] = Past(Accrual.load(known.accrual))
                continue
            moments = known.moments
        else:
            moments = known
        try:
            found[key] = Past(None if tariff is None else await run_cooperatively(accrue_in_steps(tariff[1], moments)))
        except Exception as error:
            # A bug of ours must not cost the message. Without an accrual, the next event takes in all anew.
            logger.error("the cost could not be computed", exc_info=error, extra={"transaction_id": key[1]})
            found[key] = Past(None, has_failed=True)
    return found
