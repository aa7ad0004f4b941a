"""Campaigns on whole cores, with stations played by the test."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from citrine.api.v1 import firmware_campaigns_pb2 as pb
from citrine.api.v1.locations_pb2 import CreateLocationRequest
from citrine.api.v1.locations_pb2_grpc import LocationsServiceStub
from citrine.api.v1.station_selector_pb2 import StationSelector
from citrine.api.v1.stations_pb2 import DeleteStationRequest, Station, UpdateStationRequest
from citrine.api.v1.stations_pb2_grpc import StationsServiceStub
from citrine.edge.v1.link_pb2 import Command, CommandFailure
from citrine.ocpp.actions import unwrap
from citrine.ocpp.v2 import firmware_management_pb2 as ocpp
from citrine.ocpp.v2.availability_pb2 import HeartbeatRequest
from citrine_core import parallel_actions
from citrine_core.blocks.firmware_management import CampaignRunner
from citrine_core.blocks.firmware_management.campaigns.jobs import LEASE
from citrine_core.blocks.firmware_management.campaigns.models import FirmwareCampaign
from tests.core.resources.locations.test_servicer import place
from tests.support.core import PASSWORD, running_core
from tests.support.event_words import name_in
from tests.support.fake_edge import FakeEdge, FakeSession
from tests.support.firmware import SHA256, Garage, boot, signed_firmware, tell
from tests.support.waiting import WAIT


async def create(garage: Garage, **fields: Any) -> pb.FirmwareCampaign:
    """Create a campaign for all stations."""
    campaign = pb.FirmwareCampaign(
        **{
            "firmware": signed_firmware(),
            "sha256": SHA256,
            "selection": pb.FirmwareSelection(all_stations=True),
            **fields,
        }
    )
    return await garage.campaigns.CreateFirmwareCampaign(pb.CreateFirmwareCampaignRequest(campaign=campaign))


async def get(garage: Garage, campaign: pb.FirmwareCampaign) -> pb.FirmwareCampaign:
    return await garage.campaigns.GetFirmwareCampaign(pb.GetFirmwareCampaignRequest(campaign_id=campaign.campaign_id))


async def outcomes(garage: Garage, campaign: pb.FirmwareCampaign) -> dict[str, tuple[str, str]]:
    """Return state and reason of each station."""
    page = await garage.campaigns.ListFirmwareCampaignStations(
        pb.ListFirmwareCampaignStationsRequest(campaign_id=campaign.campaign_id)
    )
    names = pb.FirmwareCampaignStationState.Name
    prefix = "FIRMWARE_CAMPAIGN_STATION_STATE_"
    return {row.station_id: (names(row.state).removeprefix(prefix), row.reason) for row in page.stations}


async def until(garage: Garage, state: str) -> None:
    """Wait until a campaign is in a state."""
    await garage.until(lambda event: name_in(event.firmware_campaign_changed, "state") == state)


async def asked(edge: FakeEdge) -> tuple[str, int]:
    """Return which station is asked next, and the request id."""
    command = await edge.next("command")
    request = unwrap(command.request)
    assert isinstance(request, ocpp.UpdateFirmwareRequest)
    return command.session.station_id, request.request_id


async def run(garage: Garage, **later: float) -> None:
    """Do what is due after a time."""
    services = garage.core.core.services
    ahead = timedelta(**later)
    await CampaignRunner(replace(services, clock=lambda: services.clock() + ahead)).run()


@pytest.fixture
async def sessions(garage: Garage) -> dict[str, FakeSession]:
    """CS-1, CS-2 and CS-3, connected; they accept updates."""
    garage.answer()
    for number in (1, 2, 3):
        await garage.add(f"CS-{number}")
    return {f"CS-{number}": await garage.connect(f"CS-{number}") for number in (1, 2, 3)}


async def test_stations_update_some_at_a_time(garage: Garage, sessions: dict[str, FakeSession]) -> None:
    campaign = await create(garage, display_name="two point zero", max_parallel=2, firmware_version="2.0")

    first, second = await asked(garage.edge), await asked(garage.edge)
    assert {first[0], second[0]} == {"CS-1", "CS-2"}
    await run(garage)
    assert garage.edge.received("command") == 0
    shown = await get(garage, campaign)
    assert (shown.state, shown.progress.total) == (pb.FIRMWARE_CAMPAIGN_STATE_RUNNING, 3)

    await tell(sessions[first[0]], first[1], "DOWNLOADING", "INSTALLED")
    third = await asked(garage.edge)
    assert third[0] == "CS-3"
    for station_id, request_id in (second, third):
        await tell(sessions[station_id], request_id, "DOWNLOADING", "INSTALLED")

    await until(garage, "COMPLETED")
    shown = await get(garage, campaign)
    assert (shown.progress.succeeded, shown.progress.total) == (3, 3)
    assert shown.HasField("finish_time")
    update = await garage.get()
    assert (update.campaign_id, update.firmware_version) == (campaign.campaign_id, "2.0")


async def test_a_campaign_stops_by_itself_and_goes_on_when_it_is_resumed(
    garage: Garage, sessions: dict[str, FakeSession]
) -> None:
    campaign = await create(garage, max_parallel=1, max_failures=0)
    station_id, request_id = await asked(garage.edge)
    await tell(sessions[station_id], request_id, "DOWNLOADING", "DOWNLOAD_FAILED")

    await until(garage, "STOPPED")
    assert (await get(garage, campaign)).reason == "1 stations failed, and at most 0 may"
    assert (await outcomes(garage, campaign))["CS-1"] == ("FAILED", "failed: DownloadFailed")
    await run(garage)
    assert garage.edge.received("command") == 0

    await garage.campaigns.ResumeFirmwareCampaign(pb.ResumeFirmwareCampaignRequest(campaign_id=campaign.campaign_id))
    for _ in range(2):
        station_id, request_id = await asked(garage.edge)
        await tell(sessions[station_id], request_id, "INSTALLED")
    await until(garage, "COMPLETED")
    progress = (await get(garage, campaign)).progress
    assert (progress.failed, progress.succeeded) == (1, 2)


async def test_a_station_that_fails_is_asked_again_as_often_as_the_campaign_says(
    garage: Garage, station: FakeSession
) -> None:
    """A boot with another version than was wanted is a failure, too."""
    campaign = await create(garage, max_attempts=2, firmware_version="2.0")
    campaign_id = campaign.campaign_id
    _, first = await asked(garage.edge)
    await tell(station, first, "INSTALL_REBOOTING")
    await boot(station, "1.0")
    await tell(station, first, "INSTALLED")
    assert (await outcomes(garage, campaign))["CS-1"] == ("PENDING", "it booted with 1.0 afterwards")

    await run(garage, minutes=9)
    assert garage.edge.received("command") == 0
    await run(garage, minutes=11)
    _, second = await asked(garage.edge)
    await tell(station, second, "INSTALL_VERIFICATION_FAILED")

    await until(garage, "COMPLETED")
    assert second != first
    assert (await outcomes(garage, campaign))["CS-1"][0] == "FAILED"
    page = await garage.campaigns.ListFirmwareCampaignStations(
        pb.ListFirmwareCampaignStationsRequest(campaign_id=campaign_id)
    )
    assert (page.stations[0].attempts, page.stations[0].request_id) == (2, second)


async def test_stations_wait_that_are_offline_or_busy(garage: Garage, sessions: dict[str, FakeSession]) -> None:
    """To be offline is no failure, and an update that somebody else asked for is not cancelled."""
    other = await garage.update("CS-1")
    await asked(garage.edge)
    await sessions["CS-2"].close()
    await garage.until(lambda event: event.HasField("station_disconnected"))
    accept = garage.edge.on_command

    def out_of_reach(command: Command) -> Message:
        return CommandFailure(reason=CommandFailure.REASON_GONE)

    garage.edge.on_command = out_of_reach
    campaign = await create(garage, max_failures=0)
    assert (await asked(garage.edge))[0] == "CS-3"
    await garage.until(lambda event: name_in(event.command_finished, "state") == "FAILED")
    assert (await outcomes(garage, campaign))["CS-3"] == ("PENDING", "the station is not connected")
    assert (await get(garage, campaign)).progress.offline == 1
    assert (await garage.campaigns.ListFirmwareCampaigns(pb.ListFirmwareCampaignsRequest())).campaigns[0].progress == (
        await get(garage, campaign)
    ).progress

    garage.edge.on_command = accept
    await tell(sessions["CS-1"], other, "INSTALLED")
    sessions["CS-2"] = await garage.connect("CS-2")
    await run(garage, seconds=6)
    for _ in range(3):
        station_id, request_id = await asked(garage.edge)
        await tell(sessions[station_id], request_id, "INSTALLED")

    await until(garage, "COMPLETED")
    assert (await get(garage, campaign)).progress.succeeded == 3


async def test_a_campaign_that_can_not_be_read_delays_no_other(
    garage: Garage, sessions: dict[str, FakeSession]
) -> None:
    later = Timestamp()
    later.FromDatetime(garage.core.core.services.clock() + timedelta(hours=1))
    broken = await create(garage, start_time=later)
    async with garage.core.core.unit_of_work() as work:
        row = await work.session.get_one(FirmwareCampaign, ("default", broken.campaign_id))
        row.definition, row.state = b"\xff", pb.FIRMWARE_CAMPAIGN_STATE_RUNNING
        await work.commit()

    await create(garage, selection=pb.FirmwareSelection(stations=StationSelector(station_ids=["CS-1"])))

    station_id, request_id = await asked(garage.edge)
    assert station_id == "CS-1"
    await tell(sessions["CS-1"], request_id, "DOWNLOADING", "INSTALLED")
    await until(garage, "COMPLETED")


async def test_a_campaign_is_paused_and_cancelled(garage: Garage, sessions: dict[str, FakeSession]) -> None:
    """What is under way goes on."""
    campaign = await create(garage, campaign_id="spring", max_parallel=1)
    station_id, request_id = await asked(garage.edge)
    await garage.until(lambda event: name_in(event.firmware_update_changed, "state") == "ACCEPTED")

    pause = pb.PauseFirmwareCampaignRequest(campaign_id="spring", reason="a holiday")
    paused = await garage.campaigns.PauseFirmwareCampaign(pause)
    await tell(sessions[station_id], request_id, "DOWNLOADING")
    await run(garage)
    assert (paused.state, paused.reason) == (pb.FIRMWARE_CAMPAIGN_STATE_PAUSED, "a holiday")
    assert garage.edge.received("command") == 0

    cancelled = await garage.campaigns.CancelFirmwareCampaign(pb.CancelFirmwareCampaignRequest(campaign_id="spring"))
    assert (cancelled.progress.cancelled, cancelled.progress.running) == (2, 1)
    await tell(sessions[station_id], request_id, "INSTALLED")
    assert (await outcomes(garage, campaign))[station_id] == ("SUCCEEDED", "")


async def test_a_campaign_keeps_its_times(garage: Garage, sessions: dict[str, FakeSession]) -> None:
    """Stations that have the firmware, or were removed, are left out, as are those that wait when the time is over."""
    now = garage.core.core.services.clock()
    await garage.add("CS-4", version="2.0", registration=None)
    campaign = pb.FirmwareCampaign(
        selection=pb.FirmwareSelection(vendor_name="Example", model="One", firmware_version="1.0"),
        max_parallel=1,
    )
    campaign.start_time.FromDatetime(now + timedelta(hours=1))
    campaign.end_time.FromDatetime(now + timedelta(hours=2))
    fields = {field.name: value for field, value in campaign.ListFields()}
    created = await create(garage, **fields, firmware_version="2.0")
    assert created.state == pb.FIRMWARE_CAMPAIGN_STATE_SCHEDULED
    assert set(await outcomes(garage, created)) == {"CS-1", "CS-2", "CS-3"}
    await garage.core.stub(StationsServiceStub).DeleteStation(DeleteStationRequest(station_id="CS-3"))
    await boot(sessions["CS-1"], "2.0")
    assert garage.edge.received("command") == 0

    await run(garage, hours=1.5)
    station_id, request_id = await asked(garage.edge)
    assert station_id == "CS-2"
    await tell(sessions[station_id], request_id, "DOWNLOAD_FAILED")
    await run(garage, hours=3)

    assert await outcomes(garage, created) == {
        "CS-1": ("SKIPPED", "it has the firmware already"),
        "CS-2": ("FAILED", "failed: DownloadFailed"),
        "CS-3": ("SKIPPED", "the station was removed"),
    }


@dataclass
class Silent:
    """A core that dies before it asks."""

    taken: asyncio.Event

    async def send(self, *_: Any) -> None:
        self.taken.set()
        await asyncio.Event().wait()


async def test_removed_stations_do_not_count_for_a_limit_in_percent(
    garage: Garage, sessions: dict[str, FakeSession]
) -> None:
    campaign = await create(garage, max_parallel=1, max_failure_percent=40.0)
    station_id, request_id = await asked(garage.edge)
    await garage.core.stub(StationsServiceStub).DeleteStation(DeleteStationRequest(station_id="CS-3"))

    await tell(sessions[station_id], request_id, "DOWNLOADING", "DOWNLOAD_FAILED")

    await until(garage, "STOPPED")
    assert (await get(garage, campaign)).reason == "1 of 2 stations failed, and at most 40 percent may"


async def test_a_station_that_connects_late_does_not_wait_for_long_because_the_database_was_slow(
    garage: Garage, sessions: dict[str, FakeSession], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the round before it had taken minutes."""
    monkeypatch.setattr(parallel_actions, "ROUND_PAUSE", 1e9)
    monkeypatch.setattr(parallel_actions, "LONGEST_ROUND_PAUSE", 0.1)
    await sessions["CS-3"].close()
    await garage.until(lambda event: event.HasField("station_disconnected"))
    await create(garage)
    for _ in range(2):
        station_id, request_id = await asked(garage.edge)
        await tell(sessions[station_id], request_id, "INSTALLED")

    await garage.connect("CS-3")

    assert (await asked(garage.edge))[0] == "CS-3"


