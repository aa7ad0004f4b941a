"""The demo: a tenant with locations, stations and tokens, created at the first start and reused later."""

import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import grpc
from google.protobuf.message import Message
from grpc.aio import UnaryUnaryMultiCallable
from pydantic import BaseModel, ConfigDict, ValidationError

from citrine.api.v1.locations_pb2 import (
    CONNECTOR_FORMAT_SOCKET,
    CONNECTOR_STANDARD_IEC_62196_T2,
    PARKING_TYPE_ON_STREET,
    PARKING_TYPE_PARKING_GARAGE,
    POWER_TYPE_AC_3_PHASE,
    CreateLocationEvseRequest,
    CreateLocationRequest,
    GeoLocation,
    GetLocationEvseRequest,
    GetLocationRequest,
    Location,
    LocationConnector,
    LocationEvse,
    OpeningTimes,
)
from citrine.api.v1.stations_pb2 import (
    CreateStationRequest,
    GetStationRequest,
    LowerSecurityProfileRequest,
    SetStationPasswordRequest,
    Station,
)
from citrine.api.v1.tenants_pb2 import CreateTenantRequest, GetTenantRequest, Tenant
from citrine.api.v1.tokens_pb2 import CreateTokenRequest, GetTokenRequest, Token
from citrine_cli.up.files import read_json, write_private
from citrine_sdk import Citrine

__all__ = ["STATIONS", "TENANT", "Demo", "seed"]

TENANT = "demo"

STATIONS = {"DEMO-1": "2.0.1", "DEMO-2": "2.0.1", "DEMO-3": "2.0.1", "DEMO-4": "1.6"}
"""OCPP versions by station."""

LOCATIONS = {
    "harbour": Location(
        name="Harbour",
        address="Zeemanskade 1",
        city="Rotterdam",
        postal_code="3016 CR",
        country="NLD",
        coordinates=GeoLocation(latitude="51.906710", longitude="4.481750"),
        time_zone="Europe/Amsterdam",
        parking_type=PARKING_TYPE_ON_STREET,
        opening_times=OpeningTimes(twentyfourseven=True),
        publish=True,
    ),
    "garage": Location(
        name="Garage",
        address="Havenstraat 2",
        city="Antwerpen",
        postal_code="2000",
        country="BEL",
        coordinates=GeoLocation(latitude="51.221340", longitude="4.405150"),
        time_zone="Europe/Brussels",
        parking_type=PARKING_TYPE_PARKING_GARAGE,
    ),
}
"""Locations by id."""

PLACES = {
    "DEMO-1": Station(location_id="harbour", groups=["public"], labels={"row": "quay"}),
    "DEMO-2": Station(location_id="harbour", groups=["public"], labels={"row": "street"}),
    "DEMO-3": Station(location_id="garage", groups=["staff"], labels={"row": "level-1"}),
    "DEMO-4": Station(location_id="garage", groups=["public", "staff"], labels={"row": "level-1"}),
}
"""Location, groups and labels of stations."""

TOKENS = {"DEADBEEF": "ISO14443", "CAFEBABE": "ISO14443", "0A1B2C3D4E5F60": "ISO14443"}
"""Types by token."""

EVSES = (1, 2)
"""Numbers of the EVSEs of each station."""

CONNECTOR = LocationConnector(
    connector_id=1,
    standard=CONNECTOR_STANDARD_IEC_62196_T2,
    format=CONNECTOR_FORMAT_SOCKET,
    power_type=POWER_TYPE_AC_3_PHASE,
    max_voltage=230,
    max_amperage=16,
)
"""What each EVSE has: what a station does not say of it, and roaming partners want to know."""

WITH_CERTIFICATE = 3
"""Security profile of stations with a certificate."""

_CHANGED = (grpc.StatusCode.ALREADY_EXISTS, grpc.StatusCode.NOT_FOUND, grpc.StatusCode.FAILED_PRECONDITION)
"""How the core refuses an EVSE whose station or location was removed or moved, or that another one stands for."""

RequestT = TypeVar("RequestT", bound=Message)
ResponseT = TypeVar("ResponseT", bound=Message)


class Demo(BaseModel):
    """Credentials of the demo."""

    model_config = ConfigDict(frozen=True)

    stations: dict[str, str]
    """Passwords by station."""
    tokens: dict[str, str]
    """Types by token."""


def _remembered(path: Path) -> Demo | None:
    try:
        return Demo.model_validate(read_json(path))
    except ValidationError:
        return None


async def _find(get: UnaryUnaryMultiCallable[RequestT, ResponseT], request: RequestT) -> ResponseT | None:
    try:
        return await get(request)
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.NOT_FOUND:
            return None
        raise


