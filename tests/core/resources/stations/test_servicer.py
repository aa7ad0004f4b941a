"""StationsService."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from citrine.api.v1 import stations_pb2 as pb
from citrine.api.v1.locations_pb2 import CreateLocationRequest
from citrine.api.v1.station_selector_pb2 import StationSelector
from citrine.api.v1.tenants_pb2 import DeleteTenantRequest
from citrine.edge.v1 import link_pb2 as link
from citrine.events.v1.events_pb2 import Event, StationChanged
from citrine.ocpp.v2.availability_pb2 import ConnectorStatusEnum
from citrine.ocpp.v2.provisioning_pb2 import ChargingStation, RegistrationStatusEnum
from citrine_core.blocks.availability import ConnectorState
from citrine_core.events import OutboxRepository
from citrine_core.resources.connections.models import Connection
from citrine_core.resources.stations import Station, StationRepository, verify
from citrine_core.resources.stations.passwords import generate_password, is_fast
from tests.core.resources.locations.test_servicer import place
from tests.support.api import Api, auth, field_violations

T0 = datetime(2025, 1, 31, 12, 0, tzinfo=UTC)


@pytest.fixture
async def who(api: Api) -> tuple[tuple[str, str], ...]:
    return auth(await api.key("default"))


async def create(api: Api, who: Any, station_id: str = "S-1", password: str = "", **fields: Any) -> Any:
    station = pb.Station(station_id=station_id, **fields)
    return await api.stations.CreateStation(pb.CreateStationRequest(station=station, password=password), metadata=who)


async def stored(api: Api, station_id: str = "S-1") -> Station:
    async with api.unit_of_work(read_only=True) as work:
        found = await StationRepository(work.session).find("default", station_id)
    assert found is not None
    return found


async def refused(call: Any) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call
    return raised.value


async def changes(api: Api) -> list[int]:
    async with api.unit_of_work(read_only=True) as work:
        rows = await OutboxRepository(work.session).list("default", after=0, through=2**62, limit=100)
    return [Event.FromString(payload).station_changed.kind for _, payload in rows]


async def test_new_station_has_a_generated_password_that_is_stored_hashed(api: Api, who: Any) -> None:
    created = await create(api, who, description="Yard \U0001f50c")

    station = await stored(api)
    assert len(created.generated_password) == 20
    assert created.generated_password.isalnum()
    assert station.password_hash is not None
    assert is_fast(station.password_hash)
    assert verify(station.password_hash, created.generated_password.encode())
    assert created.station.boot_policy == pb.BOOT_POLICY_ACCEPTED
    assert created.station.enabled
    assert await changes(api) == [StationChanged.KIND_CREATED]


async def test_given_password_is_not_shown_again(api: Api, who: Any) -> None:
    created = await create(api, who, password="pässword:with/16+")

    station = await stored(api)
    assert not created.generated_password
    assert station.password_hash is not None
    assert verify(station.password_hash, "pässword:with/16+".encode())
    assert not verify(station.password_hash, b"passsword:with/16+")


async def test_given_password_is_hashed_slowly_however_random_it_looks(api: Api, who: Any) -> None:
    await create(api, who, password=generate_password())

    station = await stored(api)
    assert station.password_hash is not None
    assert not is_fast(station.password_hash)


async def test_station_without_a_password_is_made_only_on_purpose(api: Api, who: Any) -> None:
    created = await create(api, who, allow_no_password=True)

    assert not created.generated_password
    assert (await stored(api)).password_hash is None


async def test_station_is_made_once_however_many_ask(api: Api, who: Any) -> None:
    answers = await asyncio.gather(*(create(api, who) for _ in range(4)), return_exceptions=True)

    errors = [answer for answer in answers if isinstance(answer, grpc.aio.AioRpcError)]
    assert len(errors) == 3
    assert {error.code() for error in errors} == {grpc.StatusCode.ALREADY_EXISTS}


@pytest.mark.in_turn
@pytest.mark.parametrize(
    ("fields", "field"),
    [
        pytest.param({"station_id": ""}, "station.station_id", id="no id"),
        pytest.param({"station_id": "a/b"}, "station.station_id", id="slash"),
        # Part 4, 3.1.1: Basic authentication splits there.
        pytest.param({"station_id": "a:b"}, "station.station_id", id="colon"),
        pytest.param({"station_id": "S-1\n"}, "station.station_id", id="line feed"),
        pytest.param({"station_id": "x" * 49}, "station.station_id", id="long id"),
        pytest.param({"station_id": "\u0665"}, "station.station_id", id="not ASCII"),
        pytest.param({"description": "x" * 256}, "station.description", id="long description"),
        pytest.param({"location_id": "x" * 37}, "station.location_id", id="long location"),
        pytest.param({"boot_interval": 0}, "station.boot_interval", id="no interval"),
        pytest.param({"boot_policy": 9}, "station.boot_policy", id="no policy"),
        pytest.param({"password": "short"}, "password", id="short password"),
        pytest.param({"password": "x" * 65}, "password", id="long password"),
        pytest.param({"password": "x" * 20 + "\x7f"}, "password", id="control character"),
    ],
)
async def test_wrong_field_of_a_new_station_is_named(api: Api, who: Any, fields: Any, field: str) -> None:
    error = await refused(create(api, who, **fields))

    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert field_violations(error) == [field]


async def test_every_character_of_an_identifier_may_be_in_an_id(api: Api, who: Any) -> None:
    await create(api, who, station_id="Az09*-_=+|@.")

    found = await api.stations.GetStation(pb.GetStationRequest(station_id="Az09*-_=+|@."), metadata=who)
    assert found.station_id == "Az09*-_=+|@."


async def test_station_shows_what_it_reported_of_itself(api: Api, who: Any) -> None:
    await create(api, who)
    hardware = ChargingStation(model="M", vendor_name="V")
    async with api.unit_of_work() as work:
        station, _ = await StationRepository(work.session).get("default", "S-1", for_update=True)
        station.registration = RegistrationStatusEnum.REGISTRATION_STATUS_ENUM_PENDING
        station.hardware = hardware.SerializeToString()
        station.boot_time = T0
        work.session.add(
            Connection(
                tenant_id="default",
                station_id="S-1",
                epoch=3,
                edge_id="E",
                is_open=True,
                ocpp_version=link.OCPP_VERSION_21,
                remote_address="",
                admit_time=T0,
            )
        )
        for connector_id in (1, 2):
            work.session.add(
                ConnectorState(
                    tenant_id="default",
                    station_id="S-1",
                    evse_id=1,
                    connector_id=connector_id,
                    status=ConnectorStatusEnum.CONNECTOR_STATUS_ENUM_OCCUPIED,
                    status_time=T0,
                    order_time=T0,
                )
            )
        await work.commit()

    found = await api.stations.GetStation(pb.GetStationRequest(station_id="S-1"), metadata=who)

    assert found.registration == RegistrationStatusEnum.REGISTRATION_STATUS_ENUM_PENDING
    assert found.hardware == hardware
    assert found.boot_time.ToDatetime(UTC) == T0
    assert (found.connected, found.ocpp_version) == (True, "2.1")
    assert [[c.connector_id for c in evse.connectors] for evse in found.evses] == [[1, 2]]
    assert found.evses[0].connectors[0].status == ConnectorStatusEnum.CONNECTOR_STATUS_ENUM_OCCUPIED


async def test_list_pages_by_id_and_filters(api: Api, who: Any) -> None:
    for station_id in ("S-3", "S-1", "S-2"):
        await create(api, who, station_id=station_id, allow_no_password=True)

    first = await api.stations.ListStations(pb.ListStationsRequest(page_size=2), metadata=who)
    second = await api.stations.ListStations(
        pb.ListStationsRequest(page_size=2, page_token=first.next_page_token), metadata=who
    )
    connected = await api.stations.ListStations(pb.ListStationsRequest(connected_only=True), metadata=who)

    assert [station.station_id for station in first.stations] == ["S-1", "S-2"]
    assert [station.station_id for station in second.stations] == ["S-3"]
    assert not second.next_page_token
    assert not connected.stations


async def update(api: Api, who: Any, *paths: str, **fields: Any) -> Any:
    request = pb.UpdateStationRequest(
        station=pb.Station(station_id="S-1", **fields), update_mask=FieldMask(paths=paths) if paths else None
    )
    return await api.stations.UpdateStation(request, metadata=who)


async def test_update_changes_what_is_set_and_nothing_else(api: Api, who: Any) -> None:
    await create(api, who, description="Yard", boot_interval=60)

    changed = await update(api, who, boot_policy=pb.BOOT_POLICY_PENDING)

    assert changed.boot_policy == pb.BOOT_POLICY_PENDING
    assert (changed.description, changed.boot_interval) == ("Yard", 60)
    assert await changes(api) == [StationChanged.KIND_CREATED, StationChanged.KIND_UPDATED]
    assert api.disconnected == []


async def test_update_with_a_mask_resets_what_is_unset(api: Api, who: Any) -> None:
    await create(api, who, description="Yard", boot_interval=60)

    changed = await update(api, who, "description", "boot_interval")

    assert changed.description == ""
    assert not changed.HasField("boot_interval")


@pytest.mark.in_turn
@pytest.mark.parametrize("path", ["tenant_id", "connected", "colour"])
async def test_mask_of_what_can_not_be_changed_is_refused(api: Api, who: Any, path: str) -> None:
    await create(api, who)

    error = await refused(update(api, who, path))

    assert field_violations(error) == ["update_mask"]
    assert path in str(error)


async def test_update_with_an_old_etag_is_aborted(api: Api, who: Any) -> None:
    created = await create(api, who)
    await update(api, who, description="first")

    error = await refused(update(api, who, description="second", etag=created.station.etag))

    assert error.code() is grpc.StatusCode.ABORTED
    assert (await stored(api)).description == "first"


async def test_disabled_station_is_disconnected(api: Api, who: Any) -> None:
    await create(api, who)

    changed = await update(api, who, enabled=False)

    assert not changed.enabled
    assert api.disconnected == [("default", "S-1")]


async def test_new_password_ends_remembered_logins(api: Api, who: Any) -> None:
    created = await create(api, who)
    before = await stored(api)

    answer = await api.stations.SetStationPassword(pb.SetStationPasswordRequest(station_id="S-1"), metadata=who)

    after = await stored(api)
    assert after.credential_version > before.credential_version
    assert after.password_hash is not None
    assert verify(after.password_hash, answer.generated_password.encode())
    assert not verify(after.password_hash, created.generated_password.encode())
    assert api.disconnected == []


async def test_deleted_station_is_gone_and_disconnected(api: Api, who: Any) -> None:
    await create(api, who)

    await api.stations.DeleteStation(pb.DeleteStationRequest(station_id="S-1"), metadata=who)

    error = await refused(api.stations.GetStation(pb.GetStationRequest(station_id="S-1"), metadata=who))
    assert error.code() is grpc.StatusCode.NOT_FOUND
    assert api.disconnected == [("default", "S-1")]
    assert (await changes(api))[-1] == StationChanged.KIND_DELETED


async def test_station_of_a_tenant_that_was_just_deleted_is_not_made(api: Api) -> None:
    who = auth(await api.tenant("acme"))
    # The key is remembered for a few seconds.
    await api.stations.ListStations(pb.ListStationsRequest(), metadata=who)
    operator = auth(await api.key())
    await api.tenants.DeleteTenant(DeleteTenantRequest(tenant_id="acme"), metadata=operator)

    error = await refused(create(api, who))

    assert error.code() is grpc.StatusCode.NOT_FOUND


async def test_stations_are_selected_by_location_group_and_label(api: Api, who: Any) -> None:
    """Of the caller's tenant alone; a station meets each part of the selector, and all labels."""
    other = auth(await api.tenant("acme"))
    for location_id, whose in (("north", who), ("south", who), ("north", other)):
        await api.locations.CreateLocation(CreateLocationRequest(location=place(location_id)), metadata=whose)
    await create(api, who, "A-1", location_id="north", groups=["fast", "depot"], labels={"owner": "acme", "bay": "1"})
    await create(api, who, "A-2", location_id="north", groups=["depot"], labels={"owner": "acme", "bay": "2"})
    await create(api, who, "B-1", location_id="south", groups=["fast"], labels={"owner": "other"})
    await create(api, who, "C-1")
    await create(api, other, "A-1", location_id="north", groups=["fast"], labels={"owner": "acme"})

    async def selected(**parts: Any) -> list[str]:
        found: list[str] = []
        request = pb.ListStationsRequest(stations=StationSelector(**parts), page_size=1)
        while True:
            page = await api.stations.ListStations(request, metadata=who)
            found += [one.station_id for one in page.stations]
            if not page.next_page_token:
                return found
            request.page_token = page.next_page_token

    assert await selected(location_ids=["north", "nowhere"]) == ["A-1", "A-2"]
    assert await selected(groups=["fast", "depot"]) == ["A-1", "A-2", "B-1"]
    assert await selected(labels={"owner": "acme", "bay": "2"}) == ["A-2"]
    assert await selected(labels={"owner": "2"}) == []
    assert await selected(groups=["fast"], labels={"owner": "acme"}, location_ids=["north"]) == ["A-1"]
    assert await selected(station_ids=["A-2", "B-1", "X"], groups=["depot"]) == ["A-2"]
    assert await selected() == ["A-1", "A-2", "B-1", "C-1"]
    groups = await api.stations.ListStationGroups(pb.ListStationGroupsRequest(name_prefix="f"), metadata=who)
    assert [(one.name, one.stations) for one in groups.groups] == [("fast", 2)]
    labels: list[tuple[str, str, int]] = []
    request = pb.ListStationLabelsRequest(page_size=2)
    while not labels or request.page_token:
        page = await api.stations.ListStationLabels(request, metadata=who)
        labels += [(one.key, one.value, one.stations) for one in page.labels]
        request.page_token = page.next_page_token
    assert labels == [("bay", "1", 1), ("bay", "2", 1), ("owner", "acme", 2), ("owner", "other", 1)]
    of_key = await api.stations.ListStationLabels(pb.ListStationLabelsRequest(key="bay"), metadata=who)
    assert list(of_key.labels) == list(
        (await api.stations.ListStationLabels(pb.ListStationLabelsRequest(key_prefix="ba"), metadata=who)).labels
    )
    assert len(of_key.labels) == 2


