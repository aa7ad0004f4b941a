"""A site that roams: a location with one station in a tenant of real processes, its adapter, and a strict eMSP."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from citrine.api.v1 import locations_pb2 as locations
from citrine.api.v1 import tariffs_pb2 as tariffs
from citrine.api.v1.authorization_pb2 import AuthorizationSettings, Authorizer, UpdateAuthorizationSettingsRequest
from citrine.api.v1.charge_records_pb2 import ChargeRecord, ListChargeRecordsRequest
from citrine.api.v1.reservation_costs_pb2 import GetReservationCostRequest, ReservationCost
from citrine.api.v1.stations_pb2 import CreateStationRequest, Station
from citrine_sdk import Citrine
from citrine_simulator import Station as SimulatedStation
from citrine_simulator import StationConfig
from citrine_simulator.config import Version
from tests.support.deployment import Deployment, reserved_port
from tests.support.emsp import Emsp, emsp
from tests.support.load import PASSWORD
from tests.support.ocpi import RunningAdapter, running_adapter
from tests.support.waiting import WAIT

__all__ = ["Site", "StepClock", "roaming_site"]

ZONE = timedelta(hours=4)
"""Of Asia/Dubai, all the year round."""

SETTLED = 0.02
"""Seconds between looks at whether a station has said all."""


class StepClock:
    """A station's clock that shows another time only when a test says so. Waits take the time that they take.

    It begins at a whole minute that is more than a minute ahead, so that what cores and adapters did before is over.
    """

    def __init__(self) -> None:
        self._now = (datetime.now(UTC) + timedelta(minutes=2)).replace(second=0, microsecond=0)

    def now(self) -> datetime:
        """Return the time of day."""
        return self._now

    def monotonic(self) -> float:
        """Return seconds."""
        return self._now.timestamp()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)

    def advance(self, **time: float) -> None:
        """Show a later time."""
        self._now += timedelta(**time)


@dataclass
class Site:
    """The site."""

    citrine: Citrine
    adapter: RunningAdapter
    partner: Emsp
    station: SimulatedStation
    clock: StepClock
    version: str
    """Of OCPI."""
    _number: int = 0

    def token(self, uid: str, **fields: Any) -> dict[str, Any]:
        """Return a token of the partner, as JSON."""
        return {
            "country_code": self.partner.country_code,
            "party_id": self.partner.party_id,
            "uid": uid,
            "type": "RFID",
            "contract_id": f"NL-TNM-C{uid}",
            "issuer": self.partner.name,
            "valid": True,
            "whitelist": "ALWAYS",
            "last_updated": "2026-01-31T12:00:00Z",
            **fields,
        }

    async def issue(self, uid: str, whitelist: str) -> None:
        """Have the partner issue a token."""
        body = self.token(uid, whitelist=whitelist)
        answer = await self.partner.call("PUT", f"{self.partner.endpoints['tokens', 'RECEIVER']}/NL/TNM/{uid}", body)
        assert answer.status_code == 201, answer.text

    def decide(self, uid: str, allowed: str, reference: str = "") -> None:
        """Have the partner answer questions about a token."""
        said = {"allowed": allowed, "token": self.token(uid), "authorization_reference": reference}
        self.partner.decisions[uid] = {name: value for name, value in said.items() if value}

    async def command(self, name: str, **body: Any) -> str:
        """Send a command of the partner, and return the result that it is told."""
        self._number += 1
        below = f"{name}/{self._number}"
        url = f"{self.partner.url}/{self.version}/receiver/commands/{below}"
        target = f"{self.partner.endpoints['commands', 'RECEIVER']}/{name}"
        answer = (await self.partner.call("POST", target, {"response_url": url, **body})).json()
        assert (answer["status_code"], answer.get("data", {}).get("result")) == (1000, "ACCEPTED"), answer
        found = await self.partner.wait_for(lambda one: one.objects.get(("commands", below)))
        return str(found["result"])

    async def spend(self, **time: float) -> None:
        """Let time pass at the station, once all that it had to say until then is answered."""
        await self.said_all()
        self.clock.advance(**time)

    async def said_all(self) -> None:
        """Wait until the core answered all that the station has to say."""
        parts = self.station.parts
        async with asyncio.timeout(WAIT):
            while parts.store.count() or any(one.reported != status for one, status in parts.statuses.current()):
                await asyncio.sleep(SETTLED)

    def got(self, module: str) -> list[Any]:
        """Return what the partner has of a module, in the order in which it got it."""
        return [value for (name, _), value in self.partner.objects.items() if name == module]

    async def wait_for(self, module: str, count: int = 1, **fields: Any) -> Any:
        """Return the last object of a module once the partner has so many, and that one says this."""

        def found(_: Emsp) -> Any:
            objects = self.got(module)
            is_it = len(objects) == count and all(objects[-1].get(name) == value for name, value in fields.items())
            return objects[-1] if is_it else None

        try:
            return await self.partner.wait_for(found)
        except TimeoutError:
            raise AssertionError(f"no {fields} in {self.got(module)}") from None

    async def records(self, count: int) -> list[ChargeRecord]:
        """Return the charge records of the core, once there are so many."""
        async with asyncio.timeout(WAIT):
            while True:
                found = (await self.citrine.charge_records.ListChargeRecords(ListChargeRecordsRequest())).records
                if len(found) >= count:
                    return sorted(found, key=lambda one: one.change)
                await asyncio.sleep(SETTLED)

    async def reservation_cost(self, reservation_id: int) -> ReservationCost:
        """Return what the core reckons for a reservation of the station."""
        request = GetReservationCostRequest(station_id="CS-1", reservation_id=reservation_id)
        found: ReservationCost = await self.citrine.reservation_costs.GetReservationCost(request)
        return found

    def local_time(self, **later: float) -> str:
        """Return a time of day of the location, so much later than the station's clock shows."""
        return (self.clock.now() + ZONE + timedelta(**later)).strftime("%H:%M")

    async def price(self, *elements: tariffs.TariffElement, **fields: Any) -> None:
        """Have all that is charged cost this."""
        made = tariffs.Tariff(tariff_id="ROAM", currency="EUR", time_zone="Asia/Dubai", elements=elements, **fields)
        await self.citrine.tariffs.CreateTariff(tariffs.CreateTariffRequest(tariff=made))
        assignment = tariffs.TariffAssignment(tariff_id="ROAM")
        await self.citrine.tariffs.AssignTariff(tariffs.AssignTariffRequest(assignment=assignment))


