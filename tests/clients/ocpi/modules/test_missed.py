"""What partners were not sent while they were suspended or not registered, and get afterwards."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict

from citrine.api.v1.charge_records_pb2 import ChargeRecord
from citrine_ocpi.clock import utc_now
from citrine_ocpi.models import OcpiModel
from citrine_ocpi.modules import missed
from citrine_ocpi.modules.cdrs import CdrsModule
from citrine_ocpi.modules.cdrs.mapping import charge_cdr
from citrine_ocpi.modules.charging import Owner
from citrine_ocpi.modules.sessions import SessionsModule
from citrine_ocpi.modules.sessions.mapping import session_model
from citrine_ocpi.published import Published, PublishedRepository
from citrine_ocpi.services import Module, Services
from citrine_ocpi.transport import Party, Version
from tests.support.emsp import Emsp, emsp
from tests.support.emsp.validation import received_faults
from tests.support.ocpi import RunningAdapter, running_adapter

OURS, TNM, XYZ = Party("DE", "CIT"), Party("NL", "TNM"), Party("BE", "XYZ")

RECORD = {
    "create_time": "2025-03-01T13:00:00Z",
    "start_time": "2025-03-01T12:00:00Z",
    "end_time": "2025-03-01T12:30:00Z",
    "location": {
        "location_id": "L-1",
        "address": "Quay 1",
        "city": "Bergen",
        "country": "NOR",
        "coordinates": {"latitude": "60.392990", "longitude": "5.324150"},
    },
    "token": {"id_token": {"id_token": "04A1B2C3", "type": "ISO14443"}},
}


def cdr(object_id: str, party: Party, version: Version) -> OcpiModel:
    return charge_cdr(object_id, ParseDict(RECORD, ChargeRecord()), Owner(party), OURS, "S-1", {}, [], version)


def session(object_id: str, party: Party, version: Version) -> OcpiModel:
    made = cdr("C", party, version).wire()
    body = {
        **{name: made[name] for name in ("country_code", "party_id", "start_date_time", "cdr_token", "auth_method")},
        **{"id": object_id, "kwh": 1, "location_id": "L-1", "evse_uid": "E-1", "connector_id": "1"},
        **{"currency": "EUR", "status": "COMPLETED", "last_updated": "2025-03-01T13:00:00Z"},
    }
    return session_model(body, version)


async def store(adapter: RunningAdapter, module: str, object_id: str, party: Party) -> None:
    """Store an object as if none of its partners was to be sent it."""
    make = cdr if module == "cdrs" else session
    bodies = {str(one): make(object_id, party, one).wire() for one in Version}
    async with adapter.office.database.writing() as opened:
        await PublishedRepository(opened).store(
            Published(module, object_id, f"record/{object_id}", OURS, bodies, {party}, utc_now())
        )


def sent(partner: Emsp, module: str) -> list[Any]:
    return [(one.method, one.body["id"]) for one in partner.received if one.module == module]


async def test_what_a_partner_missed_is_sent_once_it_registers_or_is_suspended_no_more(
    adapter_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(missed, "LOOK", 0.05)
    modules: list[Callable[[Services], Module]] = [CdrsModule, SessionsModule]
    async with (
        running_adapter(tmp_path, database=adapter_url, modules=modules) as adapter,
        emsp(validate=received_faults) as partner,
    ):
        administration = adapter.office.administration
        token = await adapter.invite("tnm")
        for module in ("cdrs", "sessions"):
            await store(adapter, module, "1", TNM)
            await store(adapter, module, "2", XYZ)
        await partner.register(adapter.versions_url, token)
        await partner.wait_for(lambda one: sent(one, "cdrs") and sent(one, "sessions"))

        await administration.suspend("tnm", is_suspended=True)
        for module in ("cdrs", "sessions"):
            await store(adapter, module, "3", TNM)
        await administration.suspend("tnm", is_suspended=False)
        await partner.wait_for(lambda one: len(sent(one, "cdrs")) == len(sent(one, "sessions")) == 2)

        assert sent(partner, "cdrs") == [("POST", "1"), ("POST", "3")]
        assert sent(partner, "sessions") == [("PUT", "1"), ("PUT", "3")]

        # Of a party that the operator accepts later all is sent, however old.
        monkeypatch.setattr(missed, "RECENT", timedelta(0))
        partner.other_parties = ("BE-XYZ",)
        assert (await partner.exchange("PUT")).status_code == 200
        await administration.accept("tnm", {XYZ})
        await partner.wait_for(lambda one: len(sent(one, "cdrs")) == len(sent(one, "sessions")) == 3)
        assert (sent(partner, "cdrs")[-1], sent(partner, "sessions")[-1]) == (("POST", "2"), ("PUT", "2"))


async def test_a_cdr_is_billed_once_though_its_party_gets_a_connection_of_its_own(
    adapter_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sessions are put, which changes nothing; a CDR that is posted again is another bill."""
    monkeypatch.setattr(missed, "LOOK", 0.05)
    modules: list[Callable[[Services], Module]] = [CdrsModule, SessionsModule]
    async with (
        running_adapter(tmp_path, database=adapter_url, modules=modules) as adapter,
        emsp(validate=received_faults, other_parties=("BE-XYZ",)) as before,
        emsp(validate=received_faults, country_code="BE", party_id="XYZ") as after,
    ):
        await before.register(adapter.versions_url, await adapter.invite("tnm"))
        for module in ("cdrs", "sessions"):
            await store(adapter, module, "1", XYZ)
        await before.wait_for(lambda one: sent(one, "cdrs") and sent(one, "sessions"))

        before.other_parties = ()
        await before.exchange("PUT")
        await after.register(adapter.versions_url, await adapter.invite("xyz"))
        for module in ("cdrs", "sessions"):
            await store(adapter, module, "2", XYZ)
        await after.wait_for(lambda one: sent(one, "cdrs") and len(sent(one, "sessions")) == 2)

        assert sent(before, "cdrs") == [("POST", "1")]
        assert sent(after, "cdrs") == [("POST", "2")]
        # Objects are sent side by side.
        assert sorted(sent(after, "sessions")) == [("PUT", "1"), ("PUT", "2")]