async def test_a_campaign_that_is_resumed_does_not_wait_for_its_next_round(
    garage: Garage, sessions: dict[str, FakeSession], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parallel_actions, "ROUND_PAUSE", 1e9)
    monkeypatch.setattr(parallel_actions, "LONGEST_ROUND_PAUSE", 1e9)
    await sessions["CS-3"].close()
    await garage.until(lambda event: event.HasField("station_disconnected"))
    campaign = await create(garage)
    for _ in range(2):
        station_id, request_id = await asked(garage.edge)
        await tell(sessions[station_id], request_id, "INSTALLED")
    await garage.connect("CS-3")

    campaign_id = campaign.campaign_id
    await garage.campaigns.PauseFirmwareCampaign(pb.PauseFirmwareCampaignRequest(campaign_id=campaign_id))
    await garage.campaigns.ResumeFirmwareCampaign(pb.ResumeFirmwareCampaignRequest(campaign_id=campaign_id))

    assert (await asked(garage.edge))[0] == "CS-3"


async def test_what_a_core_took_and_did_not_ask_another_asks(garage: Garage, station: FakeSession) -> None:
    """Under the same request id, and not before the first would have done it."""
    services = garage.core.core.services
    silent = Silent(asyncio.Event())
    campaign = await create(garage, start_time=None, max_parallel=1, hours=_hours_without(services.clock()))
    dying = CampaignRunner(
        replace(services, commands=cast("Any", silent), clock=lambda: services.clock() + timedelta(hours=12))
    )
    task = asyncio.create_task(dying.run())
    async with asyncio.timeout(WAIT):
        await silent.taken.wait()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    taken = await garage.get()
    assert await garage.state() == "REQUESTED"
    assert (await outcomes(garage, campaign))["CS-1"][0] == "STARTING"

    await run(garage, hours=12, seconds=LEASE.total_seconds() - 20)
    assert garage.edge.received("command") == 0
    await run(garage, hours=12, seconds=LEASE.total_seconds() + 20)

    assert await asked(garage.edge) == ("CS-1", taken.request_id)
    await garage.until(lambda event: name_in(event.firmware_update_changed, "state") == "ACCEPTED")
    assert (await outcomes(garage, campaign))["CS-1"][0] == "RUNNING"


