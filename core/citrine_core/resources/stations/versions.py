"""Names of the versions of OCPP for people, and as stations are pinned to them."""

from collections.abc import Mapping

from citrine.edge.v1 import link_pb2 as link
from citrine_core.errors import InvalidArgument

__all__ = ["VERSION_NAMES", "choose_version", "is_allowed", "version_of"]

VERSION_NAMES: Mapping[int, str] = {
    link.OCPP_VERSION_UNSPECIFIED: "",
    link.OCPP_VERSION_16: "1.6",
    link.OCPP_VERSION_201: "2.0.1",
    link.OCPP_VERSION_21: "2.1",
}
"""By citrine.edge.v1.OcppVersion."""


_NUMBERS = {name: number for number, name in VERSION_NAMES.items()}


def version_of(field: str, name: str) -> int:
    """Return the citrine.edge.v1.OcppVersion of a name that a field of a request has; 0 if it is empty.

    Raises:
        InvalidArgument: When it is not the name of a version.
    """
    if name not in _NUMBERS:
        raise InvalidArgument(field, 'must be "1.6", "2.0.1" or "2.1"')
    return _NUMBERS[name]


def choose_version(admit: link.Admit, allowed_versions: str | None) -> None:
    """Have a station speak another version that it offers, where it may not speak the one that the edge prefers."""
    if not is_allowed(admit.version, allowed_versions):
        allowed = (one for one in admit.offered_versions if is_allowed(one, allowed_versions))
        admit.version = next(allowed, admit.version)


def is_allowed(version: int, allowed_versions: str | None) -> bool:
    """Return whether a version is among names that are separated by blanks. None: all are."""
    return allowed_versions is None or VERSION_NAMES.get(version, "") in allowed_versions.split()
