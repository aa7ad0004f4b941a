"""Local authorization lists: what stations are sent, and what is known of what they hold."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from sqlalchemy import text

from citrine.api.v1 import local_auth_list_pb2 as pb
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.local_auth_list_pb2_grpc import LocalAuthListServiceStub
from citrine.api.v1.tokens_pb2 import (
    TOKEN_STATUS_ACCEPTED,
    TOKEN_STATUS_BLOCKED,
    TOKEN_WHITELIST_ALLOWED_OFFLINE,
    TOKEN_WHITELIST_NEVER,
    CreateTokenRequest,
    DeleteTokenRequest,
    ImportTokensRequest,
    ResumeTokenOwnerRequest,
    SuspendTokenOwnerRequest,
    Token,
    TokenPlace,
    TokenRules,
    TokenTimes,
    UpdateTokenRequest,
)
from citrine.api.v1.tokens_pb2_grpc import TokensServiceStub
from citrine.edge.v1.link_pb2 import Command
from citrine.events.v1.events_service_pb2 import SubscribeRequest
from citrine.events.v1.events_service_pb2_grpc import EventsServiceStub
from citrine.ocpp.actions import unwrap
from citrine.ocpp.v2 import local_auth_list_pb2 as ocpp
from citrine.ocpp.v2 import provisioning_pb2 as provisioning
from citrine.ocpp.v2.availability_pb2 import HeartbeatRequest
from citrine.ocpp.v2.types_pb2 import AuthorizationStatusEnum, Component, IdToken, IdTokenInfo, Variable
from citrine_core.blocks.local_auth_list import jobs, repository
from citrine_core.blocks.local_auth_list.models import LocalList
from citrine_core.blocks.local_auth_list.repository import LocalListRepository
from citrine_core.resources.tokens import Token as TokenRow
from tests.support.blocks import NOW, stamp
from tests.support.core import PASSWORD, RunningCore
from tests.support.event_words import name_in
from tests.support.fake_edge import FakeEdge, FakeSession
from tests.support.statements import statements
from tests.support.waiting import PAUSE, WAIT

ACCEPTED = AuthorizationStatusEnum.AUTHORIZATION_STATUS_ENUM_ACCEPTED
FULL, DIFFERENTIAL = ocpp.UPDATE_ENUM_FULL, ocpp.UPDATE_ENUM_DIFFERENTIAL
OK = ocpp.SEND_LOCAL_LIST_STATUS_ENUM_ACCEPTED
MISMATCH = ocpp.SEND_LOCAL_LIST_STATUS_ENUM_VERSION_MISMATCH
FAILED = ocpp.SEND_LOCAL_LIST_STATUS_ENUM_FAILED
TARGET = CommandTarget(station_id="CS-1")
BOOT = provisioning.BootNotificationRequest(
    reason=provisioning.BOOT_REASON_ENUM_POWER_UP,
    charging_station=provisioning.ChargingStation(vendor_name="Example", model="One"),
)


class ListStation:
    """A station with a list: does what D01 says, and refuses where a test wants it to."""

    def __init__(self) -> None:
        self.version = 0
        self.held: dict[str, IdTokenInfo] = {}
        self.sent: list[tuple[int, int, int]] = []
        """Type, version and number of entries of what it was sent."""
        self.refusals: list[ocpp.SendLocalListStatusEnum.ValueType] = []

    def __call__(self, command: Command) -> Any:
        request = unwrap(command.request)
        if isinstance(request, ocpp.GetLocalListVersionRequest):
            return ocpp.GetLocalListVersionResponse(version_number=self.version)
        assert isinstance(request, ocpp.SendLocalListRequest)
        entries = request.local_authorization_list
        self.sent.append((request.update_type, request.version_number, len(entries)))
        status = self.refusals.pop(0) if self.refusals else OK
        if request.update_type == DIFFERENTIAL and request.version_number <= self.version:
            status = MISMATCH
        if status == OK:
            self.version = request.version_number
            if request.update_type == FULL:
                self.held.clear()
            for entry in entries:
                self.held.pop(entry.id_token.id_token, None)
                if entry.HasField("id_token_info"):
                    self.held[entry.id_token.id_token] = entry.id_token_info
        return ocpp.SendLocalListResponse(status=status)


@pytest.fixture
async def edge(core: RunningCore) -> AsyncIterator[FakeEdge]:
    await core.add_station("CS-1", registration=1)
    async with core.edge() as edge:
        yield edge


@pytest.fixture
def station(edge: FakeEdge) -> ListStation:
    station = ListStation()
    edge.on_command = station
    return station


@pytest.fixture
async def session(edge: FakeEdge) -> FakeSession:
    session = await edge.connect("CS-1", PASSWORD)
    # What is answered comes after the websocket was known to be open.
    await session.call(HeartbeatRequest())
    return session


@pytest.fixture
def api(core: RunningCore) -> Any:
    return core.stub(LocalAuthListServiceStub)


@pytest.fixture
def tokens(core: RunningCore) -> Any:
    return core.stub(TokensServiceStub)


async def add(tokens: Any, id_token: str, **fields: Any) -> None:
    await tokens.CreateToken(CreateTokenRequest(token=Token(id_token=id_token, type="Central", **fields)))


async def report(session: FakeSession, **limits: int) -> None:
    """Report the limits of the station's LocalAuthListCtrlr; Entries is a limit of its own."""
    data = [
        provisioning.ReportData(
            component=Component(name="LocalAuthListCtrlr"),
            variable=Variable(name=name),
            variable_attribute=[provisioning.VariableAttribute(value="0" if name == "Entries" else str(value))],
            variable_characteristics=provisioning.VariableCharacteristics(
                data_type=provisioning.DATA_ENUM_INTEGER, supports_monitoring=False, max_limit=value
            ),
        )
        for name, value in limits.items()
    ]
    await session.call(provisioning.NotifyReportRequest(request_id=1, generated_at=stamp(), report_data=data))


