"""Charge records become CDRs: totals, taxes, signed readings, credits, reservations that have no EVSE."""

import base64
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict

from citrine.api.v1.charge_records_pb2 import ChargeRecord
from citrine.api.v1.locations_pb2 import Location
from citrine.api.v1.reservation_costs_pb2 import ReservationCost
from citrine_ocpi.models import OcpiModel
from citrine_ocpi.modules.cdrs.mapping import charge_cdr, credit_of, reservation_cdr
from citrine_ocpi.modules.charging import Owner
from citrine_ocpi.transport import Party, Version
from tests.support.emsp.validation import faults

OWNER = Owner(Party("NL", "TNM"), contract_id="NL-TNM-C1-2", uid="04A1B2C3")
OURS = Party("DE", "CIT")
READING = base64.b64encode(b"OCMF|{}|{}").decode()
SITE = {
    "location_id": "L-1",
    "address": "A street with a name that is longer than a CDR has room for",
    "city": "Bergen",
    "country": "NOR",
    "coordinates": {"latitude": "60.392990", "longitude": "5.324150"},
}


def line(kind: str, before: str, after: str, quantity: str = "1", *taxes: dict[str, Any]) -> dict[str, Any]:
    amount = {"before_tax": before, "after_tax": after}
    return {"kind": f"KIND_{kind}", "quantity": quantity, "amount": amount, "taxes": taxes}


def tax(name: str, percent: str, amount: str) -> dict[str, Any]:
    return {"type": name, "percent": percent, "amount": amount}


def signed(data: str, time: str) -> dict[str, Any]:
    value = {"signed_meter_data": data, "encoding_method": "OCMF", "public_key": "a2V5"}
    return {"time": time, "signed_meter_value": value}


METER = {"signed_meter_data": READING, "encoding_method": "OCMF", "public_key": "a2V5"}

RECORD: dict[str, Any] = {
    "record_id": "0195a7f0-0000-7000-8000-000000000001",
    "revision": 1,
    "create_time": "2025-03-01T13:00:00Z",
    "station_id": "CS-1",
    "transaction_id": "T-1",
    "location": {**SITE, "evse_uid": "E-1", "evse_public_id": "DE*CIT*E1"},
    "connector_id": 1,
    "token": {"id_token": {"id_token": "04a1b2c3", "type": "ISO14443"}},
    "authorization_method": "AUTHORIZATION_METHOD_STATION",
    "reference": "REF-1",
    "start_time": "2025-03-01T12:00:00Z",
    "end_time": "2025-03-01T12:30:00Z",
    "stopped_reason": "REASON_ENUM_EV_DISCONNECTED",
    "energy_kwh": "9.2",
    "total_time": "1800s",
    "charging_time": "1200s",
    "idle_time": "600s",
    "periods": [
        {"start_time": "2025-03-01T12:00:00Z", "energy_kwh": "9.2", "charging_time": "1200s"},
        {"start_time": "2025-03-01T12:20:00Z", "energy_kwh": "0", "idle_time": "600s"},
    ],
    "signed_start": [signed(READING, "2025-03-01T12:00:00Z")],
    "signed_end": [signed("not base64!", "2025-03-01T12:30:00Z"), signed("A" * 6000, "2025-03-01T12:30:00Z")],
    "currency": "EUR",
    "total": {"before_tax": "6.01", "after_tax": "7.08"},
    "taxes": [tax("VAT", "19", "0.95"), tax("City", "2", "0.121")],
    "lines": [
        line("FLAT", "0.5", "0.595", "1", tax("VAT", "19", "0.095")),
        line("ENERGY", "2", "2.38", "5", tax("VAT", "19", "0.38")),
        line("ENERGY", "1.5", "1.785", "5", tax("VAT", "19", "0.285")),
        line("IDLE_TIME", "1", "1.02", "0.166667", tax("City", "2", "0.02")),
        line("RESERVATION_TIME", "0.5", "0.5", "0.5"),
        line("RESERVATION_FLAT", "0.25", "0.25"),
        line("MINIMUM", "0.26", "0.55"),
    ],
    "tariff_id": "DAY",
}


