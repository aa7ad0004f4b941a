"""The objects of OCPI as they are read and written: a package for each version, and the types of all.

Modules use a version as a whole, `v2_3_0.Location`. Classes whose name ends with Base are what versions have in common.
"""

from citrine_ocpi.models import v2_2_1, v2_3_0
from citrine_ocpi.models.types import (
    NOT_AVAILABLE,
    CiString,
    DisplayText,
    OcpiModel,
    OpenEnum,
    shortened,
    written_time,
)

__all__ = [
    "NOT_AVAILABLE",
    "CiString",
    "DisplayText",
    "OcpiModel",
    "OpenEnum",
    "shortened",
    "v2_2_1",
    "v2_3_0",
    "written_time",
]
