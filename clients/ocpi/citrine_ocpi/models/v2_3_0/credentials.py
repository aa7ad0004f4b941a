"""Credentials of OCPI 2.3.0: as in 2.2.1, and the party of a hub."""

from citrine_ocpi.models.types import CiString5, Some
from citrine_ocpi.models.v2_2_1.credentials import CredentialsBase, CredentialsRoleBase
from citrine_ocpi.models.v2_3_0.types import Role

__all__ = ["Credentials", "CredentialsRole"]


class CredentialsRole(CredentialsRoleBase):
    """A party of a platform, and what it is."""

    role: Role


class Credentials(CredentialsBase):
    """The token to authenticate with, where the versions are, and the parties there."""

    hub_party_id: CiString5 | None = None
    roles: Some[CredentialsRole]
