"""`citrine tolerance`: what is sent and printed."""

from google.protobuf.empty_pb2 import Empty

from citrine.api.v1 import refusals_pb2 as pb
from citrine.ocpp.actions import ACTIONS, OLDER_ACTIONS
from citrine_words.quirks import profiles
from tests.clients.cli.conftest import Cli
from tests.clients.scripted_core import ScriptedCore


def test_rules_are_set_listed_and_removed(citrine: Cli, core: ScriptedCore) -> None:
    rule = pb.ToleranceRule(
        rule_id="acme", vendor_name="Acme", actions=["TransactionEvent"], kinds=[pb.TOLERANCE_KIND_EMPTY_VALUES], uses=3
    )
    core.on("SetToleranceRule", rule)
    core.on("ListToleranceRules", pb.ListToleranceRulesResponse(rules=[rule]))
    core.on("DeleteToleranceRule", Empty())

    told = citrine(
        "tolerance", "set", "acme", "--vendor", "Acme", "--accept", "empty-values", "--accept", "extra-fields"
    )
    listed, removed = citrine("tolerance", "list"), citrine("tolerance", "remove", "acme")
    wrong = citrine("tolerance", "set", "acme", "--accept", "all")

    assert told.out == "tolerance rule acme set for TransactionEvent\n"
    assert listed.lines[1].split() == ["acme", "Acme", "TransactionEvent", "empty-values", "3"]
    assert removed.code == 0
    assert wrong.code == 2
    (sent,) = core.requests("SetToleranceRule")
    assert list(sent.rule.kinds) == [pb.TOLERANCE_KIND_EMPTY_VALUES, pb.TOLERANCE_KIND_EXTRA_FIELDS]


def test_a_rule_may_be_for_a_firmware(citrine: Cli, core: ScriptedCore) -> None:
    core.on("SetToleranceRule", pb.ToleranceRule(rule_id="acme", actions=["StopTransaction"]))

    citrine("tolerance", "set", "acme", "--firmware", "1.*", "--action", "StopTransaction", "--accept", "json-types")

    (sent,) = core.requests("SetToleranceRule")
    assert sent.rule.firmware_version == "1.*"
    assert list(sent.rule.kinds) == [pb.TOLERANCE_KIND_JSON_TYPES]


def test_the_rules_of_a_quirk_profile_are_set(citrine: Cli, core: ScriptedCore) -> None:
    core.on("SetToleranceRule", pb.ToleranceRule(rule_id="vestel-evc04", actions=["MeterValues"]))

    listed = citrine("tolerance", "profiles")
    applied = citrine("tolerance", "apply", "vestel-evc04")
    unknown = citrine("tolerance", "apply", "nobody")

    assert "https://github.com/lbbrhzn/ocpp/issues/466" in listed.out
    assert applied.out == "tolerance rule vestel-evc04 set for MeterValues\n"
    assert unknown.code == 2
    assert "there are alfen-eve, huawei-scharger, vestel-evc04" in unknown.err
    (sent,) = core.requests("SetToleranceRule")
    assert (sent.rule.vendor_name, sent.rule.model) == ("VESTEL", "EVC04")
    assert list(sent.rule.kinds) == [pb.TOLERANCE_KIND_EMPTY_VALUES]


def test_quirk_profiles_name_their_sources_and_actions_that_there_are() -> None:
    found = profiles()

    assert [profile.name for profile in found] == ["alfen-eve", "huawei-scharger", "vestel-evc04"]
    for profile in found:
        assert all(source.startswith("https://") for source in profile.sources)
        assert profile.sources
        assert {action for rule in profile.rules for action in rule.actions} <= {*ACTIONS, *OLDER_ACTIONS}
