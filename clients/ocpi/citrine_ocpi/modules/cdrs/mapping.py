"""Charge detail records: from the core's charge records, and from what a reservation costs that nobody used."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from citrine.api.v1 import charge_records_pb2 as records
from citrine.api.v1 import locations_pb2 as locations
from citrine.api.v1.reservation_costs_pb2 import ReservationCost
from citrine.api.v1.tariffs_pb2 import Amount, CostLine, TaxAmount
from citrine.ocpp.v2.transactions_pb2 import ReasonEnum
from citrine.ocpp.v2.types_pb2 import IdToken
from citrine_ocpi.models import NOT_AVAILABLE, OcpiModel, shortened, v2_2_1, v2_3_0
from citrine_ocpi.modules.cdrs.signed import signed_data
from citrine_ocpi.modules.charging import (
    NO_CURRENCY,
    SECONDS_OF_HOUR,
    Fields,
    Owner,
    cdr_token,
    dimensions_of,
    hours,
    period,
    price,
    reservation_period,
    when,
    written_id,
)
from citrine_ocpi.modules.locations.enums import ONLY_LATER, STANDARDS, name_of
from citrine_ocpi.published.erasure import lookup_of
from citrine_ocpi.transport import Party, Version

__all__ = ["cdr_model", "charge_cdr", "credit_of", "reservation_cdr"]

_METHODS: Mapping[int, str] = {
    records.AUTHORIZATION_METHOD_UNSPECIFIED: "WHITELIST",
    records.AUTHORIZATION_METHOD_REMOTE_START: "COMMAND",
    records.AUTHORIZATION_METHOD_CSMS: "AUTH_REQUEST",
    records.AUTHORIZATION_METHOD_STATION: "WHITELIST",
    records.AUTHORIZATION_METHOD_NONE: "WHITELIST",
}

_COSTS: Mapping[str, Sequence[int]] = {
    "total_fixed_cost": (CostLine.KIND_FLAT,),
    "total_energy_cost": (CostLine.KIND_ENERGY,),
    "total_time_cost": (CostLine.KIND_CHARGING_TIME,),
    "total_parking_cost": (CostLine.KIND_IDLE_TIME,),
    "total_reservation_cost": (CostLine.KIND_RESERVATION_TIME, CostLine.KIND_RESERVATION_FLAT),
}
"""Totals of OCPI by the lines that they add up. What a minimum, maximum or credit does is in the total cost alone."""

_ANY_CONNECTOR: Fields = {
    "connector_standard": "IEC_62196_T2",
    "connector_format": "SOCKET",
    "connector_power_type": "AC_3_PHASE",
}
"""Where no connector is known, and OCPI requires one."""


def charge_cdr(
    cdr_id: str,
    record: records.ChargeRecord,
    owner: Owner,
    party: Party,
    session_id: str,
    session: Mapping[str, Any],
    tariffs: Sequence[Mapping[str, Any]],
    version: Version,
) -> OcpiModel:
    """Return the CDR of a revision of a charge record.

    Args:
        cdr_id: Its id.
        record: With a token and a location.
        owner: Of its token.
        party: Of ours, that owns the location.
        session_id: Of its session.
        session: The session, which has the token as its owner knows it. Empty: there is none.
        tariffs: As objects of OCPI.
        version: Of OCPI.
    """
    start, end = _times(record)
    reserved = _reserved(record, start)
    return cdr_model(
        {
            "country_code": party.country_code,
            "party_id": party.party_id,
            "id": cdr_id,
            # A reservation is part of what is billed.
            "start_date_time": min([start, *(one["start_date_time"] for one in reserved)]),
            "end_date_time": end,
            "session_id": session_id,
            "cdr_token": _token(session, record.token.id_token, owner, version),
            "auth_method": _auth_method(record, session),
            "authorization_reference": (
                session.get("authorization_reference") or written_id(record.reference[:36], 36) or None
            ),
            "cdr_location": _location(record, version),
            "currency": record.currency or NO_CURRENCY,
            "tariffs": [*tariffs],
            "charging_periods": [*reserved, *_periods(record, start)],
            "signed_data": signed_data(record),
            "total_cost": price(record.total, record.taxes, version),
            **_costs(record.lines, version),
            "total_energy": Decimal(record.energy_kwh or 0),
            "total_time": _total_time(record, start, end),
            "total_parking_time": hours(record.idle_time) if record.HasField("idle_time") else None,
            "remark": _remark(record) or None,
            "last_updated": when(record.create_time),
        },
        version,
    )


def _token(session: Mapping[str, Any], token: IdToken, owner: Owner, version: Version) -> Mapping[str, Any]:
    """Return the token of a session; one that was deleted since as its owner has to be billed for it."""
    said: Mapping[str, Any] = session.get("cdr_token", {})
    return said if said and lookup_of(said["uid"]) else cdr_token(token, owner, version)


def reservation_cdr(
    cdr_id: str,
    cost: ReservationCost,
    owner: Owner,
    party: Party,
    location: locations.Location,
    evse_uid: str,
    session_id: str,
    session: Mapping[str, Any],
    tariffs: Sequence[Mapping[str, Any]],
    version: Version,
) -> OcpiModel:
    """Return the CDR of a reservation that no transaction used: what OCPI asks for and there is not is #NA."""
    start, end = when(cost.start_time), when(cost.end_time)
    return cdr_model(
        {
            "country_code": party.country_code,
            "party_id": party.party_id,
            "id": cdr_id,
            "start_date_time": start,
            "end_date_time": end,
            "session_id": session_id or None,
            "cdr_token": _token(session, cost.id_token, owner, version),
            "auth_method": "COMMAND",
            "authorization_reference": session.get("authorization_reference"),
            "cdr_location": {
                **_address(location),
                "evse_uid": evse_uid or NOT_AVAILABLE,
                "evse_id": NOT_AVAILABLE,
                "connector_id": NOT_AVAILABLE,
                **_ANY_CONNECTOR,
            },
            "currency": cost.cost.currency or NO_CURRENCY,
            "tariffs": [*tariffs],
            "charging_periods": [reservation_period(start, end, cost.tariff_id)],
            "total_cost": price(cost.cost.total, cost.cost.taxes, version),
            **_costs(cost.cost.lines, version),
            "total_energy": 0,
            # Of charging: that of the reservation is in its period.
            "total_time": 0,
            "remark": "A reservation that was not used",
            "last_updated": when(cost.update_time),
        },
        version,
    )


