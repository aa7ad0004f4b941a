"""Charge records: the table of what is billed, one record with its revisions, what is not settled yet, and files."""

import json
from collections.abc import AsyncIterator, Mapping
from decimal import Decimal

from google.protobuf.json_format import MessageToDict

from citrine.api.v1.charge_records_pb2 import (
    ChargeDimension,
    ChargeRecord,
    GetChargeRecordRequest,
    ListChargeRecordsRequest,
    ListUnsettledTransactionsRequest,
    SettlementWait,
)
from citrine.api.v1.tariffs_pb2 import Amount
from citrine.events.v1.events_pb2 import Event
from citrine_console.downloads import exports
from citrine_console.filters import selector_of, time_range
from citrine_console.formats import enum_word, iso
from citrine_console.live import Page, Region
from citrine_console.pages.transaction import ANOMALIES
from citrine_console.paging import paging
from citrine_console.site import Action
from citrine_console.texts import _
from citrine_console.visits import Visit
from citrine_console.zones import zone_of
from citrine_sdk import pages
from citrine_words.enums import words_of

__all__ = ["ACTIONS", "PAGES"]

PAGE_SIZE = 50
EXPORTED = 500
"""Records of a part of a file."""

_DIMENSIONS = {number: word for word, number in words_of(ChargeDimension.items(), "CHARGE_DIMENSION_").items()}
_WAITS = {number: word for word, number in words_of(SettlementWait.items(), "SETTLEMENT_WAIT_").items()}

_COLUMNS = (
    "record_id", "revision", "replaces", "reason", "detail", "requested_by", "change", "create_time", "station_id",
    "transaction_id", "evse_id", "connector_id", "location_id", "location_name", "evse_public_id", "id_token",
    "id_token_type", "contract_id", "country_code", "party_id", "reference", "authorization_method", "start_time",
    "end_time", "stopped_reason", "settlement", "settle_time", "missing_events", "energy_kwh", "total_seconds",
    "charging_seconds", "idle_seconds", "meter_start_wh", "meter_last_wh", "currency", "total_before_tax",
    "total_after_tax", "energy_before_tax", "energy_after_tax", "time_before_tax", "time_after_tax", "idle_before_tax",
    "idle_after_tax", "fees_before_tax", "fees_after_tax", "other_before_tax", "other_after_tax", "taxes", "tariff_id",
    "tariff_version", "cost_unknown", "vendor_name", "model", "serial_number", "firmware_version",
)  # fmt: skip


def _request(visit: Visit) -> ListChargeRecordsRequest:
    query = visit.query
    by_end = query["by"] != "made"
    return ListChargeRecordsRequest(
        station_id=query["station"],
        transaction_id=query["transaction"],
        id_token=query["token"],
        reference=query["reference"],
        latest_only=query["revisions"] != "all",
        end_time=time_range(visit) if by_end else None,
        create_time=None if by_end else time_range(visit),
        stations=selector_of(visit),
    )


async def _filters(visit: Visit) -> Mapping[str, object]:
    return {
        "filter": visit.query.with_(page=None, before=None),
        "may_see_unsettled": visit.may("ListUnsettledTransactions"),
    }


async def _table(visit: Visit) -> Mapping[str, object]:
    request = _request(visit)
    request.page_size, request.page_token = PAGE_SIZE, visit.query["page"]
    answer = await visit.citrine.charge_records.ListChargeRecords(request)
    return {"records": answer.records, "pages": paging(visit, answer.next_page_token)}


async def _record(visit: Visit) -> Mapping[str, object]:
    revision = visit.query.number("revision", 0)
    request = GetChargeRecordRequest(record_id=visit["charge_record_id"], revision=revision)
    record = await visit.citrine.charge_records.GetChargeRecord(request)
    listed = ListChargeRecordsRequest(
        record_id=record.record_id, page_size=PAGE_SIZE, page_token=visit.query["record-page"]
    )
    answer = await visit.citrine.charge_records.ListChargeRecords(listed)
    newest = record
    if revision:
        newest = await visit.citrine.charge_records.GetChargeRecord(GetChargeRecordRequest(record_id=record.record_id))
    return {
        "record": record,
        "revisions": answer.records,
        "latest": newest.revision,
        "pages": paging(visit, answer.next_page_token, "record"),
        "dimensions": _DIMENSIONS,
        "anomalies": [(one, _(ANOMALIES.get(one.kind, ""))) for one in record.anomalies],
        "own_zone": zone_of(record.location.time_zone, visit),
        "whole": json.dumps(MessageToDict(record, preserving_proto_field_name=True), indent=2, ensure_ascii=False),
    }


