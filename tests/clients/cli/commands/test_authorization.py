"""`citrine token` with rules, `citrine locallist` and `citrine authorization`: what they ask, what they print."""

from pathlib import Path
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration

from citrine.api.v1 import authorization_pb2 as authorization
from citrine.api.v1 import local_auth_list_pb2 as lists
from citrine.api.v1.common_pb2 import Command
from citrine.api.v1.tokens_pb2 import Token, TokenPlace, TokenRules, TokenTimes
from citrine.ocpp.v2 import local_auth_list_pb2 as ocpp
from citrine.ocpp.v2.types_pb2 import AUTHORIZATION_STATUS_ENUM_ACCEPTED, IdToken, IdTokenInfo
from citrine_cli.errors import UsageError
from citrine_cli.token_rules import parse_rules, rule_words
from tests.clients.cli.conftest import Cli
from tests.clients.scripted_core import ScriptedCore

RULES = TokenRules(
    places=[TokenPlace(station_id="CS-1", evse_ids=[1, 2]), TokenPlace(station_id="a-b")],
    connector_types=["cCCS2"],
    times=[
        TokenTimes(days=[5, 6, 7, 1], start_time="08:00", end_time="18:00"),  # type: ignore[list-item]
        TokenTimes(days=[7]),  # type: ignore[list-item]
    ],
    time_zone="UTC",
    max_transactions=1,
    no_credit=True,
)


def test_rules_are_read_and_said() -> None:
    rules = parse_rules(["CS-1:1,2", "a-b"], ["cCCS2"], ["fri-Mon 08:00-18:00", "Sunday"], "UTC", 1, True)

    assert rules == RULES
    assert rule_words(rules) == {
        "only at": "CS-1:1,2 a-b",
        "only connectors": "cCCS2",
        "only at times": "Fri,Sat,Sun,Mon 08:00-18:00 (UTC); Sun 00:00-24:00 (UTC)",
        "transactions at a time": "1",
        "credit": "none",
    }


@pytest.mark.parametrize("text", ["", "8-9", "Frinight 08:00-09:00", "Xyz", "Mon-Tue-Wed", "08:00"])
def test_times_that_are_none(text: str) -> None:
    with pytest.raises(UsageError, match="--time"):
        parse_rules([], [], [text], "UTC", 0, False)


def test_a_zone_of_no_times_is_refused() -> None:
    """Alone it would take the place of all rules."""
    with pytest.raises(UsageError, match="--time"):
        parse_rules([], [], [], "UTC", 0, False)


@pytest.mark.parametrize("text", ["DEMO-1:x", "DEMO-1:", ":1", "DEMO-1:1,x"])
def test_places_that_are_none(text: str) -> None:
    with pytest.raises(UsageError, match="--at"):
        parse_rules([text], [], [], "", 0, False)


def test_a_number_of_transactions_may_be_taken_away(citrine: Cli, core: ScriptedCore) -> None:
    core.on("UpdateToken", Token(id_token="A", type="Central"))

    ran = citrine("token", "set", "A", "--type", "Central", "--max-transactions", "0")

    (request,) = core.requests("UpdateToken")
    assert (ran.code, list(request.update_mask.paths), request.token.rules) == (0, ["rules"], TokenRules())


def test_a_cache_time_below_any_is_none(citrine: Cli, core: ScriptedCore) -> None:
    core.on("UpdateToken", Token(id_token="A", type="Central"))
    core.on("CreateToken", Token(id_token="A", type="Central"))

    assert citrine("token", "set", "A", "--type", "Central", "--cache-time", "-2").code == 2
    assert citrine("token", "add", "A", "--type", "Central", "--cache-time", "-100").code == 2
    assert citrine("token", "set", "A", "--type", "Central", "--cache-time", "-1").code == 0


def test_a_token_is_added_and_changed_with_rules(citrine: Cli, core: ScriptedCore) -> None:
    core.on("CreateToken", Token(id_token="A", type="Central", tenant_id="default"))
    core.on("UpdateToken", Token(id_token="A", type="Central"))
    core.on("GetToken", Token(id_token="A", type="Central", rules=RULES, cache_time=Duration(seconds=60)))
    options = ["--at", "CS-1:1,2", "--at", "a-b", "--connector", "cCCS2", "--time", "Fri-Mon 08:00-18:00"]
    options += ["--time", "Sun", "--zone", "UTC", "--max-transactions", "1", "--no-credit"]

    assert citrine("token", "add", "A", "--type", "Central", "--cache-time", "0", *options).code == 0
    assert citrine("token", "set", "A", "--type", "Central", "--group", "", *options).code == 0
    assert "CS-1:1,2 a-b" in citrine("token", "show", "A").out

    (added,), (changed,) = core.requests("CreateToken"), core.requests("UpdateToken")
    assert (added.token.rules, added.token.HasField("cache_time")) == (RULES, True)
    assert (changed.token.rules, list(changed.update_mask.paths)) == (RULES, ["group_id", "rules"])
    assert citrine("token", "set", "A", "--type", "Central").code == 2


def entry(id_token: str, **info: Any) -> ocpp.AuthorizationData:
    token = IdToken(id_token=id_token, type="Central")
    return ocpp.AuthorizationData(id_token=token, id_token_info=IdTokenInfo(**info) if info else None)


