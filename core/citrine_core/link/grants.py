"""Grants: an accepted handshake gets an epoch, and what it proved is stored."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, TypeAlias

from sqlalchemy import Row

from citrine.edge.v1.link_pb2 import Admitted, Downstream, OcppVersion, SessionRef
from citrine.ocpp.v2.provisioning_pb2 import (
    REGISTRATION_STATUS_ENUM_ACCEPTED,
    REGISTRATION_STATUS_ENUM_PENDING,
    ChargingStation,
    RegistrationStatusEnum,
)
from citrine_core.clock import Clock
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Item
from citrine_core.link.certificates import Presented
from citrine_core.link.connection_quota import ConnectionQuota
from citrine_core.link.registry import LinkRegistry
from citrine_core.link.sessions import REPLACED, by_tenant
from citrine_core.resources.connections import ConnectionRepository, GrantedSession
from citrine_core.resources.connections.queries import may_be_open
from citrine_core.resources.stations.client_certificates import ClientCertificates
from citrine_core.resources.stations.credentials import Credentials

__all__ = ["Grant", "GrantStage"]

TOO_MANY_REQUESTS = 429

Key: TypeAlias = tuple[str, str]
"""Tenant and station."""

RecordUse = Callable[[UnitOfWork, str, str, str, datetime], Awaitable[None]]
"""`await record_use(work, tenant_id, station_id, fingerprint, now)` is called with a certificate at its first use."""


@dataclass(slots=True)
class Grant:
    """An accepted handshake that needs an epoch."""

    admit_id: int
    edge_id: str
    version: int
    remote_address: str
    used_next: str | None
    """Hash of the station's next password, if the station used that one."""
    security_profile: int
    certificate: Presented | None
    """Certificate that the station authenticated with, if no station did before."""
    has_expired: bool = False
    """Whether the certificate that it authenticated with has expired (A00.FR.429)."""