def credit_of(cdr: Mapping[str, Any], cdr_id: str, updated: datetime, version: Version) -> OcpiModel:
    """Return the CDR that credits another one: all that it says, with its total cost negative."""
    total = cdr["total_cost"]
    negative: Fields
    if version is Version.V2_2_1:
        negative = {name: -Decimal(str(value)) for name, value in total.items()}
    else:
        taxes = [{**tax, "amount": -Decimal(str(tax["amount"]))} for tax in total.get("taxes", ())]
        negative = {"before_taxes": -Decimal(str(total["before_taxes"])), "taxes": taxes}
    changed = {
        "id": cdr_id,
        "credit": True,
        "credit_reference_id": cdr["id"],
        "total_cost": negative,
        "last_updated": updated,
    }
    return cdr_model({**cdr, **changed}, version)


def cdr_model(body: Fields, version: Version) -> OcpiModel:
    """Return a CDR as an object of a version."""
    kind = v2_2_1.CDR if version is Version.V2_2_1 else v2_3_0.CDR
    return kind.model_validate(body)


def _times(record: records.ChargeRecord) -> tuple[datetime, datetime]:
    """Return beginning and end. Where one was not reported it is that of the periods, else when it was settled."""
    settled = when(record.settle_time)
    starts, ends = [when(one.start_time) for one in record.periods], [when(one.end_time) for one in record.periods]
    end = when(record.end_time) if record.HasField("end_time") else max(ends, default=settled)
    start = when(record.start_time) if record.HasField("start_time") else min(starts, default=end)
    return start, end


def _total_time(record: records.ChargeRecord, start: datetime, end: datetime) -> Decimal:
    if record.HasField("total_time"):
        return hours(record.total_time)
    return Decimal(str((end - start).total_seconds())) / 3600


