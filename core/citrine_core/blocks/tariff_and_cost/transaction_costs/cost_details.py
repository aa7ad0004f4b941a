"""What a running cost says beside its total: the state of the vehicle, and when its price may change.

It is custom data of the OCA's cost messages, for versions of OCPP whose stations are told costs by DataTransfer. A
station that knows them sends meter values at the moments named here, so that each price is applied to what was
measured while it held.
"""

from collections.abc import Iterator
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from citrine.api.v1 import tariffs_pb2 as pb
from citrine.ocpp.codec import format_datetime
from citrine.ocpp.v2.types_pb2 import CustomData
from citrine_core.blocks.tariff_and_cost.accrual import IDLE, Accrual
from citrine_core.blocks.tariff_and_cost.rules import Rules, to_time

__all__ = ["COST_VENDOR_ID", "running_details"]

COST_VENDOR_ID = "org.openchargealliance.costmsg"

_OF_TIME = {int(pb.TARIFF_DIMENSION_CHARGING_TIME), int(pb.TARIFF_DIMENSION_IDLE_TIME)}

_ALWAYS = 2 * 86_400_000_000
"""Microseconds. A span of times of day is shorter; a longer one has no end."""

_CHANGES = {True: ["SuspendedEV"], False: ["Charging", "SuspendedEVSE"]}
"""Charging states that begin or end idle time, by whether the vehicle charges, or would."""


def running_details(rules: Rules, accrual: Accrual, moment: int, register_wh: float | None) -> CustomData:
    """Return what belongs to a running cost.

    Args:
        rules: The rules of the tariff.
        accrual: Of the transaction.
        moment: Time of the cost, in microseconds since 1970.
        register_wh: Last reading of the register, which the energy of the accrual follows from. None: not known.
    """
    settled = accrual.until(rules, moment)
    charges = settled.charging != IDLE
    details: dict[str, Any] = {"timestamp": _text(moment), "state": "Charging" if charges else "Idle"}
    if register_wh is not None:
        details["meterValue"] = round(register_wh)
    triggers: dict[str, Any] = {}
    if times := sorted(_times(rules, settled, moment)):
        triggers["atTime"] = _text(times[0])
    if register_wh is not None and (energies := [one for one in rules.energies if one > accrual.mwh]):
        triggers["atEnergykWh"] = round(register_wh / 1000 + (energies[0] - accrual.mwh) / 1_000_000, 3)
    powers = {float(bound) for element in rules.elements for bound in element.power if bound}
    if len(powers) == 1:
        # A station that is told one power reports when it is exceeded, and when no longer.
        triggers["atPowerkW"] = powers.pop()
    if any(_OF_TIME & element.components.keys() for element in rules.elements):
        triggers["atChargingState"] = _CHANGES[charges]
    if triggers:
        details["triggerMeterValue"] = triggers
    found = CustomData(vendor_id=COST_VENDOR_ID)
    found.data.update(details)
    return found


def _times(rules: Rules, settled: Accrual, moment: int) -> Iterator[int]:
    """Yield the times after a moment at which other prices apply, if nothing changes but time."""
    end, _ = rules.at(moment)
    thresholds = [end] if end < moment + _ALWAYS else []
    if settled.authorized is not None:
        thresholds += [settled.authorized + one for one in rules.durations]
        if settled.charging != IDLE:
            thresholds += [moment + one - settled.charged for one in rules.charges]
        elif settled.has_charged:
            thresholds += [moment + one - settled.idled for one in rules.idles]
    yield from (one for one in thresholds if one > moment)


def _text(micros: int) -> str:
    time = Timestamp()
    # Whole seconds, so that the price has changed by then.
    time.FromDatetime(to_time(-(-micros // 1_000_000) * 1_000_000))
    return format_datetime(time)