async def _exists(get: UnaryUnaryMultiCallable[RequestT, ResponseT], request: RequestT) -> bool:
    return await _find(get, request) is not None


async def _seed_locations(citrine: Citrine) -> None:
    for location_id, location in LOCATIONS.items():
        if not await _exists(citrine.locations.GetLocation, GetLocationRequest(location_id=location_id)):
            request = CreateLocationRequest(location=location)
            request.location.location_id = location_id
            await citrine.locations.CreateLocation(request)


async def _seed_stations(citrine: Citrine, stations: Mapping[str, str], *, replace_passwords: bool) -> None:
    for station_id, password in stations.items():
        found = await _find(citrine.stations.GetStation, GetStationRequest(station_id=station_id))
        if found is None:
            station = Station(station_id=station_id, description="simulated")
            station.MergeFrom(PLACES.get(station_id, Station()))
            await citrine.stations.CreateStation(CreateStationRequest(station=station, password=password))
        elif replace_passwords:
            request = SetStationPasswordRequest(station_id=station_id, password=password)
            await citrine.stations.SetStationPassword(request)
            if found.security_profile == WITH_CERTIFICATE:
                # Its certificate may be lost as well: it orders another by its password.
                lower = LowerSecurityProfileRequest(station_id=station_id, security_profile=WITH_CERTIFICATE - 1)
                await citrine.stations.LowerSecurityProfile(lower)


async def _seed_evses(citrine: Citrine) -> None:
    """Create the EVSEs, but for those whose place an operator changed: what is theirs stays as it is."""
    for station_id, place in PLACES.items():
        for evse_id in EVSES:
            uid = f"{station_id}-{evse_id}"
            if not await _exists(citrine.locations.GetLocationEvse, GetLocationEvseRequest(uid=uid)):
                evse = LocationEvse(
                    uid=uid,
                    location_id=place.location_id,
                    station_id=station_id,
                    evse_id=evse_id,
                    connectors=[CONNECTOR],
                )
                try:
                    await citrine.locations.CreateLocationEvse(CreateLocationEvseRequest(evse=evse))
                except grpc.aio.AioRpcError as error:
                    if error.code() not in _CHANGED:
                        raise


async def _seed_tokens(citrine: Citrine, tokens: Mapping[str, str]) -> None:
    for id_token, kind in tokens.items():
        if not await _exists(citrine.tokens.GetToken, GetTokenRequest(id_token=id_token, type=kind)):
            token = Token(id_token=id_token, type=kind, group_id="demo", description="demo driver")
            await citrine.tokens.CreateToken(CreateTokenRequest(token=token))


async def seed(operator: Citrine, citrine: Citrine, path: Path) -> Demo:
    """Create the demo if it is missing, and return its credentials, which are stored in a file.

    After a complete first start, nothing is created again, even if an operator removed it.

    Args:
        operator: Client of the operator.
        citrine: Client of the operator on the demo's tenant. It works only when the tenant exists.
        path: File with the credentials.

    Raises:
        grpc.aio.AioRpcError: When the core refuses or can't be reached.
    """
    remembered = _remembered(path)
    tenant_exists = await _exists(operator.tenants.GetTenant, GetTenantRequest(tenant_id=TENANT))
    if remembered is not None and tenant_exists and not _unfinished(path).exists():
        if not _with_evses(path).exists():
            # Its first start was of a version that made none.
            await _seed_evses(citrine)
            write_private(_with_evses(path), "")
        return await _present(citrine, remembered)
    demo = remembered or Demo(stations={name: secrets.token_urlsafe(16) for name in STATIONS}, tokens=dict(TOKENS))
    # The mark and the passwords are written first, so that the next start can complete an interrupted one.
    write_private(_unfinished(path), "")
    write_private(path, json.dumps(demo.model_dump(), indent=2) + "\n")
    if not tenant_exists:
        tenant = Tenant(tenant_id=TENANT, display_name="Demo")
        await operator.tenants.CreateTenant(CreateTenantRequest(tenant=tenant))
    await _seed_locations(citrine)
    await _seed_stations(citrine, demo.stations, replace_passwords=remembered is None)
    await _seed_evses(citrine)
    write_private(_with_evses(path), "")
    await _seed_tokens(citrine, demo.tokens)
    _unfinished(path).unlink()
    return demo


def _unfinished(path: Path) -> Path:
    return path.with_suffix(".unfinished")


def _with_evses(path: Path) -> Path:
    return path.with_suffix(".evses")


async def _present(citrine: Citrine, demo: Demo) -> Demo:
    stations = {
        station_id: password
        for station_id, password in demo.stations.items()
        if await _exists(citrine.stations.GetStation, GetStationRequest(station_id=station_id))
    }
    return Demo(stations=stations, tokens=demo.tokens)