def _periods(record: records.ChargeRecord, start: datetime) -> list[Fields]:
    found = [period(when(one.start_time), dimensions_of(one), record.tariff_id) for one in record.periods]
    if not found:
        measured = {"ENERGY": Decimal(record.energy_kwh or 0), "TIME": hours(record.charging_time)}
        found = [period(start, measured, record.tariff_id)]
    return found


def _reserved(record: records.ChargeRecord, start: datetime) -> list[Fields]:
    """Return the period for which the EVSE was reserved before."""
    if record.HasField("reservation_start_time"):
        begin, end = when(record.reservation_start_time), when(record.reservation_end_time)
        return [reservation_period(begin, end, record.tariff_id)]
    # Records of earlier versions say for how long it is billed alone.
    billed = [Decimal(one.quantity) for one in record.lines if one.kind == CostLine.KIND_RESERVATION_TIME]
    begin = start - timedelta(seconds=float(sum(billed) * SECONDS_OF_HOUR))
    return [reservation_period(begin, start, record.tariff_id)] if billed else []


def _auth_method(record: records.ChargeRecord, session: Mapping[str, Any]) -> str:
    """Return how a transaction was authorized; the core does not know that a reservation said so."""
    found = _METHODS.get(record.authorization_method, "WHITELIST")
    is_commanded = found == "AUTH_REQUEST" and session.get("auth_method") == "COMMAND"
    return "COMMAND" if is_commanded else found


def _costs(lines: Sequence[CostLine], version: Version) -> Fields:
    """Return the totals by what is paid for; what nothing was to be paid for is left out."""
    found: Fields = {}
    for name, kinds in _COSTS.items():
        own = [line for line in lines if line.kind in kinds]
        if own:
            before = sum((Decimal(line.amount.before_tax or 0) for line in own), Decimal(0))
            after = sum((Decimal(line.amount.after_tax or 0) for line in own), Decimal(0))
            total = Amount(before_tax=str(before), after_tax=str(after))
            found[name] = price(total, _added(own), version)
    return found


def _added(lines: Sequence[CostLine]) -> list[TaxAmount]:
    """Return the taxes of several lines, each once."""
    found: dict[tuple[str, str], TaxAmount] = {}
    for tax in (tax for line in lines for tax in line.taxes):
        known = found.setdefault((tax.type, tax.percent), TaxAmount(type=tax.type, percent=tax.percent, amount="0"))
        known.amount = str(Decimal(known.amount) + Decimal(tax.amount or 0))
    return [*found.values()]


def _location(record: records.ChargeRecord, version: Version) -> Fields:
    location = record.location
    connector = location.connector if location.HasField("connector") else locations.LocationConnector()
    said = {
        "connector_standard": STANDARDS.get(connector.standard) if connector.standard else None,
        "connector_format": name_of(locations.ConnectorFormat, connector.format),
        "connector_power_type": name_of(locations.PowerType, connector.power_type),
    }
    if version is Version.V2_2_1 and said["connector_standard"] in ONLY_LATER["connectors"]:
        said["connector_standard"] = None
    return {
        **_address(location),
        "evse_uid": location.evse_uid or NOT_AVAILABLE,
        "evse_id": location.evse_public_id or NOT_AVAILABLE,
        "connector_id": str(record.connector_id) if record.HasField("connector_id") else NOT_AVAILABLE,
        **{name: value or _ANY_CONNECTOR[name] for name, value in said.items()},
    }


def _address(location: records.ChargeRecordLocation | locations.Location) -> Fields:
    return {
        "id": location.location_id,
        "name": location.name or None,
        "address": shortened(location.address, 45),
        "city": location.city,
        "postal_code": location.postal_code or None,
        "state": shortened(location.state, 20) or None,
        "country": location.country,
        "coordinates": {"latitude": location.coordinates.latitude, "longitude": location.coordinates.longitude},
    }


def _remark(record: records.ChargeRecord) -> str:
    parts = []
    if record.HasField("stopped_reason") and record.stopped_reason in ReasonEnum.values():
        name = ReasonEnum.Name(record.stopped_reason).removeprefix("REASON_ENUM_")
        parts.append(f"Stopped: {name.replace('_', ' ').lower()}")
    if not record.tariff_id:
        parts.append("No tariff applies")
    return shortened(". ".join(parts), 255)
