"""A partner whose OCPI others wrote registers, and is sent what its drivers do."""

from base64 import b64encode
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import pytest

from citrine.api.v1.tokens_pb2 import CreateTokenRequest, Token
from citrine.api.v1.tokens_pb2_grpc import TokensServiceStub
from tests.clients.ocpi.modules import test_roaming
from tests.clients.ocpi.modules.test_charging_profiles import ACCEPTED, PROFILE
from tests.support.charging import ended, started
from tests.support.pypi_emsp import TOKEN_A, install, pypi_emsp
from tests.support.waiting import WAIT

pytestmark = pytest.mark.timeout(180)

roaming = test_roaming.roaming


@pytest.fixture(scope="module")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(tmp_path_factory.mktemp("pypi"))


async def test_a_partner_that_others_wrote_sees_its_driver_charge(libraries: Path, roaming: Any) -> None:
    office, station = roaming.adapter.office, roaming.station
    tokens = roaming.core.stub(TokensServiceStub)
    token = Token(id_token="04A0B0C0", type="ISO14443", country_code="NL", party_id="EWX", contract_id="NL-EWX-1")
    await tokens.CreateToken(CreateTokenRequest(token=token))
    station.edge.on_command = lambda command: ACCEPTED
    async with pypi_emsp(libraries) as partner:
        await office.administration.add("ew", versions_url=f"{partner.url}/ocpi/versions", token=TOKEN_A)
        registered = await office.registration.register(await office.administration.get("ew"))
        assert [str(one.party) for one in registered.parties] == ["NL-EWX"]
        ours = await partner.next("credentials")

        await roaming.set_status("OCCUPIED")
        # It has strings without regard to case in small letters.
        location = await partner.next("locations", id="l-1")
        assert [one["status"] for one in location["evses"]] == ["CHARGING"]
        await station.call(started(0, 0, evse=(1, 1), id_token="04A0B0C0"))
        session = await partner.next("sessions", status="ACTIVE")

        url = {one["identifier"]: one["url"] for one in ours["endpoints"]["endpoints"]}["chargingprofiles"]
        header = f"Token {b64encode(ours['credentials']['token'].encode()).decode()}"
        body = {
            "charging_profile": PROFILE,
            "response_url": f"{partner.url}/ocpi/emsp/2.2.1/chargingprofiles/?request=1",
        }
        async with httpx2.AsyncClient(timeout=WAIT, trust_env=False) as client:
            answer = await client.put(f"{url}/{session['id']}", headers={"Authorization": header}, json=body)
        assert answer.json()["data"]["result"] == "ACCEPTED"
        assert await partner.next("chargingprofiles") == {"result": "ACCEPTED"}

        await station.call(ended(1, 1))
        record = await roaming.record()
        cdr = await partner.next("cdrs", session_id=session["id"])
        assert Decimal(str(cdr["total_cost"]["incl_vat"])) == Decimal(record.total.after_tax)
        waiting, dead = await office.letters.count()
        assert dead == 0, waiting
