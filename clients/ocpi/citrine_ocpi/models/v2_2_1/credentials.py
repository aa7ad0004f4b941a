"""Credentials of OCPI 2.2.1: with what to authenticate where, and who the other side is."""

from typing import Annotated

from annotated_types import MaxLen
from pydantic import Field

from citrine_ocpi.models.types import CiString2, CiString3, OcpiModel, Some, String, Url
from citrine_ocpi.models.v2_2_1.locations import BusinessDetails
from citrine_ocpi.models.v2_2_1.types import Role

__all__ = ["Credentials", "CredentialsBase", "CredentialsRole", "CredentialsRoleBase"]


class CredentialsRoleBase(OcpiModel):
    """What is the same in all versions of a CredentialsRole."""

    business_details: BusinessDetails
    party_id: CiString3
    country_code: CiString2


class CredentialsRole(CredentialsRoleBase):
    """A party of a platform, and what it is."""

    role: Role


class CredentialsBase(OcpiModel):
    """What is the same in all versions of Credentials."""

    token: Annotated[String, MaxLen(64)] = Field(repr=False)
    url: Url


class Credentials(CredentialsBase):
    """The token to authenticate with, where the versions are, and the parties there."""

    roles: Some[CredentialsRole]
