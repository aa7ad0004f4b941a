"""What /metrics of a core says of the business, after real messages."""

import asyncio
from pathlib import Path
from typing import Any

import grpc
import pytest
from prometheus_client.parser import text_string_to_metric_families

from citrine.api.v1.availability_pb2 import ChangeAvailabilityRequest
from citrine.api.v1.availability_pb2_grpc import AvailabilityServiceStub
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.tokens_pb2 import TOKEN_STATUS_ACCEPTED, TOKEN_STATUS_BLOCKED, CreateTokenRequest, Token
from citrine.api.v1.tokens_pb2_grpc import TokensServiceStub
from citrine.edge.v1 import link_pb2 as link
from citrine.ocpp.v2 import availability_pb2 as availability
from citrine.ocpp.v2.authorization_pb2 import AuthorizeRequest
from citrine.ocpp.v2.provisioning_pb2 import BOOT_REASON_ENUM_POWER_UP, BootNotificationRequest, ChargingStation
from citrine.ocpp.v2.transactions_pb2 import CHARGING_STATE_ENUM_CHARGING
from citrine.ocpp.v2.types_pb2 import EVSE, IdToken
from citrine_core.clock import utc_now
from tests.support.charging import ended, started, updated
from tests.support.core import PASSWORD, RunningCore, running_core
from tests.support.fake_edge import timestamp

BOOT = BootNotificationRequest(
    reason=BOOT_REASON_ENUM_POWER_UP, charging_station=ChargingStation(model="M", vendor_name="V")
)

Scraped = dict[tuple[str, ...], float]


