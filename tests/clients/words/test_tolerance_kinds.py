"""Names of tolerance rules: a rule that is set replaces the one of its name, so no two have the same."""

from citrine.api.v1.refusals_pb2 import (
    TOLERANCE_KIND_EMPTY_VALUES,
    TOLERANCE_KIND_JSON_TYPES,
    TOLERANCE_KIND_LONG_STRINGS,
    TOLERANCE_KIND_UNKNOWN_VALUES,
)
from citrine.ocpp.v2.provisioning_pb2 import ChargingStation
from citrine_words.tolerance_kinds import rule_name

HARDWARE = ChargingStation(vendor_name="ABB E-mobility B.V. of Delft", model="Terra AC W22-T-R-0")


def test_rules_of_one_model_for_other_messages_and_kinds_have_names_of_their_own() -> None:
    kinds = [TOLERANCE_KIND_EMPTY_VALUES, TOLERANCE_KIND_JSON_TYPES, TOLERANCE_KIND_UNKNOWN_VALUES]
    names = {
        rule_name(HARDWARE, action, wanted)
        for action in ("MeterValues", "StatusNotification", "PublishFirmwareStatusNotification")
        for wanted in ([TOLERANCE_KIND_LONG_STRINGS], kinds, kinds[:2])
    }

    assert len(names) == 9
    assert max(map(len, names)) <= 50


def test_a_rule_for_all_stations_is_named_by_nobody() -> None:
    assert rule_name(ChargingStation(), "MeterValues", [TOLERANCE_KIND_EMPTY_VALUES]) == ""
