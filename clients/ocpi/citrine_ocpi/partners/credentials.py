"""What credentials say, in either version: ours for a partner, and a partner's as they are stored."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from citrine_ocpi.models import OcpiModel, v2_2_1, v2_3_0
from citrine_ocpi.partner import OwnParty, PartnerParty
from citrine_ocpi.transport.authorization import is_credentials_token
from citrine_ocpi.transport.errors import InvalidParameters
from citrine_ocpi.transport.routing import Party
from citrine_ocpi.transport.status import Version

__all__ = ["CREDENTIALS", "Acquaintance", "acquaintance_of", "own_credentials"]

CREDENTIALS: dict[Version, type[v2_2_1.Credentials] | type[v2_3_0.Credentials]] = {
    Version.V2_2_1: v2_2_1.Credentials,
    Version.V2_3_0: v2_3_0.Credentials,
}

HUB = "HUB"


@dataclass(frozen=True)
class Acquaintance:
    """What a partner's credentials say of it."""

    token: str = field(repr=False)
    versions_url: str
    parties: Sequence[PartnerParty]
    business_details: Sequence[dict[str, Any]]
    """Of each party."""
    hub: Party | None = None
    """The party of the hub, if it says that it is one."""

    @property
    def owned(self) -> set[Party]:
        """Who it says to be, in whatever roles."""
        return {one.party for one in self.parties}


def acquaintance_of(credentials: v2_2_1.Credentials | v2_3_0.Credentials) -> Acquaintance:
    """Return what credentials say.

    Raises:
        InvalidParameters: When the token is none, or a party is named wrongly or twice.
    """
    if not is_credentials_token(credentials.token):
        raise InvalidParameters("token: expected 1 to 64 printable characters of ASCII without blanks")
    parties = [
        PartnerParty(_party(one.country_code, one.party_id), str(one.role), one.business_details.name)
        for one in credentials.roles
    ]
    if len({(one.party, one.role) for one in parties}) < len(parties):
        raise InvalidParameters("roles: each needs a role, country_code and party_id of its own")
    hub = next((one.party for one in parties if one.role == HUB), None)
    named = getattr(credentials, "hub_party_id", None)
    if named is not None:
        hub = _party(named[:2], named[2:])
    return Acquaintance(
        credentials.token,
        credentials.url,
        parties,
        [one.business_details.wire() for one in credentials.roles],
        hub,
    )


def _party(country_code: str, party_id: str) -> Party:
    try:
        return Party.parse(f"{country_code}-{party_id}")
    except ValueError:
        raise InvalidParameters("country_code has 2 letters, party_id 3 letters or digits") from None


def own_credentials(version: Version, token: str, versions_url: str, parties: Sequence[OwnParty]) -> OcpiModel:
    """Return our credentials for a partner.

    Args:
        version: Which both sides speak.
        token: By which the partner calls us.
        versions_url: Where our versions are.
        parties: Ours.
    """
    roles = [
        {
            "role": "CPO",
            "country_code": one.party.country_code,
            "party_id": one.party.party_id,
            "business_details": _business_details(one),
        }
        for one in parties
    ]
    return CREDENTIALS[version].model_validate({"token": token, "url": versions_url, "roles": roles})


def _business_details(party: OwnParty) -> dict[str, Any]:
    found: dict[str, Any] = {"name": party.name}
    if party.website:
        found["website"] = party.website
    if party.logo:
        kind = party.logo.rpartition(".")[2].lower()[:4]
        found["logo"] = {"url": party.logo, "category": "OPERATOR", "type": kind}
    return found