def written(model: OcpiModel) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(model.wire()), parse_float=Decimal)
    return found


def cdr(version: Version, **changes: Any) -> dict[str, Any]:
    record = ParseDict({**RECORD, **changes}, ChargeRecord())
    return written(charge_cdr(record.record_id, record, OWNER, OURS, "S-1", {}, [], version))


@pytest.mark.parametrize("version", Version)
def test_a_cdr_has_totals_by_what_is_paid_for_as_the_specification_has_it(version: Version) -> None:
    seen = cdr(version)

    assert faults(seen, "CDR", str(version)) == []
    before, tax_name = ("excl_vat", "") if version is Version.V2_2_1 else ("before_taxes", "VAT")
    totals = {name: seen[name][before] for name in seen if name.endswith("_cost")}
    assert totals == {
        "total_cost": Decimal("6.01"),
        "total_fixed_cost": Decimal("0.5"),
        "total_energy_cost": Decimal("3.5"),
        "total_parking_cost": 1,
        "total_reservation_cost": Decimal("0.75"),
    }
    if tax_name:
        # What rounding left over is in the greatest one.
        assert seen["total_cost"]["taxes"] == [
            {"name": "VAT", "percentage": 19, "amount": Decimal("0.949")},
            {"name": "City", "percentage": 2, "amount": Decimal("0.121")},
        ]
        assert seen["total_energy_cost"]["taxes"] == [{"name": "VAT", "percentage": 19, "amount": Decimal("0.665")}]
    else:
        assert seen["total_cost"]["incl_vat"] == Decimal("7.08")
    assert (seen["total_energy"], seen["total_time"]) == (Decimal("9.2"), Decimal("0.5"))
    assert seen["total_parking_time"] == Decimal("0.1667")
    assert [
        (one["start_date_time"][11:16], {x["type"]: x["volume"] for x in one["dimensions"]})
        for one in seen["charging_periods"]
    ] == [
        ("11:30", {"RESERVATION_TIME": Decimal("0.5")}),
        ("12:00", {"ENERGY": Decimal("9.2"), "TIME": Decimal("0.3333")}),
        ("12:20", {"PARKING_TIME": Decimal("0.1667")}),
    ]
    assert (seen["auth_method"], seen["authorization_reference"]) == ("WHITELIST", "REF-1")
    assert (seen["cdr_token"]["uid"], seen["cdr_token"]["type"]) == ("04A1B2C3", "RFID")
    assert len(seen["cdr_location"]["address"]) == 45


@pytest.mark.parametrize("version", Version)
def test_a_cdr_begins_with_the_reservation_whatever_step_that_is_billed_by(version: Version) -> None:
    seen = cdr(version, reservation_start_time="2025-03-01T11:47:30Z", reservation_end_time="2025-03-01T12:00:00Z")

    reserved, charged, _ = seen["charging_periods"]
    assert (seen["start_date_time"], reserved["start_date_time"]) == ("2025-03-01T11:47:30Z", "2025-03-01T11:47:30Z")
    assert reserved["dimensions"] == [{"type": "RESERVATION_TIME", "volume": Decimal("0.2083")}]
    assert charged["start_date_time"] == "2025-03-01T12:00:00Z"
    assert (seen["end_date_time"], seen["total_time"]) == ("2025-03-01T12:30:00Z", Decimal("0.5"))


def test_signed_readings_are_sent_as_they_were_signed_or_not_at_all() -> None:
    seen = cdr(Version.V2_2_1)["signed_data"]

    assert (seen["encoding_method"], seen["public_key"]) == ("OCMF", "a2V5")
    assert seen["signed_values"] == [
        {"nature": "Start", "plain_data": "OCMF|{}|{}", "signed_data": READING},
        {
            "nature": "End",
            "plain_data": "not base64!",
            "signed_data": base64.b64encode(b"not base64!").decode(),
        },
    ]