class GrantStage:
    """Grants epochs to accepted handshakes.

    Runs last in a batch: all other items of the station in the batch came by an older session, and were read before
    the new one was admitted.

    Args:
        clock: Returns the time now.
        links: The links of this core.
        refuse: `refuse(admit_id, status)` returns a refusal; without a status, of a core that is unable now.
        record_use: Called with a certificate at its first use. None: nothing is.
        quota: Finds stations beyond the quota of their tenant. None: there are no quotas.
    """

    kinds = (Grant,)

    def __init__(
        self,
        clock: Clock,
        links: LinkRegistry,
        refuse: Callable[..., Downstream],
        record_use: RecordUse | None = None,
        quota: ConnectionQuota | None = None,
    ) -> None:
        self._record_use = record_use
        self._quota = quota
        self._clock = clock
        self._links = links
        self._refuse = refuse

    def writes(self, item: Item) -> bool:
        """Return True: connections are written."""
        return True

    def forget_in_outage(self, item: Item) -> bool:
        """Refuse it, and return True: the station retries later."""
        item.reply(self._refuse(item.content.admit_id))
        return True

    async def run(self, work: UnitOfWork, items: Sequence[Item]) -> None:
        """Grant each station an epoch one higher than its last; of two handshakes of a station the later is newer."""
        rounds: list[dict[tuple[str, str], Item]] = []
        for item in items:
            key = (item.tenant_id, item.station_id)
            free = next((one for one in rounds if key not in one), None)
            if free is None:
                rounds.append(free := {})
            free[key] = item
        for one in rounds:
            await self._grant(work, one)

    async def poisoned(self, work: UnitOfWork | None, item: Item, error: Exception) -> None:
        """Refuse it: the station retries later."""
        item.reply(self._refuse(item.content.admit_id))

    async def _grant(self, work: UnitOfWork, items: Mapping[tuple[str, str], Item]) -> None:
        repository, credentials = ConnectionRepository(work.session), Credentials(work.session)
        stations: dict[Key, Row[*tuple[Any, ...]]] = {}
        older: dict[Key, Row[*tuple[Any, ...]]] = {}
        for tenant_id, group in by_tenant(list(items.values())).items():
            ids = {item.station_id for item in group}
            rows = await credentials.find_all(tenant_id, ids, lock=True)
            stations.update({(tenant_id, row.station_id): row for row in rows.values()})
            found = await repository.find_all(tenant_id, ids)
            older.update({(tenant_id, station_id): row for station_id, row in found.items()})
        items = await self._within_quota(work, items, stations, older)
        grants = {key: item.content for key, item in items.items()}
        others = await self._use_certificates(work, grants)
        await credentials.raise_profiles(
            {
                key: grant.security_profile
                for key, grant in grants.items()
                if key not in others and key in stations and grant.security_profile > stations[key].security_profile
            }
        )
        await credentials.promote_all(
            [(*key, item.content.used_next) for key, item in items.items() if item.content.used_next is not None]
        )
        now = self._clock()
        granted = [
            _session_of(key, grant, now) for key, grant in grants.items() if key in stations and key not in others
        ]
        epochs = await repository.grant_all(granted, now)
        for key, item in items.items():
            # The station was deleted meanwhile, or another one used its certificate. It is refused for now, and as
            # what it is when it retries.
            if key not in epochs:
                self._after_commit(work, item, self._refuse(item.content.admit_id))
                continue
            session = SessionRef(tenant_id=key[0], station_id=key[1], epoch=epochs[key])
            self._after_commit(work, item, _admitted(item.content, session, stations[key]))
            self._disconnect_older(work, older.get(key), item.content.edge_id)

    async def _within_quota(
        self, work: UnitOfWork, items: Mapping[Key, Item], stations: Collection[Key], older: Mapping[Key, Any]
    ) -> Mapping[Key, Item]:
        """Refuse the stations beyond the quota of their tenant, and return the others."""
        if self._quota is None:
            return items
        now = self._clock()
        connected = {key for key, row in older.items() if may_be_open(row, now)}
        exceeding = await self._quota.find_exceeding(work, [key for key in items if key in stations], connected, now)
        for key in exceeding:
            self._after_commit(work, items[key], self._refuse(items[key].content.admit_id, TOO_MANY_REQUESTS))
            work.after_commit(partial(self._quota.record, items[key]))
        return {key: item for key, item in items.items() if key not in exceeding}

    async def _use_certificates(
        self, work: UnitOfWork, grants: Mapping[tuple[str, str], Grant]
    ) -> set[tuple[str, str]]:
        """Store certificates not used before; return the stations whose certificate another one used meanwhile."""
        now = self._clock()
        used = {key: grant.certificate for key, grant in grants.items() if grant.certificate is not None}
        owners = await ClientCertificates(work.session).add_all([one.row(*key, now) for key, one in used.items()])
        others = {key for key, one in used.items() if owners[one.sha256][:2] != key}
        for key, one in sorted(used.items()):
            if key not in others and self._record_use is not None:
                await self._record_use(work, *key, one.sha256, now)
        return others

    def _disconnect_older(self, work: UnitOfWork, row: Row[*tuple[Any, ...]] | None, edge_id: str) -> None:
        """Make another edge close the replaced session. The same edge does so by itself."""
        if row is None or row.close_time is not None or row.edge_id == edge_id:
            return
        session = SessionRef(tenant_id=row.tenant_id, station_id=row.station_id, epoch=row.epoch)

        def disconnect() -> None:
            self._links.disconnect(row.edge_id, session, REPLACED, "replaced by a newer connection")

        work.after_commit(disconnect)

    @staticmethod
    def _after_commit(work: UnitOfWork, item: Item, reply: Downstream) -> None:
        work.after_commit(lambda: item.reply(reply))


def _session_of(key: tuple[str, str], grant: Grant, now: datetime) -> GrantedSession:
    return GrantedSession(*key, grant.edge_id, grant.version, grant.remote_address, now if grant.has_expired else None)


def _admitted(grant: Grant, session: SessionRef, station: Row[*tuple[Any, ...]]) -> Downstream:
    admitted = Admitted(id=grant.admit_id, session=session, version=OcppVersion.ValueType(grant.version))
    if station.registration is not None:
        admitted.registration = RegistrationStatusEnum.ValueType(station.registration)
    if grant.has_expired and station.registration == REGISTRATION_STATUS_ENUM_ACCEPTED:
        # A00.FR.429: until it has another certificate, with which it connects anew.
        admitted.registration = REGISTRATION_STATUS_ENUM_PENDING
    if station.hardware is not None:
        hardware = ChargingStation.FromString(station.hardware)
        admitted.vendor_name, admitted.model = hardware.vendor_name, hardware.model
        admitted.firmware_version = hardware.firmware_version
    return Downstream(admitted=admitted)
