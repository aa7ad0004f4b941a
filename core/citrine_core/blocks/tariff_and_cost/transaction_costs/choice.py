"""By which tariff a transaction is priced."""

from collections.abc import Mapping, Sequence

from citrine.api.v1 import tariff_and_cost_pb2 as cost_pb
from citrine_core.blocks.tariff_and_cost.assignments import find_tariffs
from citrine_core.blocks.tariff_and_cost.corrections import CorrectionRepository
from citrine_core.blocks.tariff_and_cost.repository import VersionKey
from citrine_core.blocks.tariff_and_cost.transaction_costs.charged import Charged
from citrine_core.blocks.tariff_and_cost.transaction_costs.repository import CostRow, TransactionKey, is_final
from citrine_core.db import UnitOfWork
from citrine_core.resources.locations.queries import find_time_zones

__all__ = ["choose"]


async def choose(
    work: UnitOfWork, tenant_id: str, charged: Sequence[Charged], rows: Mapping[TransactionKey, CostRow]
) -> dict[TransactionKey, VersionKey | None]:
    """Return the version of the tariff by which each transaction is priced; None: there is none.

    Args:
        work: Where they are read.
        tenant_id: Whose transactions they are.
        charged: The transactions.
        rows: What is stored of their costs.
    """
    asked = [
        one
        for one in charged
        if (row := rows.get(one.key)) is None or (row.subject != one.subject.key and not is_final(row))
    ]
    found = await find_tariffs(work, tenant_id, [one.subject for one in asked])
    chosen = {key: row.tariff for key, row in rows.items()}
    # Another tariff may take the place of one that applies, but never none.
    chosen |= {one.key: version or chosen.get(one.key) for one, version in zip(asked, found, strict=True)}
    repriced = await _repriced(work, tenant_id, charged, rows)
    zones = await find_time_zones(work.session, tenant_id, {key[0] for key in repriced}) if repriced else {}
    for key, version in repriced.items():
        known = chosen.get(key)
        zone = zones.get(key[0], "") if known is None else known.time_zone
        chosen[key] = version._replace(time_zone=zone)
    return chosen


async def _repriced(
    work: UnitOfWork, tenant_id: str, charged: Sequence[Charged], rows: Mapping[TransactionKey, CostRow]
) -> dict[TransactionKey, VersionKey]:
    """Return the versions that operators want transactions priced by, now or when they priced them last.

    What comes late is priced by that one, too; a transaction that is reopened goes back to its own.
    """
    wanted = {one.key: one.cause.version for one in charged if one.cause is not None and one.cause.version is not None}
    final = [
        one.key
        for one in charged
        if one.key not in wanted
        and is_final(rows.get(one.key))
        and (one.cause is None or one.cause.reason != cost_pb.CostCorrection.REASON_REOPENED)
    ]
    latest = await CorrectionRepository(work.session).find_latest(tenant_id, final)
    return wanted | {key: VersionKey(row.tariff_id, row.tariff_version) for key, row in latest.items()}
