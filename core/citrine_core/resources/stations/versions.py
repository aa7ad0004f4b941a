"""Names of the versions of OCPP for people, and as stations are pinned to them."""

from collections.abc import Mapping

from citrine.edge.v1 import link_pb2 as link

__all__ = ["VERSION_NAMES", "is_allowed"]

VERSION_NAMES: Mapping[int, str] = {
    link.OCPP_VERSION_UNSPECIFIED: "",
    link.OCPP_VERSION_16: "1.6",
    link.OCPP_VERSION_201: "2.0.1",
    link.OCPP_VERSION_21: "2.1",
}
"""By citrine.edge.v1.OcppVersion."""


def is_allowed(version: int, allowed_versions: str | None) -> bool:
    """Return whether a version is among names that are separated by blanks. None: all are."""
    return allowed_versions is None or VERSION_NAMES.get(version, "") in allowed_versions.split()
