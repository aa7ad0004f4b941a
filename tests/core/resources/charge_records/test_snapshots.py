"""What a charge record says of how its transaction was authorized, and of what stood there."""

from collections.abc import AsyncIterator
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from citrine.api.v1 import charge_records_pb2 as pb
from citrine.api.v1 import locations_pb2, transactions_pb2
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.remote_control_pb2 import RequestStartTransactionRequest
from citrine.api.v1.remote_control_pb2_grpc import RemoteControlServiceStub
from citrine.api.v1.tokens_pb2 import CreateTokenRequest, Token, UpdateTokenRequest
from citrine.ocpp.actions import unwrap
from citrine.ocpp.v2 import remote_control_pb2 as remote
from citrine.ocpp.v2.availability_pb2 import HeartbeatRequest
from citrine.ocpp.v2.transactions_pb2 import TransactionEventRequest
from citrine.ocpp.v2.types_pb2 import IdToken
from tests.core.blocks.tariff_and_cost.tariffs import component, element, tariff
from tests.core.resources.charge_records.test_charge_records import Records
from tests.support.charging import BEGINNING, ended, started, updated
from tests.support.core import PASSWORD, RunningCore, running_core
from tests.support.fake_edge import FakeSession
from tests.support.reservations import Desk


@pytest.fixture
async def core(database_url: str, tmp_path: Path) -> AsyncIterator[RunningCore]:
    settings = {"transaction_check_delay": timedelta(hours=1), "transaction_silence": None}
    async with running_core(database_url, tmp_path, station_clock_tolerance=None, **settings) as running:
        yield running


@pytest.fixture
async def station(core: RunningCore) -> AsyncIterator[FakeSession]:
    await core.add_station("CS-1", registration=1)
    async with core.edge() as edge:
        session = await edge.connect("CS-1", PASSWORD)
        await session.call(HeartbeatRequest())
        yield session


@pytest.fixture
def api(core: RunningCore) -> Records:
    return Records(core)


async def test_a_record_says_how_its_transaction_was_authorized(api: Records, station: FakeSession) -> None:
    """Whoever asked for a remote start counts, though the CSMS decided on the token as well."""
    accepted = remote.RequestStartTransactionResponse(status=remote.REQUEST_START_STOP_STATUS_ENUM_ACCEPTED)
    station.edge.on_command = lambda _: accepted
    request = remote.RequestStartTransactionRequest(evse_id=1, id_token=IdToken(id_token="C0FFEE00", type="ISO14443"))
    asked = RequestStartTransactionRequest(target=CommandTarget(station_id="CS-1"), request=request)
    starts: Any = api.core.stub(RemoteControlServiceStub)
    await starts.RequestStartTransaction(asked)
    sent: Any = unwrap(station.edge.commands[0].request)

    def begun(name: str, **fields: Any) -> TransactionEventRequest:
        return started(0, 0, transaction_id=name, **fields)

    by_request = begun(
        "remote", id_token="C0FFEE00", info={"remote_start_id": sent.remote_start_id}, trigger="REMOTE_START"
    )
    free = begun("free", trigger="CABLE_PLUGGED_IN")
    free.id_token.CopyFrom(IdToken(type="NoAuthorization"))
    begins = [
        by_request,
        begun("online", id_token="C0FFEE00"),
        begun("offline", id_token="C0FFEE00", offline=True),
        free,
    ]
    for event in (*begins, begun("nobody")):
        name = event.transaction_info.transaction_id
        await station.call_all([event, ended(1, 1000, transaction_id=name)])

    found = {name: await api.get(name) for name in ("remote", "online", "offline", "free", "nobody")}
    assert {name: record.authorization_method for name, record in found.items()} == {
        "remote": pb.AUTHORIZATION_METHOD_REMOTE_START,
        "online": pb.AUTHORIZATION_METHOD_CSMS,
        "offline": pb.AUTHORIZATION_METHOD_STATION,
        "free": pb.AUTHORIZATION_METHOD_NONE,
        "nobody": pb.AUTHORIZATION_METHOD_UNSPECIFIED,
    }
    assert {name: record.remote_start_id for name, record in found.items() if record.HasField("remote_start_id")} == {
        "remote": sent.remote_start_id
    }


