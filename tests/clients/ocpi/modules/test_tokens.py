"""Tokens of partners by push, pull and question, on a whole core."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from starlette.requests import Request
from starlette.responses import Response

from citrine.api.v1 import tokens_pb2 as pb
from citrine.api.v1.authorization_pb2 import AuthorizationSettings, Authorizer, UpdateAuthorizationSettingsRequest
from citrine.api.v1.authorization_pb2_grpc import AuthorizationServiceStub
from citrine.api.v1.persons_pb2 import ErasePersonRequest
from citrine.api.v1.persons_pb2_grpc import PersonsServiceStub
from citrine.api.v1.tokens_pb2_grpc import TokensServiceStub
from citrine.ocpp.v2.authorization_pb2 import AuthorizeRequest
from citrine.ocpp.v2.types_pb2 import AuthorizationStatusEnum, IdToken
from citrine_cli.main import main
from citrine_ocpi.modules.tokens import TokensModule
from citrine_ocpi.modules.tokens.repository import TokenRepository
from citrine_ocpi.published import Published, PublishedRepository
from citrine_ocpi.transport import Party
from tests.clients.ocpi.test_personal_data import everything
from tests.support.charging import started
from tests.support.core import PASSWORD, RunningCore
from tests.support.emsp import Emsp, emsp
from tests.support.ocpi import RunningAdapter, running_adapter
from tests.support.persons import finish
from tests.support.waiting import WAIT

UID = "0112233445566A"

LONG = "A-CENTRAL-TOKEN-OF-A-DRIVER-LONGER-THAN-OBJECTS-SAY"

ACCEPTED = AuthorizationStatusEnum.AUTHORIZATION_STATUS_ENUM_ACCEPTED
BLOCKED = AuthorizationStatusEnum.AUTHORIZATION_STATUS_ENUM_BLOCKED
INVALID = AuthorizationStatusEnum.AUTHORIZATION_STATUS_ENUM_INVALID
UNKNOWN = AuthorizationStatusEnum.AUTHORIZATION_STATUS_ENUM_UNKNOWN


def token(uid: str = UID, **fields: Any) -> dict[str, Any]:
    """Return a token of the partner, as JSON."""
    return {
        "country_code": "NL",
        "party_id": "TNM",
        "uid": uid,
        "type": "RFID",
        "contract_id": "NL-TNM-C12345678-X",
        "issuer": "The New Motion",
        "valid": True,
        "whitelist": "ALWAYS",
        "last_updated": "2026-01-31T12:00:00Z",
        **fields,
    }


@asynccontextmanager
async def roaming(
    core: RunningCore, directory: Path, adapter_url: str, version: str, **settings: Any
) -> AsyncIterator[tuple[Any, Emsp]]:
    """Run an adapter with a registered partner for the time of a block."""
    async with (
        emsp() as partner,
        running_adapter(
            directory, database=adapter_url, core=core.address, key=core.key, modules=(TokensModule,), **settings
        ) as adapter,
    ):
        answer = await partner.register(adapter.versions_url, await adapter.invite("tnm"), version)
        assert answer.json()["status_code"] == 1000
        yield adapter, partner
        assert partner.complaints == []


def place(partner: Emsp, uid: str = UID, party: str = "NL/TNM") -> str:
    return f"{partner.endpoints['tokens', 'RECEIVER']}/{party}/{uid}"


def stub(core: RunningCore) -> Any:
    return core.stub(TokensServiceStub)


async def stored(core: RunningCore, uid: str = UID, type_name: str = "ISO14443") -> pb.Token:
    found: pb.Token = await stub(core).GetToken(pb.GetTokenRequest(id_token=uid, type=type_name))
    return found


@pytest.mark.in_turn
@pytest.mark.parametrize("version", ["2.2.1", "2.3.0"])
async def test_a_partner_puts_patches_and_reads_its_tokens(
    core: RunningCore, tmp_path: Path, adapter_url: str, version: str
) -> None:
    full = token(
        visual_number="DF000-2001-8999",
        group_id="FLEET-1",
        language="nl",
        default_profile_type="GREEN",
        energy_contract={"supplier_name": "Greenpeace Energy", "contract_id": "0123456789"},
    )
    async with roaming(core, tmp_path, adapter_url, version) as (_, partner):
        made = await partner.call("PUT", place(partner), full)
        assert (made.status_code, made.json()["status_code"]) == (201, 1000)
        found = await stored(core)
        assert (found.contract_id, found.issuer, found.visual_number) == (
            "NL-TNM-C12345678-X",
            "The New Motion",
            "DF000-2001-8999",
        )
        assert (found.group_id, found.language, found.country_code, found.party_id) == ("FLEET-1", "nl", "NL", "TNM")
        assert (found.whitelist, found.charging_preference, found.valid) == (
            pb.TOKEN_WHITELIST_ALWAYS,
            pb.CHARGING_PREFERENCE_GREEN,
            True,
        )
        # All that the partner said, also what the core has no field for.
        assert await partner.get(f"{place(partner, UID.lower())}?type=RFID") == full

        # What the operator decided stays so.
        found.status = pb.TOKEN_STATUS_BLOCKED
        await stub(core).UpdateToken(pb.UpdateTokenRequest(token=found))
        change = {"valid": False, "last_updated": "2026-02-01T12:00:00Z"}
        assert (await partner.call("PATCH", place(partner), change)).json()["status_code"] == 1000
        found = await stored(core)
        assert (found.valid, found.status, found.group_id) == (False, pb.TOKEN_STATUS_BLOCKED, "FLEET-1")
        assert await partner.get(place(partner)) == {**full, **change}

        # An older version that comes late, or again, changes nothing.
        assert (await partner.call("PUT", place(partner), full)).status_code == 200
        assert (await partner.get(place(partner)))["valid"] is False
        assert (await stored(core)).valid is False


async def test_what_is_wrong_is_said_and_changes_nothing(core: RunningCore, tmp_path: Path, adapter_url: str) -> None:
    await stub(core).CreateToken(pb.CreateTokenRequest(token=pb.Token(id_token="CAFEBABE", type="ISO14443")))
    async with roaming(core, tmp_path, adapter_url, "2.2.1") as (_, partner):

        async def refusal(method: str, url: str, body: Any) -> tuple[int, int, str]:
            answer = await partner.call(method, url, body)
            said = answer.json()
            return answer.status_code, said["status_code"], said.get("status_message", "")

        # Another party's URL and body; a token of the operator's; no party of theirs; a field that is missing.
        assert (await refusal("PUT", place(partner, party="DE/ABC"), token(country_code="DE", party_id="ABC")))[
            0
        ] == 404
        status = await refusal("PUT", place(partner), token(party_id="ABC"))
        assert status[:2] == (200, 2001)
        status = await refusal("PUT", place(partner, "CAFEBABE"), token("CAFEBABE"))
        assert status == (200, 2001, "there is a token of this uid that belongs to another party")
        status = await refusal("PUT", place(partner), {**token(), "contract_id": None})
        assert status[:2] == (200, 2001)
        assert "contract_id" in status[2]
        assert (await refusal("PATCH", place(partner), {"valid": False}))[2] == "last_updated: required"
        assert (await refusal("PATCH", place(partner), {"valid": 1, "last_updated": "2026-02-01T12:00:00Z"}))[0] == 404
        assert (await partner.call("GET", place(partner))).status_code == 404
        assert (await partner.call("DELETE", place(partner))).status_code == 405
        # No database can look for it.
        for url in (place(partner, "A%00B"), f"{place(partner)}?type=%00"):
            answer = await partner.call("GET", url)
            assert answer.json()["status_message"] == "the URL has a character that no id has"
    assert (await stored(core, "CAFEBABE")).party_id == ""
    with pytest.raises(grpc.aio.AioRpcError, match="NOT_FOUND"):
        await stored(core)


async def test_a_token_that_the_operator_made_its_own_is_not_taken_back(
    core: RunningCore, tmp_path: Path, adapter_url: str
) -> None:
    """The adapter has what the partner said of it before; the core decides whose it is."""
    async with roaming(core, tmp_path, adapter_url, "2.2.1") as (_, partner):
        await partner.call("PUT", place(partner), token())
        await stub(core).DeleteToken(pb.DeleteTokenRequest(id_token=UID, type="ISO14443"))
        await stub(core).CreateToken(pb.CreateTokenRequest(token=pb.Token(id_token=UID, type="ISO14443")))

        change: dict[str, Any] = {"valid": False, "last_updated": "2026-02-01T12:00:00Z"}
        for body in (token(), token(**change)):
            said = (await partner.call("PUT", place(partner), body)).json()
            assert said["status_code"] == 2001
            assert said["status_message"] == "there is a token of this uid that belongs to another party"
        # Whether or not the adapter has learnt already that the partner's own is gone.
        for _ in range(2):
            answer = await partner.call("PATCH", place(partner), change)
            assert (answer.status_code, answer.json()["status_code"]) == (200, 2001)
            async with asyncio.timeout(WAIT):
                while (await partner.call("GET", place(partner))).status_code != 404:
                    await asyncio.sleep(0.05)
    found = await stored(core)
    assert (found.party_id, found.contract_id, found.valid) == ("", "", True)


def environment(monkeypatch: pytest.MonkeyPatch, core: RunningCore, adapter: RunningAdapter, key_file: Path) -> None:
    """Have commands find the adapter's database, and the core."""
    for name, value in {
        "DATABASE": adapter.settings.ocpi_database,
        "ENCRYPTION_KEY_FILE": adapter.settings.ocpi_encryption_key_file,
        "ALLOW_INSECURE_PARTNERS": "true",
        "KEY_FILE": key_file,
    }.items():
        monkeypatch.setenv(f"CITRINE_OCPI_{name}", str(value))
    monkeypatch.setenv("CITRINE_CORE", core.address)