async def _unsettled(visit: Visit) -> Mapping[str, object]:
    request = ListUnsettledTransactionsRequest(
        page_size=PAGE_SIZE,
        page_token=visit.query["page"],
        station_id=visit.query["station"],
        over_only=visit.query["over"] == "yes",
        stations=selector_of(visit),
    )
    answer = await visit.citrine.charge_records.ListUnsettledTransactions(request)
    return {"transactions": answer.transactions, "waits": _WAITS, "pages": paging(visit, answer.next_page_token)}


async def _exported(visit: Visit) -> AsyncIterator[list[ChargeRecord]]:
    request = _request(visit)
    request.page_size = EXPORTED
    async for page in pages(visit.citrine.charge_records.ListChargeRecords, request):
        yield [*page.records]


def _row(one: ChargeRecord) -> list[str]:
    place, token, station = one.location, one.token, one.station
    return [
        *(
            one.record_id,
            str(one.revision),
            str(one.replaces or ""),
            enum_word(one, "reason"),
            one.detail,
            one.requested_by,
        ),
        *(str(one.change), iso(one.create_time), one.station_id, one.transaction_id),
        *(_whole(one, "evse_id"), _whole(one, "connector_id"), place.location_id, place.name, place.evse_public_id),
        *(token.id_token.id_token, token.id_token.type, token.contract_id, token.country_code, token.party_id),
        *(one.reference, enum_word(one, "authorization_method"), iso(one.start_time), iso(one.end_time)),
        *(enum_word(one, "stopped_reason"), enum_word(one, "settlement"), iso(one.settle_time)),
        *(str(one.missing_events), one.energy_kwh),
        *(_seconds(one, name) for name in ("total_time", "charging_time", "idle_time")),
        *(_whole(one, "meter_start_wh"), _whole(one, "meter_last_wh")),
        *(one.currency, one.total.before_tax, one.total.after_tax, *_amounts(one)),
        "; ".join(f"{tax.type} {tax.percent} %: {tax.amount}" for tax in one.taxes),
        *(one.tariff_id, str(one.tariff_version or ""), "true" if one.cost_unknown else "false"),
        *(station.vendor_name, station.model, station.serial_number, station.firmware_version),
    ]


_SPLIT = (
    ChargeDimension.CHARGE_DIMENSION_ENERGY,
    ChargeDimension.CHARGE_DIMENSION_CHARGING_TIME,
    ChargeDimension.CHARGE_DIMENSION_IDLE_TIME,
    ChargeDimension.CHARGE_DIMENSION_FLAT,
)
"""Dimensions that have columns of their own; the others are added up."""


def _amounts(one: ChargeRecord) -> list[str]:
    found: list[str] = []
    for dimension in _SPLIT:
        total = next((each.amount for each in one.totals if each.dimension == dimension), Amount())
        found += [total.before_tax, total.after_tax]
    others = [each.amount for each in one.totals if each.dimension not in _SPLIT]
    for name in ("before_tax", "after_tax"):
        found.append(f"{sum(Decimal(getattr(each, name) or 0) for each in others):f}" if others else "")
    return found


def _whole(one: ChargeRecord, name: str) -> str:
    return f"{getattr(one, name):.15g}" if one.HasField(name) else ""  # type: ignore[arg-type]


def _seconds(one: ChargeRecord, name: str) -> str:
    return f"{getattr(one, name).ToTimedelta().total_seconds():.15g}" if one.HasField(name) else ""  # type: ignore[arg-type]


def _of_record(visit: Visit, event: Event) -> bool:
    return event.charge_record_made.record_id == visit["charge_record_id"]


async def _nothing(visit: Visit) -> Mapping[str, object]:
    return {}


PAGES = [
    Page(
        path="/charge-records",
        title=lambda visit: _("Charge records"),
        template="records/list.html",
        section="records",
        needs=("ListChargeRecords",),
        regions=[
            Region("filters", "records/filters.html", _filters),
            Region("records", "records/table.html", _table, kinds=("charge_record_made",), is_main=True),
        ],
    ),
    Page(
        path="/charge-records/{charge_record_id}",
        title=lambda visit: _("Charge record"),
        template="records/record.html",
        section="records",
        needs=("GetChargeRecord", "ListChargeRecords"),
        regions=[
            Region(
                "record",
                "records/one.html",
                _record,
                kinds=("charge_record_made",),
                concerns=_of_record,
                is_main=True,
            )
        ],
    ),
    Page(
        path="/unsettled",
        title=lambda visit: _("Not settled"),
        template="records/unsettled.html",
        section="records",
        needs=("ListUnsettledTransactions",),
        regions=[
            Region("filters", "records/unsettled_filters.html", _nothing),
            Region(
                "unsettled",
                "records/unsettled_table.html",
                _unsettled,
                kinds=("transaction_started", "transaction_ended", "transaction_settled", "charge_record_made"),
                is_main=True,
                every=60,
            ),
        ],
    ),
]

ACTIONS: list[Action] = exports("/charge-records", "ListChargeRecords", _exported, _COLUMNS, _row)
