"""Module tariffs with a strict partner by real HTTP, and a real core behind the adapter: pull and push."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from citrine.api.v1 import tariffs_pb2 as pb
from citrine.api.v1 import tokens_pb2
from citrine_cli.main import main
from citrine_ocpi.modules.tariffs import TariffsModule
from citrine_sdk import Citrine
from tests.support.core import running_core
from tests.support.emsp import Emsp, emsp
from tests.support.emsp.validation import faults, received_faults
from tests.support.ocpi import RunningAdapter, running_adapter


@dataclass
class Roaming:
    """A core, an adapter, and partners that are registered."""

    citrine: Citrine
    adapter: RunningAdapter
    partners: list[Emsp] = field(default_factory=list)

    async def tariff(self, tariff_id: str, price: str = "0.39", *, assign: dict[str, Any] | None = None) -> None:
        """Create a tariff, and assign it."""
        component = pb.PriceComponent(dimension=pb.TARIFF_DIMENSION_ENERGY, price=price, vat="21", step_size=1)
        tariff = pb.Tariff(
            tariff_id=tariff_id, currency="EUR", elements=[pb.TariffElement(price_components=[component])]
        )
        await self.citrine.tariffs.CreateTariff(pb.CreateTariffRequest(tariff=tariff))
        if assign is not None:
            await self.assign(tariff_id, **assign)

    async def assign(self, tariff_id: str, **values: Any) -> str:
        """Assign a tariff, and return the id of the assignment."""
        assignment = pb.TariffAssignment(tariff_id=tariff_id, **values)
        made = await self.citrine.tariffs.AssignTariff(pb.AssignTariffRequest(assignment=assignment))
        return made.assignment_id

    async def listed(self, partner: Emsp, **parameters: str) -> list[dict[str, Any]]:
        """Return the tariffs that a partner lists, of all pages."""
        url: str | None = partner.endpoints["tariffs", "SENDER"]
        found: list[dict[str, Any]] = []
        query = "&".join(f"{name}={value}" for name, value in parameters.items())
        url = f"{url}?{query}" if query else url
        while url:
            answer = await partner.call("GET", url)
            assert answer.json()["status_code"] == 1000, answer.text
            found += answer.json()["data"]
            url = answer.links.get("next", {}).get("url")
        return found


@pytest.fixture
async def roaming(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Roaming]:
    """A core with an adapter, to which an eMSP of 2.2.1 and one of 2.3.0 are connected."""
    async with (
        running_core(sqlite_url, tmp_path) as core,
        Citrine(core.address, key=core.key) as citrine,
        running_adapter(tmp_path, core=core.address, key=core.key, party="NL-CTR", modules=[TariffsModule]) as adapter,
        emsp(party_id="OLD", validate=received_faults) as older,
        emsp(party_id="NEW", validate=received_faults) as newer,
    ):
        found = Roaming(citrine, adapter)
        for partner, version in ((older, "2.2.1"), (newer, "2.3.0")):
            token = await adapter.invite(partner.party_id)
            assert (await partner.register(adapter.versions_url, token, version)).status_code == 201
            await partner.fetch_endpoints(version)
            found.partners.append(partner)
        yield found


def place(tariff_id: str) -> tuple[str, str]:
    return "tariffs", f"NL/CTR/{tariff_id}"


def having(tariff_ids: Collection[str]) -> Callable[[Emsp], bool]:
    """Return what finds out whether a partner was sent these tariffs."""
    return lambda peer: {place(one) for one in tariff_ids} <= peer.objects.keys()


async def test_a_tariff_is_put_when_it_is_assigned_and_changed_and_deleted_when_it_applies_no_more(
    roaming: Roaming,
) -> None:
    older, newer = roaming.partners
    await roaming.tariff("DAY")
    assignment_id = await roaming.assign("DAY")

    first = await older.wait_for(lambda peer: peer.objects.get(place("DAY")))
    assert first["elements"][0]["price_components"][0] == {"type": "ENERGY", "price": 0.39, "vat": 21, "step_size": 1}
    assert "tax_included" not in first
    assert (await newer.wait_for(lambda peer: peer.objects.get(place("DAY"))))["tax_included"] == "NO"

    changed = pb.Tariff(tariff_id="DAY", texts=[pb.TariffText(language="en", text="By day")])
    await roaming.citrine.tariffs.UpdateTariff(pb.UpdateTariffRequest(tariff=changed))
    for partner in roaming.partners:
        put = await partner.wait_for(
            lambda peer: peer.objects[place("DAY")].get("tariff_alt_text") and peer.objects[place("DAY")]
        )
        assert put["last_updated"] > first["last_updated"]

    await roaming.citrine.tariffs.UnassignTariff(pb.UnassignTariffRequest(assignment_id=assignment_id))
    for partner in roaming.partners:
        await partner.wait_for(lambda peer: place("DAY") not in peer.objects)
        assert [one.method for one in partner.received if one.module == "tariffs"] == ["PUT", "PUT", "DELETE"]


async def test_a_list_comes_in_pages_and_by_time_and_is_faultless(roaming: Roaming) -> None:
    for number in range(3):
        await roaming.tariff(f"T{number}", assign={})
    await roaming.tariff("NOBODY")

    for partner, version in zip(roaming.partners, ("2.2.1", "2.3.0"), strict=True):
        found = await roaming.listed(partner, limit="2")
        assert [one["id"] for one in found] == ["T0", "T1", "T2"]
        assert [faults(one, "Tariff", version) for one in found] == [[], [], []]
        later = await roaming.listed(partner, date_from=found[1]["last_updated"])
        assert [one["id"] for one in later] == ["T1", "T2"]
        assert await roaming.listed(partner, date_to=found[0]["last_updated"]) == []


async def test_a_tariff_for_drivers_of_one_partner_is_shown_to_no_other(roaming: Roaming) -> None:
    """By the group of its tokens, or by one of them: pulled and pushed."""
    older, newer = roaming.partners
    for uid, party, group in (("04A1B2C3", "OLD", "FLEET"), ("04D4E5F6", "NEW", "")):
        token = tokens_pb2.Token(
            id_token=uid, type="ISO14443", country_code="NL", party_id=party, group_id=group, valid=True
        )
        await roaming.citrine.tokens.CreateToken(tokens_pb2.CreateTokenRequest(token=token))
    await roaming.tariff("FLEET", assign={"group_id": "FLEET"})
    await roaming.tariff("ONE", assign={"id_token": {"id_token": "04D4E5F6", "type": "ISO14443"}})
    await roaming.tariff("ALL", assign={})

    assert {one["id"] for one in await roaming.listed(older)} == {"FLEET", "ALL"}
    assert {one["id"] for one in await roaming.listed(newer)} == {"ONE", "ALL"}
    for partner, shown in ((older, {"FLEET", "ALL"}), (newer, {"ONE", "ALL"})):
        await partner.wait_for(having(shown))
        assert {path for module, path in partner.objects if module == "tariffs"} == {place(one)[1] for one in shown}


async def test_a_tariff_that_ocpi_can_not_say_is_shown_to_nobody_and_the_operator_is_told_why(
    roaming: Roaming, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    older, _ = roaming.partners
    component = pb.PriceComponent(dimension=pb.TARIFF_DIMENSION_FLAT, price="1")
    limits = pb.TariffRestrictions(reservation=pb.RESERVATION_RESTRICTION_RESERVATION_CANCELLED)
    element = pb.TariffElement(price_components=[component], restrictions=limits)
    tariff = pb.Tariff(tariff_id="NOSHOW", currency="EUR", elements=[element])
    await roaming.citrine.tariffs.CreateTariff(pb.CreateTariffRequest(tariff=tariff))
    await roaming.assign("NOSHOW")
    await roaming.tariff("DAY", assign={})

    await older.wait_for(lambda peer: place("DAY") in peer.objects)
    assert [one["id"] for one in await roaming.listed(older)] == ["DAY"]
    assert place("NOSHOW") not in older.objects

    settings = roaming.adapter.settings
    for name, value in (
        ("CITRINE_OCPI_DATABASE", settings.ocpi_database),
        ("CITRINE_OCPI_ENCRYPTION_KEY_FILE", str(settings.ocpi_encryption_key_file)),
        ("CITRINE_OCPI_KEY_FILE", str(tmp_path / "operator.key")),
        ("CITRINE_CORE", settings.core),
    ):
        monkeypatch.setenv(name, value)
    capsys.readouterr()
    assert await asyncio.to_thread(main, ["ocpi", "tariff", "list", "--json"]) == 0
    listed = {(one["tariff_id"], one["version"]): one for one in json.loads(capsys.readouterr().out)}
    assert listed["DAY", "2.2.1"]["state"] == "shown"
    assert listed["NOSHOW", "2.3.0"]["state"] == "not shown"
    assert listed["NOSHOW", "2.3.0"]["reasons"] == ["cancelled reservations have a price"]