@pytest.mark.parametrize("version", Version)
def test_a_credit_says_all_that_the_cdr_said_with_its_total_negative(version: Version) -> None:
    first = cdr(version)

    credit = written(credit_of(first, f"{first['id']}-C", datetime(2025, 3, 2, tzinfo=UTC), version))

    assert faults(credit, "CDR", str(version)) == []
    own = {"id", "credit", "credit_reference_id", "total_cost", "last_updated"}
    assert {name: credit[name] for name in credit.keys() - own} == {name: first[name] for name in first.keys() - own}
    assert (credit["credit"], credit["credit_reference_id"]) == (True, first["id"])
    before = "excl_vat" if version is Version.V2_2_1 else "before_taxes"
    assert credit["total_cost"][before] == -first["total_cost"][before]


@pytest.mark.parametrize("version", Version)
def test_a_reservation_that_nobody_used_has_no_evse(version: Version) -> None:
    cost = ParseDict(
        {
            "station_id": "CS-1",
            "reservation_id": 7,
            "start_time": "2025-03-01T12:00:00Z",
            "end_time": "2025-03-01T12:15:00Z",
            "update_time": "2025-03-01T12:15:01Z",
            "id_token": {"id_token": "04A1B2C3", "type": "ISO14443"},
            "cost": {
                "currency": "EUR",
                "total": {"before_tax": "1", "after_tax": "1.19"},
                "lines": [line("RESERVATION_TIME", "1", "1.19", "0.25", tax("VAT", "19", "0.19"))],
                "taxes": [tax("VAT", "19", "0.19")],
            },
            "tariff_id": "DAY",
        },
        ReservationCost(),
    )
    site = ParseDict(SITE, Location())

    seen = written(reservation_cdr("C-1", cost, OWNER, OURS, site, "", "S-1", {}, [], version))

    assert faults(seen, "CDR", str(version)) == []
    place = seen["cdr_location"]
    assert {place["evse_uid"], place["evse_id"], place["connector_id"]} == {"#NA"}
    assert (seen["total_energy"], seen["total_time"]) == (0, 0)
    assert seen["charging_periods"][0]["dimensions"] == [{"type": "RESERVATION_TIME", "volume": Decimal("0.25")}]
    assert seen["total_cost"] == seen["total_reservation_cost"]


@pytest.mark.parametrize("version", Version)
def test_what_ocpi_can_not_write_costs_no_cdr(version: Version) -> None:
    """OCPI takes ASCII alone, and a core that is newer knows more values."""
    changes = {
        "reference": "Größe",
        "authorization_method": 99,
        "stopped_reason": 99,
        "location": {**RECORD["location"], "connector": {"standard": 999, "format": 99, "power_type": 99}},
        "signed_start": [{"time": RECORD["start_time"], "signed_meter_value": {**METER, "encoding_method": "é-1"}}],
    }
    record = ParseDict({**RECORD, **changes}, ChargeRecord())
    owner = Owner(OWNER.party, contract_id="NL-TNM-Ä", uid=OWNER.uid)

    seen = written(charge_cdr(record.record_id, record, owner, OURS, "S-1", {}, [], version))

    assert faults(seen, "CDR", str(version)) == []
    assert "authorization_reference" not in seen
    assert (seen["auth_method"], seen["cdr_token"]["contract_id"]) == ("WHITELIST", "04A1B2C3")
    assert seen["cdr_location"]["connector_standard"] == "IEC_62196_T2"
    assert seen["signed_data"]["encoding_method"] == "?-1"


def test_a_record_without_an_end_or_a_known_connector_is_a_cdr_all_the_same() -> None:
    seen = cdr(Version.V2_2_1, start_time=None, end_time=None, total_time=None, settle_time="2025-03-01T14:00:00Z")

    assert faults(seen, "CDR", "2.2.1") == []
    # Half an hour before the first period, for which the EVSE was reserved.
    assert seen["start_date_time"] == "2025-03-01T11:30:00Z"
    assert seen["cdr_location"]["connector_standard"] == "IEC_62196_T2"
