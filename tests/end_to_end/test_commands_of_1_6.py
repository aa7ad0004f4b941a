"""Commands and jobs for a station of OCPP 1.6, of the `ocpp` package, through a real edge and core."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import ocpp.v16
import orjson
import pytest
from pydantic import SecretStr

from citrine.api.v1 import (
    certificates_pb2,
    configurations_pb2,
    diagnostics_pb2,
    firmware_campaigns_pb2,
    firmware_management_pb2,
    local_auth_list_pb2,
    provisioning_pb2,
    remote_control_pb2,
    reports_pb2,
    security_profile_upgrades_pb2,
    smart_charging_pb2,
    stations_pb2,
    tariffs_pb2,
    tokens_pb2,
    transactions_pb2,
)
from citrine.api.v1.certificates_pb2_grpc import CertificatesServiceStub
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.configurations_pb2_grpc import ConfigurationsServiceStub
from citrine.api.v1.diagnostics_pb2_grpc import DiagnosticsServiceStub
from citrine.api.v1.firmware_campaigns_pb2_grpc import FirmwareCampaignsServiceStub
from citrine.api.v1.firmware_management_pb2_grpc import FirmwareManagementServiceStub
from citrine.api.v1.local_auth_list_pb2_grpc import LocalAuthListServiceStub
from citrine.api.v1.provisioning_pb2_grpc import ProvisioningServiceStub
from citrine.api.v1.remote_control_pb2_grpc import RemoteControlServiceStub
from citrine.api.v1.reports_pb2_grpc import ReportsServiceStub
from citrine.api.v1.security_profile_upgrades_pb2_grpc import SecurityProfileUpgradesServiceStub
from citrine.api.v1.smart_charging_pb2_grpc import SmartChargingServiceStub
from citrine.api.v1.stations_pb2_grpc import StationsServiceStub
from citrine.api.v1.tariffs_pb2_grpc import TariffsServiceStub
from citrine.api.v1.tokens_pb2_grpc import TokensServiceStub
from citrine.api.v1.transactions_pb2_grpc import TransactionsServiceStub
from citrine.ocpp.id_tags import surrogate_of
from citrine.ocpp.v2 import certificates_pb2 as m
from citrine.ocpp.v2 import diagnostics_pb2 as logs
from citrine.ocpp.v2 import provisioning_pb2 as ocpp2
from citrine_core.db.upgrade import upgrade
from tests.core.blocks.tariff_and_cost.tariffs import component, element, tariff
from tests.edge.conftest import RunningEdge, running_edge
from tests.support.core import CREDENTIAL, PASSWORD, RunningCore, running_core
from tests.support.pki import Authority
from tests.support.station16 import Station16, connected16
from tests.support.waiting import PAUSE, WAIT

pytestmark = pytest.mark.timeout(60)

STATION = "CP-1"

TARGET = CommandTarget(station_id=STATION)


@pytest.fixture
async def core(database_url: str, tmp_path: Path) -> AsyncIterator[RunningCore]:
    """A core that knows the station."""
    await upgrade(database_url)
    async with running_core(database_url, tmp_path, inventory_delay=timedelta(0)) as core:
        await core.add_station(STATION)
        yield core


@pytest.fixture
async def edge(core: RunningCore) -> AsyncIterator[RunningEdge]:
    """A real edge with all versions."""
    async with running_edge(
        core=core.address, edge_credential=SecretStr(CREDENTIAL), edge_hold_time=timedelta(seconds=20)
    ) as edge:
        yield edge


@pytest.fixture
async def station(edge: RunningEdge) -> AsyncIterator[Station16]:
    """The station, booted."""
    async with connected16(edge.ocpp, STATION, PASSWORD) as station:
        assert (await boot(station)).status == "Accepted"
        yield station


async def boot(station: Station16) -> Any:
    call = ocpp.v16.call.BootNotification(charge_point_model="M", charge_point_vendor="V", firmware_version="1")
    return await station.call(call)


async def until(condition: Callable[[], Awaitable[Any]]) -> Any:
    """Return what a condition returns once it is true."""
    async with asyncio.timeout(WAIT):
        while not (found := await condition()):
            await asyncio.sleep(PAUSE)
        return found


async def variables(core: RunningCore) -> dict[str, str]:
    """Return the values of the station's variables that the core knows."""
    request = provisioning_pb2.ListVariablesRequest(station_id=STATION, page_size=500)
    listed = await core.stub(ProvisioningServiceStub).ListVariables(request)
    return {f"{each.component.name}.{each.variable.name}": each.value for each in listed.variables}