async def test_hours_without_a_zone_are_those_of_the_location_of_each_station(
    garage: Garage, sessions: dict[str, FakeSession]
) -> None:
    """A station of Tokyo waits for its own night; of those that are chosen by location, group and label."""
    now = garage.core.core.services.clock()
    places: Any = garage.core.stub(LocationsServiceStub)
    await places.CreateLocation(CreateLocationRequest(location=place("tokyo", time_zone="Asia/Tokyo")))
    stations: Any = garage.core.stub(StationsServiceStub)
    for station_id, location_id in (("CS-1", ""), ("CS-2", "tokyo")):
        station = Station(station_id=station_id, location_id=location_id, groups=["depot"], labels={"row": "1"})
        await stations.UpdateStation(UpdateStationRequest(station=station))
    hours = pb.DailyHours(
        begin=(now - timedelta(hours=1)).strftime("%H:%M"), end=(now + timedelta(hours=1)).strftime("%H:%M")
    )
    chosen = pb.FirmwareSelection(stations=StationSelector(groups=["depot"], labels={"row": "1"}))

    campaign = await create(garage, selection=chosen, hours=hours, max_parallel=5)

    assert set(await outcomes(garage, campaign)) == {"CS-1", "CS-2"}
    assert (await asked(garage.edge))[0] == "CS-1"
    await run(garage)
    assert garage.edge.received("command") == 0
    await run(garage, hours=15)
    assert (await asked(garage.edge))[0] == "CS-2"


