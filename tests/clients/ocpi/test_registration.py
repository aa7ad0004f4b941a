"""Registration with a strict partner, by real HTTP: at the wish of either side, in both versions."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

import pytest
from starlette.responses import Response

from citrine_ocpi.partners import RegistrationFailed
from citrine_ocpi.partners.administration import AdministrationRefused
from citrine_ocpi.transport import Party, Version
from tests.support.emsp import Emsp, emsp
from tests.support.ocpi import RunningAdapter, running_adapter
from tests.support.waiting import WAIT


class Gate(asyncio.Event):
    """Has whoever asks a partner wait until it is set, and says that somebody does."""

    def __init__(self) -> None:
        super().__init__()
        self._reached = asyncio.Event()

    async def wait(self) -> Literal[True]:
        """Wait."""
        self._reached.set()
        return await super().wait()

    async def is_reached(self) -> None:
        """Return once somebody waits."""
        async with asyncio.timeout(WAIT):
            await self._reached.wait()


VERSIONS = pytest.mark.parametrize("version", ["2.2.1", "2.3.0"])


@pytest.fixture
async def adapter(adapter_url: str, tmp_path: Path) -> AsyncIterator[RunningAdapter]:
    """An adapter on an empty database of each kind in turn."""
    async with running_adapter(tmp_path, database=adapter_url, modules=[]) as running:
        yield running


@pytest.fixture
async def partner() -> AsyncIterator[Emsp]:
    """A partner that nobody knows yet."""
    async with emsp() as peer:
        yield peer


@pytest.mark.in_turn
@VERSIONS
async def test_a_partner_registers_by_our_token_which_is_void_afterwards(
    adapter: RunningAdapter, partner: Emsp, version: str
) -> None:
    token_a = await adapter.invite("tnm")

    answer = await partner.register(adapter.versions_url, token_a, version)

    assert answer.status_code == 201
    credentials = answer.json()["data"]
    assert credentials["roles"] == [
        {
            "role": "CPO",
            "country_code": "DE",
            "party_id": "CIT",
            "business_details": {"name": "Citrine Charging"},
        }
    ]
    assert credentials["url"] == adapter.versions_url
    assert (await partner.call("GET", adapter.versions_url, token=token_a)).status_code == 401
    assert (await partner.get(partner.endpoints["credentials", "SENDER"]))["token"] == partner.token
    found = await adapter.office.partners.find("tnm")
    assert found is not None
    assert (found.version, str(found.parties[0].party)) == (version, "NL-TNM")
    assert {one.module for one in found.endpoints} >= {"credentials", "locations", "tokens", "cdrs"}


@pytest.mark.in_turn
@VERSIONS
async def test_we_register_by_the_token_of_a_partner(adapter: RunningAdapter, partner: Emsp, version: str) -> None:
    partner.accepted = {"token-a-of-the-partner"}
    administration = adapter.office.administration
    await administration.add("tnm", versions_url=f"{partner.url}/versions", token="token-a-of-the-partner")

    found = await adapter.office.registration.register(await administration.get("tnm"), Version(version))

    assert found.version == version
    assert partner.registered["roles"][0]["party_id"] == "CIT"
    # Each calls the other by the new tokens.
    assert partner.accepted == {found.token}
    assert (await partner.get(partner.endpoints["credentials", "SENDER"]))["token"] == partner.token
    with pytest.raises(RegistrationFailed, match="is registered"):
        await adapter.office.registration.register(found)


async def test_credentials_are_changed_by_either_side_and_with_the_version(
    adapter: RunningAdapter, partner: Emsp
) -> None:
    """The token before is good until the new one was used."""
    await partner.register(adapter.versions_url, await adapter.invite("tnm"), "2.2.1")
    before = partner.token
    await partner.fetch_endpoints("2.3.0")

    answer = await partner.exchange("PUT", "2.3.0")

    assert answer.status_code == 200
    after = partner.token
    assert (await partner.call("GET", adapter.versions_url, token=before)).status_code == 200
    assert (await partner.call("GET", adapter.versions_url, token=after)).status_code == 200
    assert (await partner.call("GET", adapter.versions_url, token=before)).status_code == 401
    found = await adapter.office.administration.get("tnm")
    assert found.version == "2.3.0"

    rotated = await adapter.office.registration.rotate(found)

    assert partner.token != after
    assert partner.accepted == {rotated.token}
    assert rotated.token != found.token


async def test_methods_that_do_not_fit_the_state_are_405(adapter: RunningAdapter, partner: Emsp) -> None:
    token_a = await adapter.invite("tnm")
    partner.partner_versions_url, partner.token = adapter.versions_url, token_a
    await partner.fetch_endpoints("2.2.1")
    url = partner.endpoints["credentials", "SENDER"]

    assert (await partner.exchange("PUT")).status_code == 405
    assert (await partner.call("DELETE", url)).status_code == 405
    assert (await partner.call("PATCH", url, {})).status_code == 405
    assert (await partner.exchange("POST")).status_code == 201
    assert (await partner.exchange("POST")).status_code == 405
    assert (await partner.call("DELETE", url)).status_code == 200
    assert (await partner.call("GET", url)).status_code == 401
    assert not (await adapter.office.administration.get("tnm")).is_registered


async def test_a_partner_that_can_not_be_asked_is_refused_and_may_try_again(
    adapter: RunningAdapter, partner: Emsp
) -> None:
    """With 3001, 3002 or 3003, and its token A is still good."""
    token_a = await adapter.invite("tnm")
    partner.partner_versions_url, partner.token = adapter.versions_url, token_a
    await partner.fetch_endpoints("2.2.1")
    own_url, partner.url = partner.url, "http://127.0.0.1:9"

    assert (await partner.exchange("POST")).json()["status_code"] == 3001

    partner.url, partner.versions = own_url, ("2.1.1",)
    assert (await partner.exchange("POST")).json()["status_code"] == 3002
    partner.versions = ("2.2.1",)
    assert (await partner.exchange("POST")).status_code == 201


async def test_a_partner_can_not_say_that_it_is_somebody_else(adapter: RunningAdapter, partner: Emsp) -> None:
    """It would see that one's tokens and sessions."""
    await partner.register(adapter.versions_url, await adapter.invite("tnm"))

    async with emsp(party_id="tnm") as impostor:
        as_partner = await impostor.register(adapter.versions_url, await adapter.invite("impostor"))
        impostor.country_code, impostor.party_id = "DE", "CIT"
        as_us = await impostor.exchange("POST")

    assert as_partner.json()["status_code"] == as_us.json()["status_code"] == 2001
    assert not (await adapter.office.administration.get("impostor")).is_registered


