"""What is done about charging: start, stop, unlock, reserve, and limits by charging profiles."""

from collections.abc import Sequence
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from citrine.api.v1 import remote_control_pb2 as api
from citrine.api.v1 import reservation_pb2 as reservations
from citrine.api.v1 import smart_charging_pb2 as charging
from citrine.api.v1.stations_pb2 import Station
from citrine.api.v1.transactions_pb2 import ListTransactionsRequest
from citrine.ocpp.codec import format_datetime
from citrine.ocpp.v2 import remote_control_pb2 as remote
from citrine.ocpp.v2 import reservation_pb2 as reserve
from citrine.ocpp.v2 import smart_charging_pb2 as smart
from citrine_console.clock import utc_now
from citrine_console.formats import day_time
from citrine_console.forms import Choice, Field, Values, Wrong
from citrine_console.pages.actions.station_action import StationAction, entered_time, ocpp, place, place_field
from citrine_console.texts import _, noop
from citrine_console.visits import Visit

__all__ = ["ACTIONS"]

TOKEN_TYPES = ("ISO14443", "ISO15693", "eMAID", "Central", "KeyCode", "Local", "MacAddress", "EVCCID", "VIN")

KW = 1000


def _token_fields() -> list[Field]:
    choices = [(one, one) for one in TOKEN_TYPES]
    return [
        Field("id_token", _("Token"), required=True, attributes={"maxlength": "255", "autocomplete": "off"}),
        Field("token_type", _("Its type"), "select", value="ISO14443", choices=choices),
    ]


def _token(values: Values) -> dict[str, Any]:
    if not values["id_token"]:
        raise Wrong("id_token", _("Enter a token."))
    return {"idToken": values["id_token"], "type": values["token_type"] or "ISO14443"}


async def _running(visit: Visit) -> list[Choice]:
    request = ListTransactionsRequest(station_id=visit["station_id"], active_only=True, page_size=50)
    found = (await visit.citrine.transactions.ListTransactions(request)).transactions
    return [(one.transaction_id, f"EVSE {one.evse_id}: {one.transaction_id}") for one in found]


# Start and stop


async def _start_fields(visit: Visit, station: Station | None) -> Sequence[Field]:
    return [
        *_token_fields(),
        place_field(station, whole=False, value="1"),
        Field("reference", _("Reference"), hint=_("goes into the charge record"), attributes={"maxlength": "64"}),
    ]


def _start(values: Values) -> api.RequestStartTransactionRequest:
    payload = {"idToken": _token(values), "evseId": place(values)[0]}
    request = ocpp(remote.RequestStartTransactionRequest, payload)
    return api.RequestStartTransactionRequest(request=request, reference=values["reference"])


async def _stop_fields(visit: Visit, station: Station | None) -> Sequence[Field]:
    return [Field("transaction_id", _("Transaction"), "select", choices=await _running(visit))]


def _stop(values: Values) -> api.RequestStopTransactionRequest:
    if not values["transaction_id"]:
        raise Wrong("transaction_id", _("No transaction is under way."))
    request = remote.RequestStopTransactionRequest(transaction_id=values["transaction_id"])
    return api.RequestStopTransactionRequest(request=request)


async def _unlock_fields(visit: Visit, station: Station | None) -> Sequence[Field]:
    return [place_field(station, connectors=True, whole=False)]


def _unlock(values: Values) -> api.UnlockConnectorRequest:
    evse, connector = place(values)
    payload = {"evseId": evse or 0, "connectorId": connector or 1}
    return api.UnlockConnectorRequest(request=ocpp(remote.UnlockConnectorRequest, payload))


# Reservations


async def _reserve_fields(visit: Visit, station: Station | None) -> Sequence[Field]:
    return [
        *_token_fields(),
        place_field(station),
        Field("until", _("Until"), "datetime", hint=visit.zone.key, required=True),
    ]


