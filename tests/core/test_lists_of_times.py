"""Lists of what is requested, set or settled are asked for a time."""

from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.message_factory import GetMessageClass
from sqlalchemy import insert

from citrine.api.v1.charge_records_pb2_grpc import ChargeRecordsServiceStub
from citrine.api.v1.common_pb2 import TimeRange
from citrine.api.v1.diagnostics_pb2_grpc import DiagnosticsServiceStub
from citrine.api.v1.display_message_pb2_grpc import DisplayMessageServiceStub
from citrine.api.v1.firmware_campaigns_pb2 import FirmwareCampaign
from citrine.api.v1.firmware_campaigns_pb2_grpc import FirmwareCampaignsServiceStub
from citrine.api.v1.firmware_management_pb2_grpc import FirmwareManagementServiceStub
from citrine.api.v1.local_auth_list_pb2_grpc import LocalAuthListServiceStub
from citrine.api.v1.reports_pb2_grpc import ReportsServiceStub
from citrine.api.v1.security_pb2_grpc import SecurityServiceStub
from citrine.api.v1.security_profile_upgrades_pb2_grpc import SecurityProfileUpgradesServiceStub
from citrine.api.v1.smart_charging_pb2_grpc import SmartChargingServiceStub
from citrine.api.v1.tariff_and_cost_pb2_grpc import TariffAndCostServiceStub
from citrine_core.db.tables import metadata
from citrine_core.ids import first_id_of
from tests.support.contract import rpcs
from tests.support.core import RunningCore

MORNING = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)

TABLES: dict[str, tuple[str | None, dict[str, Any]]] = {
    "report_runs": ("create_time", {"request_id": 1, "kind": 6, "state": 3}),
    "log_uploads": (None, {"request_id": 1}),
    "firmware_publications": ("create_time", {"request_id": 1, "state": 8}),
    "firmware_campaigns": ("create_time", {"state": 5}),
    "certificate_orders": ("create_time", {"order_id": first_id_of, "csr_digest": first_id_of, "state": 4}),
    "security_profile_upgrades": ("create_time", {"upgrade_id": first_id_of, "state": 3}),
    "charging_profiles": ("create_time", {"state": 6}),
    "charging_negotiations": ("create_time", {"state": 4}),
    "charging_limits": ("set_time", {}),
    "local_lists": ("confirm_time", {"state": 1, "group_ids": "[]"}),
    "display_messages": ("create_time", {"state": 5, "priority": 1}),
    "transactions": ("start_time", {"transaction_id": "T-1", "sequence": 1}),
    "transaction_costs": (
        "settle_time",
        {"transaction_id": "T-1", "sequence": 1, "tariff_id": "flat", "tariff_version": 1, "state": 3, "subject": ""},
    ),
}
"""The column of the time, and others that matter; values of what is different at each time are made from it."""

LISTS = {
    "ListLogUploads": (DiagnosticsServiceStub, "create_time"),
    "ListReportRuns": (ReportsServiceStub, "create_time"),
    "ListFirmwarePublications": (FirmwareManagementServiceStub, "create_time"),
    "ListFirmwareCampaigns": (FirmwareCampaignsServiceStub, "create_time"),
    "ListCertificateOrders": (SecurityServiceStub, "create_time"),
    "ListSecurityProfileUpgrades": (SecurityProfileUpgradesServiceStub, "create_time"),
    "ListChargingProfiles": (SmartChargingServiceStub, "create_time"),
    "ListChargingNegotiations": (SmartChargingServiceStub, "create_time"),
    "ListChargingLimits": (SmartChargingServiceStub, "set_time"),
    "ListDisplayMessages": (DisplayMessageServiceStub, "create_time"),
    "ListLocalLists": (LocalAuthListServiceStub, "confirm_time"),
    "ListUnsettledTransactions": (ChargeRecordsServiceStub, "start_time"),
    "ListTransactionCosts": (TariffAndCostServiceStub, "settle_time"),
}

REQUESTS = {method.name: GetMessageClass(method.input_type) for method in rpcs()}


def _value(column: Any, time: datetime) -> Any:
    return {str: "", int: 1, float: 1.0, bytes: b"", bool: False}.get(column.type.python_type, time)


async def _store(core: RunningCore, station_id: str, time: datetime) -> None:
    async with core.core.unit_of_work() as work:
        for name, (time_column, columns) in TABLES.items():
            table = metadata().tables[name]
            row = {
                column.name: _value(column, time)
                for column in table.c
                if not column.nullable and column.server_default is None and column.name != "id"
            }
            row |= {"tenant_id": "default"} | ({"station_id": station_id} if "station_id" in table.c else {})
            row |= {column: value(time) if callable(value) else value for column, value in columns.items()}
            row |= {time_column: time} if time_column else {}
            if name == "firmware_campaigns":
                row["campaign_id"] = station_id
                row["definition"] = FirmwareCampaign(campaign_id=station_id).SerializeToString()
            await work.session.execute(insert(table).values(**row))
        await work.commit()


async def test_each_is_asked_for_what_was_at_that_time(core: RunningCore) -> None:
    for hours, station_id in enumerate(("CS-1", "CS-2", "CS-3")):
        await _store(core, station_id, MORNING + timedelta(hours=hours))
    asked = TimeRange()
    asked.start.FromDatetime(MORNING + timedelta(minutes=30))
    asked.end.FromDatetime(MORNING + timedelta(minutes=90))

    found = {}
    for rpc, (stub, name) in LISTS.items():
        answer = await getattr(core.stub(stub), rpc)(REQUESTS[rpc](**{name: asked}))
        shown = [one for field, value in answer.ListFields() if field.is_repeated for one in value]
        found[rpc] = [getattr(one, "station_id", "") or one.campaign_id for one in shown]

    assert found == {rpc: ["CS-2"] for rpc in LISTS}
