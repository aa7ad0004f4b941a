"""The API key in the metadata."""

from datetime import UTC, datetime, timedelta

import pytest

from citrine_core.db import UnitOfWorkFactory
from citrine_core.resources.keys import ApiKey, KeyAuthenticator, KeyRepository
from citrine_core.resources.keys.secrets import new_key

NOW = datetime(2025, 1, 31, 12, 0, tzinfo=UTC)


class Setup:
    def __init__(self, unit_of_work: UnitOfWorkFactory) -> None:
        self.unit_of_work = unit_of_work
        self.key = new_key()
        self.time = NOW
        self.seconds = 0.0
        self.authenticator = KeyAuthenticator(unit_of_work, lambda: self.time, lambda: self.seconds)

    async def is_known(self, text: str | None = None, scheme: str = "Bearer") -> bool:
        metadata = {"authorization": f"{scheme} {self.key if text is None else text}"}
        return await self.authenticator.authenticate(metadata) is not None

    async def change(self, **fields: datetime) -> None:
        async with self.unit_of_work() as work:
            row = await KeyRepository(work.session).find(self.key.key_id)
            assert row is not None
            for name, value in fields.items():
                setattr(row, name, value)
            await work.commit()


@pytest.fixture
async def setup(unit_of_work: UnitOfWorkFactory) -> Setup:
    setup = Setup(unit_of_work)
    row = ApiKey(
        key_id=setup.key.key_id,
        tenant_id="default",
        display_name="backend",
        scopes="stations:read tokens:read",
        secret_hash=setup.key.secret_hash,
        create_time=NOW,
        expire_time=NOW + timedelta(hours=1),
    )
    async with unit_of_work() as work:
        await KeyRepository(work.session).add(row)
        await work.commit()
    return setup


async def test_key_says_whose_it_is_and_what_it_allows(setup: Setup) -> None:
    identity = await setup.authenticator.authenticate({"authorization": f"bearer {setup.key}"})

    assert identity is not None
    assert (identity.name, identity.tenant_id, identity.key_id) == ("backend", "default", setup.key.key_id)
    assert identity.scopes == {"stations:read", "tokens:read"}


@pytest.mark.parametrize("text", ["", "x", "citrine_", "citrine_abcdefghijkl_", "\u00e4"])
async def test_text_that_is_no_key_is_nobody(setup: Setup, text: str) -> None:
    assert not await setup.is_known(text)


async def test_key_in_another_scheme_or_with_another_secret_is_nobody(setup: Setup) -> None:
    another = f"citrine_{setup.key.key_id}_{new_key().secret}"

    assert not await setup.is_known(scheme="Basic")
    assert not await setup.is_known(another)
    assert await setup.is_known()
    assert not await setup.is_known(another)
    assert await setup.authenticator.authenticate({}) is None


async def test_revoked_key_counts_five_seconds_more_where_it_was_used_before(setup: Setup) -> None:
    assert await setup.is_known()
    await setup.change(revoke_time=NOW)

    setup.seconds = 4.9
    assert await setup.is_known()
    setup.seconds = 5.0
    assert not await setup.is_known()


async def test_key_ends_on_time_though_it_is_remembered(setup: Setup) -> None:
    assert await setup.is_known()

    setup.time = NOW + timedelta(hours=1)

    assert not await setup.is_known()


def test_secret_is_in_no_repr() -> None:
    key = new_key()

    assert key.secret not in repr(key)
    assert key.secret in str(key)
