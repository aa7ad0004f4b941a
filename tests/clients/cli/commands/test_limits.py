"""`citrine limit` and limits of tokens and starts: what is asked and what is printed."""

from google.protobuf.duration_pb2 import Duration

from citrine.api.v1 import transaction_limits_pb2 as pb
from citrine.api.v1.authorization_pb2 import LOST_AUTHORIZATION_STOP, AuthorizationSettings
from citrine.api.v1.remote_control_pb2 import RequestStartTransactionResponse
from citrine.api.v1.stations_pb2 import Station
from citrine.api.v1.tokens_pb2 import AddCreditRequest, Prepaid, Token
from citrine.api.v1.transactions_pb2 import Transaction
from citrine.ocpp.v2 import remote_control_pb2 as remote_control
from tests.clients.cli.conftest import Cli
from tests.clients.scripted_core import ScriptedCore

LIMIT = pb.UsageLimit(max_cost="25.00", max_energy_wh=20_000, max_time=Duration(seconds=5400))
OPTIONS = ("--max-cost", "25.00", "--max-energy", "20", "--max-time", "90")


def test_a_transaction_is_limited(citrine: Cli, core: ScriptedCore) -> None:
    core.on("GetTransaction", Transaction(transaction_id="T-1", station_id="CS-1"))
    core.on("SetTransactionLimit", pb.TransactionLimit(limit=LIMIT, prepaid=True))

    ran = citrine("limit", "set", "T-1", *OPTIONS)
    core.on("SetTransactionLimit", pb.TransactionLimit())
    free = citrine("limit", "set", "T-1", "--none")

    assert ran.lines == [
        "transaction T-1 of CS-1 may take 25.00 in the currency of the tariff, 20 kWh, 1 h 30 min, "
        "what is left of its token"
    ]
    assert free.lines == ["transaction T-1 of CS-1 may take any"]
    assert core.requests("SetTransactionLimit") == [
        pb.SetTransactionLimitRequest(station_id="CS-1", transaction_id="T-1", limit=LIMIT),
        pb.SetTransactionLimitRequest(station_id="CS-1", transaction_id="T-1"),
    ]
    assert citrine("limit", "set", "T-1").code == 2
    assert citrine("limit", "set", "T-1", "--max-energy", "-1").code == 2


def test_limits_are_listed(citrine: Cli, core: ScriptedCore) -> None:
    found = pb.TransactionLimit(
        station_id="CS-1", transaction_id="T-1", limit=LIMIT, state=pb.LIMIT_STATE_STOPPED, reason=pb.LIMIT_REASON_COST
    )
    stubborn = pb.TransactionLimit(
        station_id="CS-1",
        transaction_id="T-2",
        state=pb.LIMIT_STATE_STOPPING,
        reason=pb.LIMIT_REASON_ENERGY,
        problem="the station refused to stop",
        throttle=pb.Throttle(state=pb.THROTTLE_STATE_ACCEPTED, charging_profile_id=7),
    )
    core.on("ListTransactionLimits", pb.ListTransactionLimitsResponse(limits=[found, stubborn]))

    listed, as_json = citrine("limit", "list"), citrine("limit", "list", "--json")

    assert "stopped" in listed.out
    assert "25.00 in the currency of the tariff, 20 kWh, 1 h 30 min" in listed.out
    assert as_json.json[0]["reason"] == "LIMIT_REASON_COST"
    assert "accepted" in next(line for line in listed.out.splitlines() if "T-2" in line)
    assert as_json.json[1]["throttle"]["chargingProfileId"] == 7


def test_a_start_and_a_token_bear_a_limit(citrine: Cli, core: ScriptedCore) -> None:
    accepted = remote_control.RequestStartStopStatusEnum.REQUEST_START_STOP_STATUS_ENUM_ACCEPTED
    answer = RequestStartTransactionResponse(response=remote_control.RequestStartTransactionResponse(status=accepted))
    answer.command.request["remoteStartId"] = 7
    core.on("RequestStartTransaction", answer)
    core.on("UpdateToken", Token())

    citrine("transaction", "start", "CS-1", "0A0B0C0D", *OPTIONS)
    citrine("token", "set", "0A0B0C0D", "--type", "ISO14443", *OPTIONS)
    citrine("token", "set", "0A0B0C0D", "--type", "ISO14443", "--no-limit")

    assert core.requests("RequestStartTransaction")[0].limit == LIMIT
    limited, free = core.requests("UpdateToken")
    assert (limited.token.limit, list(limited.update_mask.paths)) == (LIMIT, ["limit"])
    assert (free.token.HasField("limit"), list(free.update_mask.paths)) == (False, ["limit"])


def test_credit_is_added(citrine: Cli, core: ScriptedCore) -> None:
    token = Token(id_token="0A0B0C0D", type="ISO14443", prepaid=Prepaid(paid="30.00", left="21.50"))
    core.on("AddCredit", token)
    core.on("GetToken", token)

    ran, shown = citrine("token", "credit", "0A0B0C0D", "20.00"), citrine("token", "show", "0A0B0C0D")

    assert ran.lines == ["21.50 left of 30.00 (in the currency of the tariffs) for token 0A0B0C0D"]
    assert "21.50 left of 30.00" in shown.out
    assert core.requests("AddCredit") == [AddCreditRequest(id_token="0A0B0C0D", amount="20.00")]


def test_what_becomes_of_charging_without_authorization_is_set(citrine: Cli, core: ScriptedCore) -> None:
    core.on("UpdateAuthorizationSettings", AuthorizationSettings(lost_authorization=LOST_AUTHORIZATION_STOP))

    ran = citrine("authorization", "set", "--lost", "stop")

    assert "stop" in ran.out
    (request,) = core.requests("UpdateAuthorizationSettings")
    assert request.settings.lost_authorization == LOST_AUTHORIZATION_STOP
    assert citrine("authorization", "set", "--lost", "maybe").code == 2


def test_a_clock_that_is_off_is_shown(citrine: Cli, core: ScriptedCore) -> None:
    core.on("GetStation", Station(station_id="CS-1", clock_skew=Duration(seconds=-7200), clock_off=True))

    assert "2 h behind, transactions go by ours" in citrine("station", "show", "CS-1").out
