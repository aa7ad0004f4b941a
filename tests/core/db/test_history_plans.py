"""No list of records walks through the history of a tenant: of what seems to be 500,000 rows it reads dozens."""

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from citrine.api.v1 import smart_charging_pb2 as charging
from citrine_core.blocks.certificates.repository import InstalledCertificateRepository
from citrine_core.blocks.data_transfer.repository import CustomMessageRepository
from citrine_core.blocks.diagnostics.repository import LogRepository, StationEventRepository
from citrine_core.blocks.display_message.repository import DisplayMessageRepository
from citrine_core.blocks.firmware_management.campaigns.repository import CampaignRepository
from citrine_core.blocks.firmware_management.repository import FirmwareRepository
from citrine_core.blocks.local_auth_list.repository import LocalListRepository
from citrine_core.blocks.provisioning.records.repository import ResetRepository
from citrine_core.blocks.remote_control.repository import RemoteStartRepository
from citrine_core.blocks.security.orders.repository import CertificateOrderRepository, IssuedCertificateRepository
from citrine_core.blocks.security.profile_upgrades.repository import ProfileUpgradeRepository
from citrine_core.blocks.security.repository import SecurityEventRepository
from citrine_core.blocks.smart_charging.limits.repository import LimitRepository
from citrine_core.blocks.smart_charging.repository import NegotiationRepository, ProfileRepository
from citrine_core.blocks.tariff_and_cost.corrections.repository import CorrectionRepository
from citrine_core.blocks.tariff_and_cost.reservation_costs.repository import ReservationCostRepository
from citrine_core.blocks.tariff_and_cost.transaction_costs.repository import CostRepository
from citrine_core.blocks.transactions.settlement.repository import SettlementRepository
from citrine_core.blocks.transactions.unmatched.repository import UnmatchedEndRepository
from citrine_core.db import Page, Span
from citrine_core.dispatch.poisoned import PoisonedMessages
from citrine_core.resources.audit.repository import AuditRepository
from citrine_core.resources.configurations.repository import ProvisioningRepository
from citrine_core.resources.operations import OperationRepository
from citrine_core.resources.refusals.repository import RefusalRepository
from citrine_core.resources.reports.repository import ReportRepository
from tests.support.databases import administrate, copy_template
from tests.support.engines import new_engine
from tests.support.history_tables import WRITTEN, history_tables
from tests.support.many_rows import BEGIN, Sql, fill, work_of
from tests.support.postgres import PostgresServer

PAGE = 20

MOST_PAGES = 150
"""Most pages of PostgreSQL that are read for a list; each row may be on a page of its own, found by an index."""

MOST_STEPS = 12
"""Most thousands of steps that SQLite makes for a list. A walk makes more than 60."""


async def _fill(url: str) -> None:
    engine = new_engine(url)
    try:
        await fill(engine, {name: (columns, WRITTEN) for name, columns in history_tables(Sql(engine)).items()})
    finally:
        await engine.dispose()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def filled_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """URL of a database of each kind in turn with many rows in each table."""
    if request.param == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")
        with tempfile.TemporaryDirectory(dir=request.getfixturevalue("sqlite_folder")) as folder:
            url = f"sqlite+aiosqlite:///{shutil.copy(template, Path(folder) / 'citrine.db')}"
            asyncio.run(_fill(url))
            yield url
    else:
        server: PostgresServer = request.getfixturevalue("postgres")
        asyncio.run(copy_template(server, "much_history"))
        asyncio.run(_fill(server.url("much_history")))
        yield server.url("much_history")
        asyncio.run(administrate(server, "DROP DATABASE much_history WITH (FORCE)"))


def _span(begin: int, end: int) -> Span:
    start = datetime.fromtimestamp(BEGIN, UTC)
    return Span(start + timedelta(seconds=begin), start + timedelta(seconds=end))


EARLY, LONG = _span(1, 6), _span(1, WRITTEN)