def _reserve(values: Values) -> reservations.ReserveNowRequest:
    until = entered_time(values, "until")
    if until is None:
        raise Wrong("until", _("Enter a day and a time."))
    payload = {"id": 0, "expiryDateTime": until, "idToken": _token(values), "evseId": place(values)[0]}
    return reservations.ReserveNowRequest(request=ocpp(reserve.ReserveNowRequest, payload))


async def _unreserve_fields(visit: Visit, station: Station | None) -> Sequence[Field]:
    request = reservations.ListReservationsRequest(station_id=visit["station_id"], open_only=True, page_size=100)
    found = (await visit.citrine.reservation.ListReservations(request)).reservations
    choices = [
        (
            str(one.request.id),
            f"{one.request.id}: {one.request.id_token.id_token}, {_('until')} "
            f"{day_time(one.request.expiry_date_time, visit.zone)}",
        )
        for one in found
    ]
    return [Field("reservation_id", _("Reservation"), "select", choices=choices)]


def _unreserve(values: Values) -> reservations.CancelReservationRequest:
    if not values["reservation_id"]:
        raise Wrong("reservation_id", _("There is no reservation."))
    request = reserve.CancelReservationRequest(reservation_id=values.number("reservation_id"))
    return reservations.CancelReservationRequest(request=request)


# Charging profiles


def _purposes() -> list[Choice]:
    return [
        ("ChargingStationMaxProfile", _("Limit of the whole station")),
        ("TxDefaultProfile", _("Limit of each transaction from now on")),
        ("TxProfile", _("Limit of one transaction")),
        ("ChargingStationExternalConstraints", _("Limit from outside, as of the grid")),
    ]


async def _profile_fields(visit: Visit, station: Station | None) -> Sequence[Field]:
    fields = [
        Field("limit", _("Limit"), "decimal", required=True),
        Field("unit", _("Unit"), "select", choices=[("A", _("A on each phase")), ("W", "kW")]),
        Field("purpose", _("What it limits"), "select", choices=_purposes()),
        place_field(station, label=_("EVSE")),
    ]
    if station is not None and visit.may("ListTransactions"):
        none = ("", _("None"))
        hint = _("for the limit of one transaction")
        choices = [none, *(await _running(visit))]
        fields.append(Field("transaction_id", _("Transaction"), "select", choices=choices, hint=hint))
    return [
        *fields,
        Field("phases", _("Phases"), "number", hint=_("empty: all"), attributes={"min": "1", "max": "3"}),
        Field("from", _("From"), "datetime", hint=_("empty: now; in {zone}").format(zone=visit.zone.key)),
        Field("to", _("To"), "datetime", hint=_("empty: until it is cleared")),
        Field("stack_level", _("Stack level"), "number", value="0", hint=_("highest counts"), attributes={"min": "0"}),
    ]


def _now() -> str:
    stamp = Timestamp()
    stamp.FromDatetime(utc_now().replace(microsecond=0))
    return format_datetime(stamp)


def _profile(values: Values) -> charging.SetChargingProfileRequest:
    limit = values.decimal("limit")
    if limit is None:
        raise Wrong("limit", _("Enter a number."))
    period: dict[str, Any] = {"startPeriod": 0, "limit": limit * KW if values["unit"] == "W" else limit}
    if values["phases"]:
        period["numberPhases"] = values.number("phases")
    start, end = values.time("from"), values.time("to")
    schedule: dict[str, Any] = {
        "id": 1,
        "chargingRateUnit": values["unit"] or "A",
        "chargingSchedulePeriod": [period],
        "startSchedule": entered_time(values, "from") or _now(),
    }
    if end is not None:
        seconds = end.seconds - (start.seconds if start is not None else int(utc_now().timestamp()))
        if seconds <= 0:
            raise Wrong("to", _("This is not after the beginning."))
        schedule["duration"] = seconds
    profile = {
        "id": 0,
        "stackLevel": values.number("stack_level", 0),
        "chargingProfilePurpose": values["purpose"],
        "chargingProfileKind": "Absolute",
        "chargingSchedule": [schedule],
        "validFrom": entered_time(values, "from"),
        "validTo": entered_time(values, "to"),
        "transactionId": values["transaction_id"] or None,
    }
    payload = {"evseId": place(values)[0] or 0, "chargingProfile": profile}
    return charging.SetChargingProfileRequest(request=ocpp(smart.SetChargingProfileRequest, payload))


