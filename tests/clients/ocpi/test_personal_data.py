"""What is stored of drivers: what is too old is removed, and what is of a partner goes with it."""

import re
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_ocpi.clock import utc_now
from citrine_ocpi.db import Table
from citrine_ocpi.deliveries.tables import DeliveryRow
from citrine_ocpi.modules.commands.repository import CommandRepository
from citrine_ocpi.modules.reservations import ReservationRepository, ReservationRequest
from citrine_ocpi.modules.tokens.repository import TokenRepository
from citrine_ocpi.personal_data import Retention
from citrine_ocpi.published import Published, PublishedRepository
from citrine_ocpi.transport import Party
from tests.support.emsp import emsp
from tests.support.ocpi import RunningAdapter, running_adapter

OURS, TNM, XYZ = Party("DE", "CIT"), Party("NL", "TNM"), Party("BE", "XYZ")


@pytest.fixture
async def adapter(adapter_url: str, tmp_path: Path) -> AsyncIterator[RunningAdapter]:
    """An adapter on an empty database of each kind in turn."""
    async with running_adapter(tmp_path, database=adapter_url, modules=[]) as running:
        yield running


async def everything(adapter: RunningAdapter) -> str:
    """Return all rows of all tables, as text."""
    async with adapter.office.database.reading() as session:
        tables = [await session.execute(select(table)) for table in Table.metadata.sorted_tables]
        return "\n".join(str([*row]) for rows in tables for row in rows)


async def store(session: AsyncSession, partner: str, party: Party, uid: str, time: datetime) -> None:
    """Store all that names a driver."""
    bodies = {one: {"cdr_token": {"uid": uid, "type": "RFID"}} for one in ("2.2.1", "2.3.0")}
    for module in ("sessions", "cdrs"):
        published = Published(module, f"{module}-{uid}", f"of/{uid}", OURS, bodies, {party}, time)
        repository = PublishedRepository(session)
        await repository.add_recipients(await repository.store(published), [partner])
    tokens = TokenRepository(session)
    await tokens.store({(party.country_code, party.party_id, uid.lower(), "RFID"): (time, {"uid": uid})})
    await tokens.add_authorization(partner, uid, "CS-1", f"auth-{uid}", time, timedelta(days=1))
    command: dict[str, Any] = {
        "partner_id": partner,
        "digest": uid,
        "request_id": uid,
        "idempotency_key": uid,
        "command": "START_SESSION",
        "response_url": "https://example.com",
        "target": {"id_token": uid},
        "routing": {},
        "correlation_id": "1",
        "create_time": time,
    }
    commands = CommandRepository(session)
    await commands.add(command, time)
    requested = ReservationRequest("https://example.com", {}, "1", f"reserved-{uid}", time)
    await ReservationRepository(session).put(partner, f"r-{uid}", "CS-1", 1, requested)
    letter = DeliveryRow(
        partner_id=partner,
        module="sessions",
        object_key=f"sessions/DE/CIT/sessions-{uid}",
        order_key="1",
        method="PUT",
        path="",
        body=uid,
        changes="",
        routing={},
        correlation_id="1",
        revision=0,
        attempts=1,
        create_time=time,
        due_time=time,
        dead_time=time,
        problem="refused",
    )
    session.add(letter)


async def test_nothing_of_a_partner_that_is_removed_is_left_and_nothing_of_others_is_gone(
    adapter: RunningAdapter,
) -> None:
    now = utc_now()
    async with emsp() as tnm, emsp(country_code="BE", party_id="XYZ") as xyz:
        await tnm.register(adapter.versions_url, await adapter.invite("tnm"))
        await xyz.register(adapter.versions_url, await adapter.invite("xyz"))
        async with adapter.office.database.writing() as session:
            await store(session, "tnm", TNM, "04A1B2C3", now)
            await store(session, "xyz", XYZ, "04D4E5F6", now)
        before = (await everything(adapter)).upper()

        assert await adapter.office.administration.remove("tnm") == ""
        after = (await everything(adapter)).upper()
        assert "04A1B2C3" not in after
        # As a word: three letters occur in what is encrypted, too. That there was such a party is remembered, so that
        # no hub has it without the operator.
        assert [one for one in after.splitlines() if re.search(r"\bTNM\b", one)] == ["['NL', 'TNM', '']"]
        assert after.count("04D4E5F6") == before.count("04D4E5F6") > 6

        # One that has ended the registration by itself has no parties any more.
        await xyz.call("DELETE", xyz.endpoints["credentials", "SENDER"])
        await adapter.office.administration.remove("xyz")
        assert "04D4E5F6" not in (await everything(adapter)).upper()


async def test_what_names_drivers_is_removed_when_it_is_too_old(adapter: RunningAdapter) -> None:
    now = utc_now()
    await adapter.invite("tnm")
    async with adapter.office.database.writing() as session:
        await store(session, "tnm", TNM, "04A1B2C3", now - timedelta(days=91))
        await store(session, "tnm", TNM, "04D4E5F6", now)
    settings = adapter.settings.model_copy(update={"ocpi_object_retention": timedelta(days=92)})

    await Retention(adapter.office.database, settings, lambda: now).remove_old()
    left = await everything(adapter)
    assert "auth-04A1B2C3" not in left
    assert "id_token': '04A1B2C3" not in left
    assert "cdrs-04A1B2C3" in left
    assert "sessions/DE/CIT/sessions-04A1B2C3" not in left

    # What a partner said of its token is retained as long as the core has the token.
    later = now + timedelta(days=2)
    await Retention(adapter.office.database, settings, lambda: later).remove_old()
    left = await everything(adapter)
    assert "cdrs-04A1B2C3" not in left
    assert "sessions-04A1B2C3" not in left
    assert "04A1B2C3" in left
    assert "sessions/DE/CIT/sessions-04D4E5F6" in left
