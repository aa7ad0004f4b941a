"""The API key in the metadata."""

from datetime import UTC, datetime, timedelta

import pytest

from citrine_core.db import UnitOfWorkFactory
from citrine_core.errors import Unauthenticated
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
        try:
            return await self.authenticator.authenticate(metadata) is not None
        except Unauthenticated:
            return False

    async def refusal(self) -> str:
        with pytest.raises(Unauthenticated) as raised:
            await self.authenticator.authenticate({"authorization": f"Bearer {self.key}"})
        return str(raised.value)

    async def last_use(self) -> datetime | None:
        async with self.unit_of_work(read_only=True) as work:
            row = await KeyRepository(work.session).find(self.key.key_id)
        assert row is not None
        return row.last_use_time

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


@pytest.mark.in_turn
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


async def test_who_knows_the_secret_learns_why_a_key_is_not_valid_any_more(setup: Setup) -> None:
    setup.time = NOW + timedelta(hours=1)
    assert await setup.refusal() == "the API key is not valid any more: it expired at 2025-01-31T13:00:00Z"

    await setup.change(revoke_time=NOW)
    setup.seconds = 5.0
    assert await setup.refusal() == "the API key is not valid any more: it was revoked at 2025-01-31T12:00:00Z"


async def test_who_guesses_learns_nothing_of_a_key_that_ended(setup: Setup) -> None:
    setup.time = NOW + timedelta(hours=1)

    another = f"citrine_{setup.key.key_id}_{new_key().secret}"
    unknown = str(new_key())
    for text in (another, unknown):
        assert await setup.authenticator.authenticate({"authorization": f"Bearer {text}"}) is None


async def test_last_use_is_stored_to_the_minute_and_never_goes_back(setup: Setup) -> None:
    assert await setup.last_use() is None
    setup.time = NOW + timedelta(minutes=5, seconds=40)
    assert await setup.is_known()
    await setup.authenticator.uses.store()
    assert await setup.last_use() == NOW + timedelta(minutes=5)

    # Another core, whose last word is older.
    other = KeyAuthenticator(setup.unit_of_work, lambda: NOW)
    assert await other.authenticate({"authorization": f"Bearer {setup.key}"}) is not None
    await other.uses.store()
    assert await setup.last_use() == NOW + timedelta(minutes=5)


async def test_what_is_refused_is_no_use(setup: Setup) -> None:
    setup.time = NOW + timedelta(hours=1)

    assert not await setup.is_known()
    assert not await setup.is_known(f"citrine_{setup.key.key_id}_{new_key().secret}")

    await setup.authenticator.uses.store()
    assert await setup.last_use() is None
