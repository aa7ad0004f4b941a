"""Module hubclientinfo: what a hub tells and lists of the parties behind it, and whose objects it may then see."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from citrine_ocpi.modules.hub_client_info import HubClientInfoModule
from citrine_ocpi.partners.administration import AdministrationRefused
from citrine_ocpi.transport.routing import Party
from tests.support.emsp import Emsp, emsp
from tests.support.emsp.validation import faults, received_faults
from tests.support.ocpi import RunningAdapter, running_adapter
from tests.support.waiting import WAIT

MODULES = [partial(HubClientInfoModule, look=0.1)]
VERSIONS = pytest.mark.parametrize("version", ["2.2.1", "2.3.0"])


@pytest.fixture
async def adapter(tmp_path: Path) -> AsyncIterator[RunningAdapter]:
    """An adapter."""
    async with running_adapter(tmp_path, modules=MODULES) as running:
        yield running


@pytest.fixture
async def adapter_of_each(adapter_url: str, tmp_path: Path) -> AsyncIterator[RunningAdapter]:
    """An adapter on an empty database of each kind in turn."""
    async with running_adapter(tmp_path, database=adapter_url, modules=MODULES) as running:
        yield running


async def registered(adapter: RunningAdapter, partner: Emsp, version: str = "2.2.1") -> Emsp:
    token = await adapter.invite(partner.party_id, is_hub=partner.role == "HUB" or bool(partner.hub_party_id))
    assert (await partner.register(adapter.versions_url, token, version)).status_code == 201
    await partner.fetch_endpoints(version)
    return partner


def info(party: str, status: str = "CONNECTED", time: str = "2026-11-30T08:00:00Z") -> dict[str, Any]:
    country_code, _, party_id = party.partition("-")
    return {
        "country_code": country_code,
        "party_id": party_id,
        "role": "EMSP",
        "status": status,
        "last_updated": time,
    }


async def put(hub: Emsp, one: dict[str, Any]) -> dict[str, Any]:
    url = f"{hub.endpoints['hubclientinfo', 'RECEIVER']}/{one['country_code']}/{one['party_id']}"
    answer: dict[str, Any] = (await hub.call("PUT", url, one)).json()
    return answer


async def owned(adapter: RunningAdapter, partner_id: str) -> set[str]:
    partner = await adapter.office.partners.find(partner_id)
    assert partner is not None
    return {str(party) for party in partner.owned_parties()}


def hub_peer(version: str, party_id: str = "HUB") -> Any:
    return emsp(party_id=party_id, role="HUB", validate=received_faults)


async def test_a_hub_tells_who_is_behind_it_and_the_newest_counts(adapter: RunningAdapter) -> None:
    async with hub_peer("2.2.1") as hub:
        await registered(adapter, hub)
        assert (await put(hub, info("de-prv", "PLANNED")))["status_code"] == 1000
        assert (await put(hub, info("DE-PRV", "OFFLINE", "2026-11-30T09:00:00Z")))["status_code"] == 1000
        assert (await put(hub, info("DE-PRV", "CONNECTED", "2026-11-30T08:30:00Z")))["status_code"] == 1000

        shown = await hub.get(f"{hub.endpoints['hubclientinfo', 'RECEIVER']}/DE/PRV")

        assert shown == info("DE-PRV", "OFFLINE", "2026-11-30T09:00:00Z")
        assert faults(shown, "ClientInfo", "2.2.1") == []
        assert await owned(adapter, "HUB") == {"NL-HUB", "DE-PRV"}
        missing = await hub.call("GET", f"{hub.endpoints['hubclientinfo', 'RECEIVER']}/DE/XXX")
        assert missing.status_code == 404


async def test_of_the_roles_of_a_party_the_one_counts_in_which_it_is_sent_something(adapter: RunningAdapter) -> None:
    operator = {"role": "CPO"}
    # Of the first, the operator is newer, and listed first; of the second, last.
    listed = [
        {**info("DE-ONE", time="2026-11-30T09:00:00Z"), **operator},
        info("DE-ONE"),
        info("DE-TWO"),
        {**info("DE-TWO", "SUSPENDED", "2026-11-30T09:00:00Z"), **operator},
        {**info("DE-OPS"), **operator},
    ]
    async with hub_peer("2.2.1") as hub:
        await registered(adapter, hub)
        for one in listed:
            assert (await put(hub, one))["status_code"] == 1000

        partner = await adapter.office.partners.find("HUB")
        assert partner is not None
        assert {*map(str, partner.present_parties())} == {"DE-ONE", "DE-TWO"}


async def test_nobody_sees_what_is_anothers_by_saying_that_they_are_behind_a_hub(
    adapter_of_each: RunningAdapter,
) -> None:
    adapter = adapter_of_each
    async with hub_peer("2.2.1") as hub, hub_peer("2.2.1", "HU2") as other, emsp(party_id="TNM") as direct:
        for peer in (hub, other, direct):
            await registered(adapter, peer)
        for peer in (hub, other):
            assert (await put(peer, info("NL-TNM")))["status_code"] == 1000
            assert (await put(peer, info("DE-PRV")))["status_code"] == 1000
            assert (await put(peer, info("DE-CIT")))["status_code"] == 1000

        # DE-CIT is we ourselves.
        assert await owned(adapter, "HUB") == {"NL-HUB", "DE-PRV"}
        assert await owned(adapter, "HU2") == {"NL-HU2"}
        assert await owned(adapter, "TNM") == {"NL-TNM"}

        refused = await direct.call("PUT", f"{direct.endpoints['hubclientinfo', 'RECEIVER']}/DE/OTH", info("DE-OTH"))
        assert (refused.status_code, await owned(adapter, "TNM")) == (405, {"NL-TNM"})


async def waiting(adapter: RunningAdapter, partner_id: str) -> set[str]:
    return {str(one.party) for one in (await adapter.office.administration.get(partner_id)).waiting_parties}


@pytest.mark.parametrize("is_named_before", [True, False])
async def test_a_party_that_leaves_is_a_hubs_only_once_the_operator_accepts_it(
    adapter_of_each: RunningAdapter, is_named_before: bool
) -> None:
    adapter, administration = adapter_of_each, adapter_of_each.office.administration
    async with hub_peer("2.2.1") as hub, emsp(party_id="TNM") as direct:
        for peer in (hub, direct):
            await registered(adapter, peer)
        if is_named_before:
            await put(hub, info("NL-TNM"))
            with pytest.raises(AdministrationRefused, match="NL-TNM is somebody else's"):
                await administration.accept("HUB", {Party("NL", "TNM")})

        assert (await direct.call("DELETE", direct.endpoints["credentials", "SENDER"])).status_code == 200
        await put(hub, info("NL-TNM", time="2026-11-30T09:00:00Z"))
        assert (await owned(adapter, "HUB"), await waiting(adapter, "HUB")) == ({"NL-HUB"}, {"NL-TNM"})

        # Who is invited again registers, whatever a hub said meanwhile.
        await direct.register(adapter.versions_url, await administration.invite("TNM"))
        assert await owned(adapter, "TNM") == {"NL-TNM"}
        await administration.invite("TNM")

        await administration.accept("HUB", {Party("NL", "TNM")})
        assert (await owned(adapter, "HUB"), await waiting(adapter, "HUB")) == ({"NL-HUB", "NL-TNM"}, set())


async def test_a_party_of_a_partner_or_hub_that_is_removed_is_not_that_of_the_next_hub(adapter: RunningAdapter) -> None:
    async with hub_peer("2.2.1") as hub, hub_peer("2.2.1", "HU2") as other, emsp(party_id="TNM") as direct:
        for peer in (hub, other, direct):
            await registered(adapter, peer)
        await put(hub, info("DE-PRV"))
        await put(other, info("DE-PRV"))

        for name in ("HUB", "TNM"):
            await adapter.office.administration.remove(name, is_notified=False)
        await put(other, info("NL-TNM"))

        assert (await owned(adapter, "HU2"), await waiting(adapter, "HU2")) == ({"NL-HU2"}, {"NL-TNM", "DE-PRV"})


async def test_nobody_registers_with_a_party_behind_a_hub_until_the_hub_says_that_it_has_left(
    adapter: RunningAdapter,
) -> None:
    async with hub_peer("2.2.1") as hub, emsp(party_id="TNM") as direct:
        await registered(adapter, hub)
        await put(hub, info("NL-TNM"))
        token = await adapter.invite("direct")

        assert (await direct.register(adapter.versions_url, token)).json()["status_code"] == 2001
        await put(hub, info("NL-TNM", "SUSPENDED", "2026-11-30T09:00:00Z"))
        assert (await direct.exchange("POST")).status_code == 201

        assert (await owned(adapter, "HUB"), await owned(adapter, "direct")) == ({"NL-HUB"}, {"NL-TNM"})


@VERSIONS
async def test_nobody_is_a_hub_without_the_consent_of_the_operator(adapter: RunningAdapter, version: str) -> None:
    async with hub_peer(version) as peer:
        if version == "2.3.0":
            peer.role, peer.hub_party_id = "NSP", "NLHUB"

        answer = await peer.register(adapter.versions_url, await adapter.invite("HUB"), version)

        assert answer.json()["status_code"] == 2001
        assert not (await adapter.office.administration.get("HUB")).is_registered


async def test_the_operator_may_agree_to_a_hub_later_and_take_it_back(adapter_of_each: RunningAdapter) -> None:
    adapter = adapter_of_each
    administration = adapter.office.administration
    async with hub_peer("2.2.1") as hub:
        token = await adapter.invite("HUB")
        assert (await hub.register(adapter.versions_url, token)).json()["status_code"] == 2001
        await administration.change("HUB", is_hub=True)
        assert (await hub.exchange("POST")).status_code == 201
        await hub.fetch_endpoints("2.2.1")
        await put(hub, info("DE-PRV"))
        assert await owned(adapter, "HUB") == {"NL-HUB", "DE-PRV"}

        await administration.change("HUB", is_hub=False)

        assert await owned(adapter, "HUB") == {"NL-HUB"}
        refused = await hub.call("PUT", f"{hub.endpoints['hubclientinfo', 'RECEIVER']}/DE/OTH", info("DE-OTH"))
        assert refused.status_code == 405
        assert (await hub.exchange("PUT")).json()["status_code"] == 2001
        async with emsp(country_code="DE", party_id="PRV") as direct:
            assert (await direct.register(adapter.versions_url, await adapter.invite("prv"))).status_code == 201


async def test_what_is_no_party_or_another_than_the_path_says_is_refused(adapter: RunningAdapter) -> None:
    async with hub_peer("2.2.1") as hub:
        await registered(adapter, hub)
        url = f"{hub.endpoints['hubclientinfo', 'RECEIVER']}/DE/PRV"

        bodies: list[Any] = [info("DE-XXX"), {**info("DE-PRV"), "last_updated": "soon"}, {}, []]
        for wrong in bodies:
            assert (await hub.call("PUT", url, wrong)).json()["status_code"] == 2001
        assert await owned(adapter, "HUB") == {"NL-HUB"}


@VERSIONS
async def test_the_list_of_a_hub_is_read_once_it_is_registered(adapter: RunningAdapter, version: str) -> None:
    async with hub_peer(version) as hub:
        hub.senders = ("tokens", "hubclientinfo")
        if version == "2.3.0":
            hub.role, hub.hub_party_id = "NSP", "NLHUB"
        hub.lists["hubclientinfo"] = [info(f"DE-P0{number}") for number in range(5)] + [{"country_code": "?"}]
        await registered(adapter, hub, version)

        async with asyncio.timeout(WAIT):
            while len(await owned(adapter, "HUB")) < 6:
                await asyncio.sleep(0.1)
        assert await owned(adapter, "HUB") == {"NL-HUB", *(f"DE-P0{number}" for number in range(5))}
        assert Party("de", "p00") in {Party.parse(one) for one in await owned(adapter, "HUB")}
