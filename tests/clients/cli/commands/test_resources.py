"""Stations, tokens, transactions, connections, tenants and keys: what is asked and what is printed."""

from pathlib import Path

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.empty_pb2 import Empty
from google.protobuf.timestamp_pb2 import Timestamp

from citrine.api.v1.connections_pb2 import Connection, ListConnectionsRequest, ListConnectionsResponse
from citrine.api.v1.keys_pb2 import (
    CreateKeyRequest,
    CreateKeyResponse,
    Key,
    ListKeysResponse,
    ListRolesResponse,
    RevokeKeyRequest,
    Role,
    RotateKeyRequest,
    RotateKeyResponse,
)
from citrine.api.v1.station_selector_pb2 import StationSelector
from citrine.api.v1.stations_pb2 import (
    BOOT_POLICY_ACCEPTED,
    BOOT_POLICY_PENDING,
    STATION_ORDER_ID,
    Connector,
    CreateStationRequest,
    CreateStationResponse,
    DeleteStationRequest,
    Evse,
    ListStationGroupsResponse,
    ListStationLabelsResponse,
    ListStationsRequest,
    ListStationsResponse,
    SetStationPasswordRequest,
    SetStationPasswordResponse,
    Station,
    StationAddress,
    StationGroup,
    StationLabel,
)
from citrine.api.v1.tenants_pb2 import (
    CreateTenantRequest,
    DeleteTenantRequest,
    ListTenantsResponse,
    Quota,
    QuotaKind,
    Tenant,
)
from citrine.api.v1.tokens_pb2 import (
    TOKEN_STATUS_BLOCKED,
    CreateTokenRequest,
    DeleteTokenRequest,
    GetTokenRequest,
    ListTokensResponse,
    Token,
)
from citrine.api.v1.transactions_pb2 import (
    GetTransactionRequest,
    ListTransactionEventsResponse,
    ListTransactionsRequest,
    ListTransactionsResponse,
    Transaction,
    TransactionEvent,
)
from citrine.ocpp.v2.availability_pb2 import CONNECTOR_STATUS_ENUM_OCCUPIED
from citrine.ocpp.v2.provisioning_pb2 import REGISTRATION_STATUS_ENUM_ACCEPTED
from citrine.ocpp.v2.transactions_pb2 import (
    CHARGING_STATE_ENUM_CHARGING,
    TRANSACTION_EVENT_ENUM_STARTED,
    TransactionEventRequest,
)
from tests.clients.cli.conftest import Cli
from tests.clients.scripted_core import ScriptedCore


def test_a_station_is_added_and_its_password_shown(citrine: Cli, core: ScriptedCore) -> None:
    created = CreateStationResponse(
        station=Station(station_id="CS-1", tenant_id="acme"),
        generated_password="pass-word",
        address=StationAddress(urls=["ws://csms:9000/acme/CS-1"], username="CS-1"),
    )
    core.on("CreateStation", created)

    ran = citrine("station", "add", "CS-1", "--tenant", "acme", "--pending")

    assert [line.split() for line in ran.lines[:4]] == [
        ["station", "CS-1", "added", "to", "tenant", "acme;", "set", "in", "it:"],
        ["URL", "ws://csms:9000/acme/CS-1"],
        ["user", "CS-1"],
        ["password", "pass-word"],
    ]
    assert ran.lines[4].startswith("The password is shown only now.")
    assert ran.lines[6].endswith("citrine --tenant acme station watch CS-1")
    assert core.requests("CreateStation") == [
        CreateStationRequest(station=Station(station_id="CS-1", boot_policy=BOOT_POLICY_PENDING))
    ]
    assert core.seen[0].metadata["citrine-tenant"] == "acme"


def test_a_station_gets_the_password_that_is_given(citrine: Cli, core: ScriptedCore) -> None:
    core.on("CreateStation", CreateStationResponse(station=Station(station_id="CS-1", tenant_id="default")))

    ran = citrine("station", "add", "CS-1", "--password", "0123456789abcdef", "--json")

    assert ran.json == {"station": {"stationId": "CS-1", "tenantId": "default"}}
    (request,) = core.requests("CreateStation")
    assert request.password == "0123456789abcdef"
    assert request.station.boot_policy == BOOT_POLICY_ACCEPTED


