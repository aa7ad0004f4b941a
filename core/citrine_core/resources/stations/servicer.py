"""StationsService: the operator's access to stations."""

import asyncio
from collections.abc import Collection, Sequence
from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty

from citrine.api.v1 import stations_pb2 as pb
from citrine.events.v1.events_pb2 import Event, StationChanged
from citrine.ocpp.v2.provisioning_pb2 import REGISTRATION_STATUS_ENUM_PENDING
from citrine_core.blocks.availability import AvailabilityRepository, ConnectorRepository
from citrine_core.blocks.security.queries import revoke_issued_certificate
from citrine_core.db import UnitOfWork
from citrine_core.db.changes import change_time
from citrine_core.errors import Conflict, FailedPrecondition, InvalidArgument, NotFound
from citrine_core.resources.configurations import ConfigurationRepository, ProvisioningRepository
from citrine_core.resources.connections.models import Connection
from citrine_core.resources.locations.queries import move_station
from citrine_core.resources.refusals.queries import find_summaries
from citrine_core.resources.stations.addresses import station_address
from citrine_core.resources.stations.client_certificates import ClientCertificates
from citrine_core.resources.stations.fields import (
    CHANGEABLE,
    assign,
    check_fields,
    check_password,
    check_station_id,
    fingerprint,
    new_credential_version,
)
from citrine_core.resources.stations.handshake_refusals import HandshakeRefusals, handshake_refusal_to_proto
from citrine_core.resources.stations.lists import LookedStations, list_stations
from citrine_core.resources.stations.models import ClientCertificate, Station
from citrine_core.resources.stations.password_changes import PasswordChanges
from citrine_core.resources.stations.passwords import generate_password, hash_generated, hash_password
from citrine_core.resources.stations.protos import to_proto
from citrine_core.resources.stations.repository import STATIONS, StationRepository, StationWithConnection
from citrine_core.resources.stations.selection import check_selector
from citrine_core.resources.stations.sightings import Sightings
from citrine_core.resources.stations.tag_rpcs import TagRpcs
from citrine_core.resources.stations.tags import StationTags
from citrine_core.resources.stations.versions import version_of
from citrine_core.rpc import apply_mask, caller, changed_span, open_page, required, span_of
from citrine_core.services import Services

__all__ = ["StationsServicer"]

_NOT_WHILE_HELD = {"boot_policy", "allow_no_password"}
"""Fields that would admit a station that no operator has accepted."""


