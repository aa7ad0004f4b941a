"""What sessions and charge detail records have in common: prices, periods, tokens, and ids made from the core's."""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Protocol

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from citrine.api.v1.tariffs_pb2 import Amount, CostPeriod
from citrine.ocpp.v2.types_pb2 import IdToken
from citrine_ocpi.models import NOT_AVAILABLE, v2_2_1, v2_3_0
from citrine_ocpi.transport import Party, Version

__all__ = [
    "NO_CURRENCY",
    "SECONDS_OF_HOUR",
    "Fields",
    "Owner",
    "Tax",
    "cdr_token",
    "dimensions_of",
    "hours",
    "known_type",
    "named_id",
    "period",
    "place_of",
    "price",
    "reservation_period",
    "token_type",
    "when",
    "written_id",
]

Fields = dict[str, Any]

NO_CURRENCY = "XXX"
"""Of ISO 4217: where no tariff applies, and OCPI requires a currency all the same."""

SECONDS_OF_HOUR = 3600

_NAMESPACE = uuid.UUID("6d5a8a0e-6f1c-5d7f-9d0b-3a1f0c7be2a4")

_RFID = frozenset({"ISO14443", "ISO15693"})
_TOKEN_TYPES: Mapping[str, str] = {"Central": "APP_USER", "DirectPayment": "AD_HOC_USER", "eMAID": "EMAID"}


@dataclass(frozen=True)
class Owner:
    """The party that a token belongs to, and what else partners know it by."""

    party: Party
    contract_id: str = ""
    uid: str = ""
    """Its id as the party gave it. Empty: as stations send it."""
    type: str = ""
    """TokenType of OCPI, as the party gave it. Empty: it is that of the type by which stations know it."""
    is_whitelisted: bool = False
    """Whether nobody is asked about the token."""


class Tax(Protocol):
    """What a tax comes to."""

    @property
    def type(self) -> str:
        """Its name."""

    @property
    def percent(self) -> str:
        """A decimal."""

    @property
    def amount(self) -> str:
        """A decimal."""


def named_id(*names: str) -> str:
    """Return an id that is the same each time for the same names: 36 characters, as OCPI allows."""
    return str(uuid.uuid5(_NAMESPACE, "\n".join(names)))


def token_type(type_name: str, version: Version) -> str:
    """Return the TokenType of OCPI of a token's type in the spelling of OCPP."""
    return known_type("RFID" if type_name in _RFID else _TOKEN_TYPES.get(type_name, "OTHER"), version)


def known_type(name: str, version: Version) -> str:
    """Return a TokenType of OCPI, or OTHER where a version has none of that name."""
    kinds = v2_2_1.TokenType if version is Version.V2_2_1 else v2_3_0.TokenType
    return name if kinds(name).is_known else "OTHER"


def written_id(text: str, length: int) -> str:
    """Return an id as a CiString of a length. Empty: it can't be one."""
    return text if len(text) <= length and text.isascii() and text.isprintable() else ""


def cdr_token(token: IdToken, owner: Owner, version: Version) -> Fields:
    """Return a token as sessions and CDRs name it."""
    return {
        "country_code": owner.party.country_code,
        "party_id": owner.party.party_id,
        "uid": (owner.uid or token.id_token)[:36],
        "type": token_type(token.type, version) if not owner.type else known_type(owner.type, version),
        # A token without a contract, or with one that OCPI can't write, is one of itself.
        "contract_id": written_id(owner.contract_id, 36) or (owner.uid or token.id_token)[:36],
    }


def price(amount: Amount, taxes: Iterable[Tax], version: Version, *, sign: int = 1) -> Fields:
    """Return a sum of money. In 2.3.0 it says each tax.

    Args:
        amount: Without tax and with it.
        taxes: In it.
        version: Of OCPI.
        sign: -1 for what is credited.
    """
    before, after = Decimal(amount.before_tax or 0), Decimal(amount.after_tax or amount.before_tax or 0)
    if version is Version.V2_2_1:
        return {"excl_vat": sign * before, "incl_vat": sign * after}
    return {"before_taxes": sign * before, "taxes": _taxes(after - before, [*taxes], sign)}


def _taxes(total: Decimal, taxes: Iterable[Tax], sign: int) -> list[Fields]:
    """Return taxes, the highest rate first. What rounding of the total left over is in the greatest one."""
    amounts = [(one, Decimal(one.amount or 0)) for one in sorted(taxes, key=_by_rate)]
    rest = total - sum((amount for _, amount in amounts), Decimal(0))
    greatest = max(range(len(amounts)), key=lambda number: amounts[number][1], default=None)
    found: list[Fields] = []
    for number, (tax, amount) in enumerate(amounts):
        percentage = Decimal(tax.percent) if tax.percent else None
        whole = amount + rest if number == greatest else amount
        found.append({"name": tax.type, "percentage": percentage, "amount": sign * whole})
    return found or ([{"name": "VAT", "amount": sign * total}] if total else [])


def _by_rate(tax: Tax) -> tuple[Decimal, str]:
    return -Decimal(tax.percent or 0), tax.type


def hours(duration: Duration) -> Decimal:
    """Return a time in hours."""
    return (Decimal(duration.seconds) + Decimal(duration.nanos).scaleb(-9)) / SECONDS_OF_HOUR


def when(time: Timestamp) -> datetime:
    """Return a point in time."""
    return time.ToDatetime(UTC)


def dimensions_of(cost: CostPeriod) -> dict[str, Decimal]:
    """Return what was measured in a period of the core, by the dimension of OCPI."""
    return {
        "ENERGY": Decimal(cost.energy_kwh or 0),
        "TIME": hours(cost.charging_time),
        "PARKING_TIME": hours(cost.idle_time),
    }


def period(start: datetime, volumes: Mapping[str, Decimal], tariff_id: str) -> Fields:
    """Return a charging period. A dimension without a volume is left out; at least the energy is there."""
    said = {name: volume for name, volume in volumes.items() if volume} or {"ENERGY": Decimal(0)}
    return {
        "start_date_time": start,
        "dimensions": [{"type": name, "volume": volume} for name, volume in said.items()],
        "tariff_id": written_id(tariff_id, 36) or None,
    }


def reservation_period(start: datetime, end: datetime, tariff_id: str) -> Fields:
    """Return the charging period of the time for which an EVSE was reserved."""
    reserved = Decimal(str(max(0.0, (end - start).total_seconds()))) / SECONDS_OF_HOUR
    return period(start, {"RESERVATION_TIME": reserved}, tariff_id)


def place_of(uid: str, connector: int | None) -> Fields:
    """Return how a session names its EVSE and connector; what is not known is #NA."""
    return {
        "evse_uid": uid or NOT_AVAILABLE,
        "connector_id": NOT_AVAILABLE if connector is None else str(connector),
    }