@pytest.mark.parametrize("flags", [["--accept", "--reject"], ["--no-password", "--password", "0123456789abcdef"]])
def test_flags_of_a_station_that_exclude_each_other_are_refused(
    citrine: Cli, core: ScriptedCore, flags: list[str]
) -> None:
    ran = citrine("station", "add", "CS-1", *flags)

    assert ran.code == 2
    assert "exclude each other" in ran.err
    assert core.seen == []


def test_a_list_is_one_array_over_all_pages(citrine: Cli, core: ScriptedCore) -> None:
    pages = {
        "": ListStationsResponse(stations=[Station(station_id="A")], next_page_token="A"),
        "A": ListStationsResponse(stations=[Station(station_id="B")]),
    }
    core.on("ListStations", lambda request, context: pages[request.page_token])

    assert citrine("station", "list", "--json").json == [{"stationId": "A"}, {"stationId": "B"}]


def test_a_limit_ends_a_list(citrine: Cli, core: ScriptedCore) -> None:
    page = ListStationsResponse(stations=[Station(station_id="A"), Station(station_id="B")], next_page_token="B")
    core.on("ListStations", page)

    assert len(citrine("station", "list", "--json", "--limit", "3", "--connected").json) == 3
    assert core.requests("ListStations")[0] == ListStationsRequest(
        page_size=3, connected_only=True, order=STATION_ORDER_ID
    )


def test_stations_are_a_table(citrine: Cli, core: ScriptedCore) -> None:
    station = Station(
        station_id="CS-1", connected=True, ocpp_version="2.1", registration=REGISTRATION_STATUS_ENUM_ACCEPTED
    )
    station.hardware.model = "[bold]Wall\x1b[2J"
    core.on("ListStations", ListStationsResponse(stations=[station]))

    lines = citrine("station", "list").lines

    columns = "STATION CONNECTED VERSION REGISTRATION VENDOR MODEL SEEN CLOCK REFUSED"
    assert lines[0].split() == columns.split()
    assert lines[1].split() == ["CS-1", "yes", "2.1", "Accepted", "[bold]Wall", "[2J", "never", "-"]


def test_an_empty_list_says_so(citrine: Cli, core: ScriptedCore) -> None:
    core.on("ListStations", ListStationsResponse())

    assert citrine("station", "list").out == "no stations\n"
    assert citrine("station", "list", "--json").json == []


def test_stations_are_listed_by_location_group_and_label(citrine: Cli, core: ScriptedCore) -> None:
    core.on("ListStations", ListStationsResponse())

    where = ("--location", "north", "--group", "fast", "--label", "owner=acme", "--label", "bay=")
    citrine("station", "list", *where)

    (request,) = core.requests("ListStations")
    assert request.stations == StationSelector(
        location_ids=["north"], groups=["fast"], labels={"owner": "acme", "bay": ""}
    )
    refused = citrine("station", "list", "--label", "bay")
    assert refused.code == 2
    assert "--label: 'bay' is not KEY=VALUE" in refused.err


def test_groups_and_labels_are_listed_with_the_number_of_their_stations(citrine: Cli, core: ScriptedCore) -> None:
    core.on("ListStationGroups", ListStationGroupsResponse(groups=[StationGroup(name="fast", stations=12)]))
    label = StationLabel(key="owner", value="acme", stations=3)
    core.on("ListStationLabels", ListStationLabelsResponse(labels=[label]))

    assert citrine("station", "groups", "f").lines[1].split() == ["fast", "12"]
    assert citrine("station", "labels", "owner", "--prefix", "o").lines[1].split() == ["owner", "acme", "3"]
    assert core.requests("ListStationGroups")[0].name_prefix == "f"
    (request,) = core.requests("ListStationLabels")
    assert (request.key, request.key_prefix) == ("owner", "o")


def test_labels_and_groups_of_a_station_are_replaced(citrine: Cli, core: ScriptedCore) -> None:
    core.on("UpdateStation", Station(station_id="CS-1"))

    citrine("station", "update", "CS-1", "--label", "owner=acme", "--group", "none")

    (request,) = core.requests("UpdateStation")
    assert request.update_mask.paths == ["labels", "groups"]
    assert dict(request.station.labels) == {"owner": "acme"}
    assert not request.station.groups


