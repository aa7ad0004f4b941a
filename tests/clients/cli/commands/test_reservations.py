"""`citrine reservation`: what is asked, what is printed, how it ends."""

import json

from google.protobuf.timestamp_pb2 import Timestamp

from citrine.api.v1 import reservation_costs_pb2 as costs_pb
from citrine.api.v1 import reservation_pb2 as pb
from citrine.api.v1.common_pb2 import Command
from citrine.api.v1.tariffs_pb2 import Amount, Cost
from citrine.ocpp.v2 import reservation_pb2 as ocpp
from citrine.ocpp.v2.types_pb2 import IdToken, StatusInfo
from tests.clients.cli.conftest import Cli
from tests.clients.scripted_core import ScriptedCore

END = Timestamp(seconds=4070908800)


def reservation(**fields: object) -> pb.Reservation:
    request = ocpp.ReserveNowRequest(
        id=7, expiry_date_time=END, id_token=IdToken(id_token="AA", type="ISO14443"), evse_id=2
    )
    return pb.Reservation(station_id="CS-1", request=request, **fields)  # type: ignore[arg-type]


def reserved(status: ocpp.ReserveNowStatusEnum.ValueType) -> pb.ReserveNowResponse:
    info = StatusInfo(reason_code="InUse") if status != ocpp.RESERVE_NOW_STATUS_ENUM_ACCEPTED else None
    return pb.ReserveNowResponse(
        command=Command(command_id="c-1", station_id="CS-1"),
        response=ocpp.ReserveNowResponse(status=status, status_info=info),
        reservation=reservation(state=pb.RESERVATION_STATE_ACTIVE),
    )


def test_an_evse_is_reserved(citrine: Cli, core: ScriptedCore) -> None:
    core.on("ReserveNow", reserved(ocpp.RESERVE_NOW_STATUS_ENUM_ACCEPTED))

    ran = citrine(
        "reservation", "add", "CS-1", "--token", "AA", "--evse", "2", "--group", "G", "--until", "2099-01-01T00:00:00Z"
    )

    assert ran.lines == ["CS-1 answered Accepted", "reservation 7 until 2099-01-01 00:00:00 UTC"]
    (request,) = core.requests("ReserveNow")
    assert request.target.station_id == "CS-1"
    assert request.request == ocpp.ReserveNowRequest(
        expiry_date_time=END,
        id_token=IdToken(id_token="AA", type="ISO14443"),
        group_id_token=IdToken(id_token="G", type="Central"),
        evse_id=2,
    )


def test_a_refusal_is_an_error(citrine: Cli, core: ScriptedCore) -> None:
    core.on("ReserveNow", reserved(ocpp.RESERVE_NOW_STATUS_ENUM_OCCUPIED))

    ran = citrine("reservation", "add", "CS-1", "--token", "AA", "--connector-type", "cType2")

    assert ran.code == 1
    assert "CS-1 answered Occupied (InUse)" in ran.err
    assert core.requests("ReserveNow")[0].request.connector_type == "cType2"


def test_a_reservation_is_cancelled(citrine: Cli, core: ScriptedCore) -> None:
    accepted = ocpp.CancelReservationResponse(status=ocpp.CANCEL_RESERVATION_STATUS_ENUM_ACCEPTED)
    answer = pb.CancelReservationResponse(command=Command(command_id="c-1", station_id="CS-1"), response=accepted)
    core.on("CancelReservation", answer)

    ran = citrine("reservation", "cancel", "CS-1", "7", "--json")

    assert ran.json["response"] == {"status": "CANCEL_RESERVATION_STATUS_ENUM_ACCEPTED"}
    citrine("reservation", "cancel", "12", "--when-online")
    unknown = citrine("reservation", "cancel", "CS-1")

    at_station, own = core.requests("CancelReservation")
    assert (at_station.target.station_id, at_station.request.reservation_id, at_station.record_id) == ("CS-1", 7, 0)
    assert (own.target.station_id, own.record_id, own.HasField("request")) == ("", 12, False)
    assert (unknown.code, "'CS-1' is no id of a reservation" in unknown.err) == (2, True)


def test_reservations_are_listed_and_shown(citrine: Cli, core: ScriptedCore) -> None:
    used = reservation(record_id=12, state=pb.RESERVATION_STATE_USED, transaction_id="T-1")
    core.on("ListReservations", pb.ListReservationsResponse(reservations=[used]))
    core.on("GetReservation", used)

    listed = citrine("reservation", "list", "--open", "--state", "no-transaction", "--token", "AA")
    shown = citrine("reservation", "show", "CS-1", "7")
    citrine("reservation", "show", "12")

    assert core.requests("GetReservation") == [
        pb.GetReservationRequest(station_id="CS-1", reservation_id=7),
        pb.GetReservationRequest(record_id=12),
    ]
    assert listed.lines[1].split() == ["12", "CS-1", "7", "2", "AA", "used", "2099-01-01", "00:00:00", "UTC", "T-1"]
    (request,) = core.requests("ListReservations")
    assert (request.open_only, request.state) == (True, pb.RESERVATION_STATE_NO_TRANSACTION)
    assert "transaction  T-1" in [" ".join(line.split(maxsplit=1)).replace(" ", "  ", 1) for line in shown.lines]


COST = costs_pb.ReservationCost(
    station_id="CS-1",
    reservation_id=7,
    start_time=END,
    end_time=END,
    state=pb.RESERVATION_STATE_EXPIRED,
    id_token=IdToken(id_token="AA"),
    tariff_id="DAY",
    tariff_version=2,
    cost=Cost(currency="EUR", total=Amount(before_tax="4.00", after_tax="4.80")),
)


def test_costs_of_reservations_are_listed_and_shown(citrine: Cli, core: ScriptedCore) -> None:
    core.on("ListReservationCosts", costs_pb.ListReservationCostsResponse(costs=[COST]))
    core.on("GetReservationCost", COST)

    listed = citrine("reservation", "costs", "--station", "CS-1", "--token", "AA")
    shown = citrine("reservation", "cost", "CS-1", "7")
    raw = citrine("reservation", "cost", "CS-1", "7", "--json")

    assert core.requests("ListReservationCosts") == [
        costs_pb.ListReservationCostsRequest(station_id="CS-1", id_token="AA", page_size=1000)
    ]
    assert "4.80" in listed.lines[1]
    assert any("4.80 EUR" in line for line in shown.lines)
    assert json.loads(raw.out)["tariffId"] == "DAY"
