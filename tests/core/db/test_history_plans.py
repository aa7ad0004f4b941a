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
from citrine_core.blocks.transactions.settlement.repository import SettlementRepository
from citrine_core.blocks.transactions.unmatched.repository import UnmatchedEndRepository
from citrine_core.db import Page, Span
from citrine_core.dispatch.poisoned import PoisonedMessages
from citrine_core.resources.audit.repository import AuditRepository
from citrine_core.resources.configurations.repository import ProvisioningRepository
from citrine_core.resources.refusals.repository import RefusalRepository
from citrine_core.resources.reports.repository import ReportRepository
from tests.support.databases import administrate, copy_template
from tests.support.engines import new_engine
from tests.support.many_rows import BEGIN, Sql, fill, work_of
from tests.support.postgres import PostgresServer

PAGE = 20

MOST_PAGES = 150
"""Most pages of PostgreSQL that are read for a list; each row may be on a page of its own, found by an index."""

MOST_STEPS = 12
"""Most thousands of steps that SQLite makes for a list. A walk makes more than 60."""

WRITTEN = 20_000
"""Rows of each table. PostgreSQL believes that they are 500,000, and SQLite plans without knowing."""

FEW = "n <= 5"
"""The earliest rows, which a list that begins with the latest would find last."""


def _case(then: str, otherwise: str) -> str:
    return f"CASE WHEN {FEW} THEN {then} ELSE {otherwise} END"


def _tables(sql: Sql) -> dict[str, dict[str, str]]:
    """Return the columns in which rows of each table differ."""
    numbered = {"id": "n", "station_id": "'CS-' || (n % 400)"}
    requested = {**numbered, "request_id": "n", "create_time": sql.time()}
    del requested["id"]
    unique = "printf('%036d', n)" if sql.is_sqlite else "lpad(n::text, 36, '0')"
    of_transaction = {"transaction_id": _case("'T-1'", "'T-' || n")}
    names = {"component": _case("'Fan'", "'EVSE'"), "variable": _case("'Speed'", "'Power'")}
    return {
        "station_events": {**numbered, **names, "event_time": sql.time()},
        "security_events": {**numbered, "type": _case("'Tamper'", "'Boot'"), "event_time": sql.time()},
        "poisoned_messages": {**numbered, "kind": _case("'Heartbeat'", "'Authorize'"), "create_time": sql.time()},
        "custom_messages": {
            **numbered,
            "content_key": "n",
            "action": _case("'Tap'", "'Ping'"),
            "receive_time": sql.time(),
        },
        "resets": {**numbered, "answer_time": sql.time()},
        "audit_records": {
            "record_id": unique,
            "number": "n",
            "create_time": sql.time(),
            "caller_id": _case("'bob'", "'console'"),
            "method": _case("'Delete'", "'Get'"),
            "object": "'station_id=CS-' || (n % 4000)",
        },
        "refusals": {
            "station_id": "'CS-' || (n % 400)",
            "path": "n",
            "action": _case("'Tap'", "'Heartbeat'"),
            "outcome": _case("2", "1"),
            "last_time": sql.time(),
        },
        "charging_limits": {**numbered, "clear_time": _case("NULL", sql.time()), "set_time": sql.time()},
        "charging_profiles": {
            **numbered,
            **of_transaction,
            "purpose": "4",
            "state": _case("2", "7"),
            "create_time": sql.time(),
        },
        "charging_negotiations": {**numbered, **of_transaction, "create_time": sql.time()},
        "display_messages": {
            **numbered,
            **of_transaction,
            "message_id": "n",
            "state": _case("2", "5"),
            "priority": _case("1", "3"),
            "shown_in": _case("1", "2"),
            "create_time": sql.time(),
        },
        "firmware_updates": {**requested, "state": _case("4", "11"), "campaign_id": _case("'C-1'", "NULL")},
        "firmware_publications": {**requested, "state": _case("4", "8")},
        "firmware_campaigns": {"campaign_id": "'C-' || n", "state": _case("1", "5"), "create_time": sql.time()},
        "report_runs": {**requested, "kind": _case("2", _half("1", "6")), "state": _case("4", "3")},
        "log_uploads": {"station_id": requested["station_id"], "request_id": "n"},
        "remote_starts": {
            "station_id": requested["station_id"],
            "remote_start_id": "n",
            "state": _case("1", "3"),
            "create_time": sql.time(),
        },
        "unmatched_ends": {"station_id": requested["station_id"], "digest": "n", "receive_time": sql.time()},
        "certificate_orders": {
            "order_id": unique,
            "station_id": requested["station_id"],
            "csr_digest": "n",
            "state": _case("1", "4"),
            "create_time": sql.time(),
        },
        "issued_certificates": {"station_id": requested["station_id"], "fingerprint": "n", "valid_from": sql.time()},
        "security_profile_upgrades": {
            "upgrade_id": unique,
            "station_id": requested["station_id"],
            "state": _case("1", "3"),
            "create_time": sql.time(),
        },
        "installed_certificates": {
            **numbered,
            "serial_number": "n",
            "fingerprint": "n",
            "certificate_type": _case("2", "1"),
            "expire_time": sql.time(),
        },
        "cost_corrections": {
            **numbered,
            **of_transaction,
            "number": "n",
            "reason": _case("2", "1"),
            "author": _case("'bob'", "''"),
            "create_time": sql.time(),
        },
        "settlement_actions": {
            **numbered,
            **of_transaction,
            "kind": _case("2", "1"),
            "author": _case("'bob'", "''"),
            "create_time": sql.time(),
        },
        "reservation_costs": {
            "station_id": requested["station_id"],
            "reservation_id": "n",
            "id_token_lookup": "'card' || (n % 4000)",
            "start_time": sql.time(),
        },
        "provisionings": {
            "station_id": "'CS-' || n",
            "state": _case("2", "5"),
            "configuration_id": _case("'few'", "'most'"),
        },
        "local_lists": {"station_id": "'CS-' || n", "state": _case("2", "1")},
    }


