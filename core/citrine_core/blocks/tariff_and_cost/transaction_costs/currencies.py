"""Which stations reckon in another currency than the tariff of a transaction: nothing is ever converted."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from citrine.api.v1 import tariffs_pb2 as pb
from citrine_core.blocks.provisioning.queries import find_currencies
from citrine_core.blocks.tariff_and_cost.repository import VersionKey
from citrine_core.blocks.tariff_and_cost.rules import Rules
from citrine_core.blocks.tariff_and_cost.transaction_costs.repository import CostRow, TransactionKey
from citrine_core.db import UnitOfWork

__all__ = ["other_currencies"]


class _Charged(Protocol):
    @property
    def key(self) -> TransactionKey: ...


async def other_currencies(
    work: UnitOfWork,
    tenant_id: str,
    charged: Sequence[_Charged],
    rows: Mapping[TransactionKey, CostRow],
    chosen: Mapping[TransactionKey, VersionKey | None],
    tariffs: Mapping[VersionKey, tuple[pb.Tariff, Rules]],
) -> dict[TransactionKey, str]:
    """Return the currencies of stations that differ from those of tariffs, by transaction.

    Asks for those of transactions that have another tariff than before, in one query; the others keep what is known.
    """
    found: dict[TransactionKey, str] = {}
    asked: dict[TransactionKey, str] = {}
    for one in charged:
        row, version = rows.get(one.key), chosen[one.key]
        if row is not None and version == row.tariff:
            if row.station_currency is not None:
                found[one.key] = row.station_currency
        elif version in tariffs and version is not None:
            asked[one.key] = tariffs[version][0].currency
    if asked:
        of_stations = await find_currencies(work.session, tenant_id, {key[0] for key in asked})
        for key, currency in asked.items():
            if of_stations.get(key[0], currency) != currency:
                found[key] = of_stations[key[0]]
    return found