async def owned(adapter: RunningAdapter, partner_id: str) -> set[str]:
    return {str(party) for party in (await adapter.office.administration.get(partner_id)).owned_parties()}


async def waiting(adapter: RunningAdapter, partner_id: str) -> set[str]:
    return {str(one.party) for one in (await adapter.office.administration.get(partner_id)).waiting_parties}


@pytest.mark.in_turn
@pytest.mark.parametrize("is_hub", [True, False], ids=["a hub", "no hub"])
async def test_parties_that_a_partner_names_later_wait_for_the_operator(
    adapter: RunningAdapter, partner: Emsp, is_hub: bool
) -> None:
    """What it is already goes on; whoever squats on a party keeps nobody else from being it."""
    administration = adapter.office.administration
    partner.role, partner.other_parties = "HUB" if is_hub else "EMSP", ("NL-TN2",)
    await partner.register(adapter.versions_url, await adapter.invite("tnm", is_hub=is_hub))
    assert await owned(adapter, "tnm") == {"NL-TNM", "NL-TN2"}

    partner.other_parties = ("NL-NEW", "NL-SQT")
    assert (await partner.exchange("PUT")).status_code == 200

    assert await owned(adapter, "tnm") == {"NL-TNM"}
    assert await waiting(adapter, "tnm") == {"NL-NEW", "NL-SQT"}
    async with emsp(party_id="SQT") as rightful:
        assert (await rightful.register(adapter.versions_url, await adapter.invite("sqt"))).status_code == 201
        with pytest.raises(AdministrationRefused, match="NL-SQT is somebody else's"):
            await administration.accept("tnm", {Party("NL", "SQT")})
    with pytest.raises(AdministrationRefused, match="NL-TN2 does not wait"):
        await administration.accept("tnm", {Party("NL", "TN2")})
    await administration.accept("tnm", {Party("NL", "NEW")})
    assert await owned(adapter, "tnm") == {"NL-TNM", "NL-NEW"}

    partner.other_parties = ("NL-NEW",)
    assert (await partner.exchange("PUT")).status_code == 200
    assert (await owned(adapter, "tnm"), await waiting(adapter, "tnm")) == ({"NL-TNM", "NL-NEW"}, set())