async def test_inventory_of_a_new_station_is_its_configuration(core: RunningCore, station: Station16) -> None:
    """The core asks for it by itself."""

    async def known() -> dict[str, str]:
        found = await variables(core)
        return found if "OCPPCommCtrlr.HeartbeatInterval" in found else {}

    found = await until(known)

    assert found["OCPPCommCtrlr.HeartbeatInterval"] == "300"
    assert found["OCPP16Configuration.LedColour"] == "green"
    assert found["SmartChargingCtrlr.RateUnit"] == "A"
    assert found["DeviceDataCtrlr.ItemsPerMessage"] == "2"
    assert station.said("GetConfiguration") == [{}]
    listed = await core.stub(ReportsServiceStub).ListReportRuns(reports_pb2.ListReportRunsRequest(station_id=STATION))
    assert [each.state for each in listed.report_runs] == [reports_pb2.REPORT_STATE_COMPLETE]


def data(component: str, variable: str, value: str = "") -> ocpp2.SetVariableData:
    found = ocpp2.SetVariableData(attribute_value=value)
    found.component.name, found.variable.name = component, variable
    return found


async def test_variables_are_changed_and_read(core: RunningCore, station: Station16) -> None:
    provisioning = core.stub(ProvisioningServiceStub)
    changes = [
        data("OCPPCommCtrlr", "HeartbeatInterval", "60"),
        data("OCPP16Configuration", "NumberOfConnectors", "3"),
        data("OCPP16Configuration", "NoSuchKey", "x"),
        data("TxCtrlr", "TxStartPoint", "PowerPathClosed"),
    ]
    request = ocpp2.SetVariablesRequest(set_variable_data=changes)

    changed = await provisioning.SetVariables(provisioning_pb2.SetVariablesRequest(target=TARGET, request=request))
    asked = ocpp2.GetVariablesRequest()
    for each in changes:
        asked.get_variable_data.add(component=each.component, variable=each.variable)
    read = await provisioning.GetVariables(provisioning_pb2.GetVariablesRequest(target=TARGET, request=asked))

    name = ocpp2.SetVariableStatusEnum.Name
    statuses = [
        name(each.attribute_status).removeprefix("SET_VARIABLE_STATUS_ENUM_")
        for each in changed.response.set_variable_result
    ]
    assert statuses == ["ACCEPTED", "REJECTED", "UNKNOWN_VARIABLE", "UNKNOWN_VARIABLE"]
    values = [each.attribute_value for each in read.response.get_variable_result]
    assert values == ["60", "2", "", ""]


async def test_configuration_is_applied_and_drift_is_found(core: RunningCore, station: Station16) -> None:
    configurations = core.stub(ConfigurationsServiceStub)
    wanted = [
        data("OCPPCommCtrlr", "HeartbeatInterval", "60"),
        data("SampledDataCtrlr", "TxUpdatedMeasurands", "Energy.Active.Import.Register,SoC"),
        data("OCPP16Configuration", "LedColour", "blue"),
    ]
    configuration = configurations_pb2.Configuration(configuration_id="C1", variables=wanted)
    configuration.selectors.add()
    await configurations.CreateConfiguration(configurations_pb2.CreateConfigurationRequest(configuration=configuration))

    await configurations.ApplyConfiguration(configurations_pb2.ApplyConfigurationRequest(station_id=STATION))

    async def done() -> bool:
        found = await configurations.GetProvisioning(configurations_pb2.GetProvisioningRequest(station_id=STATION))
        return bool(found.state == configurations_pb2.PROVISIONING_STATE_DONE)

    await until(done)
    assert station.keys["HeartbeatInterval"] == "60"
    assert station.keys["MeterValuesSampledData"] == "Energy.Active.Import.Register,SoC"
    assert station.keys["LedColour"] == "blue"
    report = await configurations.GetDriftReport(configurations_pb2.GetDriftReportRequest(station_id=STATION))
    assert not report.drifted

    station.keys["LedColour"] = "red"
    base = ocpp2.GetBaseReportRequest(report_base=ocpp2.REPORT_BASE_ENUM_FULL_INVENTORY)
    await core.stub(ProvisioningServiceStub).GetBaseReport(
        provisioning_pb2.GetBaseReportRequest(target=TARGET, request=base)
    )

    async def drifted() -> list[str]:
        found = await configurations.GetDriftReport(configurations_pb2.GetDriftReportRequest(station_id=STATION))
        return [each.actual for each in found.entries if each.kind == configurations_pb2.DRIFT_KIND_DIFFERS]

    assert await until(drifted) == ["red"]