def test_local_lists_are_shown_and_kept(citrine: Cli, core: ScriptedCore) -> None:
    found = lists.LocalList(station_id="CS-1", keep_in_step=True, state=lists.LOCAL_LIST_STATE_IN_STEP, version=3)
    data = entry("A", status=AUTHORIZATION_STATUS_ENUM_ACCEPTED)
    one = lists.LocalListEntry(id_token=data.id_token, wanted=data.id_token_info)
    core.on("ListLocalLists", lists.ListLocalListsResponse(local_lists=[found]))
    core.on("GetLocalList", found)
    core.on("ListLocalListEntries", lists.ListLocalListEntriesResponse(entries=[one]))
    core.on("UpdateLocalList", found)

    assert citrine("locallist", "list").lines[1].split()[:4] == ["CS-1", "in", "step", "3"]
    assert citrine("locallist", "show", "CS-1").lines[-1].split() == ["A", "Central", "Accepted"]
    assert citrine("locallist", "show", "CS-1", "--json").json["version"] == 3
    assert citrine("locallist", "keep", "CS-1", "--group", "G").code == 0
    assert citrine("locallist", "keep", "CS-1", "--off", "--json").code == 0

    on, off = core.requests("UpdateLocalList")
    assert (on.local_list.group_ids, on.local_list.keep_in_step) == (["G"], True)
    assert (list(off.update_mask.paths), off.local_list.keep_in_step) == (["keep_in_step"], False)


@pytest.mark.parametrize(
    ("version", "said"),
    [(7, "has version 7"), (0, "has version 0"), (-1, "stores no lists")],
    ids=["some", "none", "no lists"],
)
def test_the_version_of_a_local_list_is_asked_for(citrine: Cli, core: ScriptedCore, version: int, said: str) -> None:
    answer = ocpp.GetLocalListVersionResponse(version_number=version)
    core.on("GetLocalListVersion", lists.GetLocalListVersionResponse(response=answer))

    assert citrine("locallist", "version", "CS-1").out == f"station CS-1 {said}\n"


def test_local_lists_are_sent(citrine: Cli, core: ScriptedCore) -> None:
    accepted = ocpp.SendLocalListResponse(status=ocpp.SEND_LOCAL_LIST_STATUS_ENUM_ACCEPTED)
    core.on("SendLocalList", lists.SendLocalListResponse(command=Command(command_id="1"), response=accepted))
    core.on("SyncLocalList", lists.SyncLocalListResponse())
    core.on("GetToken", Token(id_token="B", type="Central"))

    assert citrine("locallist", "send", "CS-1", "Central:A", "--remove", "B").out == "station CS-1 answered Accepted\n"
    assert citrine("locallist", "send", "CS-1", "--full", "--json").code == 0
    assert citrine("locallist", "sync", "CS-1").out == "station CS-1 has the list already\n"
    assert citrine("locallist", "send", "CS-1").code == 2

    changes, whole = (request.request for request in core.requests("SendLocalList"))
    assert changes == ocpp.SendLocalListRequest(
        update_type=ocpp.UPDATE_ENUM_DIFFERENTIAL,
        local_authorization_list=[entry("A", status=AUTHORIZATION_STATUS_ENUM_ACCEPTED), entry("B")],
    )
    assert whole == ocpp.SendLocalListRequest(update_type=ocpp.UPDATE_ENUM_FULL)


def test_an_authorizer_is_set_and_shown(citrine: Cli, core: ScriptedCore, tmp_path: Path) -> None:
    asked = authorization.Authorizer(address="a:1", tls=True, has_credential=True, timeout=Duration(seconds=3))
    settings = authorization.AuthorizationSettings(master_pass_group_id="M", authorizer=asked)
    core.on("GetAuthorizationSettings", settings)
    core.on("UpdateAuthorizationSettings", settings)
    (tmp_path / "key").write_text("secret\n")

    shown = citrine("authorization", "show")
    citrine("authorization", "authorizer", "a:1", "--credential-file", str(tmp_path / "key"), "--offline", "local")
    citrine("authorization", "authorizer", "")
    citrine("authorization", "set", "--master-pass-group", "M")
    citrine("authorization", "set", "--exact-token-ids")
    citrine("authorization", "set", "--any-separators")

    assert "a:1 (TLS)" in shown.out
    assert "secret" not in shown.out
    one, none, group, exact, any_separators = core.requests("UpdateAuthorizationSettings")
    assert (exact.settings.exact_token_ids, list(exact.update_mask.paths)) == (True, ["exact_token_ids"])
    assert not any_separators.settings.exact_token_ids
    assert "separators in ids  do not count" in shown.out
    assert one.settings.authorizer.credential == "secret"
    assert one.settings.authorizer.offline_policy == authorization.Authorizer.OFFLINE_POLICY_LOCAL_TOKENS
    assert (none.settings.HasField("authorizer"), list(none.update_mask.paths)) == (False, ["authorizer"])
    assert group.settings.master_pass_group_id == "M"
    assert citrine("authorization", "authorizer", "a:1", "--ask", "some").code == 2
