"""Queries of the tokens, as authorization asks them."""

from datetime import UTC, datetime

from citrine_core.db import UnitOfWorkFactory
from citrine_core.resources.tokens import Token, TokenRepository, lookup_of


async def store(unit_of_work: UnitOfWorkFactory, *tokens: tuple[str, str]) -> None:
    async with unit_of_work() as work:
        for id_token, type_name in tokens:
            await TokenRepository(work.session).add(
                Token(
                    tenant_id="default",
                    lookup=lookup_of(id_token, type_name),
                    type=type_name,
                    id_token=id_token,
                    create_time=datetime.now(UTC),
                )
            )
        await work.commit()


async def test_find_all_answers_by_what_the_station_sent(unit_of_work: UnitOfWorkFactory) -> None:
    """IdToken is an identifierString, which is compared without regard to case (C01)."""
    await store(unit_of_work, ("AbC", "ISO14443"), ("AbC", "Central"), ("K-9", "eMAID"))
    asked = [("ABC", "iso14443"), ("abc", "ISO14443"), ("abc", "VIN"), ("nobody", "Central"), ("\u212a-9", "eMAID")]

    async with unit_of_work(read_only=True) as work:
        found = await TokenRepository(work.session).find_all("default", asked)
        elsewhere = await TokenRepository(work.session).find_all("acme", asked)
        nothing = await TokenRepository(work.session).find_all("default", [])

    assert {key: token.type for key, token in found.items()} == {
        ("ABC", "iso14443"): "ISO14443",
        ("abc", "ISO14443"): "ISO14443",
    }
    assert elsewhere == {}
    assert nothing == {}


async def test_find_all_takes_what_ever_a_station_sends(unit_of_work: UnitOfWorkFactory) -> None:
    asked = [("", "NoAuthorization"), ("\U0001f50c" * 100, "Central"), ("'; --", "%"), ("x" * 10_000, "y" * 100)]

    async with unit_of_work(read_only=True) as work:
        assert await TokenRepository(work.session).find_all("default", asked) == {}


async def test_find_all_disregards_what_separates_bytes(unit_of_work: UnitOfWorkFactory) -> None:
    await store(unit_of_work, ("2069C021", "ISO14443"), ("00:1B:44:11:3A:B7", "MacAddress"), ("A-B", "Central"))
    asked = [
        ("20:69:C0:21", "ISO14443"),
        ("20 69 c0 21", "iso14443"),
        ("001b44113ab7", "MacAddress"),
        ("AB", "Central"),
    ]

    async with unit_of_work(read_only=True) as work:
        found = await TokenRepository(work.session).find_all("default", asked)

    assert {key: token.id_token for key, token in found.items()} == {
        asked[0]: "2069C021",
        asked[1]: "2069C021",
        asked[2]: "00:1B:44:11:3A:B7",
    }


async def test_types_of_an_id_are_found_whatever_its_spelling(unit_of_work: UnitOfWorkFactory) -> None:
    await store(unit_of_work, ("2069C021", "ISO14443"), ("2069C021", "Central"), ("ab", "Local"))

    async with unit_of_work(read_only=True) as work:
        found = await TokenRepository(work.session).types_of("default", ["20:69:c0:21", "2069C021", "AB", "nobody"])
        nothing = await TokenRepository(work.session).types_of("default", [])

    assert found == {"20:69:c0:21": ["ISO14443"], "2069C021": ["Central", "ISO14443"], "AB": ["Local"]}
    assert nothing == {}