LATE = _span(WRITTEN - 400, WRITTEN)
"""With more than is read of it, and less than SQLite may read for a filter that is not the first of its index."""

Ask = Callable[[AsyncSession], Awaitable[tuple[Sequence[Any], str]]]


def _list(repository: Any, method: str = "list", **always: Any) -> Callable[..., Ask]:
    """Return what asks a repository for a list, by filters of which those in `always` must be given."""

    def asking(**fields: Any) -> Ask:
        return lambda session: getattr(repository(session), method)("default", Page(PAGE), **{**always, **fields})

    return asking


def _profiles(**fields: Any) -> Ask:
    filters = {"station_id": "", "evse_id": None, "transaction_id": "", "state": 0, "profile_id": None, **fields}
    now = datetime.fromtimestamp(BEGIN, UTC)
    return lambda session: ProfileRepository(session).list("default", Page(PAGE), now, **filters)


_events = _list(StationEventRepository, station_id="")
_security = _list(SecurityEventRepository)
_poisoned = _list(PoisonedMessages)
_custom = _list(CustomMessageRepository)
_resets = _list(ResetRepository)
_audit = _list(AuditRepository)
_refusals = _list(RefusalRepository, station_id="", action="", outcome=0)
_limits = _list(LimitRepository, station_id="", in_force_only=False)
_negotiations = _list(NegotiationRepository, station_id="", transaction_id="")
_displayed = _list(DisplayMessageRepository)
_updates = _list(FirmwareRepository, "list_updates", station_id="", state=0, campaign_id="", active_only=False)
_publications = _list(FirmwareRepository, "list_publications", station_id="", state=0)
_campaigns = _list(CampaignRepository, state=0)
_reports = _list(ReportRepository, station_id=None, kind=None, state=None)
_logs = _list(LogRepository, station_id="")
_starts = _list(RemoteStartRepository)
_ends = _list(UnmatchedEndRepository)
_orders = _list(CertificateOrderRepository, station_id="", state=0)
_issued = _list(IssuedCertificateRepository, station_id="")
_upgrades = _list(ProfileUpgradeRepository, station_id="", state=0)
_installed = _list(InstalledCertificateRepository)
_corrections = _list(CorrectionRepository)
_actions = _list(SettlementRepository, "list_actions")
_reservation_costs = _list(ReservationCostRepository, station_id="", id_token="")
_provisionings = _list(ProvisioningRepository, states=(), configuration_id="")
_operations = _list(OperationRepository)
_costs = _list(CostRepository, station_id="")
_local_lists = _list(LocalListRepository)

