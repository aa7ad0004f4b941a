"""OCPP 1.6, edge cases of who is let in and what passes: registration, passwords, versions, keys, tolerance."""

import asyncio
import base64
from typing import Any

import grpc
import orjson
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from citrine.api.v1 import refusals_pb2, remote_control_pb2, smart_charging_pb2
from citrine.api.v1.certificates_pb2 import InstallCertificateRequest
from citrine.api.v1.provisioning_pb2 import GetVariablesRequest
from citrine.api.v1.stations_pb2 import BootPolicy, GetStationRequest, Station, UpdateStationRequest
from citrine.api.v1.tokens_pb2 import CreateTokenRequest, Token
from citrine.ocpp.codec import decode
from citrine.ocpp.v2 import certificates_pb2 as ocpp
from citrine.ocpp.v2 import provisioning_pb2 as provisioning
from citrine.ocpp.v2 import remote_control_pb2 as remote
from citrine.ocpp.v2 import smart_charging_pb2 as smart
from citrine.ocpp.v2.types_pb2 import EVSE
from citrine_sdk import Citrine
from tests.conformance import profiles
from tests.conformance.conftest import AddStation
from tests.conformance.ocpp16 import states
from tests.conformance.station import ConformanceStation, now
from tests.support.contracts import issue, pem
from tests.support.raw_station import basic
from tests.support.waiting import WAIT

ACCEPTED = {"status": "Accepted"}

PNC = "org.openchargealliance.iso15118pnc"


def remote_start(station: ConformanceStation, api: Citrine) -> Any:
    """Return the call of the API that starts a transaction at a station."""
    request = remote.RequestStartTransactionRequest(
        id_token=states.token(station), evse_id=station.connector_id, remote_start_id=1
    )
    return api.remote_control.RequestStartTransaction(
        remote_control_pb2.RequestStartTransactionRequest(target=states.target(station), request=request)
    )


