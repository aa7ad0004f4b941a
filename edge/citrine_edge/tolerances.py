"""Tolerance rules of all tenants, as cores send them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from citrine.edge.v1 import link_pb2 as pb
from citrine_edge.dialects import Hardware
from citrine_edge.ocppj import Rule, Tolerance

__all__ = ["KINDS", "Tolerances"]

KINDS: Mapping[Tolerance, "pb.ToleranceRule.Kind.ValueType"] = {
    Tolerance.EMPTY_VALUES: pb.ToleranceRule.KIND_EMPTY_VALUES,
    Tolerance.LONG_STRINGS: pb.ToleranceRule.KIND_LONG_STRINGS,
    Tolerance.EXTRA_FIELDS: pb.ToleranceRule.KIND_EXTRA_FIELDS,
    Tolerance.JSON_TYPES: pb.ToleranceRule.KIND_JSON_TYPES,
    Tolerance.TIMES: pb.ToleranceRule.KIND_TIMES,
    Tolerance.UNKNOWN_VALUES: pb.ToleranceRule.KIND_UNKNOWN_VALUES,
    Tolerance.MESSAGE_IDS: pb.ToleranceRule.KIND_MESSAGE_IDS,
}
"""Each tolerance as the link names it."""

SHORTEST_LIMIT = 20
"""Characters to which a vendor or model is cut at least, where a rule tolerates that it is too long."""

_TOLERANCES = {number: tolerance for tolerance, number in KINDS.items()}


class _Meant(NamedTuple):
    """A rule, and the hardware that it is for, without case."""

    hardware: Hardware
    rule: Rule

    def includes(self, station: Hardware) -> bool:
        """Return whether the rule is for a station."""
        vendor_name, model, firmware = self.hardware
        if not _is_same(vendor_name, station.vendor_name) or not _is_same(model, station.model):
            return False
        if firmware.endswith("*"):
            return station.firmware_version.startswith(firmware[:-1])
        return firmware in ("", station.firmware_version)


class Tolerances:
    """The rules of all tenants; none until a core sent some."""

    def __init__(self) -> None:
        self._rules: dict[str, list[_Meant]] = {}

    def replace(self, rules: pb.ToleranceRules) -> None:
        """Replace all rules."""
        found: dict[str, list[_Meant]] = defaultdict(list)
        for rule in rules.rules:
            # A newer core may tolerate what is not known here.
            kinds = frozenset(_TOLERANCES[kind] for kind in rule.kinds if kind in _TOLERANCES)
            hardware = _without_case(Hardware(rule.vendor_name, rule.model, rule.firmware_version))
            found[rule.tenant_id].append(_Meant(hardware, Rule(rule.rule_id, frozenset(rule.actions), kinds)))
        self._rules = dict(found)

    def has_any(self, tenant_id: str) -> bool:
        """Return whether a tenant has rules."""
        return tenant_id in self._rules

    def of_station(self, tenant_id: str, hardware: Hardware) -> Sequence[Rule]:
        """Return the rules for stations of a vendor, model and firmware, in their order."""
        rules = self._rules.get(tenant_id)
        if not rules:
            return ()
        station = _without_case(hardware)
        return [each.rule for each in rules if each.includes(station)]


def _is_same(of_rule: str, of_station: str) -> bool:
    """Return whether a rule names a station's vendor or model. The core stores one that is too long cut."""
    if of_rule in ("", of_station):
        return True
    return len(of_station) >= SHORTEST_LIMIT and of_rule.startswith(of_station)


def _without_case(hardware: Hardware) -> Hardware:
    return Hardware(*(name.casefold() for name in hardware))
