"""Every message of stations has a handler, or is refused on purpose."""

from pathlib import Path

import pytest

from citrine.ocpp.actions import ACTIONS
from citrine.ocpp.v2.authorization_pb2 import VatNumberValidationRequest
from citrine_core.blocks.authorization import AuthorizationHandlers
from citrine_core.dispatch import Block, collect
from tests.support.core import PASSWORD, RunningCore, running_core
from tests.support.fake_edge import RefusedByCore

NOT_SUPPORTED = {
    "BatterySwap",
    "GetCertificateChainStatus",
    "NotifyDERAlarm",
    "NotifyDERStartStop",
    "NotifyPeriodicEventStream",
    "NotifyPriorityCharging",
    "NotifySettlement",
    "OpenPeriodicEventStream",
    "ClosePeriodicEventStream",
    "PullDynamicScheduleUpdate",
    "ReportDERControl",
    "VatNumberValidation",
}
"""Messages of stations whose blocks are not built yet."""


async def test_every_message_has_a_handler_or_is_refused_on_purpose(core: RunningCore) -> None:
    async with core.edge() as edge:
        handled = set(edge.welcome.actions)

    assert handled | NOT_SUPPORTED == {name for name, action in ACTIONS.items() if action.from_station}
    assert not handled & NOT_SUPPORTED


async def test_what_has_no_handler_is_refused_by_name(core: RunningCore) -> None:
    await core.add_station("CS-1")
    async with core.edge() as edge:
        session = await edge.connect("CS-1", PASSWORD)
        with pytest.raises(RefusedByCore) as refused:
            await session.call(VatNumberValidationRequest(vat_number="NL1"))

    assert refused.value.code == "NotSupported"
    assert "VatNumberValidation" in str(refused.value)


async def test_a_core_serves_the_blocks_that_its_settings_name(sqlite_url: str, tmp_path: Path) -> None:
    """Starting cores with a subset of blocks is how a block is scaled on its own."""
    async with running_core(sqlite_url, tmp_path, blocks="availability") as core, core.edge() as edge:
        assert set(edge.welcome.actions) == {"StatusNotification"}


def test_two_handlers_of_one_message_are_refused() -> None:
    handlers = AuthorizationHandlers.__new__(AuthorizationHandlers)
    with pytest.raises(ValueError, match="a second time"):
        collect([Block("one", [handlers]), Block("two", [handlers])])
