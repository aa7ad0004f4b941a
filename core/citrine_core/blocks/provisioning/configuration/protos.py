"""From the rows of configurations to what the API shows, and back."""

import re
from collections.abc import Collection

from citrine.api.v1 import configurations_pb2 as pb
from citrine.ocpp.secrets import SECRET_VARIABLES
from citrine.ocpp.v2 import provisioning_pb2 as ocpp
from citrine_core.blocks.provisioning.configuration.contents import content_of, key_of_data
from citrine_core.errors import InvalidArgument
from citrine_core.resources.configurations import Configuration, Provisioning, Selector
from citrine_core.resources.stations.tags import check_groups, check_labels, write_labels
from citrine_core.rpc import check_length, check_pattern, to_timestamp

__all__ = [
    "CHANGEABLE",
    "assign",
    "check_configuration_id",
    "check_fields",
    "configuration_to_proto",
    "provisioning_to_proto",
    "selectors_of",
]

CONFIGURATION_ID = re.compile(r"[A-Za-z0-9._-]{1,50}", re.ASCII)

CHANGEABLE = frozenset({"description", "selectors", "variables", "base_report", "hold_refused"})
"""Fields that UpdateConfiguration may change."""

MOST_VARIABLES = 1000

MOST_SELECTORS = 100

MOST_LABELS = 16

_LONGEST_VENDOR, _LONGEST_MODEL, _LONGEST_LOCATION, _LONGEST_VALUE = 50, 20, 36, 2500


def check_configuration_id(field: str, configuration_id: str) -> None:
    """Refuse what can't be the id of a configuration.

    Raises:
        InvalidArgument: When it has other characters, none, or too many.
    """
    check_pattern(field, configuration_id, CONFIGURATION_ID, "1 to 50 characters of A-Z a-z 0-9 and . - _")


def check_fields(configuration: pb.Configuration, fields: Collection[str]) -> None:
    """Check the fields that are about to be stored.

    Raises:
        InvalidArgument: Naming the first that is wrong.
    """
    if "description" in fields:
        check_length("configuration.description", configuration.description, 255)
    if "selectors" in fields:
        _check_selectors(configuration)
    if "variables" in fields:
        _check_variables(configuration)


def _check_selectors(configuration: pb.Configuration) -> None:
    if len(configuration.selectors) > MOST_SELECTORS:
        raise InvalidArgument("configuration.selectors", f"must be at most {MOST_SELECTORS}")
    for place, selector in enumerate(configuration.selectors):
        field = f"configuration.selectors.{place}"
        check_length(f"{field}.vendor_name", selector.vendor_name, _LONGEST_VENDOR)
        check_length(f"{field}.model", selector.model, _LONGEST_MODEL)
        check_length(f"{field}.location_id", selector.location_id, _LONGEST_LOCATION)
        if selector.station_group:
            check_groups(f"{field}.station_group", [selector.station_group])
        check_labels(f"{field}.station_labels", selector.station_labels, MOST_LABELS)
        if selector.model and not selector.vendor_name:
            raise InvalidArgument(f"{field}.vendor_name", "must not be empty where a model is named")
    if len(set(selectors_of(configuration))) < len(configuration.selectors):
        raise InvalidArgument("configuration.selectors", "must not be the same twice")


def _check_variables(configuration: pb.Configuration) -> None:
    if len(configuration.variables) > MOST_VARIABLES:
        raise InvalidArgument("configuration.variables", f"must be at most {MOST_VARIABLES}")
    seen = set()
    for place, data in enumerate(configuration.variables):
        field = f"configuration.variables.{place}"
        for name, text in (("component", data.component.name), ("variable", data.variable.name)):
            if not text:
                raise InvalidArgument(f"{field}.{name}.name", "must not be empty")
            check_length(f"{field}.{name}.name", text, 50)
        check_length(f"{field}.attribute_value", data.attribute_value, _LONGEST_VALUE)
        if data.variable.name.lower() in SECRET_VARIABLES:
            # One for many stations would be known to whoever opens one of them.
            raise InvalidArgument(f"{field}.variable.name", "is a secret, which each station has for itself")
        if key_of_data(data) in seen:
            raise InvalidArgument(field, "sets what an element before sets (B05.FR.13)")
        seen.add(key_of_data(data))


def assign(row: Configuration, configuration: pb.Configuration, fields: Collection[str]) -> None:
    """Take fields of a configuration over into its row."""
    content = content_of(row) if row.content else pb.Configuration()
    for name in fields:
        content.ClearField(name)  # type: ignore[arg-type]  # a name of CHANGEABLE
        only = pb.Configuration()
        only.CopyFrom(configuration)
        for other in CHANGEABLE - {name} | {"configuration_id", "create_time", "update_time", "etag"}:
            only.ClearField(other)  # type: ignore[arg-type]  # names of the message
        content.MergeFrom(only)
    row.content = content.SerializeToString(deterministic=True)


def selectors_of(content: pb.Configuration) -> list[Selector]:
    """Return the selectors of a configuration as they are stored."""
    return [
        Selector(
            one.vendor_name.lower(),
            one.model.lower(),
            one.location_id,
            one.station_group,
            write_labels(one.station_labels),
        )
        for one in content.selectors
    ]


def configuration_to_proto(row: Configuration) -> pb.Configuration:
    """Return a configuration as the API shows it."""
    shown = content_of(row)
    shown.configuration_id = row.configuration_id
    shown.create_time.FromDatetime(row.create_time)
    shown.update_time.FromDatetime(row.update_time)
    shown.etag = str(row.version)
    return shown


def provisioning_to_proto(row: Provisioning) -> pb.Provisioning:
    """Return how far a station is, as the API shows it."""
    shown = pb.Provisioning.FromString(row.results)
    for result in shown.results:
        result.attribute = result.attribute or ocpp.ATTRIBUTE_ENUM_ACTUAL
    shown.MergeFrom(
        pb.Provisioning(
            station_id=row.station_id,
            configuration_id=row.configuration_id,
            state=pb.ProvisioningState.ValueType(row.state),
            problem=row.problem,
            next_time=to_timestamp(row.next_time),
            start_time=to_timestamp(row.start_time),
            update_time=to_timestamp(row.update_time),
            finish_time=to_timestamp(row.finish_time),
        )
    )
    return shown