async def scrape(core: RunningCore) -> Scraped:
    """Return what is shown: the name and the values of the labels, with the value."""
    host, _, port = core.http_address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET /metrics HTTP/1.1\r\nHost: core\r\n\r\n")
    body = (await reader.read()).decode().partition("\r\n\r\n")[2]
    writer.close()
    await writer.wait_closed()
    return {
        (sample.name.removeprefix("citrine_core_"), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(body)
        for sample in family.samples
        if sample.name.startswith("citrine_core_")
    }


def among(scraped: Scraped, name: str) -> dict[str, float]:
    """Return what is not 0 of a metric, by its labels."""
    return {" ".join(labels): value for (found, *labels), value in scraped.items() if found == name and value}


def status(connector_id: int, word: str) -> availability.StatusNotificationRequest:
    return availability.StatusNotificationRequest(
        timestamp=timestamp(),
        connector_status=availability.ConnectorStatusEnum.Value(f"CONNECTOR_STATUS_ENUM_{word}"),
        evse_id=1,
        connector_id=connector_id,
    )


async def test_stations_and_connectors_are_counted_by_state(core: RunningCore) -> None:
    await core.add_tenant("acme")
    for station_id in ("CS-1", "CS-2", "CS-3", "CS-4"):
        await core.add_station(station_id)
    await core.add_station("CS-1", tenant_id="acme")
    await core.add_station("OFF", enabled=False)
    await core.add_station("HELD", held_time=utc_now())
    async with core.edge() as edge:
        for station_id, tenant_id in (("CS-1", ""), ("CS-1", "acme"), ("CS-2", "")):
            session = await edge.connect(station_id, PASSWORD, tenant_id=tenant_id)
            await session.call(BOOT)
            await session.call_all([status(1, "AVAILABLE"), status(2, "FAULTED")])
        await session.close()
        await edge.connect("CS-3", PASSWORD)
        # The close is known once the next is admitted: a station's items stay in order.
        await (await edge.connect("CS-2", PASSWORD)).close()
        await edge.admit("CS-2", PASSWORD)

        scraped = await scrape(core)

    assert among(scraped, "stations") == {
        "connected": 2.0,
        "not_booted": 1.0,
        "offline": 1.0,
        "never_seen": 1.0,
        "disabled": 1.0,
        "held": 1.0,
    }
    assert scraped["stations", "pending"] == 0.0
    assert among(scraped, "connectors") == {"available": 2.0, "faulted": 2.0, "offline": 2.0}


async def test_transactions_and_energy_are_counted(core: RunningCore) -> None:
    """Energy is counted as it is told of; a message that comes again adds nothing."""
    await core.add_station("CS-1", registration=1)
    async with core.edge() as edge:
        session = await edge.connect("CS-1", PASSWORD)
        await session.call(started(0, 1000, evse=(1, 1)))
        more = updated(1, 1250, minutes=5, info={"charging_state": CHARGING_STATE_ENUM_CHARGING})
        for _ in range(2):
            await session.call(more)
        await session.call_all([started(transaction_id="T-2", evse=(2, 1)), started(transaction_id="T-3", evse=(3, 1))])
        await session.call(ended(1, transaction_id="T-3"))

        scraped = await scrape(core)

    assert among(scraped, "energy_wh_total") == {"": 250.0}
    assert among(scraped, "transactions_running") == {"charging": 1.0, "unknown": 1.0}


async def test_authorizations_that_fail_are_counted_by_reason(core: RunningCore) -> None:
    await core.add_station("CS-1", registration=1)
    # Any: the types of stubs are those of synchronous channels.
    tokens: Any = core.stub(TokensServiceStub)
    for id_token, state in (("600D0000", TOKEN_STATUS_ACCEPTED), ("BAD00000", TOKEN_STATUS_BLOCKED)):
        await tokens.CreateToken(CreateTokenRequest(token=Token(id_token=id_token, type="ISO14443", status=state)))
    async with core.edge() as edge:
        session = await edge.connect("CS-1", PASSWORD)
        for id_token in ("600D0000", "BAD00000", "BAD00000", "00000000"):
            await session.call(AuthorizeRequest(id_token=IdToken(id_token=id_token, type="ISO14443")))
        for _ in range(2):
            await session.call(started(id_token="00000001"))

        scraped = await scrape(core)

    assert among(scraped, "failed_authorizations_total") == {"blocked": 2.0, "unknown": 2.0}
    assert scraped["failed_authorizations_total", "no_credit"] == 0.0


async def test_commands_are_counted_by_their_end_wherever_it_is_found(core: RunningCore) -> None:
    await core.add_station("CS-1", registration=1)
    await core.add_station("CS-2", registration=1)
    stub: Any = core.stub(AvailabilityServiceStub)
    request = availability.ChangeAvailabilityRequest(
        operational_status=availability.OPERATIONAL_STATUS_ENUM_OPERATIVE, evse=EVSE(id=1)
    )
    async with core.edge() as edge:
        await (await edge.connect("CS-1", PASSWORD)).call(availability.HeartbeatRequest())
        edge.on_command = lambda command: availability.ChangeAvailabilityResponse(
            status=availability.CHANGE_AVAILABILITY_STATUS_ENUM_ACCEPTED
        )
        await stub.ChangeAvailability(
            ChangeAvailabilityRequest(target=CommandTarget(station_id="CS-1"), request=request)
        )
        with pytest.raises(grpc.aio.AioRpcError):
            await stub.ChangeAvailability(
                ChangeAvailabilityRequest(target=CommandTarget(station_id="CS-2"), request=request)
            )

        scraped = await scrape(core)

    assert among(scraped, "commands_total") == {"answered": 1.0, "failed": 1.0}


async def test_refused_messages_are_counted_by_code_and_refused_stations_by_reason(core: RunningCore) -> None:
    await core.add_station("CS-1", registration=1)
    async with core.edge() as edge:
        session = await edge.connect("CS-1", PASSWORD)
        refusals = [
            link.Refusal(
                outcome=link.Refusal.OUTCOME_REFUSED, action="Authorize", code=code, path="/x", count=count,
                first_time=timestamp(), last_time=timestamp(),
            )
            for code, count in (("FormatViolation", 3), ("FormationViolation", 1))
        ]  # fmt: skip
        edge.put(link.Upstream(refusals=link.Refusals(session=session.ref, refusals=refusals)))
        await session.call(availability.HeartbeatRequest())
        await edge.admit("NOBODY", "guess")
        await edge.admit("CS-1", "guess")
        await session.call(BOOT)

        scraped = await scrape(core)

    assert among(scraped, "refused_messages_total") == {
        "FormatViolation refused": 3.0,
        "FormationViolation refused": 1.0,
    }
    assert sum(among(scraped, "refused_stations_total").values()) == 2.0


async def test_cores_of_one_database_show_the_same_of_it(database_url: str, tmp_path: Path) -> None:
    """So that it is max, and not sum, that is right."""
    async with running_core(database_url, tmp_path) as one, running_core(database_url, tmp_path) as other:
        await one.add_station("CS-1")

        scraped = [await scrape(core) for core in (one, other)]

    assert [among(each, "stations") for each in scraped] == [{"never_seen": 1.0}] * 2