def test_a_station_is_shown_with_its_connectors(citrine: Cli, core: ScriptedCore) -> None:
    plug = Connector(connector_id=1, status=CONNECTOR_STATUS_ENUM_OCCUPIED)
    core.on("GetStation", Station(station_id="CS-1", evses=[Evse(evse_id=2, connectors=[plug])]))

    out = citrine("station", "show", "CS-1").lines

    assert out[0].split() == ["station", "CS-1"]
    assert out[-1].split() == ["2", "1", "Occupied"]


def test_a_password_is_replaced(citrine: Cli, core: ScriptedCore) -> None:
    core.on("SetStationPassword", SetStationPasswordResponse(generated_password="new-one"))

    assert "password: new-one" in citrine("station", "set-password", "CS-1").lines
    assert core.requests("SetStationPassword") == [SetStationPasswordRequest(station_id="CS-1")]


def test_a_station_is_removed(citrine: Cli, core: ScriptedCore) -> None:
    core.on("DeleteStation", Empty())

    assert citrine("station", "remove", "CS-1").out == "station CS-1 removed\n"
    assert citrine("station", "remove", "CS-1", "--json").json == {}
    assert core.requests("DeleteStation")[0] == DeleteStationRequest(station_id="CS-1")


def test_a_token_is_added(citrine: Cli, core: ScriptedCore) -> None:
    core.on("CreateToken", Token(id_token="A", type="ISO14443", tenant_id="default"))

    ran = citrine(
        *("token", "add", "A", "--type", "iso14443", "--status", "blocked"),
        *("--group", "G", "--expires", "2030-01-01T00:00:00Z"),
    )

    assert ran.out == "token A of type ISO14443 added to tenant default\n"
    token = Token(id_token="A", type="ISO14443", status=TOKEN_STATUS_BLOCKED, group_id="G")
    token.expire_time.FromJsonString("2030-01-01T00:00:00Z")
    assert core.requests("CreateToken") == [CreateTokenRequest(token=token)]


def test_a_token_of_no_status_is_refused(citrine: Cli, core: ScriptedCore) -> None:
    ran = citrine("token", "add", "A", "--type", "Central", "--status", "Lost")

    assert (ran.code, ran.err) == (2, "error: --status: 'Lost' is neither Accepted nor Blocked\n")
    assert core.seen == []


def test_tokens_are_listed_shown_and_removed(citrine: Cli, core: ScriptedCore) -> None:
    token = Token(id_token="A", type="Central", status=TOKEN_STATUS_BLOCKED)
    core.on("ListTokens", ListTokensResponse(tokens=[token]))
    core.on("GetToken", token)
    core.on("DeleteToken", Empty())

    assert citrine("token", "list").lines[1].split() == ["A", "Central", "blocked"]
    assert citrine("token", "show", "A", "--type", "central", "--json").json["status"] == "TOKEN_STATUS_BLOCKED"
    assert citrine("token", "remove", "A").out == "token A removed\n"
    assert core.requests("GetToken") == [GetTokenRequest(id_token="A", type="Central")]
    assert core.requests("DeleteToken") == [DeleteTokenRequest(id_token="A")]


def test_transactions_are_listed(citrine: Cli, core: ScriptedCore) -> None:
    found = Transaction(
        transaction_id="T-1",
        station_id="CS-1",
        evse_id=1,
        charging_state=CHARGING_STATE_ENUM_CHARGING,
        energy_wh=1234.5,
    )
    found.start_time.FromJsonString("2030-01-01T00:00:00Z")
    core.on("ListTransactions", ListTransactionsResponse(transactions=[found]))

    line = citrine("transaction", "list", "--station", "CS-1", "--active").lines[1]

    assert line.split() == ["T-1", "CS-1", "1", "Charging", "1.234", "kWh", "2030-01-01", "00:00:00", "UTC"]
    assert core.requests("ListTransactions") == [
        ListTransactionsRequest(station_id="CS-1", active_only=True, page_size=1000)
    ]


def test_a_transaction_is_shown_with_its_events(citrine: Cli, core: ScriptedCore) -> None:
    event = TransactionEventRequest(event_type=TRANSACTION_EVENT_ENUM_STARTED, seq_no=0)
    core.on("GetTransaction", Transaction(transaction_id="T-1", station_id="CS-1", missing_events=2, events=1))
    core.on("ListTransactionEvents", ListTransactionEventsResponse(events=[TransactionEvent(request=event)]))

    ran = citrine("transaction", "show", "T-1")

    assert "events" in ran.out
    assert "1, 2 missing" in ran.out
    assert ran.lines[-1].split() == ["0", "Started"]
    assert citrine("transaction", "show", "T-1", "--json").json["transactionId"] == "T-1"
    assert core.requests("GetTransaction")[0] == GetTransactionRequest(transaction_id="T-1")