def _hours_without(now: Any) -> pb.DailyHours:
    """Return hours in which it is not now, and in which it is in twelve hours."""
    begin, end = now + timedelta(hours=6), now + timedelta(hours=18)
    return pb.DailyHours(begin=begin.strftime("%H:%M"), end=end.strftime("%H:%M"))


@contextlib.asynccontextmanager
async def two_cores(url: str, directory: Path) -> AsyncIterator[tuple[Garage, Garage]]:
    """Two cores on one database, and one edge with a link to both."""
    (directory / "other").mkdir()
    async with (
        running_core(url, directory) as one,
        running_core(url, directory / "other") as other,
        one.edge() as edge,
        other.edge() as other_edge,
    ):
        yield Garage(one, edge), Garage(other, other_edge)


async def test_several_cores_ask_each_station_once(database_url: str, tmp_path: Path) -> None:
    async with two_cores(database_url, tmp_path) as (one, other):
        one.answer()
        other.answer()
        for number in range(12):
            await one.add(f"CS-{number}")
            session = await one.edge.connect(f"CS-{number}", PASSWORD)
            await session.call(HeartbeatRequest())

        campaign = await create(one, max_parallel=4)
        for _ in range(3):
            await asyncio.gather(run(one), run(other), run(one), run(other))
        progress = (await get(one, campaign)).progress
        updates = [command.session.station_id for edge in (one.edge, other.edge) for command in edge.commands]

    assert (progress.running, progress.pending) == (4, 8)
    assert max(Counter(updates).values()) == 1
    assert len(updates) == 4