class StationsServicer(TagRpcs):
    """Stations as the API shows them."""

    def __init__(self, services: Services) -> None:
        super().__init__(services)
        self._clock = services.clock
        self._disconnect = services.disconnect
        self._forget = services.forget_station
        self._public_urls = services.public_urls
        self._password_changes = PasswordChanges(services)

    async def GetStation(
        self, request: pb.GetStationRequest, context: grpc.aio.ServicerContext[pb.GetStationRequest, pb.Station]
    ) -> pb.Station:
        station_id = required("station_id", request.station_id)
        tenant_id = caller(context).tenant_id
        async with self._unit_of_work(read_only=True) as work:
            station, connection = await StationRepository(work.session).get(tenant_id, station_id)
            connectors = await ConnectorRepository(work.session).connectors_of(tenant_id, station_id)
            availabilities = await AvailabilityRepository(work.session).of_stations(tenant_id, [station_id])
            refused = await find_summaries(work.session, tenant_id, [station_id])
            turned_away = await HandshakeRefusals(work.session).find_since_connected(tenant_id, [station_id])
            seen = await Sightings(work.session).find_all(tenant_id, [station_id])
            certificates = await ClientCertificates(work.session).list_of(tenant_id, station_id)
            tags = (await StationTags(work.session).find_all(tenant_id, [station_id])).get(station_id)
        others = (refused.get(station_id), turned_away.get(station_id), seen.get(station_id), certificates, tags)
        return to_proto(station, connection, connectors, availabilities, *others)

    async def ListStations(
        self,
        request: pb.ListStationsRequest,
        context: grpc.aio.ServicerContext[pb.ListStationsRequest, pb.ListStationsResponse],
    ) -> pb.ListStationsResponse:
        tenant_id = caller(context).tenant_id
        check_selector("stations", request.stations)
        looked = LookedStations(
            stations=request.stations,
            connection=pb.STATION_CONNECTION_OPEN if request.connected_only else request.connection,
            held=request.held,
            prefix=request.station_id_prefix,
            vendor_name=request.vendor_name,
            model=request.model,
            firmware_version=request.firmware_version,
            ocpp_version=version_of("ocpp_version", request.ocpp_version),
            registration=request.registration if request.HasField("registration") else None,
            faulted_only=request.faulted_only,
            changed=changed_span(request),
        )
        async with self._unit_of_work(read_only=True) as work:
            rows, token = await list_stations(
                work.session, tenant_id, open_page(request), looked, request.order, descending=request.descending
            )
            ids = [station.station_id for station, _ in rows]
            refused = await find_summaries(work.session, tenant_id, ids)
            turned_away = await HandshakeRefusals(work.session).find_since_connected(tenant_id, ids)
            seen = await Sightings(work.session).find_all(tenant_id, ids)
            tags = await StationTags(work.session).find_all(tenant_id, ids)
        stations = [
            to_proto(
                *row,
                refused=refused.get(id_),
                turned_away=turned_away.get(id_),
                seen=seen.get(id_),
                tags=tags.get(id_),
            )
            for id_, row in zip(ids, rows, strict=True)
        ]
        return pb.ListStationsResponse(stations=stations, next_page_token=token)

    async def CreateStation(
        self,
        request: pb.CreateStationRequest,
        context: grpc.aio.ServicerContext[pb.CreateStationRequest, pb.CreateStationResponse],
    ) -> pb.CreateStationResponse:
        check_station_id("station.station_id", request.station.station_id)
        check_fields(request.station, CHANGEABLE)
        needed = not request.station.allow_no_password
        password_hash, generated = await _password(request.password, needed=needed)
        station = Station(
            tenant_id=caller(context).tenant_id,
            station_id=request.station.station_id,
            password_hash=password_hash,
            credential_version=new_credential_version(),
            create_time=(now := self._clock()),
            update_time=now,
            version=1,
        )
        assign(station, request.station, CHANGEABLE)
        async with self._unit_of_work() as work:
            await _check_configuration(work, station)
            await self._replace_held(work, station)
            await STATIONS.check(work.session, station.tenant_id)
            await StationRepository(work.session).add(station)
            await _replace_tags(work, station, request.station, CHANGEABLE)
            await self._place(work, station)
            # Its handshakes were refused because it was unknown, which it no longer is.
            await HandshakeRefusals(work.session).forget(station.tenant_id, station.station_id)
            await self._changed(work, station, StationChanged.KIND_CREATED)
            shown = await _shown(work, station, None)
            await work.commit()
        return pb.CreateStationResponse(
            station=shown,
            generated_password=generated,
            address=station_address(self._public_urls(), station.tenant_id, station.station_id),
        )

    async def GetStationAddress(
        self,
        request: pb.GetStationAddressRequest,
        context: "grpc.aio.ServicerContext[pb.GetStationAddressRequest, pb.StationAddress]",
    ) -> pb.StationAddress:
        check_station_id("station_id", request.station_id)
        return station_address(self._public_urls(), caller(context).tenant_id, request.station_id)

    async def ListHandshakeRefusals(
        self,
        request: pb.ListHandshakeRefusalsRequest,
        context: "grpc.aio.ServicerContext[pb.ListHandshakeRefusalsRequest, pb.ListHandshakeRefusalsResponse]",
    ) -> pb.ListHandshakeRefusalsResponse:
        async with self._unit_of_work(read_only=True) as work:
            rows, token = await HandshakeRefusals(work.session).list(
                caller(context).tenant_id,
                open_page(request),
                station_id=request.station_id,
                unregistered_only=request.unregistered_only,
                reason=request.reason,
                last=span_of(request.last_time),
            )
        refusals = [handshake_refusal_to_proto(row, registered=registered) for row, registered in rows]
        return pb.ListHandshakeRefusalsResponse(refusals=refusals, next_page_token=token)

    async def UpdateStation(
        self, request: pb.UpdateStationRequest, context: grpc.aio.ServicerContext[pb.UpdateStationRequest, pb.Station]
    ) -> pb.Station:
        station_id = required("station.station_id", request.station.station_id)
        fields = apply_mask(request.update_mask, request.station, CHANGEABLE)
        check_fields(request.station, fields)
        async with self._unit_of_work() as work:
            station, connection = await self._get(work, context, station_id)
            _check_etag(station, request.station.etag)
            if station.held_time is not None and _NOT_WHILE_HELD.intersection(fields):
                raise FailedPrecondition(f"station {station_id} is held: accept it first")
            was_enabled, policy, location_id = station.enabled, station.boot_policy, station.location_id
            assign(station, request.station, fields)
            await _check_configuration(work, station)
            if station.boot_policy != policy:
                await self._ask_to_boot(work, station)
            await _replace_tags(work, station, request.station, fields)
            if station.location_id != location_id:
                await self._place(work, station)
            station.version += 1
            await self._changed(work, station, StationChanged.KIND_UPDATED)
            shown = await _shown(work, station, connection)
            await work.commit()
        if was_enabled and not station.enabled:
            await self._disconnect(station.tenant_id, station_id, "the station was disabled")
        return shown

    async def AcceptStation(
        self,
        request: pb.AcceptStationRequest,
        context: grpc.aio.ServicerContext[pb.AcceptStationRequest, pb.AcceptStationResponse],
    ) -> pb.AcceptStationResponse:
        station_id = required("station_id", request.station_id)
        given = pb.Station(
            boot_policy=request.boot_policy,
            description=request.description,
            configuration_id=request.configuration_id,
        )
        fields = {"boot_policy", "description", "configuration_id"}
        check_fields(given, fields)
        password_hash, _ = await _password(request.password, needed=False)
        async with self._unit_of_work() as work:
            station, connection = await self._get(work, context, station_id)
            if station.held_time is None:
                raise FailedPrecondition(f"station {station_id} is not held")
            assign(station, given, fields)
            await _check_configuration(work, station)
            await STATIONS.check(work.session, station.tenant_id)
            station.held_time = None
            if password_hash is not None:
                station.password_hash = password_hash
                station.credential_version += 1
            station.version += 1
            await self._ask_to_boot(work, station)
            await self._changed(work, station, StationChanged.KIND_UPDATED)
            shown = await _shown(work, station, connection)
            await work.commit()
        return pb.AcceptStationResponse(station=shown)

    async def SetStationPassword(
        self,
        request: pb.SetStationPasswordRequest,
        context: grpc.aio.ServicerContext[pb.SetStationPasswordRequest, pb.SetStationPasswordResponse],
    ) -> pb.SetStationPasswordResponse:
        required("station_id", request.station_id)
        if request.send:
            return await self._password_changes.send(request, context)
        password_hash, generated = await _password(request.password, needed=True)
        async with self._unit_of_work() as work:
            station, _ = await self._get(work, context, request.station_id)
            station.password_hash = password_hash
            # The operator's choice also replaces a password that was sent to the station and is not used yet.
            station.next_password_hash = None
            station.credential_version += 1
            station.version += 1
            await self._changed(work, station, StationChanged.KIND_UPDATED)
            await work.commit()
        return pb.SetStationPasswordResponse(generated_password=generated)

    async def LowerSecurityProfile(
        self,
        request: pb.LowerSecurityProfileRequest,
        context: grpc.aio.ServicerContext[pb.LowerSecurityProfileRequest, pb.Station],
    ) -> pb.Station:
        station_id, wanted = required("station_id", request.station_id), request.security_profile
        if wanted not in (1, 2):
            raise InvalidArgument("security_profile", "must be 1 or 2")
        async with self._unit_of_work() as work:
            station, connection = await self._get(work, context, station_id)
            if station.security_profile <= wanted:
                raise FailedPrecondition(f"security profile {station.security_profile} is not above {wanted}")
            station.security_profile = wanted
            station.version += 1
            await self._changed(work, station, StationChanged.KIND_UPDATED)
            shown = await _shown(work, station, connection)
            await work.commit()
        return shown

    async def RevokeStationCertificate(
        self,
        request: pb.RevokeStationCertificateRequest,
        context: grpc.aio.ServicerContext[pb.RevokeStationCertificateRequest, pb.Station],
    ) -> pb.Station:
        station_id = required("station_id", request.station_id)
        sha256 = fingerprint("certificate_sha256", required("certificate_sha256", request.certificate_sha256))
        async with self._unit_of_work() as work:
            station, connection = await self._get(work, context, station_id)
            certificates = ClientCertificates(work.session)
            about = (station.tenant_id, station_id, sha256, self._clock())
            was_used = await certificates.revoke(*about)
            was_issued = await revoke_issued_certificate(work.session, *about)
            if not was_used and not was_issued:
                raise NotFound(f"certificate {sha256} of station", station_id)
            of_station = await certificates.list_of(station.tenant_id, station_id)
            await self._changed(work, station, StationChanged.KIND_UPDATED)
            shown = await _shown(work, station, connection, of_station)
            await work.commit()
        if was_used:
            await self._disconnect(station.tenant_id, station_id, "its certificate was revoked")
        return shown

    async def DeleteStation(
        self, request: pb.DeleteStationRequest, context: grpc.aio.ServicerContext[pb.DeleteStationRequest, Empty]
    ) -> Empty:
        required("station_id", request.station_id)
        async with self._unit_of_work() as work:
            station, _ = await self._get(work, context, request.station_id)
            await self._forget(work, station.tenant_id, station.station_id)
            await HandshakeRefusals(work.session).forget(station.tenant_id, station.station_id)
            await Sightings(work.session).forget(station.tenant_id, station.station_id)
            await ClientCertificates(work.session).forget(station.tenant_id, station.station_id)
            await StationRepository(work.session).remove(station)
            _publish(work, station, StationChanged.KIND_DELETED)
            await work.commit()
        return Empty()

    async def _ask_to_boot(self, work: UnitOfWork, station: Station) -> None:
        """Make a Pending station boot again, to get its new policy. Other stations refuse, or may be sent nothing."""
        if station.registration == REGISTRATION_STATUS_ENUM_PENDING:
            anew = station.boot_policy == pb.BOOT_POLICY_CONFIGURED
            await ProvisioningRepository(work.session).ask_to_boot(
                station.tenant_id, station.station_id, self._clock(), anew=anew
            )

    async def _place(self, work: UnitOfWork, station: Station) -> None:
        """Move the EVSEs of a station to the location where it stands."""
        place = (station.tenant_id, station.station_id)
        connectors = await ConnectorRepository(work.session).connectors_of(*place)
        await move_station(work, *place, station.location_id, {one.evse_id for one in connectors}, self._clock)

    async def _replace_held(self, work: UnitOfWork, station: Station) -> None:
        """Remove an unknown station that is held under the same id, as anybody may have connected with that id."""
        stations = StationRepository(work.session)
        held = await stations.find(station.tenant_id, station.station_id)
        if held is not None and held.held_time is not None:
            await self._forget(work, held.tenant_id, held.station_id)
            await stations.remove(held)
            await work.session.flush()

    async def _changed(self, work: UnitOfWork, station: Station, kind: StationChanged.Kind.ValueType) -> None:
        station.update_time = await change_time(work.session, self._clock)
        _publish(work, station, kind)

    async def _get(
        self, work: UnitOfWork, context: grpc.aio.ServicerContext[Any, Any], station_id: str
    ) -> StationWithConnection:
        return await StationRepository(work.session).get(caller(context).tenant_id, station_id, for_update=True)