def test_as_many_connections_are_listed_as_asked_for(citrine: Cli, core: ScriptedCore) -> None:
    found = [Connection(station_id=f"CS-{number}", epoch=number) for number in range(1, 4)]
    core.on("ListConnections", ListConnectionsResponse(connections=found, next_page_token="more"))

    ran = citrine("connection", "list", "--limit", "2", "--json")

    assert [one["stationId"] for one in ran.json] == ["CS-1", "CS-2"]
    assert len(core.seen) == 1
    assert core.seen[0].request == ListConnectionsRequest(page_size=2)


def test_connections_are_listed(citrine: Cli, core: ScriptedCore) -> None:
    found = Connection(station_id="CS-1", ocpp_version="2.0.1", epoch=7, edge_id="e", remote_address="10.0.0.1:5")
    core.on("ListConnections", ListConnectionsResponse(connections=[found]))

    assert citrine("connection", "list").lines[1].split() == ["CS-1", "2.0.1", "7", "e", "10.0.0.1:5"]


def test_tenants_are_added_listed_and_removed(citrine: Cli, core: ScriptedCore) -> None:
    tenant = Tenant(tenant_id="acme", display_name="Acme")
    core.on("CreateTenant", tenant)
    core.on("ListTenants", ListTenantsResponse(tenants=[tenant]))
    core.on("DeleteTenant", Empty())

    assert citrine("tenant", "add", "acme", "--name", "Acme").out == "tenant acme added\n"
    assert citrine("tenant", "list").lines[1].split() == ["acme", "Acme"]
    assert citrine("tenant", "remove", "acme").out == "tenant acme removed\n"
    assert citrine("tenant", "list", "--removed").lines[1].split()[:2] == ["acme", "Acme"]
    assert core.requests("CreateTenant") == [CreateTenantRequest(tenant=tenant)]
    assert core.requests("DeleteTenant") == [DeleteTenantRequest(tenant_id="acme")]


def test_quotas_of_a_tenant_are_shown_and_changed(citrine: Cli, core: ScriptedCore) -> None:
    """Those that are not named stay."""
    quotas = [
        Quota(kind=QuotaKind.QUOTA_KIND_STATIONS, limit=5, used=3),
        Quota(kind=QuotaKind.QUOTA_KIND_TOKENS, limit=7),
    ]
    tenant = Tenant(tenant_id="acme", quotas=quotas, etag="E-1")
    core.on("GetTenant", tenant)
    core.on("ListTenants", ListTenantsResponse(tenants=[tenant]))
    core.on("UpdateTenant", tenant)

    shown = citrine("tenant", "show", "acme").lines
    assert ["stations", "3", "5"] in [line.split() for line in shown]
    assert "stations 5, tokens 7" in citrine("tenant", "list").out
    flags = ("--quota", "tokens=none", "--quota", "requests-per-second=50")
    assert citrine("tenant", "update", "acme", *flags).code == 0

    [request] = core.requests("UpdateTenant")
    assert list(request.update_mask.paths) == ["quotas"]
    assert [(quota.kind, quota.limit) for quota in request.tenant.quotas] == [(1, 5), (3, 50)]
    assert request.tenant.etag == "E-1"


@pytest.mark.parametrize("quota", ["tokens", "tokens=", "tokens=-1", "tokens=many", "cards=1"])
def test_a_quota_is_a_kind_and_a_number(citrine: Cli, core: ScriptedCore, quota: str) -> None:
    core.on("GetTenant", Tenant(tenant_id="acme"))

    assert citrine("tenant", "update", "acme", "--quota", quota).code == 2