async def test_a_record_says_for_how_long_the_evse_was_reserved_before(api: Records, station: FakeSession) -> None:
    """Whatever its price, and in each revision; a reservation that expired, until then."""
    desk = Desk(api.core, station)
    token = IdToken(id_token="C0FFEE00", type="ISO14443")
    accepted = []
    for number, minutes in ((7, 20), (8, 90)):
        reservation = await desk.reserve(id=number, evse_id=1, id_token=token)
        after = (reservation.accept_time.ToDatetime(UTC) - BEGINNING) / timedelta(minutes=1) + minutes
        name = f"T-{number}"
        begin = started(0, 0, id_token="C0FFEE00", reservation_id=number, transaction_id=name, minutes=after)
        await station.call_all([begin, ended(1, 1000, transaction_id=name, minutes=after + 10)])
        accepted.append(reservation)
    first, second = accepted

    used, late = await api.get("T-7"), await api.get("T-8")
    assert (used.reservation_start_time, used.reservation_end_time) == (first.accept_time, used.start_time)
    assert (late.reservation_start_time, late.reservation_end_time) == (
        second.accept_time, second.request.expiry_date_time,
    )  # fmt: skip


async def test_a_record_has_the_connector_and_the_token_as_they_were_whatever_they_are_by_now(
    api: Records, station: FakeSession
) -> None:
    """Each revision of it."""
    connectors = [
        locations_pb2.LocationConnector(connector_id=1, standard=locations_pb2.CONNECTOR_STANDARD_CHADEMO),
        locations_pb2.LocationConnector(
            connector_id=2,
            standard=locations_pb2.CONNECTOR_STANDARD_IEC_62196_T2_COMBO,
            format=locations_pb2.CONNECTOR_FORMAT_CABLE,
            power_type=locations_pb2.POWER_TYPE_DC,
            max_voltage=920,
            max_amperage=500,
            max_electric_power=350_000,
            tariff_ids=["day"],
            terms_and_conditions="https://x.example/terms",
            capabilities=[locations_pb2.CONNECTOR_CAPABILITY_ISO_15118_2_PLUG_AND_CHARGE],
        ),
    ]
    await api.place("CS-1", evse_id=1)
    await describe(api, connectors)
    token = Token(id_token="C0FFEE00", type="ISO14443", issuer="TheOperator", visual_number="NL-4711")
    await api.tokens.CreateToken(CreateTokenRequest(token=token))
    await station.call_all([started(0, 0, id_token="C0FFEE00", evse=(1, 2)), updated(1), ended(2, 1000)])
    first = await api.get()
    await describe(api, connectors[:1])
    other = Token(id_token="C0FFEE00", type="ISO14443", issuer="Another", visual_number="NL-4712")
    await api.tokens.UpdateToken(UpdateTokenRequest(token=other))
    await api.assign(tariff(element(component("ENERGY", "1"))))
    await api.transactions.RepriceTransaction(transactions_pb2.RepriceTransactionRequest(**api.named(tariff_id="T")))
    second = await api.get()

    assert (first.revision, second.revision, second.total.after_tax) == (1, 2, "1.00")
    for record in (first, second):
        assert record.location.connector == connectors[1]
        assert (record.token.issuer, record.token.visual_number) == ("TheOperator", "NL-4711")


async def describe(api: Records, connectors: list[locations_pb2.LocationConnector]) -> None:
    """Have the operator say which connectors the EVSE has."""
    evse = locations_pb2.LocationEvse(uid="E-1", connectors=connectors)
    request = locations_pb2.UpdateLocationEvseRequest(evse=evse, update_mask=FieldMask(paths=["connectors"]))
    await api.locations.UpdateLocationEvse(request)
