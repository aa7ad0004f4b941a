"""Sessions as partners see them: from a transaction and what it costs so far, or from a reservation."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from citrine.api.v1 import reservation_pb2 as reservations
from citrine.api.v1.reservation_costs_pb2 import ReservationCost
from citrine.api.v1.tariff_and_cost_pb2 import TransactionCost
from citrine.api.v1.transactions_pb2 import Transaction
from citrine.ocpp.v2.transactions_pb2 import ChargingStateEnum, ReasonEnum
from citrine_ocpi.models import OcpiModel, v2_2_1, v2_3_0
from citrine_ocpi.modules.charging import (
    NO_CURRENCY,
    Fields,
    Owner,
    cdr_token,
    place_of,
    price,
    reservation_period,
    when,
    written_id,
)
from citrine_ocpi.modules.places import Place
from citrine_ocpi.transport import Version

__all__ = ["reservation_session", "session_model", "session_status", "transaction_session"]

_OPEN = frozenset({reservations.RESERVATION_STATE_REQUESTED, reservations.RESERVATION_STATE_ACTIVE})


def session_status(transaction: Transaction) -> str:
    """Return the status of the session of a transaction.

    PENDING until there is an EV, INVALID where it ended without any energy because the token was refused.
    """
    if transaction.HasField("end_time") or transaction.HasField("close_time"):
        is_refused = transaction.stopped_reason == ReasonEnum.REASON_ENUM_DE_AUTHORIZED
        return "INVALID" if is_refused and not transaction.energy_wh else "COMPLETED"
    is_idle = transaction.charging_state == ChargingStateEnum.CHARGING_STATE_ENUM_IDLE
    return "PENDING" if is_idle and not transaction.energy_wh else "ACTIVE"


def auth_method(transaction: Transaction, owner: Owner, reference: str, *, is_reserved: bool) -> str:
    """Return how a transaction was authorized, as far as it is known while it goes on.

    Args:
        transaction: That goes on.
        owner: Of its token.
        reference: What its owner called the authorization. Empty: nothing.
        is_reserved: Whether its owner gave it by reserving the EVSE, so that nobody was asked.
    """
    if reference and not transaction.reference and not is_reserved:
        return "AUTH_REQUEST"
    if transaction.HasField("remote_start_id"):
        return "COMMAND"
    if owner.is_whitelisted or transaction.offline:
        return "WHITELIST"
    return "COMMAND" if is_reserved else "AUTH_REQUEST"


def transaction_session(
    session_id: str,
    transaction: Transaction,
    cost: TransactionCost | None,
    owner: Owner,
    place: Place,
    reference: str,
    periods: Sequence[Any],
    updated: str,
    version: Version,
    *,
    is_reserved: bool = False,
) -> OcpiModel:
    """Return the session of a transaction.

    Args:
        session_id: Its id.
        transaction: With a token.
        cost: What it costs so far. None: no tariff applies.
        owner: Of its token.
        place: Where it is.
        reference: What its owner called the authorization, when it was asked for it, or reserved. Empty: nothing.
        periods: Its charging periods.
        updated: When it was last updated.
        version: Of OCPI.
        is_reserved: Whether its owner reserved the EVSE for it.
    """
    over = transaction.end_time if transaction.HasField("end_time") else transaction.close_time
    is_over = transaction.HasField("end_time") or transaction.HasField("close_time")
    known = cost is not None and cost.HasField("cost") and not cost.unknown
    start = transaction.start_time if transaction.HasField("start_time") else transaction.update_time
    return session_model(
        {
            "country_code": place.party.country_code,
            "party_id": place.party.party_id,
            "id": session_id,
            "start_date_time": when(start),
            "end_date_time": when(over) if is_over else None,
            "kwh": Decimal(str(transaction.energy_wh)) / 1000,
            "cdr_token": cdr_token(transaction.id_token, owner, version),
            "auth_method": auth_method(transaction, owner, reference, is_reserved=is_reserved),
            "authorization_reference": written_id((transaction.reference or reference)[:36], 36) or None,
            "location_id": place.location_id,
            **place_of(place.evse_uid, transaction.connector_id if transaction.HasField("connector_id") else None),
            "currency": _currency(cost),
            "charging_periods": [*periods],
            "total_cost": price(cost.cost.total, cost.cost.taxes, version) if cost is not None and known else None,
            "status": session_status(transaction),
            "last_updated": updated,
        },
        version,
    )


def _currency(cost: TransactionCost | None) -> str:
    if cost is None:
        return NO_CURRENCY
    return cost.cost.currency or cost.tariff.currency or NO_CURRENCY


def reservation_session(
    session_id: str,
    reservation: reservations.Reservation,
    cost: ReservationCost | None,
    owner: Owner,
    place: Place,
    reference: str,
    updated: str,
    version: Version,
) -> OcpiModel:
    """Return the session of a reservation that no transaction has used.

    Args:
        session_id: Its id.
        reservation: That the station accepted.
        cost: What it costs. None: nothing, or it is not over.
        owner: Of its token.
        place: Where it is.
        reference: What its owner called the authorization. Empty: nothing.
        updated: When it was last updated.
        version: Of OCPI.
    """
    is_open = reservation.state in _OPEN
    start = reservation.accept_time if reservation.HasField("accept_time") else reservation.create_time
    return session_model(
        {
            "country_code": place.party.country_code,
            "party_id": place.party.party_id,
            "id": session_id,
            "start_date_time": when(start),
            "end_date_time": None if is_open else when(reservation.state_time),
            "kwh": 0,
            "cdr_token": cdr_token(reservation.request.id_token, owner, version),
            "auth_method": "COMMAND",
            "authorization_reference": written_id(reference, 36) or None,
            "location_id": place.location_id,
            **place_of(place.evse_uid, None),
            "currency": NO_CURRENCY if cost is None else cost.cost.currency or NO_CURRENCY,
            "charging_periods": (
                [] if cost is None else [reservation_period(when(cost.start_time), when(cost.end_time), cost.tariff_id)]
            ),
            "total_cost": None if cost is None else price(cost.cost.total, cost.cost.taxes, version),
            "status": "RESERVATION" if is_open else "COMPLETED",
            "last_updated": updated,
        },
        version,
    )


def session_model(body: Fields, version: Version) -> OcpiModel:
    """Return a session as an object of a version."""
    kind = v2_2_1.Session if version is Version.V2_2_1 else v2_3_0.Session
    return kind.model_validate(body)
