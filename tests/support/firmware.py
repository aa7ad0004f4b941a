"""Firmware that tests ask stations to take, and the stations."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from citrine.api.v1 import firmware_management_pb2 as pb
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.firmware_campaigns_pb2_grpc import FirmwareCampaignsServiceStub
from citrine.api.v1.firmware_management_pb2_grpc import FirmwareManagementServiceStub
from citrine.events.v1.events_pb2 import Event
from citrine.events.v1.events_service_pb2 import SubscribeRequest
from citrine.events.v1.events_service_pb2_grpc import EventsServiceStub
from citrine.ocpp.v2 import firmware_management_pb2 as ocpp
from citrine.ocpp.v2.availability_pb2 import HeartbeatRequest
from citrine.ocpp.v2.provisioning_pb2 import (
    BOOT_REASON_ENUM_FIRMWARE_UPDATE,
    BootNotificationRequest,
    ChargingStation,
)
from tests.support.core import PASSWORD, RunningCore
from tests.support.fake_edge import FakeEdge, FakeSession
from tests.support.waiting import WAIT

if TYPE_CHECKING:
    from citrine.api.v1.firmware_campaigns_pb2_grpc import FirmwareCampaignsServiceAsyncStub
    from citrine.api.v1.firmware_management_pb2_grpc import FirmwareManagementServiceAsyncStub

__all__ = ["CERTIFICATE", "LOCATION", "SHA256", "SIGNATURE", "Garage", "boot", "signed_firmware", "tell"]

LOCATION = "https://firmware.example/one-2.0.bin"

SHA256 = "5fedf7f3c85e1961cbbf2c5307d8b3e263cf2ddb7cf6bbeb4b8475d92ebc1324"

SIGNATURE = "MEQCIBZqJ2p14kXLLwex/V55ZZgG36dCmChar7kC+QsxkxpSAiBgDhZt2r5kPLS/OCPbRXo6VMZks4ktlFXTDErnaOz1tA=="
"""The signature over it."""

CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBcjCCARegAwIBAgIUKKgn9wjaKysmnFtnMzci+hyOMukwCgYIKoZIzj0EAwIw
LTEQMA4GA1UECgwHRXhhbXBsZTEZMBcGA1UEAwwQRmlybXdhcmUgc2lnbmluZzAg
Fw0yNjExMjIwMDAwMDBaGA8yMTI2MTAyOTAwMDAwMFowLTEQMA4GA1UECgwHRXhh
bXBsZTEZMBcGA1UEAwwQRmlybXdhcmUgc2lnbmluZzBZMBMGByqGSM49AgEGCCqG
SM49AwEHA0IABFeIvWAnuZwRMW2dPeLOJyS046hrqy8sOe0qWg2LKTJ9E6tnjVml
Z03SrMu+M33tha+XlLsQ12NDhkQ3Ltlu/uKjEzARMA8GA1UdEwEB/wQFMAMBAf8w
CgYIKoZIzj0EAwIDSQAwRgIhAOB2an2EAhhBqrb7TrgKls8qiT1jQscBcgScOpEQ
33PrAiEAs/K1LZ0czuOmyZXt7p14ulh5SUfhv5BvUCAy1dODfJ8=
-----END CERTIFICATE-----
"""
"""The certificate of the key that signed."""


def signed_firmware() -> ocpp.Firmware:
    """Return firmware with its signing certificate and signature."""
    return ocpp.Firmware(location=LOCATION, signing_certificate=CERTIFICATE, signature=SIGNATURE)


@dataclass
class Garage:
    """Stations that are asked to take firmware, and say what the test has them say."""

    core: RunningCore
    edge: FakeEdge

    @property
    def updates(self) -> "FirmwareManagementServiceAsyncStub":
        return self.core.stub(FirmwareManagementServiceStub)

    @property
    def campaigns(self) -> "FirmwareCampaignsServiceAsyncStub":
        return self.core.stub(FirmwareCampaignsServiceStub)

    async def add(self, station_id: str, version: str = "1.0", **columns: Any) -> None:
        """Register a station that booted with a firmware."""
        hardware = ChargingStation(model="One", vendor_name="Example", firmware_version=version).SerializeToString()
        await self.core.add_station(station_id, **{"registration": 1, "hardware": hardware, **columns})

    async def connect(self, station_id: str) -> FakeSession:
        """Connect a station, so that commands find it."""
        session = await self.edge.connect(station_id, PASSWORD)
        await session.call(HeartbeatRequest())
        return session

    def answer(self, status: str = "ACCEPTED") -> None:
        """Have stations answer UpdateFirmware so."""
        answer = ocpp.UpdateFirmwareResponse(
            status=ocpp.UpdateFirmwareStatusEnum.Value(f"UPDATE_FIRMWARE_STATUS_ENUM_{status}")
        )
        self.edge.on_command = lambda command: answer

    async def update_with(self, firmware: ocpp.Firmware, **fields: Any) -> pb.FirmwareUpdate:
        """Ask CS-1 to install firmware, and return the update."""
        request = pb.UpdateFirmwareRequest(
            target=CommandTarget(station_id="CS-1"), request=ocpp.UpdateFirmwareRequest(firmware=firmware), **fields
        )
        return await self.get((await self.updates.UpdateFirmware(request)).request_id)

    async def update(self, station_id: str = "CS-1", **fields: Any) -> int:
        """Ask a station to update, and return the request id."""
        request = pb.UpdateFirmwareRequest(
            target=CommandTarget(station_id=station_id),
            request=ocpp.UpdateFirmwareRequest(firmware=signed_firmware()),
            sha256=SHA256,
            **fields,
        )
        return (await self.updates.UpdateFirmware(request)).request_id

    async def get(self, request_id: int | None = None, station_id: str = "CS-1") -> pb.FirmwareUpdate:
        """Return an update, the newest where none is named."""
        return await self.updates.GetFirmwareUpdate(
            pb.GetFirmwareUpdateRequest(station_id=station_id, request_id=request_id)
        )

    async def state(self, request_id: int | None = None, station_id: str = "CS-1") -> str:
        """Return the state of an update, the newest where none is named."""
        found = await self.get(request_id, station_id)
        return pb.FirmwareUpdateState.Name(found.state).removeprefix("FIRMWARE_UPDATE_STATE_")

    async def until(self, wanted: Callable[[Event], bool]) -> Event:
        """Return the first event of the default tenant that is wanted."""
        stream = self.core.stub(EventsServiceStub).Subscribe(SubscribeRequest(from_token="0"), timeout=WAIT)
        async for response in stream:
            if wanted(response.event):
                stream.cancel()
                found: Event = response.event
                return found
        raise AssertionError("the stream ended")


async def tell(session: FakeSession, request_id: int, *statuses: str) -> None:
    """Say statuses of an update."""
    for status in statuses:
        await session.call(
            ocpp.FirmwareStatusNotificationRequest(
                status=ocpp.FirmwareStatusEnum.Value(f"FIRMWARE_STATUS_ENUM_{status}"), request_id=request_id
            )
        )


async def boot(session: FakeSession, version: str) -> None:
    """Boot with a firmware."""
    await session.call(
        BootNotificationRequest(
            reason=BOOT_REASON_ENUM_FIRMWARE_UPDATE,
            charging_station=ChargingStation(model="One", vendor_name="Example", firmware_version=version),
        )
    )