async def test_parties_that_a_partner_answers_to_new_tokens_of_ours_wait(
    adapter: RunningAdapter, partner: Emsp
) -> None:
    await partner.register(adapter.versions_url, await adapter.invite("tnm"))

    partner.party_id = "NEW"
    await adapter.office.registration.rotate(await adapter.office.administration.get("tnm"))

    assert (await owned(adapter, "tnm"), await waiting(adapter, "tnm")) == (set(), {"NL-NEW"})
    await partner.register(adapter.versions_url, await adapter.office.administration.invite("tnm"))
    # By a token A the operator accepts who comes.
    assert (await owned(adapter, "tnm"), await waiting(adapter, "tnm")) == ({"NL-NEW"}, set())


async def test_a_party_that_is_accepted_as_a_hub_is_the_hub(adapter: RunningAdapter, partner: Emsp) -> None:
    administration = adapter.office.administration
    partner.role = "HUB"
    token_a = await administration.add("hub", is_hub=True, is_broadcast=True)
    await partner.register(adapter.versions_url, token_a)
    partner.party_id = "NEW"
    assert (await partner.exchange("PUT")).status_code == 200
    assert str((await administration.get("hub")).hub) == "NL-TNM"

    await administration.accept("hub", {Party("NL", "NEW")})

    accepted = await administration.get("hub")
    assert (str(accepted.hub), accepted.is_hub, accepted.is_broadcast) == ("NL-NEW", True, True)
    await administration.change("hub", is_hub=False)
    await administration.change("hub", is_hub=True)
    again = await administration.get("hub")
    assert (str(again.hub), again.is_hub, again.is_broadcast) == ("NL-NEW", True, False)


async def test_of_two_partners_with_one_party_at_a_time_one_is_refused(adapter: RunningAdapter, partner: Emsp) -> None:
    """Whatever its role there: what it owns goes by the party alone."""
    partner.answers = gate = Gate()
    token_a = await adapter.invite("tnm")
    registering = asyncio.create_task(partner.register(adapter.versions_url, token_a))
    await gate.is_reached()

    async with emsp(role="NSP") as other:
        assert (await other.register(adapter.versions_url, await adapter.invite("other"))).status_code == 201
    gate.set()

    assert (await registering).json()["status_code"] == 2001
    assert not (await adapter.office.administration.get("tnm")).is_registered


async def test_of_two_registrations_by_one_token_at_a_time_one_is_refused(
    adapter: RunningAdapter, partner: Emsp
) -> None:
    partner.partner_versions_url, partner.token = adapter.versions_url, await adapter.invite("tnm")
    await partner.fetch_endpoints("2.2.1")
    url, tokens = partner.endpoints["credentials", "SENDER"], ("token-of-one-request", "token-of-the-other")
    partner.accepted = {*tokens}

    answers = await asyncio.gather(*(partner.call("POST", url, partner.credentials(token)) for token in tokens))

    assert sorted(one.status_code for one in answers) == [201, 405]
    (given,) = [one.json()["data"]["token"] for one in answers if one.status_code == 201]
    assert (await partner.call("GET", url, token=given)).status_code == 200
    found = await adapter.office.administration.get("tnm")
    (registered,) = [token for token, one in zip(tokens, answers, strict=True) if one.status_code == 201]
    assert found.token == registered