async def test_EC_20_CSMS(api: Citrine, add_station: AddStation) -> None:
    """A pending station may send what it is asked for alone, and no transaction is started on it."""
    async with add_station("-2", boot_policy=BootPolicy.BOOT_POLICY_PENDING, boot_interval=7) as station:
        boot = await station.call("BootNotification", states.BOOT)
        status = {"connectorId": 1, "status": "Available", "errorCode": "NoError"}
        start = {"connectorId": 1, "idTag": "A", "meterStart": 0, "timestamp": now()}
        refused = [await station.refused(action, payload) for action, payload in (
            ("Heartbeat", {}), ("StatusNotification", status), ("StartTransaction", start),
        )]  # fmt: skip
        with pytest.raises(grpc.aio.AioRpcError) as not_sent:
            await remote_start(station, api)
        trigger = remote.TriggerMessageRequest(
            requested_message=remote.MESSAGE_TRIGGER_ENUM_STATUS_NOTIFICATION, evse=EVSE(id=1, connector_id=1)
        )
        rpc = api.remote_control.TriggerMessage(
            remote_control_pb2.TriggerMessageRequest(target=states.target(station), request=trigger)
        )
        await station.asked_by(rpc, "TriggerMessage", ACCEPTED)
        assert await station.call("StatusNotification", status) == {}

    assert (boot["status"], boot["interval"]) == ("Pending", 7)
    assert refused == ["SecurityError"] * 3
    assert not_sent.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_EC_21_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A rejected station is sent nothing, and may send nothing but what it says of its transactions."""
    await states.booted(station)
    await states.charging(station)
    await update(api, station, "boot_policy", boot_policy=BootPolicy.BOOT_POLICY_REJECTED)

    assert (await station.call("BootNotification", states.BOOT))["status"] == "Rejected"
    assert await station.refused("Heartbeat", {}) == "SecurityError"
    assert await station.refused("Authorize", {"idTag": station.id_token["idToken"]}) == "SecurityError"
    with pytest.raises(grpc.aio.AioRpcError):
        await remote_start(station, api)
    await states.stopped(station, "Local")

    found = await states.transaction(station, api)
    assert (states.reason_of(found), states.energy_of(found)) == ("Local", 750)


async def update(api: Citrine, station: ConformanceStation, field: str, **fields: Any) -> None:
    """Change a field of a station."""
    changed = Station(station_id=station.station_id, **fields)
    await api.stations.UpdateStation(UpdateStationRequest(station=changed, update_mask=FieldMask(paths=[field])))


async def log_in(station: ConformanceStation, password: bytes) -> bool:
    """Return whether a station is let in with a password."""
    token = base64.b64encode(f"{station.station_id}:".encode() + password).decode()
    url, headers = f"{station.url}/{station.station_id}", {"Authorization": f"Basic {token}"}
    subprotocol: Any = "ocpp1.6"
    try:
        async with connect(url, subprotocols=[subprotocol], additional_headers=headers):
            return True
    except InvalidStatus as refused:
        if refused.response.status_code != 401:
            raise
        return False


async def test_EC_22_CSMS(add_station: AddStation) -> None:
    """A key logs in as the bytes that it is and as their hexadecimal text, also with a colon in it."""
    keys = {"with:a:colon-in-it": b"with:a:colon-in-it", "00FF10A1B2C3D4E5F607": bytes.fromhex("00FF10A1B2C3D4E5F607")}
    for registered, key in keys.items():
        async with add_station(f"-{len(registered)}", password=registered) as station:
            for form in (key, key.hex().encode(), key.hex().upper().encode()):
                assert await log_in(station, form)
            assert not await log_in(station, key + b"0")


async def test_EC_23_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A station is asked for as many keys at a time as it takes (GetConfigurationMaxKeys)."""
    await states.booted(station)
    names = {"HeartbeatInterval": "300", "ConnectionTimeOut": "60", "ResetRetries": "3"}
    variables = [
        ("OCPPCommCtrlr", "HeartbeatInterval"),
        ("TxCtrlr", "EVConnectionTimeOut"),
        ("OCPPCommCtrlr", "ResetRetries"),
    ]
    request = decode(
        provisioning.GetVariablesRequest,
        {"getVariableData": [{"component": {"name": one}, "variable": {"name": two}} for one, two in variables]},
    )
    asked: list[list[str]] = []

    def answer(payload: dict[str, Any]) -> dict[str, Any]:
        values = {**names, "GetConfigurationMaxKeys": "2"}
        asked.append(payload["key"])
        return {"configurationKey": [{"key": key, "readonly": False, "value": values[key]} for key in payload["key"]]}

    rpc = asyncio.ensure_future(
        api.provisioning.GetVariables(GetVariablesRequest(target=states.target(station), request=request))
    )
    for _ in range(3):
        await station.asked("GetConfiguration", answer)
    found = (await rpc).response.get_variable_result

    assert asked == [["GetConfigurationMaxKeys"], [*names][:2], [*names][2:]]
    assert [one.attribute_value for one in found] == list(names.values())


async def test_EC_24_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """Limits of a schedule have one decimal: what has more is refused by name, and nothing is sent."""
    await states.booted(station)

    def set_limit(limit: float) -> Any:
        request = smart.SetChargingProfileRequest(
            evse_id=station.connector_id, charging_profile=profiles.absolute("TX_DEFAULT_PROFILE", limit)
        )
        return api.smart_charging.SetChargingProfile(
            smart_charging_pb2.SetChargingProfileRequest(target=states.target(station), request=request)
        )

    asked, _ = await station.asked_by(set_limit(6.3), "SetChargingProfile", ACCEPTED)
    with pytest.raises(grpc.aio.AioRpcError, match="limit") as refused:
        await set_limit(6.29)

    (period,) = asked["csChargingProfiles"]["chargingSchedule"]["chargingSchedulePeriod"]
    assert period["limit"] == 6.3
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    await station.silent()


