"""A partner as it is known at the time of a request or a delivery."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from citrine_ocpi.transport.routing import Party, Routing
from citrine_ocpi.transport.status import InterfaceRole, Version

__all__ = ["OPERATORS", "OwnParty", "Partner", "PartnerEndpoint", "PartnerParty"]

HUB = "HUB"

OPERATORS = frozenset({HUB, "CPO"})
"""Roles that nobody has to whom a charge point operator shows anything."""


@dataclass(frozen=True)
class OwnParty:
    """A party of ours, for which stations are operated. The first one is that of all that names none."""

    party: Party
    name: str
    website: str = ""
    logo: str = ""
    """URL of its logo. Empty: none."""


@dataclass(frozen=True)
class PartnerParty:
    """A party behind a connection, in one role."""

    party: Party
    role: str
    """As OCPI says it: EMSP, HUB, NSP, CPO, …"""
    name: str = ""
    is_away: bool = False
    """Whether it is behind a hub that does not reach it at present."""


@dataclass(frozen=True)
class PartnerEndpoint:
    """An endpoint of a partner."""

    module: str
    role: InterfaceRole
    url: str


@dataclass(frozen=True)
class Partner:
    """Who is at the other end of a connection: a platform with one or more parties."""

    partner_id: str
    """What the operator calls it."""
    version: Version | None = None
    """Which both sides speak. None: it is not registered."""
    is_suspended: bool = False
    is_raw: bool = False
    """Whether tokens stand in headers as they are, and not in base64."""
    versions_url: str = ""
    token: str = field(default="", repr=False)
    """By which we call it: what it gave us last, or its token A. Empty: it has given none."""
    hub: Party | None = None
    """The party of the hub itself, where it is one."""
    is_broadcast: bool = False
    """Whether the hub sends on to all behind it what they all may see, and is sent it once."""
    may_be_hub: bool = True
    """Whether the operator agrees to others being behind it."""
    parties: Sequence[PartnerParty] = ()
    waiting_parties: Sequence[PartnerParty] = ()
    """Who it says to be beside, since it registered, and who was somebody else's and is behind it as it says: nothing
    is theirs before the operator accepts them."""
    endpoints: Sequence[PartnerEndpoint] = ()
    register_time: datetime | None = None
    is_restricted: bool = True
    """Whether the token of this request is good for the versions and credentials modules alone."""

    @property
    def is_registered(self) -> bool:
        """Whether credentials were exchanged."""
        return self.version is not None

    @property
    def is_hub(self) -> bool:
        """Whether there are others behind it."""
        return self.may_be_hub and (self.hub is not None or any(one.role == HUB for one in self.parties))

    def owns(self, party: Party) -> bool:
        """Return whether a party is one of its own, as tokens and sessions of its drivers name it."""
        return any(one.party == party for one in self.parties)

    def owned_parties(self) -> frozenset[Party]:
        """Return all parties whose objects it may see."""
        return frozenset(one.party for one in self.parties)

    def receivers(self, audience: Collection[Party] | None) -> Sequence[Party]:
        """Return the parties that an object is sent to, each by itself. Behind a hub each party is another company.

        Args:
            audience: Who may see it. None: everybody, so that it may be broadcast.
        """
        if self.hub is not None and self.is_broadcast and audience is None:
            return [self.hub]
        parties = dict.fromkeys(one.party for one in self.parties)
        return [one for one in parties if self.reaches(one) and (audience is None or one in audience)]

    def absent_receivers(self, audience: Collection[Party] | None) -> Sequence[Party]:
        """Return the parties that an object would be sent to if the hub reached them.

        Args:
            audience: Who may see it. None: everybody, so that it may be broadcast.
        """
        if self.hub is not None and self.is_broadcast and audience is None:
            return []
        return [one for one in self.absent_parties() if audience is None or one in audience]

    def present_parties(self) -> frozenset[Party]:
        """Return the parties behind a hub that it reaches, and whom a charge point operator shows anything."""
        return frozenset(one.party for one in self.parties if one.role not in OPERATORS and not one.is_away)

    def absent_parties(self) -> Collection[Party]:
        """Return the parties behind a hub that it does not reach at present."""
        away = dict.fromkeys(one.party for one in self.parties if one.is_away and one.role not in OPERATORS)
        return [one for one in away if not self.reaches(one)]

    def reaches(self, party: Party) -> bool:
        """Return whether a party behind a hub is there, and somebody whom a charge point operator shows anything."""
        return any(one.party == party and one.role not in OPERATORS and not one.is_away for one in self.parties)

    def endpoint(self, module: str, role: InterfaceRole) -> PartnerEndpoint | None:
        """Return its endpoint of a module. None: it has none."""
        return next((one for one in self.endpoints if one.module == module and one.role == role), None)

    def routing(self, sender: Party, receiver: Party | None = None) -> Routing:
        """Return the routing of a request to it.

        Args:
            sender: The party of ours that it is from.
            receiver: The party that it is for. None: the hub, or the only or first party of the partner.
        """
        first = next((one.party for one in self.parties), None)
        return Routing(sender, receiver or self.hub or first)