async def _shown(
    work: UnitOfWork,
    station: Station,
    connection: Connection | None,
    certificates: Sequence[ClientCertificate] = (),
) -> pb.Station:
    """Return a station as it is after a change."""
    found = (station.tenant_id, [station.station_id])
    seen = (await Sightings(work.session).find_all(*found)).get(station.station_id)
    tags = (await StationTags(work.session).find_all(*found)).get(station.station_id)
    return to_proto(station, connection, seen=seen, certificates=certificates, tags=tags)


async def _replace_tags(work: UnitOfWork, station: Station, given: pb.Station, fields: Collection[str]) -> None:
    tags = StationTags(work.session)
    if "labels" in fields:
        await tags.replace_labels(station.tenant_id, station.station_id, given.labels)
    if "groups" in fields:
        await tags.replace_groups(station.tenant_id, station.station_id, given.groups)


async def _check_configuration(work: UnitOfWork, station: Station) -> None:
    if station.configuration_id is not None:
        await ConfigurationRepository(work.session).get(station.tenant_id, station.configuration_id)


async def _password(given: str, *, needed: bool) -> tuple[str | None, str]:
    """Return the hash of the password to store, or None for no password, and the password if it was generated."""
    if given:
        check_password("password", given)
        # The hash takes so long that it would delay all other rpcs on the event loop.
        return await asyncio.to_thread(hash_password, given), ""
    if not needed:
        return None, ""
    generated = generate_password()
    return hash_generated(generated), generated


def _check_etag(station: Station, etag: str) -> None:
    if etag and etag != str(station.version):
        raise Conflict(f"station {station.station_id} was changed in between")


def _publish(work: UnitOfWork, station: Station, kind: StationChanged.Kind.ValueType) -> None:
    work.emit(
        Event(tenant_id=station.tenant_id, station_id=station.station_id, station_changed=StationChanged(kind=kind))
    )
