"""What is asked of a partner before anything else: which versions it speaks, and which endpoints it has."""

from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from pydantic import ValidationError

from citrine_ocpi.models import v2_2_1
from citrine_ocpi.partner import Partner, PartnerEndpoint
from citrine_ocpi.transport.client import PartnerClient, PartnerFailed, PartnerRefused
from citrine_ocpi.transport.errors import NoMatchingEndpoints, UnsupportedVersion, UnusableApi
from citrine_ocpi.transport.status import InterfaceRole, Version

__all__ = ["Introduction", "introduce"]

CREDENTIALS_MODULE = "credentials"

LONGEST_MODULE = 64


@dataclass(frozen=True)
class Introduction:
    """What a partner says of itself."""

    version: Version
    endpoints: tuple[PartnerEndpoint, ...]

    @property
    def credentials_url(self) -> str:
        """Its endpoint of the credentials module, whose role means nothing."""
        return next(one.url for one in self.endpoints if one.module == CREDENTIALS_MODULE)


async def introduce(client: PartnerClient, partner: Partner, version: Version | None = None) -> Introduction:
    """Return what a partner says of itself at its versions URL, by the token that it is called with.

    Args:
        client: Calls it.
        partner: Whom.
        version: The version that is wanted. None: the newest that both sides speak.

    Raises:
        UnusableApi: When it can't be asked, or what it answers is wrong.
        UnsupportedVersion: When it does not speak the version, or none that we do.
        NoMatchingEndpoints: When it lacks an endpoint of the credentials module.
    """
    found = await _versions(client, partner)
    if version is None:
        version = Version.newest_of({str(one.version) for one in found})
    url = next((one.url for one in found if str(one.version) == version), None)
    if version is None or url is None:
        spoken = ", ".join(str(one.version) for one in found)
        raise UnsupportedVersion(f"the partner speaks {spoken}, and not {version or ' or '.join(Version)}")
    # What it says at its versions URL are hosts of its own.
    known = replace(partner, endpoints=(*partner.endpoints, PartnerEndpoint("versions", InterfaceRole.SENDER, url)))
    details = await _details(client, known, url)
    endpoints = tuple(
        PartnerEndpoint(str(one.identifier), InterfaceRole(str(one.role)), one.url)
        for one in details.endpoints
        # Of a role that nobody knows nothing could be asked, nor of a module with a name as long as none has.
        if str(one.role) in set(InterfaceRole)
        and len(str(one.identifier)) <= LONGEST_MODULE
        and urlsplit(one.url).hostname
    )
    if not any(one.module == CREDENTIALS_MODULE for one in endpoints):
        raise NoMatchingEndpoints("the partner has no endpoint of the credentials module")
    return Introduction(version, endpoints)


async def _versions(client: PartnerClient, partner: Partner) -> list[v2_2_1.Version]:
    data = await _get(client, partner, partner.versions_url)
    try:
        if isinstance(data, list):
            return [v2_2_1.Version.model_validate(one) for one in data]
    except ValidationError:
        pass
    raise UnusableApi("what the versions endpoint answers is no list of versions")


async def _details(client: PartnerClient, partner: Partner, url: str) -> v2_2_1.VersionDetails:
    try:
        return v2_2_1.VersionDetails.model_validate(await _get(client, partner, url))
    except ValidationError:
        raise UnusableApi("what the endpoint of the version answers is no list of endpoints") from None


async def _get(client: PartnerClient, partner: Partner, url: str) -> object:
    try:
        return (await client.send(partner, "GET", url, module="versions")).data
    except (PartnerFailed, PartnerRefused) as error:
        raise UnusableApi(f"{url}: {error}") from error