async def test_station_that_is_pending_is_configured_and_then_accepted(core: RunningCore, edge: RunningEdge) -> None:
    configurations = core.stub(ConfigurationsServiceStub)
    configuration = configurations_pb2.Configuration(
        configuration_id="C1", variables=[data("OCPPCommCtrlr", "HeartbeatInterval", "60")]
    )
    configuration.selectors.add()
    await configurations.CreateConfiguration(configurations_pb2.CreateConfigurationRequest(configuration=configuration))
    change = stations_pb2.UpdateStationRequest(
        station=stations_pb2.Station(station_id=STATION, boot_policy=stations_pb2.BOOT_POLICY_CONFIGURED)
    )
    await core.stub(StationsServiceStub).UpdateStation(change)
    async with connected16(edge.ocpp, STATION, PASSWORD) as station:
        assert (await boot(station)).status == "Pending"

        async def triggered() -> list[Any]:
            return station.said("TriggerMessage")

        assert await until(triggered) == [{"requested_message": "BootNotification"}]
        assert station.keys["HeartbeatInterval"] == "60"
        assert (await boot(station)).status == "Accepted"


async def test_local_list_follows_the_tokens(core: RunningCore, station: Station16) -> None:
    tokens, lists = core.stub(TokensServiceStub), core.stub(LocalAuthListServiceStub)
    long_token = "a-token-of-an-app-with-32-letters"
    for id_token, kind in (("DEADBEEF", "ISO14443"), ("CAFEBABE", "ISO14443"), (long_token, "Central")):
        token = tokens_pb2.Token(id_token=id_token, type=kind)
        await tokens.CreateToken(tokens_pb2.CreateTokenRequest(token=token))
    wanted = local_auth_list_pb2.LocalList(station_id=STATION, keep_in_step=True)
    await lists.UpdateLocalList(local_auth_list_pb2.UpdateLocalListRequest(local_list=wanted))

    async def in_step() -> bool:
        found = await lists.GetLocalList(local_auth_list_pb2.GetLocalListRequest(station_id=STATION))
        return bool(found.state == local_auth_list_pb2.LOCAL_LIST_STATE_IN_STEP) and len(station.local_list) == 3

    await until(in_step)
    assert {"DEADBEEF", "CAFEBABE", surrogate_of(long_token, "Central")} == {
        each.upper() for each in station.local_list
    }
    answered = await lists.GetLocalListVersion(local_auth_list_pb2.GetLocalListVersionRequest(target=TARGET))
    assert answered.response.version_number == station.list_version > 0


@pytest.mark.in_turn
@pytest.mark.parametrize("has_security_extensions", [True, False])
async def test_log_is_uploaded(core: RunningCore, station: Station16, has_security_extensions: bool) -> None:
    if not has_security_extensions:
        station.route_map.pop("GetLog")
    request = logs.GetLogRequest(log_type=logs.LOG_ENUM_DIAGNOSTICS_LOG, request_id=4)
    request.log.remote_location = "https://logs.example.com"

    answered = await core.stub(DiagnosticsServiceStub).GetLog(
        diagnostics_pb2.GetLogRequest(target=TARGET, request=request)
    )

    assert answered.response.filename == ("log.zip" if has_security_extensions else "diagnostics.zip")