def _half(one: str, other: str) -> str:
    return f"CASE WHEN n % 2 = 0 THEN {one} ELSE {other} END"


async def _fill(url: str) -> None:
    engine = new_engine(url)
    try:
        await fill(engine, {name: (columns, WRITTEN) for name, columns in _tables(Sql(engine)).items()})
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
    "audit records of an object": (5, _audit(about="station_id=CS-3999")),
    "audit records of an object at a time": (1, _audit(about="station_id=CS-3999", times=LATE)),
    "refusals": (PAGE, _refusals()),
    "refusals of a station": (PAGE, _refusals(station_id="CS-7")),
    "refusals of an action": (5, _refusals(action="Tap")),
    "refusals of an action at a time": (0, _refusals(action="Tap", last=LATE)),
    "refusals that were dropped": (5, _refusals(outcome=2)),
    "limits": (PAGE, _limits()),
    "limits in force": (5, _limits(in_force_only=True)),
    "limits in force at a station": (0, _limits(in_force_only=True, station_id="CS-7")),
    "profiles": (PAGE, _profiles()),
    "profiles of a station": (PAGE, _profiles(station_id="CS-7")),
    "profiles that are accepted": (5, _profiles(state=charging.CHARGING_PROFILE_STATE_ACCEPTED)),
    "profiles that are missing": (0, _profiles(state=charging.CHARGING_PROFILE_STATE_MISSING)),
    "profiles that have expired": (PAGE, _profiles(state=charging.CHARGING_PROFILE_STATE_EXPIRED)),
    "profiles whose transaction has ended": (0, _profiles(state=charging.CHARGING_PROFILE_STATE_ENDED)),
    "profiles of a transaction": (5, _profiles(transaction_id="T-1")),
    "negotiations": (PAGE, _negotiations()),
    "negotiations of a transaction": (5, _negotiations(transaction_id="T-1")),
    "display messages": (PAGE, _displayed()),
    "display messages of a station": (PAGE, _displayed(station_id="CS-7")),
    "display messages that are set": (5, _displayed(state=2)),
    "display messages of a priority": (5, _displayed(priority=1)),
    "display messages of a state of the station": (5, _displayed(shown_in=1)),
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
    "campaigns in a state": (5, _campaigns(state=1)),
    "reports": (PAGE, _reports()),
    "reports of a kind": (5, _reports(kind=2)),
    "reports in a state": (5, _reports(state=4)),
    "reports of a station": (PAGE, _reports(station_id="CS-7")),
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
    "certificate orders of a station": (PAGE, _orders(station_id="CS-7")),
    "issued certificates": (PAGE, _issued()),
    "issued certificates of a station": (PAGE, _issued(station_id="CS-7")),
    "upgrades of security profiles": (PAGE, _upgrades()),
    "upgrades in a state": (5, _upgrades(state=1)),
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
    "local lists in a state": (5, _local_lists(state=2)),
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
