"""Headers of requests and answers: who a message is from and for, and the ids that follow it through logs."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from citrine_ocpi.ids import new_id

__all__ = ["CORRELATION_ID", "REQUEST_ID", "Party", "Routing", "TraceIds"]

REQUEST_ID = "X-Request-ID"
CORRELATION_ID = "X-Correlation-ID"

LONGEST_ID = 64
"""Characters of an id of a request that are answered and logged."""


@dataclass(frozen=True)
class Party:
    """A party by country and id, in capital letters: OCPI compares both without regard to case."""

    country_code: str
    party_id: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "country_code", self.country_code.upper())
        object.__setattr__(self, "party_id", self.party_id.upper())

    def __str__(self) -> str:
        return f"{self.country_code}-{self.party_id}"

    @classmethod
    def parse(cls, text: str) -> "Party":
        """Return the party of a text as NL-TNM.

        Raises:
            ValueError: When it is none.
        """
        country_code, _, party_id = text.partition("-")
        if not (len(country_code) == 2 and country_code.isalpha() and len(party_id) == 3 and party_id.isalnum()):
            raise ValueError(f"{text!r} is not COUNTRY-PARTY, as NL-TNM")
        return cls(country_code, party_id)


@dataclass(frozen=True)
class Routing:
    """Who a message of a functional module is from, and for whom. None: it does not say so."""

    sender: Party | None = None
    receiver: Party | None = None

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> "Routing":
        """Return what the headers of a message say."""
        return cls(_party(headers, "from"), _party(headers, "to"))

    @property
    def answer(self) -> "Routing":
        """The routing of the answer."""
        return Routing(self.receiver, self.sender)

    def headers(self) -> dict[str, str]:
        """Return the headers that say so."""
        found = {}
        for direction, party in (("from", self.sender), ("to", self.receiver)):
            if party is not None:
                found[f"OCPI-{direction}-country-code"] = party.country_code
                found[f"OCPI-{direction}-party-id"] = party.party_id
        return found


def _party(headers: Mapping[str, str], direction: str) -> Party | None:
    country_code = headers.get(f"ocpi-{direction}-country-code", "").strip()
    party_id = headers.get(f"ocpi-{direction}-party-id", "").strip()
    return Party(country_code, party_id) if country_code and party_id else None


@dataclass(frozen=True)
class TraceIds:
    """The ids of a request, which its answer has, too."""

    request_id: str = field(default_factory=new_id)
    """Of this request alone."""
    correlation_id: str = field(default_factory=new_id)
    """Of all requests that follow from one another."""

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> "TraceIds":
        """Return the ids of a request; those that it lacks are made."""
        given = (headers.get(name.lower(), "")[:LONGEST_ID] for name in (REQUEST_ID, CORRELATION_ID))
        request_id, correlation_id = (one if one.isprintable() else "" for one in given)
        return cls(request_id or new_id(), correlation_id or new_id())

    def headers(self) -> dict[str, str]:
        """Return the headers that say so."""
        return {REQUEST_ID: self.request_id, CORRELATION_ID: self.correlation_id}
