"""Tolerance rules of all tenants, as cores send them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from citrine.edge.v1 import link_pb2 as pb
from citrine_edge.ocppj import Rule, Tolerance

__all__ = ["Tolerances"]

_KINDS: Mapping[int, Tolerance] = {
    pb.ToleranceRule.KIND_EMPTY_VALUES: Tolerance.EMPTY_VALUES,
    pb.ToleranceRule.KIND_LONG_STRINGS: Tolerance.LONG_STRINGS,
    pb.ToleranceRule.KIND_EXTRA_FIELDS: Tolerance.EXTRA_FIELDS,
}


class Tolerances:
    """The rules of all tenants; none until a core sent some."""

    def __init__(self) -> None:
        self._rules: dict[str, list[tuple[str, str, Rule]]] = {}

    def replace(self, rules: pb.ToleranceRules) -> None:
        """Replace all rules."""
        found: dict[str, list[tuple[str, str, Rule]]] = defaultdict(list)
        for rule in rules.rules:
            # A newer core may tolerate what is not known here.
            kinds = frozenset(_KINDS[kind] for kind in rule.kinds if kind in _KINDS)
            mended = Rule(rule.rule_id, frozenset(rule.actions), kinds)
            found[rule.tenant_id].append((rule.vendor_name.casefold(), rule.model.casefold(), mended))
        self._rules = dict(found)

    def of_station(self, tenant_id: str, vendor_name: str, model: str) -> Sequence[Rule]:
        """Return the rules for stations of a vendor and model, in their order."""
        vendor_name, model = vendor_name.casefold(), model.casefold()
        return [
            rule
            for of_vendor, of_model, rule in self._rules.get(tenant_id, ())
            if of_vendor in ("", vendor_name) and of_model in ("", model)
        ]
