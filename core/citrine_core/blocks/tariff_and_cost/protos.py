"""Tariffs, assignments and costs as the API shows them."""

from datetime import datetime, timedelta

from citrine.api.v1 import tariff_and_cost_pb2 as cost_pb
from citrine.api.v1 import tariffs_pb2 as pb
from citrine.ocpp.v2.types_pb2 import IdToken
from citrine_core.blocks.tariff_and_cost.accrual import Accrual
from citrine_core.blocks.tariff_and_cost.corrections import CorrectionRow
from citrine_core.blocks.tariff_and_cost.models import CostSettings, StoredTariff, TariffAssignment, TariffVersion
from citrine_core.blocks.tariff_and_cost.rules import Rules
from citrine_core.blocks.tariff_and_cost.transaction_costs import CostRow, breakdown_of
from citrine_core.resources.stations.tags import read_labels
from citrine_core.rpc import etag_of, to_timestamp

__all__ = ["assignment_to_proto", "cost_in_list", "cost_to_proto", "settings_to_proto", "tariff_to_proto"]


def tariff_to_proto(tariff: StoredTariff, version: TariffVersion) -> pb.Tariff:
    """Return one version of a tariff as the API shows it."""
    found = pb.Tariff.FromString(version.definition)
    found.tariff_id, found.tenant_id, found.version = version.tariff_id, version.tenant_id, version.version
    found.create_time.CopyFrom(to_timestamp(tariff.create_time))  # type: ignore[arg-type]
    is_current = version.version == tariff.version
    found.update_time.FromDatetime(tariff.update_time if is_current else version.create_time)
    if tariff.delete_time is not None and is_current:
        found.delete_time.FromDatetime(tariff.delete_time)
    found.etag = str(version.version)
    return found


def assignment_to_proto(row: TariffAssignment) -> pb.TariffAssignment:
    """Return an assignment as the API shows it."""
    return pb.TariffAssignment(
        assignment_id=row.assignment_id,
        tenant_id=row.tenant_id,
        tariff_id=row.tariff_id,
        station_id=row.named_station,
        evse_id=row.evse_id,
        group_id=row.group_id,
        id_token=IdToken(id_token=row.id_token, type=row.id_token_type) if row.id_token else None,
        create_time=to_timestamp(row.create_time),
        update_time=to_timestamp(row.update_time),
        valid_from=to_timestamp(row.from_time),
        valid_to=to_timestamp(row.to_time),
        location_id=row.location_id,
        station_group=row.station_group,
        station_labels=read_labels(row.station_labels),
    )


def settings_to_proto(row: CostSettings) -> pb.CostSettings:
    """Return the settings of a tenant."""
    found = pb.CostSettings(
        running_cost=pb.RunningCost.ValueType(row.running_cost),
        price_messages=pb.PriceMessages.ValueType(row.price_messages),
    )
    found.running_cost_interval.FromSeconds(row.interval_seconds)
    found.etag = etag_of(found)
    return found


def cost_to_proto(
    row: CostRow, cost: pb.Cost | None, tariff: pb.Tariff, now: datetime, latest: CorrectionRow | None
) -> cost_pb.TransactionCost:
    """Return the cost of a transaction; without totals if it is not known.

    Args:
        row: The stored row.
        cost: The breakdown of the cost. None: it is not known.
        tariff: The tariff that applies.
        now: The current time.
        latest: The latest correction. None: there is none.
    """
    found = cost_pb.TransactionCost(
        station_id=row.station_id,
        transaction_id=row.transaction_id,
        state=cost_pb.CostState.ValueType(row.state),
        cost=cost,
        tariff=tariff,
        told_total=row.told_total,
        update_time=to_timestamp(row.update_time),
        waits_for=cost_pb.CostWait.ValueType(row.waits_for or 0),
        waits_until=to_timestamp(row.waits_until),
        settlement=cost_pb.Settlement.ValueType(row.settlement or 0),
        settle_time=to_timestamp(row.settle_time),
        unknown=cost is None,
        station_currency=row.station_currency or "",
    )
    if latest is not None:
        found.corrections = latest.number
        found.corrected_total.CopyFrom(pb.Amount(before_tax=latest.before_tax, after_tax=latest.after_tax))
        found.corrected_currency = pb.Cost.FromString(latest.breakdown).currency
    if row.accrual:
        is_running = row.state == cost_pb.COST_STATE_RUNNING
        elapsed = now - row.update_time if is_running else timedelta(0)
        found.reckoned_time.FromMicroseconds(Accrual.load(row.accrual).moment_after(elapsed))
    return found


def cost_in_list(
    row: CostRow, tariff: tuple[pb.Tariff, Rules] | None, now: datetime, latest: CorrectionRow | None, *, whole: bool
) -> cost_pb.TransactionCost:
    """Return the cost of a transaction as lists show it, with id, version and currency of its tariff.

    Args:
        row: The stored row.
        tariff: The tariff that applies, and what it says. None: there is none.
        now: The current time.
        latest: The latest correction. None: there is none.
        whole: Whether lines, periods and taxes are shown.
    """
    currency = tariff[0].currency if tariff is not None else ""
    cost = pb.Cost(currency=currency, total=pb.Amount(before_tax=row.before_tax or "", after_tax=row.after_tax or ""))
    is_running = row.state == cost_pb.COST_STATE_RUNNING
    if whole and row.breakdown:
        cost = pb.Cost.FromString(row.breakdown)
    elif tariff is not None and row.accrual and (is_running or whole):
        reckoned = breakdown_of(row, tariff[1], now)
        cost = reckoned if whole else pb.Cost(currency=currency, total=reckoned.total)
    named = pb.Tariff(tariff_id=row.tariff_id or "", version=row.tariff_version or 0, currency=currency)
    return cost_to_proto(row, cost if row.after_tax is not None else None, named, now, latest)