def entry(id_token: str, *, known: bool = True) -> ocpp.AuthorizationData:
    info = IdTokenInfo(status=ACCEPTED) if known else None
    return ocpp.AuthorizationData(id_token=IdToken(id_token=id_token, type="Central"), id_token_info=info)


def sending(kind: ocpp.UpdateEnum.ValueType, *entries: ocpp.AuthorizationData, version: int = 0) -> Any:
    request = ocpp.SendLocalListRequest(update_type=kind, version_number=version, local_authorization_list=entries)
    return pb.SendLocalListRequest(target=TARGET, request=request)


async def in_step(core: RunningCore, version: int) -> pb.LocalList:
    """Wait until the station confirmed a list of this version and holds what it should."""
    events: Any = core.stub(EventsServiceStub)
    async with asyncio.timeout(WAIT):
        stream = events.Subscribe(SubscribeRequest(kinds=["local_list_changed"], from_token="0"))
        async for response in stream:
            changed = response.event.local_list_changed
            if name_in(changed, "state") == "IN_STEP" and changed.version >= version:
                break
    found: pb.LocalList = await core.stub(LocalAuthListServiceStub).GetLocalList(
        pb.GetLocalListRequest(station_id="CS-1")
    )
    return found


async def test_D01_the_list_of_the_tokens_is_sent_and_then_only_what_changed(
    api: Any, tokens: Any, station: ListStation, session: FakeSession
) -> None:
    await add(tokens, "A", group_id="Fleet")
    await add(tokens, "B", status=TOKEN_STATUS_BLOCKED)
    await add(tokens, "C", rules=TokenRules(places=[TokenPlace(station_id="CS-2")]))
    first = await api.SyncLocalList(pb.SyncLocalListRequest(target=TARGET))
    again = await api.SyncLocalList(pb.SyncLocalListRequest(target=TARGET))

    await add(tokens, "D", rules=TokenRules(times=[TokenTimes()], time_zone="UTC"))
    await tokens.UpdateToken(
        UpdateTokenRequest(token=Token(id_token="B", type="Central", status=TOKEN_STATUS_ACCEPTED))
    )
    await tokens.DeleteToken(DeleteTokenRequest(id_token="A"))
    last = await api.SyncLocalList(pb.SyncLocalListRequest(target=TARGET))

    assert station.sent == [(FULL, 1, 1), (DIFFERENTIAL, 2, 2)]
    assert (first.local_list.entries, first.local_list.state) == (1, pb.LOCAL_LIST_STATE_IN_STEP)
    assert (len(first.commands), len(again.commands), last.response.status) == (1, 0, OK)
    assert list(station.held) == ["B"]
    assert (last.local_list.version, last.local_list.differences) == (2, 0)