async def test_firmware_is_updated(core: RunningCore, station: Station16) -> None:
    firmware = core.stub(FirmwareManagementServiceStub)
    request = firmware_management_pb2.UpdateFirmwareRequest(target=TARGET)
    request.request.firmware.location = "https://files.example.com/v2.bin"

    answered = await firmware.UpdateFirmware(request)
    for status in ("Downloading", "Downloaded", "Installing", "Installed"):
        await station.call(ocpp.v16.call.FirmwareStatusNotification(status=status))

    asked = firmware_management_pb2.ListFirmwareUpdatesRequest(station_id=STATION)
    [update] = (await firmware.ListFirmwareUpdates(asked)).updates
    assert update.state == firmware_management_pb2.FIRMWARE_UPDATE_STATE_INSTALLED
    assert answered.response.status == 1
    [said] = station.said("UpdateFirmware")
    assert said["location"] == "https://files.example.com/v2.bin"


async def test_password_is_changed_to_one_that_every_station_reads(
    core: RunningCore, edge: RunningEdge, station: Station16
) -> None:
    async def known() -> bool:
        return "SecurityCtrlr.BasicAuthPassword" in await variables(core)

    await until(known)
    request = stations_pb2.SetStationPasswordRequest(station_id=STATION, send=True)

    changed = await core.stub(StationsServiceStub).SetStationPassword(request)

    [said] = station.said("ChangeConfiguration")
    assert bytes.fromhex(said["value"]).decode() == changed.generated_password
    assert len(changed.generated_password) == 20
    for password in (changed.generated_password, said["value"]):
        async with connected16(edge.ocpp, STATION, password) as again:
            assert (await again.call(ocpp.v16.call.Heartbeat())).current_time


async def test_what_1_6_can_not_say_is_unimplemented_and_says_why(core: RunningCore, station: Station16) -> None:
    transactions = core.stub(TransactionsServiceStub)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await transactions.GetTransactionStatus(transactions_pb2.GetTransactionStatusRequest(target=TARGET))

    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert "stations of OCPP 1.6 do not say what messages they have queued" in (refused.value.details() or "")

    reset = provisioning_pb2.ResetRequest(target=TARGET)
    reset.request.type, reset.request.evse_id = ocpp2.RESET_ENUM_IMMEDIATE, 1
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await core.stub(ProvisioningServiceStub).Reset(reset)

    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert "/evseId" in (refused.value.details() or "")


async def test_remote_start_and_unlock(core: RunningCore, station: Station16) -> None:
    control = core.stub(RemoteControlServiceStub)
    start = remote_control_pb2.RequestStartTransactionRequest(target=TARGET)
    start.request.id_token.id_token, start.request.id_token.type, start.request.evse_id = "DEADBEEF", "ISO14443", 2
    unlock = remote_control_pb2.UnlockConnectorRequest(target=TARGET)
    unlock.request.evse_id, unlock.request.connector_id = 2, 1

    await control.RequestStartTransaction(start)
    await control.UnlockConnector(unlock)

    assert station.said("RemoteStartTransaction") == [{"id_tag": "DEADBEEF", "connector_id": 2}]
    assert station.said("UnlockConnector") == [{"connector_id": 2}]


async def test_capacity_of_a_station_becomes_charging_profiles(core: RunningCore, station: Station16) -> None:
    async def known() -> bool:
        return "EVSE.Available" in await variables(core)

    await until(known)
    capacity = smart_charging_pb2.ChargingCapacity(station_id=STATION, max_current_a=32)
    smart_charging = core.stub(SmartChargingServiceStub)
    await smart_charging.SetChargingCapacity(smart_charging_pb2.SetChargingCapacityRequest(capacity=capacity))

    async def limits() -> list[Any]:
        return [
            (each["connector_id"], profile["charging_profile_purpose"], period["limit"])
            for each in station.said("SetChargingProfile")
            for profile in [each["cs_charging_profiles"]]
            for period in profile["charging_schedule"]["charging_schedule_period"]
        ]

    assert await until(limits) == [(0, "TxDefaultProfile", 16.0)]


