"""Which tariffs a partner is shown, read from the core."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC

import grpc

from citrine.api.v1 import locations_pb2, tariffs_pb2, tokens_pb2
from citrine_ocpi.modules.tariffs.mapping import Expressed, NotExpressible, express
from citrine_ocpi.partners import Partners
from citrine_ocpi.transport.routing import Party
from citrine_ocpi.transport.status import Version
from citrine_sdk import Citrine

__all__ = ["Catalog", "Offer", "Offers", "Shown"]

_PAGE = 1000

_NO_TOKEN = frozenset({grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT})


@dataclass(frozen=True)
class Offer:
    """A tariff, and to whom it applies."""

    tariff: tariffs_pb2.Tariff
    assignments: Sequence[tariffs_pb2.TariffAssignment]
    """Those that hold now or will."""


@dataclass(frozen=True)
class Offers:
    """Tariffs, and what they are read with."""

    offers: Sequence[Offer]
    party: Party | None
    """Our party that they are of. None: we have none, and show nothing."""
    zones: frozenset[str]
    """Time zones of the locations."""


@dataclass
class Shown:
    """What a partner is shown of offers."""

    tariffs: dict[str, Expressed] = field(default_factory=dict)
    """By their ids."""
    audiences: dict[str, Collection[Party] | None] = field(default_factory=dict)
    """The parties to whose drivers each applies. None: to all drivers."""
    refused: dict[str, NotExpressible] = field(default_factory=dict)
    """Those that apply to its drivers, and that OCPI can't say."""


class Catalog:
    """Reads tariffs, and finds those of a partner.

    A partner is shown tariffs that apply to all drivers, and those that apply to a token or a group of tokens of its
    own. Tariffs of our first party: the core knows none of tariffs.

    Args:
        citrine: The core.
        partners: Knows our parties.
    """

    def __init__(self, citrine: Citrine, partners: Partners) -> None:
        self._citrine = citrine
        self._partners = partners

    async def read(self, tariff_ids: Collection[str] | None = None) -> Offers:
        """Return the tariffs of these ids, without those that are gone. None: all."""
        own = await self._partners.own()
        offers = await (self._all() if tariff_ids is None else self._some(tariff_ids))
        return Offers(offers, own[0].party if own else None, await self._zones())

    async def shown_to(self, parties: Collection[Party], version: Version, offers: Offers) -> Shown:
        """Return what parties behind a partner are shown of offers."""
        audience, shown = _Audience(self._citrine, parties), Shown()
        party = offers.party
        for offer in offers.offers if party is not None else ():
            found = [(one.create_time.ToDatetime(UTC), await audience.of(one)) for one in offer.assignments]
            beginnings = [begin for begin, applies in found if applies is None or applies]
            if party is None or not beginnings:
                continue
            tariff = offer.tariff
            some = [applies for _, applies in found if applies is not None]
            is_for_all = len(some) < len(found)
            shown.audiences[tariff.tariff_id] = None if is_for_all else frozenset[Party]().union(*some)
            updated = max(tariff.update_time.ToDatetime(UTC), min(beginnings))
            try:
                shown.tariffs[tariff.tariff_id] = express(
                    tariff, party.country_code, party.party_id, version, offers.zones, updated
                )
            except NotExpressible as error:
                shown.refused[tariff.tariff_id] = error
        return shown

    async def _all(self) -> list[Offer]:
        tariffs = self._citrine.tariffs
        listed = self._citrine.pages(tariffs.ListTariffs, tariffs_pb2.ListTariffsRequest(page_size=_PAGE))
        found = [tariff async for page in listed for tariff in page.tariffs]
        request = tariffs_pb2.ListTariffAssignmentsRequest(page_size=_PAGE)
        pages = self._citrine.pages(tariffs.ListTariffAssignments, request)
        grouped = _by_tariff([one async for page in pages for one in page.assignments])
        return [Offer(tariff, grouped.get(tariff.tariff_id, ())) for tariff in found]

    async def _some(self, tariff_ids: Collection[str]) -> list[Offer]:
        tariffs, found = self._citrine.tariffs, []
        for tariff_id in sorted(tariff_ids):
            try:
                tariff = await tariffs.GetTariff(tariffs_pb2.GetTariffRequest(tariff_id=tariff_id))
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.NOT_FOUND:
                    raise
                continue
            request = tariffs_pb2.ListTariffAssignmentsRequest(page_size=_PAGE, tariff_id=tariff_id)
            pages = self._citrine.pages(tariffs.ListTariffAssignments, request)
            found.append(Offer(tariff, [one async for page in pages for one in page.assignments]))
        return found

    async def _zones(self) -> frozenset[str]:
        locations = self._citrine.locations
        pages = self._citrine.pages(locations.ListLocations, locations_pb2.ListLocationsRequest(page_size=_PAGE))
        return frozenset([one.time_zone async for page in pages for one in page.locations])


class _Audience:
    """Finds out to which parties' drivers tariffs apply."""

    def __init__(self, citrine: Citrine, parties: Collection[Party]) -> None:
        self._citrine = citrine
        self._parties = parties
        self._groups: dict[str, frozenset[Party]] = {}
        self._tokens: dict[tuple[str, str], frozenset[Party]] = {}

    async def of(self, assignment: tariffs_pb2.TariffAssignment) -> frozenset[Party] | None:
        """Return the parties to whose drivers an assignment applies. None: to all drivers."""
        if assignment.HasField("id_token"):
            key = (assignment.id_token.id_token, assignment.id_token.type)
            if key not in self._tokens:
                self._tokens[key] = await self._owners(*key)
            return self._tokens[key]
        if group := assignment.group_id:
            if group not in self._groups:
                self._groups[group] = await self._owners_in(group)
            return self._groups[group]
        return None

    async def _owners(self, id_token: str, type_: str) -> frozenset[Party]:
        try:
            token = await self._citrine.tokens.GetToken(tokens_pb2.GetTokenRequest(id_token=id_token, type=type_))
        except grpc.aio.AioRpcError as error:
            if error.code() in _NO_TOKEN:
                return frozenset()
            raise
        return frozenset({Party(token.country_code, token.party_id)}.intersection(self._parties))

    async def _owners_in(self, group: str) -> frozenset[Party]:
        found = set()
        for party in self._parties:
            request = tokens_pb2.ListTokensRequest(
                page_size=1, group_id=group, country_code=party.country_code, party_id=party.party_id
            )
            if (await self._citrine.tokens.ListTokens(request)).tokens:
                found.add(party)
        return frozenset(found)


def _by_tariff(
    assignments: Iterable[tariffs_pb2.TariffAssignment],
) -> Mapping[str, Sequence[tariffs_pb2.TariffAssignment]]:
    grouped: dict[str, list[tariffs_pb2.TariffAssignment]] = {}
    for one in assignments:
        grouped.setdefault(one.tariff_id, []).append(one)
    return grouped
