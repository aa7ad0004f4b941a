"""An upgrade to security profile 3 waits until its station has a certificate (A05)."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from google.protobuf.message import Message
from sqlalchemy import text

from citrine.api.v1 import security_profile_upgrades_pb2 as pb
from citrine.edge.v1 import link_pb2 as link
from citrine.events.v1 import events_service_pb2 as events
from citrine.events.v1.events_service_pb2_grpc import EventsServiceStub
from citrine.ocpp.actions import unwrap
from citrine.ocpp.v2 import provisioning_pb2 as provisioning
from citrine.ocpp.v2 import remote_control_pb2 as remote_control
from citrine.ocpp.v2 import security_pb2 as ocpp
from citrine_core.blocks.security.profile_upgrades import jobs
from citrine_core.blocks.security.profile_upgrades.models import SecurityProfileUpgradeRow
from citrine_core.db import UnitOfWorkFactory
from tests.core.blocks.security.profile_upgrades.test_requests import BOOT, Station, begun, ended, upgrade
from tests.support.blocks import NOW, services_of
from tests.support.core import RunningCore, running_core
from tests.support.event_words import name_in
from tests.support.fake_edge import FakeEdge
from tests.support.pki import Authority
from tests.support.signing_requests import signing_request
from tests.support.waiting import WAIT

ROOT = Authority.root()


class OrderingStation(Station):
    """A station that orders its certificate when it is asked to, and accepts or rejects what it gets."""

    def __init__(self, status: str = "ACCEPTED", trigger: str = "ACCEPTED") -> None:
        super().__init__()
        self.status = status
        self.trigger = trigger
        self.chains: list[str] = []
        self.order: Callable[[], Awaitable[Any]] | None = None
        self._ordering: asyncio.Future[Any] | None = None

    def __call__(self, command: link.Command) -> Message:
        request: Any = unwrap(command.request)
        match request:
            case remote_control.TriggerMessageRequest():
                if self.trigger == "ACCEPTED" and self.order is not None:
                    self._ordering = asyncio.ensure_future(self.order())
                status = f"TRIGGER_MESSAGE_STATUS_ENUM_{self.trigger}"
                return remote_control.TriggerMessageResponse(status=status)  # type: ignore[arg-type]  # a name
            case ocpp.CertificateSignedRequest():
                self.chains.append(request.certificate_chain)
                answer = f"CERTIFICATE_SIGNED_STATUS_ENUM_{self.status}"
                return ocpp.CertificateSignedResponse(status=answer)  # type: ignore[arg-type]  # a name
        return super().__call__(command)


@pytest.fixture
async def core(database_url: str, tmp_path: Path) -> AsyncIterator[RunningCore]:
    """A core with an authority for stations."""
    certificate, key = ROOT.own.write(tmp_path, "ca")
    settings = {"station_ca_certificate_file": certificate, "station_ca_key_file": key}
    async with running_core(database_url, tmp_path, **settings) as core:
        await core.add_station("CS-1", registration=1)
        yield core


async def ordering(edge: FakeEdge, station: OrderingStation) -> None:
    """Connect CS-1, which orders its certificate by the message that it was asked for."""
    session = await begun(edge, station)
    request = ocpp.SignCertificateRequest(csr=signing_request("CS-1"))
    request.certificate_type = ocpp.CERTIFICATE_SIGNING_USE_ENUM_CHARGING_STATION_CERTIFICATE
    station.order = lambda: session.call(request)


def der_of(chain: str) -> bytes:
    """Return the first certificate of a chain."""
    return x509.load_pem_x509_certificates(chain.encode())[0].public_bytes(Encoding.DER)


async def states_told(core: RunningCore, upgrade_id: str) -> list[str]:
    """Return the states that events say of an upgrade, up to its end."""
    found: list[str] = []
    stub = core.stub(EventsServiceStub)
    async with asyncio.timeout(WAIT):
        async for one in stub.Subscribe(
            events.SubscribeRequest(from_token="0", kinds=["security_profile_upgrade_changed"])
        ):
            body = one.event.security_profile_upgrade_changed
            if body.upgrade_id == upgrade_id:
                found.append(name_in(body, "state"))
                if found[-1] in ("SUCCEEDED", "FAILED"):
                    break
    return found


async def test_A05_FR_03_a_station_without_a_certificate_orders_it_first(core: RunningCore) -> None:
    station = OrderingStation()
    async with core.edge() as edge:
        await ordering(edge, station)

        made = await upgrade(core, 3)
        async with asyncio.timeout(WAIT):
            while not any(isinstance(one, provisioning.ResetRequest) for one in station.said):
                await asyncio.sleep(0.05)
        (chain,) = station.chains
        session = await edge.connect("CS-1", certificate=der_of(chain))
        await session.call(BOOT)
        done = await ended(core, made.upgrade_id)
        told = await states_told(core, made.upgrade_id)

    assert made.state == pb.SECURITY_PROFILE_UPGRADE_STATE_ORDERING
    assert done.state == pb.SECURITY_PROFILE_UPGRADE_STATE_SUCCEEDED
    sent = [one for one in station.said if isinstance(one, provisioning.SetNetworkProfileRequest)]
    assert [one.connection_data.security_profile for one in sent] == [3]
    assert told == ["ORDERING", "SENDING", "RESTARTING", "SUCCEEDED"]


async def test_a_station_that_rejects_its_certificate_stays_as_it_is(core: RunningCore) -> None:
    station = OrderingStation(status="REJECTED")
    async with core.edge() as edge:
        await ordering(edge, station)

        made = await upgrade(core, 3)
        done = await ended(core, made.upgrade_id)
        told = await states_told(core, made.upgrade_id)

    assert done.state == pb.SECURITY_PROFILE_UPGRADE_STATE_FAILED
    assert done.reason == "it got no certificate: the station rejected it"
    assert told == ["ORDERING", "FAILED"]
    assert all(isinstance(one, provisioning.GetVariablesRequest) for one in station.said)


async def test_a_station_that_orders_none_fails_at_once(core: RunningCore) -> None:
    station = OrderingStation(trigger="NOT_IMPLEMENTED")
    async with core.edge() as edge:
        await ordering(edge, station)

        made = await upgrade(core, 3)

    assert made.state == pb.SECURITY_PROFILE_UPGRADE_STATE_FAILED
    assert made.reason == "TriggerMessage: it answered NOT_IMPLEMENTED"


FAILING = {
    "sqlite": [
        """CREATE TRIGGER failing BEFORE UPDATE ON security_profile_upgrades
        WHEN NEW.upgrade_id = 'broken' AND NEW.state <> OLD.state BEGIN SELECT RAISE(ABORT, 'broken'); END"""
    ],
    "postgresql": [
        "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''broken''; END'",
        """CREATE TRIGGER failing BEFORE UPDATE ON security_profile_upgrades FOR EACH ROW
        WHEN (NEW.upgrade_id = 'broken' AND NEW.state <> OLD.state) EXECUTE FUNCTION fail()""",
    ],
}
"""Lets one upgrade not be ended."""


async def test_upgrades_that_fail_each_time_are_not_all_that_is_looked_at(
    unit_of_work: UnitOfWorkFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "MOST", 1)
    common: dict[str, Any] = {"tenant_id": "default", "security_profile": 2, "slot": 1, "requested_by": "x"}
    common |= {"state": pb.SECURITY_PROFILE_UPGRADE_STATE_SENDING, "create_time": NOW, "deadline_time": NOW}
    async with unit_of_work() as work:
        connection = await work.session.connection()
        for statement in FAILING[connection.dialect.name]:
            await connection.execute(text(statement))
        for minutes, upgrade_id in ((2, "broken"), (1, "other")):
            due = NOW - timedelta(minutes=minutes)
            row = SecurityProfileUpgradeRow(**common, upgrade_id=upgrade_id, station_id=upgrade_id, next_time=due)
            work.session.add(row)
        await work.commit()
    job = jobs.FollowUpgrades(services_of(unit_of_work))

    await job.run()
    await job.run()

    async with unit_of_work(read_only=True) as work:
        found = await work.session.get_one(SecurityProfileUpgradeRow, ("default", "other"))
    assert found.state == pb.SECURITY_PROFILE_UPGRADE_STATE_FAILED
