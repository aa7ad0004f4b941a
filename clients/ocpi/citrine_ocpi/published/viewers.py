"""Which partners see what: by the parties behind their connection."""

from collections.abc import Collection, Iterable

from citrine_ocpi.partner import Partner
from citrine_ocpi.published.tables import EVERYBODY
from citrine_ocpi.transport import Party, Routing

__all__ = ["EVERYBODY_PARTY", "asking_party", "may_see", "parties_of", "viewers_of"]

EVERYBODY_PARTY = Party(EVERYBODY, EVERYBODY)
"""The audience of what all partners see."""


def may_see(partner: Partner, audience: Collection[Party]) -> bool:
    """Return whether a partner may see an object."""
    return EVERYBODY_PARTY in audience or any(partner.owns(party) for party in audience)


def viewers_of(partners: Iterable[Partner], audience: Collection[Party]) -> list[Partner]:
    """Return the partners that may see an object."""
    return [one for one in partners if may_see(one, audience)]


def asking_party(partner: Partner, routing: Routing) -> Party | None:
    """Return the party behind a hub that a request is from, by the header of the sender. None: the partner itself."""
    return routing.sender if partner.is_hub and routing.sender != partner.hub else None


def parties_of(partner: Partner, routing: Routing) -> frozenset[Party]:
    """Return the parties whose objects a request of a partner may see, and change.

    Behind a hub there are parties of different companies: it asks for one of them.
    """
    owned, asking = partner.owned_parties(), asking_party(partner, routing)
    return owned if asking is None else owned & {asking}