def test_keys_are_added_listed_and_revoked(citrine: Cli, core: ScriptedCore, tmp_path: Path) -> None:
    key = Key(key_id="k1", display_name="billing", tenant_id="acme", roles=["billing"], scopes=["audit:read"])
    core.on("CreateKey", CreateKeyResponse(key=key, secret="k1.sesame"))
    core.on("ListKeys", ListKeysResponse(keys=[key]))
    core.on("RevokeKey", Empty())

    role = Role(name="billing", description="Bills.", scopes=["records:read"])
    core.on("ListRoles", ListRolesResponse(roles=[role]))

    added = citrine("key", "add", "billing", "--role", "billing", "--scope", "audit:read")
    assert "secret: k1.sesame" in added.lines
    written = citrine("key", "add", "billing", "--role", "billing", "--scope", "audit:read", "--file", "billing.key")
    assert ("sesame" in written.out, tmp_path.joinpath("billing.key").read_text()) == (False, "k1.sesame\n")
    assert tmp_path.joinpath("billing.key").stat().st_mode & 0o777 == 0o600
    nowhere = citrine("key", "add", "billing", "--file", "no/such/folder/x.key")
    assert (nowhere.code, "no/such/folder/x.key can't be written" in nowhere.err) == (2, True)
    assert citrine("key", "list").lines[1].split() == ["k1", "billing", "acme", "billing", "audit:read"]
    assert citrine("key", "roles").lines[1].split() == ["billing", "Bills.", "records:read"]
    assert citrine("key", "revoke", "k1").out == "key k1 (billing) revoked\n"
    asked = CreateKeyRequest(display_name="billing", roles=["billing"], scopes=["audit:read"])
    assert core.requests("CreateKey") == [asked, asked]
    assert core.requests("RevokeKey") == [RevokeKeyRequest(key_id="k1")]


def test_a_key_shows_when_it_was_made_and_used_and_ends(citrine: Cli, core: ScriptedCore) -> None:
    day = Timestamp(seconds=1738324800)
    key = Key(key_id="k1", display_name="billing", tenant_id="acme", scopes=["a:read"], create_time=day)
    used = Key(key_id="k2", scopes=["*"], create_time=day, last_use_time=day, expire_time=day, key_file="host:/key")
    core.on("ListKeys", ListKeysResponse(keys=[key, used]))

    listed = citrine("key", "list", "--columns", "key,created,used,expires").lines
    assert listed[1].split() == ["k1", "2025-01-31", "12:00:00", "UTC"]
    time = ["2025-01-31", "12:00:00", "UTC"]
    assert listed[2].split() == ["k2", *time, "2025-01-31", "12:00", "UTC", *time]
    assert ["expires", "never"] in [line.split() for line in citrine("key", "show", "billing").lines]
    shown = citrine("key", "show", "k2").out
    assert "host:/key" in shown
    assert "(operator)" in shown
    assert citrine("key", "show", "k1", "--json").json["displayName"] == "billing"


def test_a_key_is_rotated_by_its_name(citrine: Cli, core: ScriptedCore) -> None:
    """Those of the same name that are not valid any more do not count."""
    day = Timestamp(seconds=1738324800)
    keys = [
        Key(key_id="k1", display_name="billing", revoke_time=day),
        Key(key_id="k2", display_name="billing", expire_time=day),
        Key(key_id="k3", display_name="billing", replaced_by="k4"),
        Key(key_id="k4", display_name="billing"),
    ]
    core.on("ListKeys", ListKeysResponse(keys=keys))
    replaced = Key(key_id="k4", display_name="billing", replaced_by="k5", expire_time=day)
    core.on("RotateKey", RotateKeyResponse(key=Key(key_id="k5"), secret="sesame", replaced=replaced))

    assert citrine("key", "rotate", "billing", "--grace", "1d12h").lines == [
        "key k5 takes the place of k4 (billing)",
        "secret: sesame",
        "It is shown only now.",
        "k4 ends at 2025-01-31 12:00:00 UTC",
    ]
    citrine("key", "rotate", "k4")

    assert core.requests("RotateKey") == [
        RotateKeyRequest(key_id="k4", grace=Duration(seconds=129_600)),
        RotateKeyRequest(key_id="k4", grace=Duration(seconds=3600)),
    ]


def test_a_key_is_not_rotated_where_it_is_not_clear_which(citrine: Cli, core: ScriptedCore) -> None:
    keys = [Key(key_id="k1", display_name="billing"), Key(key_id="k2", display_name="billing")]
    core.on("ListKeys", ListKeysResponse(keys=keys))

    assert citrine("key", "rotate", "billing").err == (
        "error: several valid keys are named billing; give the id of one: k1, k2\n"
    )
    assert citrine("key", "show", "relay").err == "error: key relay does not exist\n"
    ran = citrine("key", "rotate", "k1", "--grace", "soon")
    assert (ran.code, core.requests("RotateKey")) == (2, [])