async def test_EC_25_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """Plug & Charge goes over DataTransfer, in both directions."""
    await states.booted(station)
    emaid = f"DE8AA{station.id_token['idToken'][:9]}"
    await api.tokens.CreateToken(CreateTokenRequest(token=Token(id_token=emaid, type="eMAID")))
    data = orjson.dumps({"idToken": {"idToken": emaid, "type": "eMAID"}}).decode()
    answer = await station.call("DataTransfer", {"vendorId": PNC, "messageId": "Authorize", "data": data})

    root = pem(issue(f"V2G root of {station.station_id}"))
    request = decode(ocpp.InstallCertificateRequest, {"certificateType": "V2GRootCertificate", "certificate": root})
    rpc = api.certificates.InstallCertificate(InstallCertificateRequest(target=states.target(station), request=request))
    asked, installed = await station.asked_by(
        rpc, "DataTransfer", {"status": "Accepted", "data": orjson.dumps(ACCEPTED).decode()}
    )

    assert orjson.loads(answer["data"])["idTokenInfo"]["status"] == "Accepted"
    assert (asked["vendorId"], asked["messageId"]) == (PNC, "InstallCertificate")
    assert orjson.loads(asked["data"]) == {"certificateType": "V2GRootCertificate", "certificate": root}
    assert installed.response.status == ocpp.INSTALL_CERTIFICATE_STATUS_ENUM_ACCEPTED


async def test_EC_26_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """What is refused for a defect names the tolerance that would help; once it is set, its uses are counted."""
    family = f"Maker-{station.station_id}"[:20]
    boot = {"chargePointVendor": family, "chargePointModel": "Two"}
    assert (await station.call("BootNotification", boot))["status"] == "Accepted"
    defective = {"connectorId": 1, "meterValue": [{"timestamp": now(), "sampledValue": []}]}
    assert await station.refused("MeterValues", defective)
    (refusal,) = await refusals(station, api, refusals_pb2.REFUSAL_OUTCOME_REFUSED)
    rule = refusals_pb2.ToleranceRule(
        rule_id=station.station_id, vendor_name=family, model="Two", kinds=refusal.remedies, actions=["MeterValues"]
    )
    await api.refusals.SetToleranceRule(refusals_pb2.SetToleranceRuleRequest(rule=rule))

    async with asyncio.timeout(WAIT):
        while (await station.raw.ask("MeterValues", defective))[0] != 3:
            pass
        tolerated = await refusals(station, api, refusals_pb2.REFUSAL_OUTCOME_TOLERATED)
        while not await uses(station, api):
            pass

    assert list(refusal.remedies) == [refusals_pb2.TOLERANCE_KIND_EMPTY_VALUES]
    assert {one.rule_id for one in tolerated} == {station.station_id}
    shown = await api.stations.GetStation(GetStationRequest(station_id=station.station_id))
    assert shown.refused.gravest.action == "MeterValues"
    await api.refusals.DeleteToleranceRule(refusals_pb2.DeleteToleranceRuleRequest(rule_id=station.station_id))


async def refusals(station: ConformanceStation, api: Citrine, outcome: Any) -> list[refusals_pb2.Refusal]:
    """Return what was noted of a station with an outcome, once there is something."""
    request = refusals_pb2.ListRefusalsRequest(station_id=station.station_id, outcome=outcome)
    async with asyncio.timeout(WAIT):
        while not (found := list((await api.refusals.ListRefusals(request)).refusals)):
            pass
    return found


async def uses(station: ConformanceStation, api: Citrine) -> int:
    """Return how often the rule of a case was used."""
    listed = await api.refusals.ListToleranceRules(refusals_pb2.ListToleranceRulesRequest(page_size=1000))
    return next(rule.uses for rule in listed.rules if rule.rule_id == station.station_id)


async def test_EC_27_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A station that offers several versions and is pinned to one of them speaks that one."""
    url, headers = f"{station.url}/{station.station_id}", basic(station.station_id, station.password)
    offered: list[Any] = ["ocpp2.1", "ocpp2.0.1", "ocpp1.6"]

    async def chosen(*versions: str) -> str | None:
        await update(api, station, "allowed_versions", allowed_versions=versions)
        async with connect(url, subprotocols=offered, additional_headers=headers) as websocket:
            await websocket.send('[2,"1","Heartbeat",{}]')
            await websocket.recv()
            return websocket.subprotocol

    assert await chosen() == "ocpp2.1"
    assert await chosen("1.6") == "ocpp1.6"
    assert await chosen("1.6", "2.0.1") == "ocpp2.0.1"
    shown = await api.stations.GetStation(GetStationRequest(station_id=station.station_id))
    assert shown.ocpp_version == "2.0.1"
    offered.remove("ocpp1.6")
    with pytest.raises(InvalidStatus) as refused:
        await chosen("1.6")
    assert refused.value.response.status_code == 403
