"""Reports of profiles of any size."""

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from citrine.ocpp.v2 import smart_charging_pb2 as ocpp
from citrine.ocpp.v2 import types_pb2 as types
from citrine_core.blocks.smart_charging import ProfileRecord
from citrine_core.blocks.smart_charging.reconcile import store_report
from citrine_core.db import UnitOfWorkFactory
from tests.support.blocks import call_of, events, handle
from tests.support.event_words import name_in
from tests.support.statements import statements


def report(profiles: int, request_id: int) -> ocpp.ReportChargingProfilesRequest:
    return ocpp.ReportChargingProfilesRequest(
        request_id=request_id,
        charging_limit_source="EMS",
        evse_id=1,
        charging_profile=[
            types.ChargingProfile(
                id=request_id * 1000 + number,
                stack_level=number,
                charging_profile_purpose=types.CHARGING_PROFILE_PURPOSE_ENUM_TX_DEFAULT_PROFILE,
            )
            for number in range(profiles)
        ],
    )


async def test_a_report_takes_as_many_statements_however_long_it_is(
    engine: AsyncEngine, unit_of_work: UnitOfWorkFactory
) -> None:
    counts = []
    for request_id, size in ((1, 3), (2, 100)):
        with statements(engine) as seen:
            await handle(unit_of_work, store_report, call_of(report(size, request_id)))
        counts.append(len(seen))

    # Rows go many to a statement, and not all to one.
    assert counts[1] <= counts[0] + 2
    async with unit_of_work(read_only=True) as work:
        assert await work.session.scalar(select(func.count()).select_from(ProfileRecord)) == 103
    changes = [one.charging_profile_changed for one in await events(unit_of_work)]
    assert [change.charging_profile_id for change in changes if name_in(change, "state") == "ACCEPTED"][:4] == [
        1000,
        1001,
        1002,
        2000,
    ]
