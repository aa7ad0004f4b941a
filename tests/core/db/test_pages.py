"""Pages of lists, on both databases."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from sqlalchemy import Table, select
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_core.blocks.data_transfer.models import CustomMessage
from citrine_core.db import Page, UnitOfWorkFactory
from citrine_core.db.pages import MOST_BYTES
from citrine_core.errors import InvalidArgument
from tests.support.contract import rpcs

TIME = datetime(2025, 1, 31, 12, 0, 0, 123456, tzinfo=UTC)
TABLE: Table = CustomMessage.metadata.tables["custom_messages"]
KEY = (CustomMessage.receive_time, CustomMessage.station_id, CustomMessage.id)


def message(number: int) -> CustomMessage:
    # Two of a time, so that a page ends between them.
    time = TIME + timedelta(microseconds=number // 2)
    return CustomMessage(
        tenant_id="default",
        station_id=f"CS-{number % 3}",
        action="Heartbeat",
        content_key=str(number),
        payload="",
        receive_time=time,
        create_time=time,
    )


@pytest.fixture
async def messages(unit_of_work: UnitOfWorkFactory) -> UnitOfWorkFactory:
    async with unit_of_work() as work:
        work.session.add_all(map(message, range(7)))
        await work.commit()
    return unit_of_work


async def walk(unit_of_work: UnitOfWorkFactory, how: Any, size: int) -> list[Any]:
    """Return all rows of a list, which was read page by page."""
    found: list[Any] = []
    token, pages = "", 0
    async with unit_of_work(read_only=True) as work:
        while token or not pages:
            rows, token = await how(Page.of_token(token, size, "digest"), work.session)
            assert len(rows) == size or not token
            found.extend(rows)
            pages += 1
    return found


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8])
@pytest.mark.parametrize("descending", [False, True], ids=["ascending", "descending"])
@pytest.mark.parametrize("key", [pytest.param(KEY, id="several"), pytest.param(KEY[2:], id="one")])
async def test_all_pages_together_are_the_list(
    messages: UnitOfWorkFactory, key: Any, descending: bool, size: int
) -> None:
    expected = sorted(
        [(number // 2, f"CS-{number % 3}", str(number)) for number in range(7)],
        key=lambda row: row if len(key) > 1 else row[2],
        reverse=descending,
    )

    rows = await walk(
        messages, lambda page, session: page.read(session, select(CustomMessage), *key, descending=descending), size
    )

    assert [row.content_key for row in rows] == [content_key for _, _, content_key in expected]


@pytest.mark.parametrize(
    ("query", "key"),
    [
        pytest.param(select(TABLE), (TABLE.c.receive_time, TABLE.c.id), id="table"),
        pytest.param(
            select(CustomMessage.content_key, CustomMessage.id, CustomMessage.receive_time),
            (CustomMessage.receive_time, CustomMessage.id),
            id="columns",
        ),
        pytest.param(
            select(TABLE.c.receive_time.label("id"), CustomMessage),
            (CustomMessage.receive_time, CustomMessage.id),
            id="entity among others",
        ),
    ],
)
async def test_rows_of_several_elements_are_listed(messages: UnitOfWorkFactory, query: Any, key: Any) -> None:
    rows = await walk(messages, lambda page, session: page.read_rows(session, query, *key, descending=True), 2)

    ids = [getattr(row, "CustomMessage", row).content_key for row in rows]
    assert ids == ["6", "5", "4", "3", "2", "1", "0"]


async def test_a_token_says_the_key_of_the_last_row_that_is_shown(messages: UnitOfWorkFactory) -> None:
    async with messages(read_only=True) as work:
        (first, *_), token = await Page(2, digest="d").read(work.session, select(CustomMessage), *KEY)

    second = {"time": "2025-01-31T12:00:00.123456+00:00"}
    assert orjson.loads(base64.urlsafe_b64decode(token + "==")) == ["d", second, "CS-1", first.id + 1]


async def test_a_token_of_another_number_of_values_is_refused(messages: UnitOfWorkFactory) -> None:
    async with messages(read_only=True) as work:
        with pytest.raises(InvalidArgument, match="page_token"):
            await Page(2, ("CS-1",)).read(work.session, select(CustomMessage), *KEY)


async def test_a_list_behind_another_key_goes_on_there(messages: UnitOfWorkFactory) -> None:
    async with messages(read_only=True) as work:
        rows, _ = await Page(2).behind((TIME, "CS-0", 2**40)).read(work.session, select(CustomMessage), *KEY)

    assert [row.content_key for row in rows] == ["1", "3"]


@pytest.mark.parametrize("shape", ["entities", "rows", "rows with an entity"])
async def test_a_page_of_large_rows_has_fewer_of_them(unit_of_work: UnitOfWorkFactory, shape: str) -> None:
    """So no response is larger than clients accept; a row that is too large alone is a page alone."""
    sizes = [MOST_BYTES // 2 - 1000] * 3 + [MOST_BYTES + 1] * 2
    async with unit_of_work() as work:
        for number, size in enumerate(sizes):
            row = message(number)
            row.payload = "x" * size
            work.session.add(row)
        await work.commit()
    query: Any = {
        "entities": select(CustomMessage),
        "rows": select(TABLE.c.id, TABLE.c.payload),
        "rows with an entity": select(CustomMessage, TABLE.c.id),
    }[shape]
    key = TABLE.c.id if shape == "rows" else CustomMessage.id

    async def read(page: Page, session: AsyncSession) -> Any:
        return await (page.read if shape == "entities" else page.read_rows)(session, query, key)

    pages: list[int] = []
    token = ""
    while token or not pages:
        async with unit_of_work(read_only=True) as work:
            rows, token = await read(Page.of_token(token, 100, "digest"), work.session)
        pages.append(len(rows))

    assert pages == [2, 1, 1, 1]


def test_each_list_of_the_contract_has_pages() -> None:
    """Its next_page_token comes from a `Page`, which bounds the bytes; those without one are bounded otherwise."""
    lists = [method for method in rpcs() if method.name.startswith("List")]

    without = {one.name for one in lists if "next_page_token" not in one.output_type.fields_by_name}

    assert len(lists) > 70
    # The roles are written down, and a station has few slots for network profiles.
    assert without == {"ListRoles", "ListNetworkProfiles"}
