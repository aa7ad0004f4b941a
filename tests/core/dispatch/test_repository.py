"""Replies under the business key of what they answer, on both databases."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from citrine_core.db import UnitOfWorkFactory
from citrine_core.dispatch.repository import HandledMessages
from tests.support.blocks import NOW
from tests.support.statements import statements

STATIONS = 100
REPLIES = {
    (f"CS-{station}", f"{station * 100 + number:032x}"): b"reply" for station in range(STATIONS) for number in range(10)
}


async def test_replies_are_found_by_their_keys(unit_of_work: UnitOfWorkFactory, engine: AsyncEngine) -> None:
    """Each by the index, whatever the size of the batch: not each station with each key."""
    asked = {(f"CS-{station}", f"{station * 100 + 7:032x}") for station in range(STATIONS)}
    async with unit_of_work() as work:
        await HandledMessages(work.session).add_all("default", REPLIES, NOW)
        await HandledMessages(work.session).add_all("other", {("CS-1", "a"): b"of another tenant"}, NOW)
        await work.session.execute(text("ANALYZE"))
        await work.commit()

    async with unit_of_work(read_only=True) as work:
        with statements(engine) as seen:
            found = await HandledMessages(work.session).find_all("default", [*asked, ("CS-2", "a"), ("CS-1", "a")])
        assert found == dict.fromkeys(asked, b"reply")

        [(statement, parameters)] = seen
        connection = await work.session.connection()
        explain = "EXPLAIN QUERY PLAN"
        if connection.dialect.name == "postgresql":
            explain = "EXPLAIN"
            # A table this small is read faster as a whole.
            for way in ("seqscan", "bitmapscan", "hashjoin", "mergejoin"):
                await connection.exec_driver_sql(f"SET LOCAL enable_{way} = off")
        plan = "\n".join(map(str, await connection.exec_driver_sql(f"{explain} {statement}", tuple(parameters))))
        assert "station_id=? AND digest=?" in plan or (
            "pk_handled_messages" in plan and "((digest)::text = (key.key ->> 1))" in plan and "Index Cond" in plan
        ), plan
