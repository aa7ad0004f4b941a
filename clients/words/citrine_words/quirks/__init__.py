"""Quirk profiles: the tolerance rules that families of stations need, from public reports; one TOML file each."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

from citrine.api.v1.refusals_pb2 import ToleranceKind, ToleranceRule
from citrine_words.tolerance_kinds import KINDS

__all__ = ["QuirkProfile", "find_profile", "profiles"]


@dataclass(frozen=True, slots=True)
class QuirkProfile:
    """What a family of stations does against the schema."""

    name: str
    description: str
    sources: Sequence[str]
    """Where it was reported."""
    rules: Sequence[ToleranceRule]


def profiles() -> Sequence[QuirkProfile]:
    """Return all profiles by name."""
    files = (each for each in resources.files(__name__).iterdir() if each.name.endswith(".toml"))
    return [_read(each.name.removesuffix(".toml"), each.read_text("utf-8")) for each in sorted(files, key=str)]


def find_profile(name: str) -> QuirkProfile | None:
    """Return a profile, or None where there is none of this name."""
    return next((each for each in profiles() if each.name == name), None)


def _read(name: str, text: str) -> QuirkProfile:
    content = tomllib.loads(text)
    rules = [
        ToleranceRule(
            rule_id=rule["name"],
            vendor_name=rule.get("vendor", ""),
            model=rule.get("model", ""),
            firmware_version=rule.get("firmware", ""),
            actions=rule["actions"],
            kinds=[ToleranceKind.ValueType(KINDS[word]) for word in rule["accept"]],
            description=rule["description"],
        )
        for rule in content["rules"]
    ]
    return QuirkProfile(name, content["description"], content["sources"], rules)
