"""Checks of the fields of a station, and their assignment to its row."""

import re
import secrets
from collections.abc import Collection

from citrine.api.v1 import stations_pb2 as pb
from citrine_core.errors import InvalidArgument
from citrine_core.resources.stations.models import Station
from citrine_core.resources.stations.passwords import LONGEST, SHORTEST
from citrine_core.resources.stations.tags import check_groups, check_labels
from citrine_core.resources.stations.versions import VERSION_NAMES
from citrine_core.rpc import check_length, check_pattern, check_printable

__all__ = [
    "CHANGEABLE",
    "STATION_ID",
    "assign",
    "check_fields",
    "check_password",
    "check_station_id",
    "fingerprint",
    "new_credential_version",
]

STATION_ID = re.compile(r"[A-Za-z0-9*\-_=+|@.]{1,48}")
"""identifierString of OCPP without the colon, at which Basic authentication splits (part 4, 3.1.1)."""

_SHA256 = re.compile(r"[0-9a-f]{64}")

_VERSIONS = 2**30
"""Number of credential versions that a station may begin with."""

CHANGEABLE = frozenset(
    {
        *("boot_policy", "boot_interval", "allow_no_password", "description", "enabled", "configuration_id"),
        *("certificate_name", "certificate_sha256", "accept_expired_certificate", "allowed_versions"),
        *("location_id", "labels", "groups"),
    }
)
"""Fields that UpdateStation may change."""

TAGS = frozenset({"labels", "groups"})
"""Those of them that are rows of their own."""


def new_credential_version() -> int:
    """Return the credential version that a station begins with.

    It is random, so that it differs from the version of an earlier station with the same id, whose logins may still be
    cached.
    """
    return secrets.randbelow(_VERSIONS) + 1


def check_station_id(field: str, station_id: str) -> None:
    """Refuse an invalid station id.

    Raises:
        InvalidArgument: When it is empty, has more than 48 characters, a colon, or characters that identifierString
            does not allow.
    """
    check_pattern(field, station_id, STATION_ID, "1 to 48 characters of A-Z a-z 0-9 and * - _ = + | @ .")


def check_password(field: str, password: str) -> None:
    """Refuse an invalid password of a station.

    Raises:
        InvalidArgument: When it is too short or too long, or not printable (passwordString of OCPP).
    """
    if not SHORTEST <= len(password) <= LONGEST:
        # The error does not repeat the length of the password, which is secret.
        raise InvalidArgument(field, f"must have {SHORTEST} to {LONGEST} characters")
    check_printable(field, password)


def check_fields(station: pb.Station, fields: Collection[str]) -> None:
    """Check fields before they are stored.

    Raises:
        InvalidArgument: When one is invalid; it names the first such field.
    """
    if "description" in fields:
        check_length("station.description", station.description, 255)
    if "configuration_id" in fields:
        check_length("station.configuration_id", station.configuration_id, 50)
    if "location_id" in fields:
        check_length("station.location_id", station.location_id, 36)
    if "boot_interval" in fields and station.HasField("boot_interval") and station.boot_interval < 1:
        raise InvalidArgument("station.boot_interval", "must be at least 1 second")
    if "certificate_name" in fields:
        check_length("station.certificate_name", station.certificate_name, 64)
    if "certificate_sha256" in fields and station.certificate_sha256:
        fingerprint("station.certificate_sha256", station.certificate_sha256)
    if "labels" in fields:
        check_labels("station.labels", station.labels)
    if "groups" in fields:
        check_groups("station.groups", station.groups)
    if "allowed_versions" in fields:
        known = sorted(filter(None, VERSION_NAMES.values()))
        if not set(known).issuperset(station.allowed_versions):
            raise InvalidArgument("station.allowed_versions", f"must be of {', '.join(known)}")


def fingerprint(field: str, text: str) -> str:
    """Return a SHA-256 fingerprint as it is stored. Large letters and colons between the bytes are accepted.

    Raises:
        InvalidArgument: When it is none.
    """
    digits = text.replace(":", "").lower()
    check_pattern(field, digits, _SHA256, "64 hexadecimal digits")
    return digits


def assign(row: Station, station: pb.Station, fields: Collection[str]) -> None:
    """Assign fields of a station to its row, except its tags; unset fields get their default."""
    for name in fields:
        if name == "boot_policy":
            row.boot_policy = station.boot_policy or pb.BOOT_POLICY_ACCEPTED
        elif name == "boot_interval":
            row.boot_interval = station.boot_interval if station.HasField("boot_interval") else None
        elif name in ("configuration_id", "location_id"):
            setattr(row, name, getattr(station, name) or None)
        elif name == "certificate_sha256":
            given = station.certificate_sha256
            row.certificate_sha256 = fingerprint("station.certificate_sha256", given) if given else None
        elif name == "allowed_versions":
            row.allowed_versions = " ".join(dict.fromkeys(station.allowed_versions)) or None
        elif name == "certificate_name":
            row.certificate_name = station.certificate_name or None
        elif name == "enabled":
            row.enabled = station.enabled if station.HasField("enabled") else True
        elif name not in TAGS:
            setattr(row, name, getattr(station, name))
