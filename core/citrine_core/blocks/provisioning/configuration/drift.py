"""What a station has against what it should have."""

from collections.abc import Mapping, Sequence

from citrine.api.v1 import configurations_pb2 as pb
from citrine.ocpp.v2 import provisioning_pb2 as ocpp
from citrine_core.blocks.provisioning.configuration.contents import REFUSALS, key_of_data
from citrine_core.blocks.provisioning.configuration.repository import Actual
from citrine_core.blocks.provisioning.configuration.values import same_value
from citrine_core.blocks.provisioning.repository import VariableKey

__all__ = ["drift_of", "has_drifted", "remaining"]

_DRIFTED = frozenset({pb.DRIFT_KIND_DIFFERS, pb.DRIFT_KIND_REFUSED, pb.DRIFT_KIND_REBOOT_REQUIRED})


def drift_of(
    wanted: Sequence[ocpp.SetVariableData],
    actual: Mapping[VariableKey, Actual],
    results: Mapping[VariableKey, pb.VariableResult],
) -> list[pb.DriftEntry]:
    """Return how each variable of a configuration stands at a station.

    Args:
        wanted: Variables of the configuration.
        actual: What the station told, by folded key.
        results: What it answered when it was given them, by folded key.
    """
    return [_entry(data, actual.get(key_of_data(data)), results.get(key_of_data(data))) for data in wanted]


def has_drifted(entry: pb.DriftEntry) -> bool:
    """Return whether a variable is known not to be as it should be."""
    return entry.kind in _DRIFTED


def remaining(
    wanted: Sequence[ocpp.SetVariableData],
    actual: Mapping[VariableKey, Actual],
    results: Mapping[VariableKey, pb.VariableResult],
    *,
    everything: bool,
) -> list[ocpp.SetVariableData]:
    """Return what is still to be set: what the station did not answer yet, and has otherwise.

    Args:
        wanted: Variables of the configuration.
        actual: What the station told, by folded key.
        results: What it answered, by folded key.
        everything: Whether what it has already is set too.
    """
    open_ = [data for data in wanted if not _answered(data, results.get(key_of_data(data)))]
    return [data for data in open_ if everything or not _has(data, actual.get(key_of_data(data)))]


def _answered(data: ocpp.SetVariableData, result: pb.VariableResult | None) -> bool:
    return result is not None and result.value == data.attribute_value


def _has(data: ocpp.SetVariableData, actual: Actual | None) -> bool:
    if actual is None or actual.value is None:
        return False
    return same_value(data.attribute_value, actual.value, actual.data_type)


def _entry(data: ocpp.SetVariableData, actual: Actual | None, result: pb.VariableResult | None) -> pb.DriftEntry:
    entry = pb.DriftEntry(
        component=data.component,
        variable=data.variable,
        attribute=data.attribute_type or ocpp.ATTRIBUTE_ENUM_ACTUAL,
        wanted=data.attribute_value,
        actual=None if actual is None else actual.value,
    )
    result = result if _answered(data, result) else None
    unseen = actual is None or actual.value is None
    accepted = result is not None and result.status == ocpp.SET_VARIABLE_STATUS_ENUM_ACCEPTED
    # What can't be read is what the station took it to be.
    if _has(data, actual) or (unseen and accepted):
        entry.kind = pb.DRIFT_KIND_MATCHES
    elif result is not None and result.status in REFUSALS:
        entry.kind = pb.DRIFT_KIND_REFUSED
        entry.problem = result.problem
    elif result is not None and result.status == ocpp.SET_VARIABLE_STATUS_ENUM_REBOOT_REQUIRED:
        entry.kind = pb.DRIFT_KIND_REBOOT_REQUIRED
    elif unseen:
        entry.kind = pb.DRIFT_KIND_UNKNOWN
    else:
        entry.kind = pb.DRIFT_KIND_DIFFERS
    return entry