async def test_the_tokens_of_a_partner_that_is_removed_are_not_valid_any_more(
    core: RunningCore, tmp_path: Path, adapter_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with roaming(core, tmp_path, adapter_url, "2.2.1") as (adapter, partner):
        await partner.call("PUT", place(partner), token())
        key_file = tmp_path / "core.key"
        environment(monkeypatch, core, adapter, key_file)

        async def remove() -> int:
            return await asyncio.to_thread(main, ["ocpi", "partner", "remove", "tnm", "--yes"])

        # Without the core it stays, suspended.
        assert await remove() == 1
        assert [one.is_suspended for one in await adapter.office.partners.list_all()] == [True]
        key_file.write_text(core.key)
        assert await remove() == 0
        assert await adapter.office.partners.list_all() == []
    assert (await stored(core)).valid is False


async def test_tokens_of_a_partner_that_is_suspended_or_gone_do_not_charge_whatever_they_say(
    core: RunningCore, tmp_path: Path, adapter_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the partner or the operator refused by itself is refused afterwards, too."""
    (tmp_path / "core.key").write_text(core.key)
    await core.add_station("CS-1", registration=1)
    uids = {"always": UID, "allowed": "01122334455661", "blocked": "01122334455662", "invalid": "01122334455663"}
    async with (
        roaming(core, tmp_path, adapter_url, "2.2.1") as (adapter, partner),
        core.edge() as edge,
    ):
        await partner.call("PUT", place(partner), token())
        await partner.call("PUT", place(partner, uids["allowed"]), token(uids["allowed"], whitelist="ALLOWED"))
        await partner.call("PUT", place(partner, uids["blocked"]), token(uids["blocked"]))
        await partner.call("PUT", place(partner, uids["invalid"]), token(uids["invalid"], valid=False))
        blocked = await stored(core, uids["blocked"])
        blocked.status = pb.TOKEN_STATUS_BLOCKED
        await stub(core).UpdateToken(pb.UpdateTokenRequest(token=blocked))
        environment(monkeypatch, core, adapter, tmp_path / "core.key")
        station = await edge.connect("CS-1", PASSWORD)

        async def statuses() -> dict[str, Any]:
            asked = {
                name: AuthorizeRequest(id_token=IdToken(id_token=uid, type="ISO14443")) for name, uid in uids.items()
            }
            return {name: (await station.call(one)).id_token_info.status for name, one in asked.items()}

        async def until(expected: dict[str, Any]) -> None:
            async with asyncio.timeout(WAIT):
                while await statuses() != expected:
                    await asyncio.sleep(0.05)

        in_use = {"always": ACCEPTED, "allowed": ACCEPTED, "blocked": BLOCKED, "invalid": INVALID}
        refused = {**in_use, "always": INVALID, "allowed": INVALID}
        assert await statuses() == in_use
        assert await asyncio.to_thread(main, ["ocpi", "partner", "suspend", "tnm"]) == 0
        await until(refused)
        # Of the operator's own suspensions the adapter knows nothing.
        await stub(core).SuspendTokenOwner(pb.SuspendTokenOwnerRequest(country_code="NL", party_id="TNM"))
        assert await asyncio.to_thread(main, ["ocpi", "partner", "resume", "tnm"]) == 0
        assert await statuses() == refused
        await stub(core).ResumeTokenOwner(pb.ResumeTokenOwnerRequest(country_code="NL", party_id="TNM"))
        await until(in_use)

        await partner.call("DELETE", partner.endpoints["credentials", "SENDER"])
        await until(refused)
        await partner.register(adapter.versions_url, await adapter.office.administration.invite("tnm"))
        await until(in_use)


async def test_drivers_who_were_erased_while_no_adapter_ran_are_gone_once_one_does(
    core: RunningCore, tmp_path: Path, adapter_url: str
) -> None:
    """Events that it has not received have a pseudonym in the place of the token by then."""
    gone, kept = UID, "01122334455661"
    persons: Any = core.stub(PersonsServiceStub)
    async with roaming(core, tmp_path, adapter_url, "2.2.1") as (adapter, partner):
        for uid in (gone, kept):
            await partner.call("PUT", place(partner, uid), token(uid))
            async with adapter.office.database.writing() as session:
                bodies = {one: {"cdr_token": {"uid": uid, "type": "RFID"}} for one in ("2.2.1", "2.3.0")}
                party, now, number = Party("NL", "TNM"), datetime.now(UTC), uid[-1]
                cdr = Published("cdrs", f"C-{number}", f"of/{number}", Party("DE", "CIT"), bodies, {party}, now)
                await PublishedRepository(session).store(cdr)
                await TokenRepository(session).add_authorization("tnm", uid, "CS-1", number, now, timedelta(days=1))
        # Objects name the first characters of it alone.
        await stub(core).CreateToken(
            pb.CreateTokenRequest(token=pb.Token(id_token=LONG, type="Central", country_code="NL", party_id="ABC"))
        )
        async with adapter.office.database.writing() as session:
            bodies = {one: {"cdr_token": {"uid": LONG[:36], "type": "OTHER"}} for one in ("2.2.1", "2.3.0")}
            cdr = Published("cdrs", "C-L", "of/L", Party("DE", "CIT"), bodies, {Party("NL", "XYZ")}, datetime.now(UTC))
            await PublishedRepository(session).store(cdr)
        rows = (await everything(adapter)).count(kept)
        assert (await everything(adapter)).lower().count(gone.lower()) == rows

    erasure = await persons.ErasePerson(ErasePersonRequest(id_token=IdToken(id_token=gone, type="ISO14443")))
    await finish(core, erasure.erasure_id)

    async with running_adapter(
        tmp_path, database=adapter_url, core=core.address, key=core.key, modules=(TokensModule,)
    ) as adapter:
        async with asyncio.timeout(WAIT):
            while gone.lower() in (await everything(adapter)).lower():
                await asyncio.sleep(0.05)
        assert (await everything(adapter)).count(kept) == rows
        assert LONG[:36] in await everything(adapter)


async def test_the_list_of_a_partner_is_read_once_it_registered(
    core: RunningCore, tmp_path: Path, adapter_url: str
) -> None:
    """In pages of two; those that are malformed, and one of a stranger, are left out."""
    listed = [token(f"0112233445566{digit}") for digit in "0123"]
    strange = [{**token("01122334455667"), "issuer": None}, token("01122334455668", party_id="ABC")]
    strange += [token("01122334455667", type="A_TYPE_LONGER_THAN_ANY_DATABASE_HAS"), token("0112233445566A", type="\0")]
    async with (
        emsp() as partner,
        running_adapter(
            tmp_path, database=adapter_url, core=core.address, key=core.key, modules=(TokensModule,)
        ) as adapter,
    ):
        partner.lists["tokens"] = [*listed[:3], *strange, listed[3]]
        await partner.register(adapter.versions_url, await adapter.invite("tnm"))
        async with asyncio.timeout(WAIT):
            while not await has_read(adapter):
                await asyncio.sleep(0.05)
        assert partner.complaints == []
    found = await stub(core).ListTokens(pb.ListTokensRequest(country_code="NL", party_id="TNM"))
    assert [one.id_token for one in found.tokens] == [one["uid"] for one in listed]


async def has_read(adapter: RunningAdapter) -> bool:
    async with adapter.office.database.reading() as session:
        pulls = await TokenRepository(session).pulls()
    return any(one.until_time is not None and not one.problem for one in pulls)


def free_port() -> str:
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{opened.getsockname()[1]}"


def deciding(partner: Emsp, answers: dict[str, dict[str, Any] | None], asked: list[str]) -> Callable[[Request], Any]:
    """Return what a partner answers to questions about tokens. None: it does not know the token."""

    def answer(request: Request) -> Response | None:
        parts = request.url.path.split("/")
        if parts[-1] != "authorize":
            return None
        asked.append(parts[-2])
        found = answers.get(parts[-2])
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        if found is None:
            body = {"status_code": 2004, "status_message": "unknown token", "timestamp": now}
            return Response(json.dumps(body), 404, media_type="application/json")
        data = {"token": token(parts[-2], whitelist="NEVER"), **found}
        return Response(
            json.dumps({"data": data, "status_code": 1000, "timestamp": now}), media_type="application/json"
        )

    return answer


@pytest.mark.in_turn
@pytest.mark.parametrize("version", ["2.2.1", "2.3.0"])
async def test_the_owner_of_a_token_decides_when_it_is_presented(
    core: RunningCore, tmp_path: Path, adapter_url: str, version: str
) -> None:
    listen = free_port()
    asked: list[str] = []
    settings: Any = core.stub(AuthorizationServiceStub)
    authorizer = AuthorizationSettings(authorizer=Authorizer(address=listen))
    await settings.UpdateAuthorizationSettings(UpdateAuthorizationSettingsRequest(settings=authorizer))
    await core.add_station("CS-1", registration=1)
    async with (
        roaming(core, tmp_path, adapter_url, version, ocpi_authorizer_listen=listen) as (adapter, partner),
        core.edge() as edge,
    ):
        answers: dict[str, dict[str, Any] | None] = {
            UID: {"allowed": "ALLOWED", "authorization_reference": "auth-1", "info": {"language": "nl", "text": "Hoi"}},
            "01122334455661": {"allowed": "BLOCKED", "authorization_reference": "auth-2"},
            # Of another token.
            "01122334455663": {"allowed": "ALLOWED", "token": token("01122334455661")},
            "01122334455664": {"allowed": "ALLOWED", "token": token("01122334455661")},
        }
        partner.fault = deciding(partner, answers, asked)
        for uid in (UID, "01122334455661", "01122334455662", "01122334455663"):
            await partner.call("PUT", place(partner, uid), token(uid, whitelist="NEVER"))
        station = await edge.connect("CS-1", PASSWORD)

        async def status(uid: str) -> Any:
            return (await station.call(AuthorizeRequest(id_token=IdToken(id_token=uid, type="ISO14443")))).id_token_info

        allowed = await status(UID)
        assert (allowed.status, allowed.personal_message.content) == (ACCEPTED, "Hoi")
        assert (await status("01122334455661")).status == BLOCKED
        # One that its owner does not know, and one that nobody knows.
        assert (await status("01122334455662")).status == UNKNOWN
        assert (await status("01122334455669")).status in (UNKNOWN, INVALID)
        assert (await status("01122334455663")).status == INVALID
        assert (await status("01122334455664")).status in (UNKNOWN, INVALID)
        # The transaction of a driver who was asked about begins without another question.
        before = len(asked)
        response = await station.call(started(0, 0, id_token=UID))
        assert response.id_token_info.status == ACCEPTED
        assert len(asked) == before
        async with adapter.office.database.reading() as session:
            now, day = datetime.now(UTC), timedelta(days=1)
            repository = TokenRepository(session)
            assert await repository.find_reference(["tnm"], UID, "CS-1", now, day) == "auth-1"
            # Of somebody else's answer, and of one that lets nobody charge.
            assert await repository.find_reference(["other"], UID, "CS-1", now, day) == ""
            assert await repository.find_reference(["tnm"], "01122334455661", "CS-1", now, day) == ""

        # Whom the owner lets charge by a command it is not asked about, at that station, until it is over.
        async with adapter.office.database.writing() as session:
            repository, later = TokenRepository(session), now + timedelta(minutes=15)
            await repository.add_command("tnm", "01122334455661", "CS-1", now, later)
            await repository.add_command("tnm", "01122334455662", "CS-2", now, later)
            await repository.add_command("tnm", "01122334455663", "CS-1", now - timedelta(minutes=15), now)
        assert (await status("01122334455661")).status == ACCEPTED
        assert len(asked) == before
        assert (await status("01122334455662")).status == UNKNOWN
        assert (await status("01122334455663")).status == INVALID
        assert len(asked) == before + 2

        # A token that no list had is stored once its owner knows it.
        answers["01122334455665"] = {"allowed": "ALLOWED"}
        assert (await status("01122334455665")).status == ACCEPTED
        assert (await stored(core, "01122334455665")).party_id == "TNM"

        # An owner who does not answer says no to what is to be asked each time.
        partner.fault = lambda request: Response("", 503)
        assert (await status("01122334455662")).status == INVALID

        # Nor may what nobody would pay for, although without an answer the token itself would decide.
        await partner.call(
            "PUT", place(partner, "01122334455666"), token("01122334455666", whitelist="ALLOWED_OFFLINE")
        )
        assert (await status("01122334455666")).status == ACCEPTED
        await adapter.office.administration.suspend("tnm", is_suspended=True)
        assert (await status("01122334455666")).status == INVALID