async def test_campaign_updates_a_station_and_sees_its_new_version(core: RunningCore, station: Station16) -> None:
    campaigns = core.stub(FirmwareCampaignsServiceStub)
    campaign = firmware_campaigns_pb2.FirmwareCampaign(display_name="v2", firmware_version="2")
    campaign.selection.station_ids.append(STATION)
    campaign.firmware.location = "https://files.example.com/v2.bin"
    created = await campaigns.CreateFirmwareCampaign(
        firmware_campaigns_pb2.CreateFirmwareCampaignRequest(campaign=campaign)
    )

    async def asked() -> list[Any]:
        return station.said("UpdateFirmware")

    await until(asked)
    for status in ("Downloading", "Downloaded", "Installing", "Installed"):
        await station.call(ocpp.v16.call.FirmwareStatusNotification(status=status))
    again = ocpp.v16.call.BootNotification(charge_point_model="M", charge_point_vendor="V", firmware_version="2")
    await station.call(again)

    async def completed() -> bool:
        request = firmware_campaigns_pb2.GetFirmwareCampaignRequest(campaign_id=created.campaign_id)
        found = await campaigns.GetFirmwareCampaign(request)
        return bool(found.state == firmware_campaigns_pb2.FIRMWARE_CAMPAIGN_STATE_COMPLETED)

    await until(completed)


async def test_certificates_are_installed_by_the_security_extensions_and_over_data_transfer(
    core: RunningCore, station: Station16
) -> None:
    certificates = core.stub(CertificatesServiceStub)
    pem = Authority.root().pem
    station.answers["DataTransfer"] = {"status": "Accepted", "data": '{"status":"Accepted"}'}

    for use in ("CSMS_ROOT", "V2G_ROOT"):
        number = m.InstallCertificateUseEnum.Value(f"INSTALL_CERTIFICATE_USE_ENUM_{use}_CERTIFICATE")
        wanted = m.InstallCertificateRequest(certificate_type=number, certificate=pem)
        await certificates.InstallCertificate(certificates_pb2.InstallCertificateRequest(target=TARGET, request=wanted))

    [native] = station.said("InstallCertificate")
    assert native["certificate_type"] == "CentralSystemRootCertificate"
    [transferred] = station.said("DataTransfer")
    assert (transferred["vendor_id"], transferred["message_id"]) == (
        "org.openchargealliance.iso15118pnc",
        "InstallCertificate",
    )
    assert orjson.loads(transferred["data"])["certificateType"] == "V2GRootCertificate"


@contextlib.asynccontextmanager
async def known_station(core: RunningCore, edge: RunningEdge, **keys: str) -> AsyncIterator[Station16]:
    """Connect a station whose inventory the core knows."""

    async def known() -> bool:
        return "OCPPCommCtrlr.HeartbeatInterval" in await variables(core)

    async with connected16(edge.ocpp, STATION, PASSWORD, {"HeartbeatInterval": "60", **keys}) as station:
        await boot(station)
        await until(known)
        yield station


async def raise_profile(core: RunningCore) -> str:
    """Upgrade the station to security profile 2, and return the state."""
    connection = ocpp2.NetworkConnectionProfile(security_profile=2, ocpp_csms_url="wss://csms.example.com")
    request = security_profile_upgrades_pb2.CreateSecurityProfileUpgradeRequest(
        station_id=STATION, connection_data=connection
    )
    made = await core.stub(SecurityProfileUpgradesServiceStub).CreateSecurityProfileUpgrade(request)
    name = security_profile_upgrades_pb2.SecurityProfileUpgradeState.Name(made.state)
    return name.removeprefix("SECURITY_PROFILE_UPGRADE_STATE_")


@pytest.mark.in_turn
@pytest.mark.parametrize(
    ("status", "state", "resets"),
    [
        ("Accepted", "RESTARTING", []),
        ("RebootRequired", "RESTARTING", [{"type": "Soft"}]),
        ("Rejected", "FAILED", []),
    ],
)
async def test_security_profile_is_raised_by_its_key(
    core: RunningCore, edge: RunningEdge, status: str, state: str, resets: list[Any]
) -> None:
    """Whitepaper, A05: a station that accepts it connects anew by itself."""
    async with known_station(core, edge, SecurityProfile="1") as station:
        station.changes["SecurityProfile"] = status

        assert await raise_profile(core) == state

        assert station.said("ChangeConfiguration") == [{"key": "SecurityProfile", "value": "2"}]
        assert station.said("Reset") == resets


async def test_station_without_a_security_profile_has_no_way_to_another(core: RunningCore, edge: RunningEdge) -> None:
    async with known_station(core, edge) as station:
        with pytest.raises(grpc.aio.AioRpcError, match="does not say its NetworkConfigurationPriority"):
            await raise_profile(core)

        assert station.said("ChangeConfiguration") == []


