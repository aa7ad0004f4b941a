"""Translation from the rows of a station to the message of the API."""

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby

from citrine.api.v1 import stations_pb2 as pb
from citrine.api.v1.availability_pb2 import ConnectorDetail
from citrine.api.v1.refusals_pb2 import RefusalSummary
from citrine.ocpp.v2 import availability_pb2, provisioning_pb2
from citrine_core.blocks.availability import ConnectorState, WantedAvailability, wanted_of
from citrine_core.resources.connections.models import Connection
from citrine_core.resources.stations.client_certificates import client_certificate_to_proto
from citrine_core.resources.stations.handshake_refusals import handshake_refusal_to_proto
from citrine_core.resources.stations.models import ClientCertificate, HandshakeRefusal, Station
from citrine_core.resources.stations.tags import Tags
from citrine_core.resources.stations.versions import VERSION_NAMES
from citrine_core.rpc import to_timestamp

__all__ = ["to_proto"]


def to_proto(
    station: Station,
    connection: Connection | None,
    connectors: Sequence[ConnectorState] = (),
    availabilities: Sequence[WantedAvailability] = (),
    refused: RefusalSummary | None = None,
    turned_away: HandshakeRefusal | None = None,
    seen: datetime | None = None,
    certificates: Sequence[ClientCertificate] = (),
    tags: Tags | None = None,
) -> pb.Station:
    """Return a station as the API shows it.

    Args:
        station: Its row.
        connection: Its newest session. None: it never connected.
        connectors: The connectors that it reported, by EVSE and number.
        availabilities: The availability that operators requested for it and its parts.
        refused: The refusals of its messages. None: there are none.
        turned_away: The refusal of its handshakes since it last connected. None: there is none.
        seen: When it was last seen. None: never, or not since it connected.
        certificates: Those that it connected with.
        tags: Its labels and groups. None: it has none.
    """
    tags = tags or Tags()
    shown = pb.Station(
        station_id=station.station_id,
        tenant_id=station.tenant_id,
        boot_policy=pb.BootPolicy.ValueType(station.boot_policy),
        boot_interval=station.boot_interval,
        allow_no_password=station.allow_no_password,
        description=station.description,
        enabled=station.enabled,
        configuration_id=station.configuration_id or "",
        security_profile=station.security_profile,
        certificate_name=station.certificate_name or "",
        certificate_sha256=station.certificate_sha256 or "",
        allowed_versions=(station.allowed_versions or "").split(),
        accept_expired_certificate=station.accept_expired_certificate,
        certificates=[client_certificate_to_proto(one) for one in certificates],
        held_time=to_timestamp(station.held_time),
        boot_time=to_timestamp(station.boot_time),
        last_seen_time=to_timestamp(_last_seen(station, connection, seen)),
        evses=_evses(connectors, availabilities),
        create_time=to_timestamp(station.create_time),
        update_time=to_timestamp(station.update_time),
        clock_skew_time=to_timestamp(station.clock_skew_time),
        clock_off=station.clock_is_off,
        etag=str(station.version),
        location_id=station.location_id or "",
        labels=tags.labels,
        groups=tags.groups,
        refused=refused,
        handshake_refusal=handshake_refusal_to_proto(turned_away, registered=True) if turned_away else None,
    )
    if station.registration is not None:
        shown.registration = provisioning_pb2.RegistrationStatusEnum.ValueType(station.registration)
    if station.hardware is not None:
        shown.hardware.ParseFromString(station.hardware)
    if station.clock_skew_ms is not None:
        shown.clock_skew.FromMilliseconds(station.clock_skew_ms)
    if connection is not None:
        shown.connected = connection.is_open
        shown.remote_address = connection.remote_address
        if connection.open_time is not None:
            shown.connect_time.FromDatetime(connection.open_time)
        shown.ocpp_version = VERSION_NAMES.get(connection.ocpp_version, "")
    return shown


def _last_seen(station: Station, connection: Connection | None, seen: datetime | None) -> datetime | None:
    # Sightings are stored with some delay, the opening of a session and a boot are not.
    opened = None if connection is None else connection.open_time
    # A station that had this id before was another one.
    times = [time for time in (seen, opened, station.boot_time) if time is not None and time >= station.create_time]
    return max(times, default=None)


def _evses(connectors: Sequence[ConnectorState], availabilities: Sequence[WantedAvailability]) -> list[pb.Evse]:
    return [
        pb.Evse(
            evse_id=evse_id,
            connectors=[
                pb.Connector(
                    connector_id=state.connector_id,
                    status=availability_pb2.ConnectorStatusEnum.ValueType(state.status),
                    status_time=to_timestamp(state.status_time),
                    wanted=wanted_of(availabilities, evse_id, state.connector_id),
                    detail=None if state.detail is None else ConnectorDetail.FromString(state.detail),
                )
                for state in states
            ],
        )
        for evse_id, states in groupby(connectors, key=lambda state: state.evse_id)
    ]