LISTS: dict[str, tuple[int, Ask]] = {
    "events of stations": (PAGE, _events()),
    "events of a station": (PAGE, _events(station_id="CS-7")),
    "events of a component": (5, _events(component="fan")),
    "events of a variable": (5, _events(variable="speed")),
    "events of a component that most have": (PAGE, _events(component="evse")),
    "events of a time": (5, _events(times=EARLY)),
    "events of a station at a time": (1, _events(station_id="CS-7", times=LATE)),
    "events of a component at a time": (0, _events(component="fan", times=LATE)),
    "events of a station at a long time": (PAGE, _events(station_id="CS-7", times=LONG)),
    "security events of a station at a long time": (PAGE, _security(station_id="CS-7", times=LONG)),
    "security events": (PAGE, _security()),
    "security events of a type": (5, _security(kind="Tamper")),
    "security events of a type at a time": (0, _security(kind="Tamper", times=LATE)),
    "security events of a station at a time": (1, _security(station_id="CS-7", times=LATE)),
    "poisoned messages": (PAGE, _poisoned()),
    "poisoned messages of an action": (5, _poisoned(action="Heartbeat")),
    "poisoned messages of a time": (5, _poisoned(created=EARLY)),
    "custom messages of an action": (5, _custom(action="Tap")),
    "custom messages of an action at a time": (0, _custom(action="Tap", received=LATE)),
    "custom messages of a station at a time": (1, _custom(station_id="CS-7", received=LATE)),
    "resets": (PAGE, _resets()),
    "resets of a time": (5, _resets(answered=EARLY)),
    "resets of a station at a time": (1, _resets(station_id="CS-7", answered=LATE)),
    "audit records": (PAGE, _audit()),
    "audit records of a caller": (5, _audit(caller_id="bob")),
    "audit records of a caller at a time": (0, _audit(caller_id="bob", times=LATE)),
    "audit records of a method at a time": (0, _audit(method="Delete", times=LATE)),
    "audit records of an object with whose name others begin": (5, _audit(about="station_id=CS-3")),
    "audit records of an object at a time": (1, _audit(about="station_id=CS-3999", times=LATE)),
    "refusals": (PAGE, _refusals()),
    "refusals of a station": (PAGE, _refusals(station_id="CS-7")),
    "refusals of an action": (5, _refusals(action="Tap")),
    "refusals of an action at a time": (0, _refusals(action="Tap", last=LATE)),
    "refusals that were dropped": (5, _refusals(outcome=2)),
    "limits": (PAGE, _limits()),
    "limits of a time": (5, _limits(was_set=EARLY)),
    "limits in force": (5, _limits(in_force_only=True)),
    "limits in force at a station": (0, _limits(in_force_only=True, station_id="CS-7")),
    "profiles": (PAGE, _profiles()),
    "profiles of a station": (PAGE, _profiles(station_id="CS-7")),
    "profiles that are accepted": (5, _profiles(state=charging.CHARGING_PROFILE_STATE_ACCEPTED)),
    "profiles that are missing": (0, _profiles(state=charging.CHARGING_PROFILE_STATE_MISSING)),
    "profiles that have expired": (PAGE, _profiles(state=charging.CHARGING_PROFILE_STATE_EXPIRED)),
    "profiles whose transaction has ended": (0, _profiles(state=charging.CHARGING_PROFILE_STATE_ENDED)),
    "profiles of a time": (5, _profiles(created=EARLY)),
    "profiles that are accepted of a time": (
        0,
        _profiles(state=charging.CHARGING_PROFILE_STATE_ACCEPTED, created=LATE),
    ),
    "profiles that have expired of a time": (
        0,
        _profiles(state=charging.CHARGING_PROFILE_STATE_EXPIRED, created=EARLY),
    ),
    "profiles of a transaction": (5, _profiles(transaction_id="T-1")),
    "negotiations": (PAGE, _negotiations()),
    "negotiations of a time": (5, _negotiations(created=EARLY)),
    "negotiations of a transaction": (5, _negotiations(transaction_id="T-1")),
    "display messages": (PAGE, _displayed()),
    "display messages of a station": (PAGE, _displayed(station_id="CS-7")),
    "display messages that are set": (5, _displayed(state=2)),
    "display messages of a priority": (5, _displayed(priority=1)),
    "display messages of a state of the station": (5, _displayed(shown_in=1)),
    "display messages of a time": (5, _displayed(created=EARLY)),
    "display messages of a transaction": (5, _displayed(transaction_id="T-1")),
    "updates of firmware": (PAGE, _updates()),
    "updates that go on": (5, _updates(active_only=True)),
    "updates in a state": (5, _updates(state=4)),
    "updates of a campaign": (5, _updates(campaign_id="C-1")),
    "updates of a station": (PAGE, _updates(station_id="CS-7")),
    "updates of a time": (5, _updates(created=EARLY)),
    "publications": (PAGE, _publications()),
    "publications of a station": (PAGE, _publications(station_id="CS-7")),
    "publications in a state": (5, _publications(state=4)),
    "publications of a time": (5, _publications(created=EARLY)),
    "campaigns of a time": (5, _campaigns(created=EARLY)),
    "campaigns in a state": (5, _campaigns(state=1)),
    "reports": (PAGE, _reports()),
    "reports of a kind": (5, _reports(kind=2)),
    "reports in a state": (5, _reports(state=4)),
    "reports of a station": (PAGE, _reports(station_id="CS-7")),
    "reports of a time": (5, _reports(created=EARLY)),
    "reports of a kind at a time": (0, _reports(kind=2, created=LATE)),
    "logs of a time": (2, _logs(created=_span(6, 11))),
    "logs": (PAGE, _logs()),
    "logs of a station": (PAGE, _logs(station_id="CS-7")),
    "remote starts": (PAGE, _starts()),
    "remote starts in a state": (5, _starts(state=1)),
    "remote starts of a time": (5, _starts(created=EARLY)),
    "remote starts at a station": (PAGE, _starts(station_id="CS-7")),
    "ends that no transaction has": (PAGE, _ends()),
    "ends of a station": (PAGE, _ends(station_id="CS-7")),
    "ends of a time": (5, _ends(received=EARLY)),
    "certificate orders": (PAGE, _orders()),
    "certificate orders in a state": (5, _orders(state=1)),
    "certificate orders of a time": (5, _orders(created=EARLY)),
    "certificate orders of a station": (PAGE, _orders(station_id="CS-7")),
    "issued certificates": (PAGE, _issued()),
    "issued certificates of a station": (PAGE, _issued(station_id="CS-7")),
    "upgrades of security profiles": (PAGE, _upgrades()),
    "upgrades in a state": (5, _upgrades(state=1)),
    "upgrades of a time": (5, _upgrades(created=EARLY)),
    "upgrades of a station": (PAGE, _upgrades(station_id="CS-7")),
    "installed certificates": (PAGE, _installed()),
    "installed certificates of a type": (5, _installed(certificate_type=2)),
    "installed certificates by serial number": (1, _installed(serial_number="7")),
    "installed certificates that expire": (5, _installed(expires_before=EARLY.end)),
    "corrections": (PAGE, _corrections()),
    "corrections of a transaction": (5, _corrections(transaction_id="T-1")),
    "corrections for a reason": (5, _corrections(reason=2)),
    "corrections by somebody at a time": (0, _corrections(author="bob", created=LATE)),
    "actions of operators on a transaction": (5, _actions(transaction_id="T-1")),
    "actions of operators of a kind": (5, _actions(kind=2)),
    "actions of an operator at a time": (0, _actions(author="bob", times=LATE)),
    "costs of reservations": (PAGE, _reservation_costs()),
    "costs of a token's reservations": (5, _reservation_costs(id_token="card7")),
    "costs of a station's reservations": (PAGE, _reservation_costs(station_id="CS-7")),
    "stations in a state of their configuration": (5, _provisionings(states=[2])),
    "stations of a configuration": (5, _provisionings(configuration_id="few")),
    "operations of an action": (5, _operations(action="reset")),
    "operations by somebody": (5, _operations(requested_by="bob")),
    "costs that became final then": (5, _costs(settled=EARLY)),
    "costs in a state that became final then": (5, _costs(state=3, settled=EARLY)),
    "local lists in a state": (5, _local_lists(state=2)),
    "local lists of a version": (5, _local_lists(version=3)),
    "local lists confirmed then": (5, _local_lists(confirmed=EARLY)),
    "local lists confirmed long since": (PAGE, _local_lists(confirmed=LONG)),
}
"""How many rows a list has, and how it is asked for."""


@pytest.fixture
async def filled(filled_url: str) -> Any:
    engine = new_engine(filled_url)
    yield engine
    await engine.dispose()


@pytest.mark.parametrize("name", LISTS)
async def test_a_list_reads_little_more_than_it_shows(filled: AsyncEngine, name: str) -> None:
    number, ask = LISTS[name]

    (rows, _), effort, plan = await work_of(filled, ask)

    assert len(rows) == number
    assert effort <= (MOST_STEPS if filled.dialect.name == "sqlite" else MOST_PAGES), f"{effort}: {plan}"
