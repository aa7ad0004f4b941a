"""Tests of membership in a set."""

import pytest
from sqlalchemy import select

from citrine_core.db import UnitOfWorkFactory, one_of
from citrine_core.resources.tenants import Tenant


@pytest.mark.parametrize(
    ("values", "found"),
    [
        pytest.param(["default", "other"], ["default"], id="one of two"),
        pytest.param([], [], id="none"),
        pytest.param(["de'fault", "\u00e4"], [], id="odd text"),
    ],
)
async def test_rows_of_a_set_are_found(unit_of_work: UnitOfWorkFactory, values: list[str], found: list[str]) -> None:
    async with unit_of_work(read_only=True) as work:
        rows = await work.session.scalars(
            select(Tenant.tenant_id).where(one_of(work.session, Tenant.tenant_id, values))
        )
        assert list(rows) == found