async def test_a_party_that_is_suspended_leaves_the_lists_that_are_kept_in_step(
    core: RunningCore,
    api: Any,
    tokens: Any,
    station: ListStation,
    session: FakeSession,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(repository, "SOON", timedelta(seconds=0.1))
    await add(tokens, "A", country_code="NL", party_id="TNM")
    await add(tokens, "B")
    await api.UpdateLocalList(pb.UpdateLocalListRequest(local_list=pb.LocalList(station_id="CS-1", keep_in_step=True)))
    await in_step(core, 1)
    assert set(station.held) == {"A", "B"}

    await tokens.SuspendTokenOwner(SuspendTokenOwnerRequest(country_code="NL", party_id="TNM"))
    await in_step(core, 2)
    assert set(station.held) == {"B"}
    await tokens.ResumeTokenOwner(ResumeTokenOwnerRequest(country_code="NL", party_id="TNM"))
    await in_step(core, 3)
    assert set(station.held) == {"A", "B"}


async def test_parties_that_are_suspended_together_have_lists_compared_once(
    core: RunningCore, api: Any, tokens: Any
) -> None:
    """The station is offline, so nothing is sent."""
    await core.add_station("CS-1", registration=1)
    await api.UpdateLocalList(pb.UpdateLocalListRequest(local_list=pb.LocalList(station_id="CS-1", keep_in_step=True)))
    async with core.core.unit_of_work() as work:
        row = await LocalListRepository(work.session).lock("default", "CS-1")
        row.next_time, row.refresh = core.core.services.clock() + timedelta(hours=24), False
        await work.commit()
    before, due = core.core.services.clock(), set()
    for party in ("AAA", "BBB", "CCC"):
        await tokens.SuspendTokenOwner(SuspendTokenOwnerRequest(country_code="NL", party_id=party))
        async with core.core.unit_of_work(read_only=True) as work:
            found = await LocalListRepository(work.session).find("default", "CS-1")
        due.add(found.next_time)
        assert found.refresh

    [time] = due
    assert time is not None
    assert before + timedelta(seconds=4) < time < before + timedelta(hours=1)


async def test_D01_FR_11_lists_are_split_as_the_station_says(
    api: Any, station: ListStation, session: FakeSession
) -> None:
    await report(session, ItemsPerMessage=3, BytesPerMessage=100_000)
    sent = await api.SendLocalList(sending(FULL, *(entry(f"T{n}") for n in range(7))))
    assert station.sent == [(FULL, 1, 3), (DIFFERENTIAL, 2, 3), (DIFFERENTIAL, 3, 1)]
    assert (len(sent.commands), sent.command.command_id, len(station.held)) == (3, sent.commands[2].command_id, 7)

    # With an entry of some 70 bytes, two of them fit.
    await report(session, ItemsPerMessage=100, BytesPerMessage=320)
    await api.SendLocalList(sending(DIFFERENTIAL, *(entry(f"U{n}") for n in range(4))))

    assert station.sent[3:] == [(DIFFERENTIAL, 4, 2), (DIFFERENTIAL, 5, 2)]


async def test_D01_FR_17_tokens_are_removed_and_D01_FR_04_a_list_is_emptied(
    api: Any, station: ListStation, session: FakeSession
) -> None:
    await api.SendLocalList(sending(FULL, entry("A"), entry("B")))
    await api.SendLocalList(sending(DIFFERENTIAL, entry("A", known=False)))
    entries = await api.ListLocalListEntries(pb.ListLocalListEntriesRequest(station_id="CS-1"))
    await api.SendLocalList(sending(FULL))

    assert [(one.id_token.id_token, one.wanted == one.held) for one in entries.entries] == [("B", True)]
    assert (station.sent[2], station.held) == ((FULL, 3, 0), {})
    shown = await api.ListLocalLists(pb.ListLocalListsRequest(state=pb.LOCAL_LIST_STATE_IN_STEP))
    assert [(one.station_id, one.version) for one in shown.local_lists] == [("CS-1", 3)]


async def test_D01_FR_19_a_change_is_newer_than_what_the_station_has(
    api: Any, station: ListStation, session: FakeSession
) -> None:
    station.version = 41

    await api.SendLocalList(sending(DIFFERENTIAL, entry("A")))

    assert station.sent == [(DIFFERENTIAL, 42, 1)]


@pytest.mark.in_turn
@pytest.mark.parametrize("refusal", [MISMATCH, FAILED], ids=["VersionMismatch", "Failed"])
async def test_D01_FR_03_what_is_refused_as_a_change_is_sent_as_a_whole(
    core: RunningCore, api: Any, station: ListStation, session: FakeSession, refusal: Any
) -> None:
    await api.SendLocalList(sending(FULL, entry("A"), entry("B")))
    station.refusals = [refusal]

    sent = await api.SendLocalList(sending(DIFFERENTIAL, entry("B", known=False), entry("C")))
    repaired = await in_step(core, 3)

    assert sent.response.status == refusal
    assert station.sent == [(FULL, 1, 2), (DIFFERENTIAL, 2, 2), (FULL, 3, 2)]
    assert sorted(station.held) == ["A", "C"]
    assert (repaired.version, repaired.differences, repaired.problem) == (3, 0, "")


async def test_a_list_is_kept_in_step_with_the_tokens_of_its_groups(
    core: RunningCore, api: Any, tokens: Any, station: ListStation, session: FakeSession
) -> None:
    await add(tokens, "A", group_id="fleet")
    wanted = pb.LocalList(station_id="CS-1", keep_in_step=True, group_ids=["Fleet"], include_refused=True)
    await api.UpdateLocalList(pb.UpdateLocalListRequest(local_list=wanted))
    first = await in_step(core, 1)

    await add(tokens, "B", group_id="Fleet", status=TOKEN_STATUS_BLOCKED)
    await in_step(core, 2)
    await add(tokens, "C")
    await tokens.DeleteToken(DeleteTokenRequest(id_token="A"))
    await in_step(core, 3)

    assert (first.entries, first.keep_in_step) == (1, True)
    assert station.sent == [(FULL, 1, 1), (DIFFERENTIAL, 2, 1), (DIFFERENTIAL, 3, 1)]
    assert {name: info.status for name, info in station.held.items()} == {
        "B": AuthorizationStatusEnum.AUTHORIZATION_STATUS_ENUM_BLOCKED
    }
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await api.SendLocalList(sending(FULL))
    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION


async def test_a_station_that_lost_its_list_gets_it_again(
    core: RunningCore, api: Any, tokens: Any, station: ListStation, session: FakeSession
) -> None:
    await add(tokens, "A")
    await api.UpdateLocalList(pb.UpdateLocalListRequest(local_list=pb.LocalList(station_id="CS-1", keep_in_step=True)))
    await in_step(core, 1)
    station.version = 0
    station.held.clear()

    await api.GetLocalListVersion(pb.GetLocalListVersionRequest(target=TARGET))
    await in_step(core, 2)

    station.version = 0
    station.held.clear()
    await session.call(BOOT)
    # Whatever has the list looked at next.
    await add(tokens, "B")
    await in_step(core, 3)

    assert station.sent == [(FULL, 1, 1), (FULL, 2, 1), (FULL, 3, 2)]
    assert sorted(station.held) == ["A", "B"]


async def test_a_list_follows_an_import_of_many_tokens(
    core: RunningCore, api: Any, tokens: Any, station: ListStation, session: FakeSession
) -> None:
    await add(tokens, "T-1")
    await api.UpdateLocalList(pb.UpdateLocalListRequest(local_list=pb.LocalList(station_id="CS-1", keep_in_step=True)))
    await in_step(core, 1)

    async def requests() -> AsyncIterator[ImportTokensRequest]:
        yield ImportTokensRequest(tokens=[Token(id_token=f"T-{number}", type="Central") for number in range(150)])

    assert [one.created async for one in tokens.ImportTokens(requests(), metadata=core.metadata())] == [149]
    await api.SyncLocalList(pb.SyncLocalListRequest(target=TARGET))

    assert len(station.held) == 150
    assert [kind for kind, _, _ in station.sent] == [FULL, DIFFERENTIAL, DIFFERENTIAL]


async def test_an_import_delays_no_list_that_is_due_earlier(core: RunningCore, api: Any, tokens: Any) -> None:
    """As by a token that was just blocked, or by the page before; the station is offline, so nothing is sent."""
    await core.add_station("CS-1", registration=1)

    async def next_time(*changes: datetime | None) -> datetime:
        """Set when the list is due, if it is given, import many tokens, and return when it is due."""
        async with core.core.unit_of_work() as work:
            row = await LocalListRepository(work.session).lock("default", "CS-1")
            for change in changes:
                row.next_time = change
            await work.commit()
        await anext(aiter(tokens.ImportTokens(requests(), metadata=core.metadata())))
        async with core.core.unit_of_work(read_only=True) as work:
            found = (await LocalListRepository(work.session).find("default", "CS-1")).next_time
        assert found is not None
        return found

    numbers = itertools.count()

    async def requests() -> AsyncIterator[ImportTokensRequest]:
        page = [Token(id_token=f"T-{next(numbers)}", type="Central") for _ in range(101)]
        yield ImportTokensRequest(tokens=page)

    await api.UpdateLocalList(pb.UpdateLocalListRequest(local_list=pb.LocalList(station_id="CS-1", keep_in_step=True)))
    await add(tokens, "A", status=TOKEN_STATUS_BLOCKED)
    assert await next_time() <= core.core.services.clock()
    before = core.core.services.clock()
    assert await next_time(None) > before + timedelta(seconds=4)
    tomorrow = core.core.services.clock() + timedelta(hours=24)
    assert await next_time(tomorrow) < tomorrow


async def test_a_list_has_no_token_that_a_station_must_not_accept_by_itself(
    api: Any, tokens: Any, station: ListStation, session: FakeSession
) -> None:
    await add(tokens, "NEVER", whitelist=TOKEN_WHITELIST_NEVER)
    await add(tokens, "OFFLINE", whitelist=TOKEN_WHITELIST_ALLOWED_OFFLINE)

    await api.SyncLocalList(pb.SyncLocalListRequest(target=TARGET))
    assert {name: info.status for name, info in station.held.items()} == {"OFFLINE": ACCEPTED}

    refusing = pb.LocalList(station_id="CS-1", include_refused=True)
    await api.UpdateLocalList(pb.UpdateLocalListRequest(local_list=refusing))
    await api.SyncLocalList(pb.SyncLocalListRequest(target=TARGET))
    invalid = AuthorizationStatusEnum.AUTHORIZATION_STATUS_ENUM_INVALID
    assert {name: info.status for name, info in station.held.items()} == {"OFFLINE": ACCEPTED, "NEVER": invalid}


async def test_more_tokens_than_the_station_holds_are_not_sent(
    api: Any, tokens: Any, station: ListStation, session: FakeSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And of many more than any station holds not even the list is made, which takes long."""

    async def refusal() -> str:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await api.SyncLocalList(pb.SyncLocalListRequest(target=TARGET))
        assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
        return refused.value.details() or ""

    await report(session, Entries=1)
    said = []
    for name in ("A", "B", "C"):
        await add(tokens, name)
        said += [await refusal()] if name != "A" else []
    await report(session, Entries=3)
    monkeypatch.setattr(jobs, "MOST_TOKENS", 2)
    said.append(await refusal())

    assert said == [
        "the station stores 1 tokens, and the list has more",
        "the station stores 1 tokens, and the list has more",
        "a list has at most 2 tokens: name groups that have fewer",
    ]
    assert station.sent == []


async def test_tokens_that_no_station_may_accept_do_not_count_for_the_length_of_a_list(
    api: Any, tokens: Any, station: ListStation, session: FakeSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are refused by themselves, by their party, or by rules that only a core knows; pages have a token or two."""
    monkeypatch.setattr(jobs, "MOST_TOKENS", 2)
    monkeypatch.setattr(repository, "PAGE", 2)
    past = Timestamp(seconds=1)
    await tokens.SuspendTokenOwner(SuspendTokenOwnerRequest(country_code="NL", party_id="TNM"))
    wanted: dict[str, dict[str, Any]] = {
        **{f"NEVER-{number}": {"whitelist": TOKEN_WHITELIST_NEVER} for number in range(3)},
        **{f"ELSEWHERE-{number}": {"rules": TokenRules(places=[TokenPlace(station_id="X")])} for number in range(3)},
        **{"BLOCKED": {"status": TOKEN_STATUS_BLOCKED}, "INVALID": {"valid": False}, "EXPIRED": {"expire_time": past}},
        **{"SUSPENDED": {"country_code": "NL", "party_id": "TNM"}, "OTHER": {"country_code": "NL", "party_id": "XYZ"}},
        "ZZZ": {"rules": TokenRules(places=[TokenPlace(station_id="CS-1")])},
    }
    for name, fields in wanted.items():
        await add(tokens, name, **fields)

    sent = await api.SyncLocalList(pb.SyncLocalListRequest(target=TARGET))
    assert (set(station.held), sent.local_list.entries) == ({"OTHER", "ZZZ"}, 2)
    await api.UpdateLocalList(
        pb.UpdateLocalListRequest(local_list=pb.LocalList(station_id="CS-1", include_refused=True))
    )
    with pytest.raises(grpc.aio.AioRpcError, match="a list has at most 2 tokens"):
        await api.SyncLocalList(pb.SyncLocalListRequest(target=TARGET))


async def test_a_token_that_is_blocked_leaves_a_list_for_which_there_are_too_many(
    core: RunningCore,
    api: Any,
    tokens: Any,
    station: ListStation,
    session: FakeSession,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No other token takes its place, until there are few enough."""
    monkeypatch.setattr(repository, "PAGE", 2)
    for name in ("A", "B", "C"):
        await add(tokens, name)
    keep = pb.UpdateLocalListRequest(local_list=pb.LocalList(station_id="CS-1", keep_in_step=True))
    await api.UpdateLocalList(keep)
    await in_step(core, 1)

    async def problem_is(*wanted: str) -> None:
        async with asyncio.timeout(WAIT):
            while (await api.GetLocalList(pb.GetLocalListRequest(station_id="CS-1"))).problem not in wanted:
                await asyncio.sleep(PAUSE)

    monkeypatch.setattr(jobs, "MOST_TOKENS", 1)
    too_many = "a list has at most 1 tokens: name groups that have fewer"
    await api.UpdateLocalList(keep)
    await problem_is(too_many)
    await add(tokens, "D")
    await tokens.UpdateToken(UpdateTokenRequest(token=Token(id_token="A", type="Central", status=TOKEN_STATUS_BLOCKED)))
    await in_step(core, 2)
    await problem_is(too_many)
    assert set(station.held) == {"B", "C"}
    assert station.sent == [(FULL, 1, 3), (DIFFERENTIAL, 2, 1)]

    for name in ("B", "C"):
        await tokens.DeleteToken(DeleteTokenRequest(id_token=name))
    async with asyncio.timeout(WAIT):
        while set(station.held) != {"D"}:
            await asyncio.sleep(0.02)
    await problem_is("")


async def test_wrong_lists_are_refused(api: Any, station: ListStation, session: FakeSession) -> None:
    """D01.FR.06: no token twice; a full list says something of each; D01.FR.18: the version is above 0."""
    wrong = (
        sending(FULL, entry("A"), entry("a")),
        sending(FULL, entry("A", known=False)),
        sending(FULL, version=-1),
    )
    codes = []
    for request in wrong:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await api.SendLocalList(request)
        codes.append(refused.value.code())

    assert codes == [grpc.StatusCode.INVALID_ARGUMENT] * 3
    assert station.sent == []


async def test_a_list_of_10000_tokens_takes_a_handful_of_statements(
    core: RunningCore, api: Any, station: ListStation, session: FakeSession
) -> None:
    await report(session, ItemsPerMessage=20_000)
    async with core.core.unit_of_work() as work:
        names = [f"{number:08X}" for number in range(10_000)]
        work.session.add_all(
            TokenRow(tenant_id="default", lookup=name.lower(), type="ISO14443", id_token=name, create_time=NOW)
            for name in names
        )
        await work.commit()

    with statements(core.core.engine) as seen:
        sent = await api.SyncLocalList(pb.SyncLocalListRequest(target=TARGET))

    assert (sent.local_list.entries, sent.local_list.differences, len(station.held)) == (10_000, 0, 10_000)
    assert station.sent == [(FULL, 1, 10_000)]
    writes = [text for text, _ in seen if "local_list" in text or "tokens" in text]
    assert len(writes) < 40, writes


FAILING = {
    "sqlite": [
        """CREATE TRIGGER failing BEFORE UPDATE ON local_lists
        WHEN NEW.station_id = 'CS-1' AND NEW.check_time IS NOT NULL BEGIN SELECT RAISE(ABORT, 'broken'); END"""
    ],
    "postgresql": [
        "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''broken''; END'",
        """CREATE TRIGGER failing BEFORE UPDATE ON local_lists FOR EACH ROW
        WHEN (NEW.station_id = 'CS-1' AND NEW.check_time IS NOT NULL) EXECUTE FUNCTION fail()""",
    ],
}
"""Lets the list of one station not be sent."""


async def test_lists_that_fail_each_time_are_not_all_that_is_looked_at(
    core: RunningCore, edge: FakeEdge, station: ListStation, session: FakeSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "BATCH", 1)
    await core.add_station("CS-2", registration=1)
    await (await edge.connect("CS-2", PASSWORD)).call(HeartbeatRequest())
    now = core.core.services.clock()
    async with core.core.unit_of_work() as work:
        connection = await work.session.connection()
        for statement in FAILING[connection.dialect.name]:
            await connection.execute(text(statement))
        for minutes, station_id in ((2, "CS-1"), (1, "CS-2")):
            due = now - timedelta(minutes=minutes)
            work.session.add(LocalList(tenant_id="default", station_id=station_id, keep_in_step=True, next_time=due))
        await work.commit()
    job = jobs.LocalLists(core.core.services)

    async with asyncio.timeout(WAIT):
        while not station.sent:
            await job.synchronize()

    assert station.sent == [(FULL, 1, 0)]