@pytest.mark.parametrize("is_first_late", [True, False], ids=["the older answer last", "the newer answer last"])
async def test_of_two_exchanges_of_tokens_at_a_time_the_last_of_the_partner_is_good(
    adapter: RunningAdapter, partner: Emsp, is_first_late: bool
) -> None:
    """Whichever answer of the partner comes first: it knows one token of each side."""
    await partner.register(adapter.versions_url, await adapter.invite("tnm"))
    registration, found = adapter.office.registration, await adapter.office.administration.get("tnm")
    answer, gates = partner._credentials, [Gate(), Gate()]
    waiting = iter(gates)

    async def late(method: str, version: str, body: bytes) -> Response:
        gate, given = next(waiting), await answer(method, version, body)
        await gate.wait()
        return given

    partner._credentials = late  # type: ignore[method-assign]
    rotating = [asyncio.create_task(registration.rotate(found))]
    await gates[0].is_reached()
    between = {*partner.accepted}
    partner.accepted |= {found.token}
    rotating.append(asyncio.create_task(registration.rotate(found)))
    await gates[1].is_reached()
    assert partner.accepted & between == set()
    for number in (1, 0) if is_first_late else (0, 1):
        gates[number].set()
        await asyncio.gather(rotating[number], return_exceptions=True)

    (good,) = partner.accepted
    assert (await adapter.office.administration.get("tnm")).token == good
    assert (await partner.call("GET", adapter.versions_url)).status_code == 200


async def test_an_invitation_ends_an_exchange_that_is_under_way(adapter: RunningAdapter, partner: Emsp) -> None:
    """Who has stolen a token must not keep it by a PUT that is answered after the operator's command."""
    administration = adapter.office.administration
    await partner.register(adapter.versions_url, await adapter.invite("tnm"))

    partner.answers = gate = Gate()
    stolen = asyncio.create_task(partner.exchange("PUT"))
    await gate.is_reached()
    token_a = await administration.invite("tnm")
    gate.set()

    assert (await stolen).status_code == 401
    assert not (await administration.get("tnm")).is_registered
    assert (await partner.register(adapter.versions_url, token_a)).status_code == 201

    partner.answers = gate = Gate()
    rotating = asyncio.create_task(adapter.office.registration.rotate(await administration.get("tnm")))
    await gate.is_reached()
    await administration.invite("tnm")
    gate.set()

    with pytest.raises(RegistrationFailed, match="ended meanwhile"):
        await rotating
    assert not (await administration.get("tnm")).is_registered


async def test_a_partner_that_is_suspended_is_refused_until_it_is_not(adapter: RunningAdapter, partner: Emsp) -> None:
    await partner.register(adapter.versions_url, await adapter.invite("tnm"))

    await adapter.office.administration.suspend("tnm", is_suspended=True)
    refused = await partner.call("GET", adapter.versions_url)
    await adapter.office.administration.suspend("tnm", is_suspended=False)

    assert refused.status_code == 403
    assert (await partner.call("GET", adapter.versions_url)).status_code == 200


async def test_removing_a_partner_ends_the_registration_at_its_side(adapter: RunningAdapter, partner: Emsp) -> None:
    await partner.register(adapter.versions_url, await adapter.invite("tnm"))

    assert await adapter.office.administration.remove("tnm") == ""

    assert partner.registered == {}
    assert (await partner.call("GET", adapter.versions_url)).status_code == 401
    assert await adapter.office.partners.list_all() == []


async def test_a_partner_may_have_tokens_as_they_are(adapter: RunningAdapter) -> None:
    async with emsp(is_raw=True) as partner:
        answer = await partner.register(adapter.versions_url, await adapter.invite("tnm", is_raw=True))
        assert answer.status_code == 201

        partner.is_raw = False
        assert (await partner.call("GET", adapter.versions_url)).status_code == 401
        partner.is_raw = True


async def test_no_token_is_stored_in_clear(adapter: RunningAdapter, partner: Emsp, tmp_path: Path) -> None:
    token_a = await adapter.invite("tnm")
    await partner.register(adapter.versions_url, token_a)
    (given,) = partner.accepted

    await adapter.office.close()

    for file in tmp_path.glob("*.db*"):
        content = file.read_bytes()
        assert all(token.encode() not in content for token in (token_a, given, partner.token))