async def _unprofile_fields(visit: Visit, station: Station | None) -> Sequence[Field]:
    return [
        Field("profile_id", _("Profile"), "number", hint=_("its number; empty: all that are like the rest")),
        Field("purpose", _("What it limits"), "select", choices=[("", _("Any")), *_purposes()]),
        place_field(station, label=_("EVSE")),
        Field("stack_level", _("Stack level"), "number", attributes={"min": "0"}),
    ]


def _unprofile(values: Values) -> charging.ClearChargingProfileRequest:
    criteria = {
        "evseId": place(values)[0],
        "chargingProfilePurpose": values["purpose"] or None,
        "stackLevel": values.number("stack_level") if values["stack_level"] else None,
    }
    if not values["profile_id"] and not any(one is not None for one in criteria.values()):
        raise Wrong("profile_id", _("Enter its number, or choose what is cleared by one of the others."))
    payload = {
        "chargingProfileId": values.number("profile_id") if values["profile_id"] else None,
        "chargingProfileCriteria": criteria if any(one is not None for one in criteria.values()) else None,
    }
    return charging.ClearChargingProfileRequest(request=ocpp(smart.ClearChargingProfileRequest, payload))


ACTIONS = [
    StationAction(
        "start",
        noop("Start"),
        noop("Start charging at {station}"),
        "RequestStartTransaction",
        "remote_control",
        _start,
        _start_fields,
        is_frequent=True,
    ),
    StationAction(
        "stop",
        noop("Stop"),
        noop("Stop charging at {station}"),
        "RequestStopTransaction",
        "remote_control",
        _stop,
        _stop_fields,
        words=noop("Energy stops flowing, and the transaction is billed as far as it got."),
        hurts=True,
        is_frequent=True,
        needs=("ListTransactions",),
    ),
    StationAction(
        "unlock",
        noop("Unlock"),
        noop("Unlock a connector of {station}"),
        "UnlockConnector",
        "remote_control",
        _unlock,
        _unlock_fields,
        words=noop("The plug can be taken out then. A transaction that goes on there is not stopped by all stations."),
        operation="unlock_connector",
        many=noop("Unlock a connector of {stations}"),
        is_frequent=True,
    ),
    StationAction(
        "reserve",
        noop("Reserve"),
        noop("Reserve at {station}"),
        "ReserveNow",
        "reservation",
        _reserve,
        _reserve_fields,
    ),
    StationAction(
        "cancel-reservation",
        noop("Cancel a reservation"),
        noop("Cancel a reservation at {station}"),
        "CancelReservation",
        "reservation",
        _unreserve,
        _unreserve_fields,
        words=noop("The driver finds the EVSE open to everybody."),
        hurts=True,
        needs=("ListReservations",),
    ),
    StationAction(
        "limit-charging",
        noop("Limit charging"),
        noop("Limit charging at {station}"),
        "SetChargingProfile",
        "smart_charging",
        _profile,
        _profile_fields,
        words=noop("The station is given a charging profile."),
        operation="set_charging_profile",
        many=noop("Limit charging at {stations}"),
    ),
    StationAction(
        "clear-limits",
        noop("Clear charging profiles"),
        noop("Clear charging profiles of {station}"),
        "ClearChargingProfile",
        "smart_charging",
        _unprofile,
        _unprofile_fields,
        words=noop("Vehicles may charge with more power then."),
        hurts=True,
        operation="clear_charging_profile",
        many=noop("Clear charging profiles of {stations}"),
    ),
]