async def test_tags_of_a_station_are_replaced_as_a_whole_and_end_with_it(api: Api, who: Any) -> None:
    created = await create(api, who, labels={"bay": "1", "a/b.c": ""}, groups=["x", "b", "b"])

    assert dict(created.station.labels) == {"bay": "1", "a/b.c": ""}
    assert created.station.groups == ["b", "x"]

    request = pb.UpdateStationRequest(
        station=pb.Station(station_id="S-1", labels={"row": "7"}), update_mask=FieldMask(paths=["labels"])
    )
    updated = await api.stations.UpdateStation(request, metadata=who)

    assert dict(updated.labels) == {"row": "7"}
    assert updated.groups == ["b", "x"]
    assert await api.stations.GetStation(pb.GetStationRequest(station_id="S-1"), metadata=who) == updated

    await api.stations.DeleteStation(pb.DeleteStationRequest(station_id="S-1"), metadata=who)
    again = await create(api, who)
    assert not again.station.labels
    assert not again.station.groups


@pytest.mark.in_turn
@pytest.mark.parametrize(
    ("fields", "field"),
    [
        pytest.param({"labels": {"Key": ""}}, "station.labels", id="large letter"),
        pytest.param({"labels": {"": ""}}, "station.labels", id="no key"),
        pytest.param({"labels": {"k": "x" * 256}}, "station.labels['k']", id="long value"),
        pytest.param({"labels": {str(n): "" for n in range(33)}}, "station.labels", id="too many labels"),
        pytest.param({"groups": ["ok", "a b"]}, "station.groups[1]", id="blank in a group"),
    ],
)
async def test_invalid_tag_is_refused_by_name(api: Api, who: Any, fields: dict[str, Any], field: str) -> None:
    error = await refused(create(api, who, **fields))

    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert field_violations(error) == [field]
