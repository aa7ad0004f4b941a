"""Queries of the tokens, as authorization asks them."""

from datetime import UTC, datetime

from citrine_core.db import UnitOfWorkFactory
from citrine_core.resources.tokens import Token, TokenRepository
from citrine_core.resources.tokens.repository import lookup_of


async def store(unit_of_work: UnitOfWorkFactory, *tokens: tuple[str, str]) -> None:
    async with unit_of_work() as work:
        for id_token, type_name in tokens:
            await TokenRepository(work.session).add(
                Token(
                    tenant_id="default",
                    lookup=lookup_of(id_token),
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