@contextlib.asynccontextmanager
async def roaming_site(
    deployment: Deployment, directory: Path, ocpp: Version, ocpi: str, **station: Any
) -> AsyncIterator[Site]:
    """Run a site in a tenant for the time of a block.

    Args:
        deployment: Of a tenant that is new.
        directory: Of the adapter's files.
        ocpp: What the station speaks.
        ocpi: What the partner speaks.
        station: More of the station's configuration.
    """
    clock = StepClock()
    async with contextlib.AsyncExitStack() as stack:
        listen = f"127.0.0.1:{stack.enter_context(reserved_port())}"
        citrine = await stack.enter_async_context(deployment.client())
        await _prepare(citrine, listen)
        adapter = await stack.enter_async_context(
            running_adapter(
                directory,
                core=deployment.core_addresses[0],
                key=deployment.key,
                ocpi_tenant=deployment.tenant,
                ocpi_authorizer_listen=listen,
            )
        )
        partner = await stack.enter_async_context(emsp(lists={"tokens": []}))
        await partner.register(adapter.versions_url, await adapter.invite("tnm"), ocpi)
        config = StationConfig(
            station_id="CS-1", url=deployment.url(), password=PASSWORD, version=ocpp, auto_meter=False,
            set_clock=False, power=60_000, battery=6_000_000, **station,
        )  # fmt: skip
        simulated = SimulatedStation(config, clock=clock)
        stack.push_async_callback(simulated.stop)
        accepted = simulated.expect("accepted", WAIT)
        await simulated.start()
        await accepted
        site = Site(citrine, adapter, partner, simulated, clock, ocpi)
        await site.said_all()
        await partner.wait_for(_is_available)
        yield site


def _is_available(partner: Emsp) -> bool:
    """Return whether a partner sees that the EVSE is there, so that its commands may name it."""
    location = partner.objects.get(("locations", "DE/CIT/L-1"), {})
    return [one["status"] for one in location.get("evses", [])] == ["AVAILABLE"]


async def _prepare(citrine: Citrine, authorizer: str) -> None:
    """Make a published location with an EVSE, and say who is asked about tokens."""
    site = locations.Location(
        location_id="L-1",
        publish=True,
        name="Harbour",
        address="Quay 1",
        city="Dubai",
        country="ARE",
        time_zone="Asia/Dubai",
        coordinates=locations.GeoLocation(latitude="25.276990", longitude="55.296250"),
    )
    await citrine.locations.CreateLocation(locations.CreateLocationRequest(location=site))
    station = Station(station_id="CS-1", location_id="L-1")
    await citrine.stations.CreateStation(CreateStationRequest(station=station, password=PASSWORD))
    connector = locations.LocationConnector(
        connector_id=1,
        standard=locations.CONNECTOR_STANDARD_IEC_62196_T2_COMBO,
        format=locations.CONNECTOR_FORMAT_CABLE,
        power_type=locations.POWER_TYPE_DC,
        max_voltage=400,
        max_amperage=150,
    )
    evse = locations.LocationEvse(
        uid="E-1",
        location_id="L-1",
        station_id="CS-1",
        evse_id=1,
        public_id="DE*CIT*E1",
        connectors=[connector],
    )
    await citrine.locations.CreateLocationEvse(locations.CreateLocationEvseRequest(evse=evse))
    # A token that is ALLOWED is asked about where the operator wants all to be.
    asked = Authorizer(address=authorizer, ask=Authorizer.ASK_ALL_TOKENS)
    await citrine.authorization.UpdateAuthorizationSettings(
        UpdateAuthorizationSettingsRequest(settings=AuthorizationSettings(authorizer=asked))
    )
