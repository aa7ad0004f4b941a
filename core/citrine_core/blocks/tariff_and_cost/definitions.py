"""Checks of the tariffs and settings that operators define."""

import re
from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from google.protobuf.duration_pb2 import Duration

from citrine.api.v1 import tariffs_pb2 as pb
from citrine_core.blocks.tariff_and_cost.models import CostSettings, TariffVersion
from citrine_core.blocks.tariff_and_cost.rules import Rules, read_rules
from citrine_core.errors import InvalidArgument
from citrine_core.rpc import check_length, check_pattern, check_printable

__all__ = ["CHANGEABLE", "SETTINGS", "assign_settings", "changed", "check_tariff", "version_of"]

_OUTPUT_ONLY = frozenset({"tenant_id", "version", "create_time", "update_time", "delete_time", "etag"})

CHANGEABLE = frozenset(pb.Tariff.DESCRIPTOR.fields_by_name) - _OUTPUT_ONLY - {"tariff_id"}
"""Fields that UpdateTariff may change."""

SETTINGS = frozenset(pb.CostSettings.DESCRIPTOR.fields_by_name) - {"etag"}
"""Fields that UpdateCostSettings may change."""

_TARIFF_ID = re.compile(r"[!-~]{1,36}")

_SHORTEST, _LONGEST = timedelta(seconds=10), timedelta(days=1)

_TEXTS = 10
"""Most texts of a tariff, as in OCPP 2.1."""


def check_tariff(tariff: pb.Tariff) -> Rules:
    """Check the tariff of a request, and return its rules.

    Raises:
        InvalidArgument: When a field is invalid; with the path of the first such field.
    """
    check_pattern("tariff.tariff_id", tariff.tariff_id, _TARIFF_ID, "1 to 36 printable ASCII characters without blanks")
    check_length("tariff.description", tariff.description, 255)
    check_length("tariff.info_url", tariff.info_url, 255)
    check_printable("tariff.info_url", tariff.info_url)
    if len(tariff.texts) > _TEXTS:
        raise InvalidArgument("tariff.texts", f"must be at most {_TEXTS}")
    for place, one in enumerate(tariff.texts):
        check_length(f"tariff.texts[{place}].language", one.language, 8)
        check_printable(f"tariff.texts[{place}].language", one.language)
        check_length(f"tariff.texts[{place}].text", one.text, 512, least=1)
    if tariff.HasField("running_cost_interval"):
        _check_interval("tariff.running_cost_interval", tariff.running_cost_interval)
    if tariff.HasField("valid_from") and tariff.HasField("valid_to"):
        _check_order(tariff)
    rules = read_rules(tariff)
    for place, element in enumerate(tariff.elements):
        for number, component in enumerate(element.price_components):
            _check_stacks(f"tariff.elements[{place}].price_components[{number}]", component)
    return rules


def _check_stacks(path: str, component: pb.PriceComponent) -> None:
    """Refuse a tax on taxes without a lower tax. Only new tariffs are checked, because some are already stored."""
    stacks = {one.stack for one in component.taxes}
    for place, one in enumerate(component.taxes):
        if one.stack and one.stack - 1 not in stacks:
            raise InvalidArgument(f"{path}.taxes[{place}].stack", f"must lie on a tax of stack {one.stack - 1}")


def _check_order(tariff: pb.Tariff) -> None:
    if tariff.valid_to.ToDatetime(UTC) <= tariff.valid_from.ToDatetime(UTC):
        raise InvalidArgument("tariff.valid_to", "must be after valid_from")


def assign_settings(row: CostSettings, wanted: pb.CostSettings, fields: Collection[str]) -> None:
    """Change settings; fields that are not set get their default.

    Raises:
        InvalidArgument: When the interval of the running cost is less than 10 seconds or more than a day.
    """
    if "running_cost" in fields:
        row.running_cost = wanted.running_cost or pb.RUNNING_COST_ANSWER
    if "price_messages" in fields:
        row.price_messages = wanted.price_messages or pb.PRICE_MESSAGES_SUPPORTED
    if "running_cost_interval" in fields:
        row.interval_seconds = _interval_of(wanted)


def _interval_of(settings: pb.CostSettings) -> int:
    if not settings.HasField("running_cost_interval"):
        return 60
    interval = _check_interval("settings.running_cost_interval", settings.running_cost_interval)
    return interval // timedelta(seconds=1)


def changed(tariff: pb.Tariff, other: pb.Tariff, fields: Collection[str]) -> pb.Tariff:
    """Return a copy of a tariff with some fields of another one."""
    found, given = pb.Tariff(), pb.Tariff()
    found.CopyFrom(tariff)
    given.CopyFrom(other)
    for name in CHANGEABLE - set(fields):
        given.ClearField(name)  # type: ignore[arg-type]
    for name in fields:
        found.ClearField(name)  # type: ignore[arg-type]
    for name in _OUTPUT_ONLY:
        given.ClearField(name)  # type: ignore[arg-type]
    found.MergeFrom(given)
    return found


def version_of(tenant_id: str, tariff: pb.Tariff, now: datetime) -> TariffVersion:
    """Return a version of a tariff to store; the repository assigns its number."""
    definition = pb.Tariff()
    definition.CopyFrom(tariff)
    for name in _OUTPUT_ONLY:
        definition.ClearField(name)  # type: ignore[arg-type]
    return TariffVersion(
        tenant_id=tenant_id,
        tariff_id=tariff.tariff_id,
        valid_from=tariff.valid_from.ToDatetime(UTC) if tariff.HasField("valid_from") else None,
        valid_to=tariff.valid_to.ToDatetime(UTC) if tariff.HasField("valid_to") else None,
        definition=definition.SerializeToString(deterministic=True),
        create_time=now,
    )


def _check_interval(field: str, interval: Duration) -> timedelta:
    found = interval.ToTimedelta()
    if not _SHORTEST <= found <= _LONGEST:
        raise InvalidArgument(field, "must be from 10 seconds to a day")
    return found
