"""What a configuration says, what a station answered to it, and how both are kept."""

import hashlib
from collections.abc import Iterable, Sequence

from citrine.api.v1 import configurations_pb2 as pb
from citrine.ocpp.v2 import provisioning_pb2 as ocpp
from citrine_core.blocks.provisioning.repository import VariableKey
from citrine_core.blocks.provisioning.variables import key_of
from citrine_core.resources.configurations import Configuration, Provisioning

__all__ = ["content_of", "digest_of", "key_of_data", "refused", "results_of", "store_results", "waits_for_reboot"]

REFUSALS = frozenset(
    {
        ocpp.SET_VARIABLE_STATUS_ENUM_REJECTED,
        ocpp.SET_VARIABLE_STATUS_ENUM_UNKNOWN_COMPONENT,
        ocpp.SET_VARIABLE_STATUS_ENUM_UNKNOWN_VARIABLE,
        ocpp.SET_VARIABLE_STATUS_ENUM_NOT_SUPPORTED_ATTRIBUTE_TYPE,
    }
)
"""Answers of a station that does not take a value."""


def content_of(row: Configuration) -> pb.Configuration:
    """Return what a configuration says, without its id, times and etag."""
    return pb.Configuration.FromString(row.content)


def digest_of(configuration_id: str, content: pb.Configuration, hardware: bytes | None) -> str:
    """Return what is another one where a configuration is to be applied anew.

    Args:
        configuration_id: Of the configuration.
        content: What it says.
        hardware: Serialised citrine.ocpp.v2.ChargingStation: of another model, firmware or serial number, the station
            may have forgotten what it was given.
    """
    station = ocpp.ChargingStation.FromString(hardware or b"")
    # Its modem tells of the network, not of the station.
    station.ClearField("modem")
    applied = pb.Configuration(configuration_id=configuration_id, variables=content.variables)
    parts = (applied.SerializeToString(deterministic=True), station.SerializeToString(deterministic=True))
    return hashlib.blake2b(b"\0".join(parts), digest_size=16).hexdigest()


def key_of_data(data: ocpp.SetVariableData | pb.VariableResult) -> VariableKey:
    """Return the key of what is set, the same for all spellings."""
    attribute = data.attribute if isinstance(data, pb.VariableResult) else data.attribute_type
    return key_of(data.component, data.variable, attribute).folded()


def results_of(row: Provisioning) -> dict[VariableKey, pb.VariableResult]:
    """Return what a station answered, by folded key, in the order of its answers."""
    return {key_of_data(result): result for result in pb.Provisioning.FromString(row.results).results}


def store_results(row: Provisioning, results: Iterable[pb.VariableResult]) -> None:
    """Keep what a station answered."""
    row.results = pb.Provisioning(results=results).SerializeToString()


def refused(results: Iterable[pb.VariableResult]) -> Sequence[pb.VariableResult]:
    """Return what a station does not take."""
    return [result for result in results if result.status in REFUSALS]


def waits_for_reboot(results: Iterable[pb.VariableResult]) -> Sequence[pb.VariableResult]:
    """Return what a station took, and what counts after its next reboot."""
    return [result for result in results if result.status == ocpp.SET_VARIABLE_STATUS_ENUM_REBOOT_REQUIRED]