async def begun(core: RunningCore, station: Station16) -> int:
    """Begin a transaction on connector 1, and return its number."""
    token = tokens_pb2.Token(id_token="DEADBEEF", type="ISO14443")
    await core.stub(TokensServiceStub).CreateToken(tokens_pb2.CreateTokenRequest(token=token))
    now = datetime.now(UTC).isoformat()
    for status in ("Available", "Preparing"):
        await station.call(
            ocpp.v16.call.StatusNotification(connector_id=1, error_code="NoError", status=status, timestamp=now)
        )
    await station.call(ocpp.v16.call.Authorize(id_tag="deadbeef"))
    started = await station.call(
        ocpp.v16.call.StartTransaction(connector_id=1, id_tag="deadbeef", meter_start=1000, timestamp=now)
    )
    assert started.id_tag_info["status"] == "Accepted"
    return int(started.transaction_id)


async def test_transaction_is_stopped_by_its_number(core: RunningCore, station: Station16) -> None:
    number = await begun(core, station)
    stop = remote_control_pb2.RequestStopTransactionRequest(target=TARGET)
    stop.request.transaction_id = str(number)

    await core.stub(RemoteControlServiceStub).RequestStopTransaction(stop)

    assert station.said("RemoteStopTransaction") == [{"transaction_id": number}]


async def test_charging_vehicle_gets_its_share_of_the_capacity(core: RunningCore, edge: RunningEdge) -> None:
    keys = {"ChargeProfileMaxStackLevel": "5"}
    async with known_station(core, edge, **keys) as station:
        number = await begun(core, station)
        capacity = smart_charging_pb2.ChargingCapacity(station_id=STATION, max_current_a=32)
        await core.stub(SmartChargingServiceStub).SetChargingCapacity(
            smart_charging_pb2.SetChargingCapacityRequest(capacity=capacity)
        )

        async def shares() -> list[Any]:
            profiles = [
                (each["connector_id"], each["cs_charging_profiles"]) for each in station.said("SetChargingProfile")
            ]
            return [
                (connector, profile["transaction_id"])
                for connector, profile in profiles
                if profile["charging_profile_purpose"] == "TxProfile"
            ]

        assert (await until(shares))[0] == (1, number)


async def test_driver_is_told_the_price_the_running_cost_and_the_final_cost(
    core: RunningCore, station: Station16
) -> None:
    async def known() -> bool:
        return "TariffCostCtrlr.Available" in await variables(core)

    await until(known)
    tariffs = core.stub(TariffsServiceStub)
    per_kwh = tariff(element(component("ENERGY", "0.30"), component("FLAT", "0.50")), tariff_id="KWH")
    await tariffs.CreateTariff(tariffs_pb2.CreateTariffRequest(tariff=per_kwh))
    assignment = tariffs_pb2.TariffAssignment(tariff_id="KWH")
    await tariffs.AssignTariff(tariffs_pb2.AssignTariffRequest(assignment=assignment))

    number = await begun(core, station)
    now = datetime.now(UTC).isoformat()
    sampled = [{"value": "2000", "measurand": "Energy.Active.Import.Register", "unit": "Wh"}]
    values = [{"timestamp": now, "sampledValue": sampled}]
    await station.call(ocpp.v16.call.MeterValues(connector_id=1, transaction_id=number, meter_value=values))
    await station.call(ocpp.v16.call.StopTransaction(transaction_id=number, meter_stop=11000, timestamp=now))

    async def final() -> list[Any]:
        told = [(each["message_id"], orjson.loads(each["data"])) for each in station.said("DataTransfer")]
        return told if told and told[-1][0] == "FinalCost" else []

    told = await until(final)
    # The price after Authorize, and again after the start.
    assert [name for name, _ in told] == ["SetUserPrice", "SetUserPrice", "RunningCost", "FinalCost"]
    assert "0.30" in told[0][1]["priceText"]
    assert (told[2][1]["transactionId"], told[2][1]["cost"]) == (number, pytest.approx(0.80))
    assert (told[3][1]["transactionId"], told[3][1]["cost"]) == (number, pytest.approx(3.50))
