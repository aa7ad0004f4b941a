"""Events of a real core, followed by one adapter at a time, with their effects stored once."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from citrine.api.v1.tokens_pb2 import CreateTokenRequest, Token
from citrine.api.v1.tokens_pb2_grpc import TokensServiceStub
from citrine.events.v1.events_pb2 import Event
from citrine_ocpi.feed import Effect, Listener, Subject, follower
from citrine_ocpi.feed.tables import FeedRow
from citrine_ocpi.services import Services
from citrine_ocpi.transport.calls import Endpoint
from tests.support.core import RunningCore, running_core
from tests.support.ocpi import RunningAdapter, running_adapter
from tests.support.waiting import PAUSE, WAIT


class Seen:
    """A module that notes the tokens of drivers that changed."""

    kinds: Collection[str] = ("token_changed",)

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.caught_up: list[datetime | None] = []
        self.changed = asyncio.Event()
        self.may_list = asyncio.Event()
        self.may_list.set()

    def __call__(self, services: Services) -> "Seen":
        return self

    def endpoints(self) -> Sequence[Endpoint]:
        return ()

    def listeners(self) -> Sequence[Listener]:
        return (self,)

    def tasks(self) -> Sequence[Callable[[], Coroutine[Any, Any, None]]]:
        return ()

    async def happened(self, events: Sequence[Event]) -> Sequence[Effect]:
        ids = [one.token_changed.token.id_token for one in events]
        if "broken" in ids:
            raise RuntimeError("this one can't be understood")

        return [partial(self._store, id_token=one) for one in ids]

    async def _store(self, session: AsyncSession, *, id_token: str) -> None:
        if id_token == "unwritable":
            raise ValueError("this one can't be written")
        await self._note(session, partial(self.ids.append, id_token))

    async def catch_up(self, since: datetime | None) -> Sequence[Effect]:
        await self.may_list.wait()
        return [lambda session: self._note(session, partial(self.caught_up.append, since))]

    async def _note(self, session: AsyncSession, noted: Callable[[], None]) -> None:
        """Note something once it is stored."""

        def stored(_: Session) -> None:
            noted()
            self.changed.set()

        event.listen(session.sync_session, "after_commit", stored, once=True)

    async def wait_for(self, is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(WAIT):
            while not is_so():
                self.changed.clear()
                await self.changed.wait()


class SeenTogether(Seen):
    """The same, which stores what events of one batch say by one effect."""

    def __call__(self, services: Services) -> "Seen":
        self._isolation = services.isolation
        return self

    async def happened(self, events: Sequence[Event]) -> Sequence[Effect]:
        ids = [one.token_changed.token.id_token for one in events]
        return await self._isolation.together([(Subject("", one), partial(self._make, one)) for one in ids], self._all)

    async def _make(self, id_token: str) -> str:
        return id_token

    async def _all(self, session: AsyncSession, ids: Sequence[str]) -> None:
        for one in ids:
            await self._store(session, id_token=one)


@pytest.fixture
async def core(sqlite_url: str, tmp_path: Path) -> AsyncIterator[RunningCore]:
    """A core on SQLite: what is followed is the same on each database."""
    async with running_core(sqlite_url, tmp_path) as running:
        yield running


async def add_token(core: RunningCore, id_token: str) -> None:
    """Add a token of a driver, which is an event."""
    token = Token(id_token=id_token, type="Central")
    await core.stub(TokensServiceStub).CreateToken(CreateTokenRequest(token=token))


def adapter(core: RunningCore, directory: Path, seen: Seen) -> Any:
    """Run an adapter that follows a core."""
    return running_adapter(directory, core=core.address, key=core.key, modules=[seen])


async def test_events_are_followed_from_where_an_adapter_stopped(core: RunningCore, tmp_path: Path) -> None:
    seen = Seen()
    async with adapter(core, tmp_path, seen):
        await seen.wait_for(lambda: seen.caught_up == [None])
        await add_token(core, "01")
        await seen.wait_for(lambda: seen.ids == ["01"])
    await add_token(core, "02")

    again = Seen()
    async with adapter(core, tmp_path, again):
        await add_token(core, "03")
        await again.wait_for(lambda: again.ids == ["02", "03"])

    assert again.caught_up == []


async def test_an_event_that_can_not_be_understood_ends_nothing(core: RunningCore, tmp_path: Path) -> None:
    seen = Seen()
    async with adapter(core, tmp_path, seen):
        await seen.wait_for(lambda: seen.caught_up == [None])
        for id_token in ("01", "broken", "02"):
            await add_token(core, id_token)

        await seen.wait_for(lambda: seen.ids == ["01", "02"])


@pytest.mark.parametrize("kind", [Seen, SeenTogether])
async def test_what_can_not_be_stored_is_left_out_and_counted(
    core: RunningCore, tmp_path: Path, kind: type[Seen]
) -> None:
    seen = kind()
    async with adapter(core, tmp_path, seen):
        await seen.wait_for(lambda: seen.caught_up == [None])
    for id_token in ("01", "unwritable", "02"):
        await add_token(core, id_token)

    async with adapter(core, tmp_path, seen) as running:
        await seen.wait_for(lambda: set(seen.ids) == {"01", "02"})
        await add_token(core, "03")
        await seen.wait_for(lambda: seen.ids[-1] == "03")

        assert sorted(seen.ids) == ["01", "02", "03"]
        assert b"citrine_ocpi_feed_left_out_total 1.0" in await running.adapter.render_metrics()


async def test_who_lists_what_there_is_goes_on_following_however_long_it_takes(
    core: RunningCore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower, "BEAT", 0.05)
    seen = Seen()
    seen.may_list.clear()
    async with adapter(core, tmp_path, seen) as running:
        leases: set[datetime] = set()
        async with asyncio.timeout(WAIT):
            while len(leases) < 3:
                async with running.office.database.reading() as session:
                    leases |= {row.lease_time for row in await session.scalars(select(FeedRow))}
                await asyncio.sleep(PAUSE)

        assert seen.caught_up == []
        seen.may_list.set()
        await seen.wait_for(lambda: seen.caught_up == [None])


async def test_one_of_several_adapters_follows_and_another_one_goes_on(core: RunningCore, tmp_path: Path) -> None:
    first, second = Seen(), Seen()
    async with AsyncExitStack() as stack:
        async with adapter(core, tmp_path, first):
            await first.wait_for(lambda: first.caught_up == [None])
            other: RunningAdapter = await stack.enter_async_context(adapter(core, tmp_path, second))
            await add_token(core, "01")
            await first.wait_for(lambda: first.ids == ["01"])
            assert await other.adapter.missing() in ("", "the feed of events has not begun")
        await add_token(core, "02")

        await second.wait_for(lambda: second.ids == ["02"])

    assert first.ids == ["01"]
    assert second.caught_up == []


async def lose(directory: Path) -> None:
    """Have an adapter that does not run resume from a position that the core does not know."""
    async with running_adapter(directory, modules=[]) as idle, idle.office.database.writing() as session:
        result = await session.execute(update(FeedRow).values(token="never was").returning(FeedRow.token))
        assert result.all() == [("never was",)]


async def test_what_changed_is_listed_where_events_are_no_longer_retained(core: RunningCore, tmp_path: Path) -> None:
    seen = Seen()
    async with adapter(core, tmp_path, seen):
        await seen.wait_for(lambda: seen.caught_up == [None])
        await add_token(core, "01")
        await seen.wait_for(lambda: seen.ids == ["01"])
    await lose(tmp_path)

    again = Seen()
    async with adapter(core, tmp_path, again):
        await again.wait_for(lambda: len(again.caught_up) == 1)
        await add_token(core, "02")
        await again.wait_for(lambda: again.ids == ["02"])


class Newer(Seen):
    """The same of a version that knows kinds of events which the core does not."""

    kinds: Collection[str] = ("a_kind_of_tomorrow", "token_changed", "yet_another_one")


async def test_events_are_followed_of_a_core_that_is_older_than_the_adapter(core: RunningCore, tmp_path: Path) -> None:
    seen = Newer()
    async with adapter(core, tmp_path, seen) as running:
        await seen.wait_for(lambda: seen.caught_up == [None])
        await add_token(core, "01")
        await seen.wait_for(lambda: seen.ids == ["01"])

        assert (seen.caught_up, await running.adapter.missing()) == ([None], "")


class Lost(Seen):
    """The same, after whose list the position is none of the core again."""

    async def catch_up(self, since: datetime | None) -> Sequence[Effect]:
        async def forget(session: AsyncSession) -> None:
            await session.execute(update(FeedRow).values(token="never was"))

        return [*await super().catch_up(since), forget]


async def test_what_changed_is_not_listed_again_and_again(
    core: RunningCore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower, "BEAT", 0.05)
    first, seen = Seen(), Lost()
    async with adapter(core, tmp_path, first):
        await first.wait_for(lambda: first.caught_up == [None])
    await lose(tmp_path)

    async with adapter(core, tmp_path, seen) as running:
        async with asyncio.timeout(WAIT):
            while "INVALID_ARGUMENT" not in await running.adapter.missing():
                await asyncio.sleep(PAUSE)

        assert len(seen.caught_up) == 1
