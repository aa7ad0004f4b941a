"""Why a station was refused, and what to do about it."""

from collections.abc import Mapping

from citrine.api.v1.stations_pb2 import HandshakeRefusal
from citrine.events.v1.events_pb2 import Event, StationRefused
from citrine_words.admissions import refusal_words_of
from citrine_words.words import time_word

__all__ = ["event_of", "not_let_in_words", "refusal_hint"]

_HINTS: Mapping[int, str] = {
    HandshakeRefusal.REASON_UNKNOWN_STATION: "register it: citrine {tenant}station add {station}",
    HandshakeRefusal.REASON_WRONG_PASSWORD: (
        "set the right password in the station, or a new one here: citrine {tenant}station set-password {station}"
    ),
    HandshakeRefusal.REASON_NO_PASSWORD: "set user name {station} and its password in the station (security profile 1)",
    HandshakeRefusal.REASON_OTHER_USER_NAME: "the user name must be {station}, as at the end of the URL",
    HandshakeRefusal.REASON_DISABLED: "let it connect again: citrine {tenant}station update {station} --enable",
    HandshakeRefusal.REASON_MALFORMED_CREDENTIALS: (
        "its Authorization header must be Basic authentication of {station} and its password"
    ),
    HandshakeRefusal.REASON_NO_COMMON_VERSION: (
        "let it offer a subprotocol that is spoken here, as ocpp2.1, ocpp2.0.1 or ocpp1.6"
    ),
    HandshakeRefusal.REASON_UNKNOWN_TENANT: "the URL must end in TENANT/{station}; see citrine tenant list",
    HandshakeRefusal.REASON_CERTIFICATE_NAME: (
        "its certificate must name {station}; or register what it names: "
        "citrine {tenant}station certificate {station} --name NAME"
    ),
    HandshakeRefusal.REASON_CERTIFICATE_OWNER: (
        "organizationName in its certificate must be one of CITRINE_CERTIFICATE_OWNERS of the core"
    ),
    HandshakeRefusal.REASON_CERTIFICATE_EXPIRED: (
        "give the station a certificate that is valid now; or let it order one, where the edge lets it through: "
        "citrine {tenant}station certificate {station} --accept-expired"
    ),
    HandshakeRefusal.REASON_CERTIFICATE_REVOKED: "give the station another certificate",
    HandshakeRefusal.REASON_CERTIFICATE_OF_OTHER_STATION: (
        "give the station a certificate of its own; another one connected with this one before"
    ),
    HandshakeRefusal.REASON_CERTIFICATE_MALFORMED: "give the station a certificate as X.509 has it",
    HandshakeRefusal.REASON_LOWER_SECURITY_PROFILE: (
        "let it use the security profile that it had, or allow a lower one: "
        "citrine {tenant}station lower-profile {station} N"
    ),
    HandshakeRefusal.REASON_VERSION_NOT_ALLOWED: (
        "let it offer a version that it may use, or allow this one: "
        "citrine {tenant}station update {station} --allow-version VERSION"
    ),
    HandshakeRefusal.REASON_TLS: "let the station speak TLS 1.2 or 1.3 with a cipher suite of part 2 (A00.FR.318)",
    HandshakeRefusal.REASON_NO_CERTIFICATE: (
        "give the station a certificate, or let it use security profile 2: a URL of another port"
    ),
    HandshakeRefusal.REASON_CERTIFICATE_UNTRUSTED: (
        "its certificate must be issued by an authority in CITRINE_OCPPS_CLIENT_CA_FILE of the edge"
    ),
    HandshakeRefusal.REASON_CERTIFICATE_STATUS_UNKNOWN: (
        "its certificate must name an OCSP responder that the core reaches, and its issuer must be in the store: "
        "citrine {tenant}certificate add FILE --use station-ca"
    ),
    HandshakeRefusal.REASON_QUOTA: "as many stations are connected as the tenant may have; the operator can raise that",
    HandshakeRefusal.REASON_TOO_MANY: (
        "it comes back by itself; where the edge is full, raise CITRINE_OCPP_MAX_SOCKETS or add an edge"
    ),
}


def event_of(refusal: HandshakeRefusal, tenant_id: str) -> Event:
    """Return the event for a stored handshake refusal, with the time of the last attempt."""
    body = StationRefused(
        reason=refusal.reason,
        remote_address=refusal.remote_address,
        attempts=refusal.attempts,
        offered=refusal.offered,
        unknown_tenant_id=refusal.unknown_tenant_id,
    )
    return Event(tenant_id=tenant_id, station_id=refusal.station_id, time=refusal.last_time, station_refused=body)


def not_let_in_words(refusal: HandshakeRefusal, tenant_id: str) -> str:
    """Return why and when a station was last refused, and what to do about it."""
    event = event_of(refusal, tenant_id)
    said = refusal_words_of(event.station_refused).removeprefix("refused: ")
    hint = refusal_hint(event, tenant_id)
    return f"{said}, last {time_word(refusal, 'last_time')}{f'; {hint}' if hint else ''}"


def refusal_hint(event: Event, tenant: str) -> str:
    """Return what to do about a refused station. Empty if unknown.

    Args:
        event: An event of kind station_refused.
        tenant: The tenant to which the station should belong. Empty: that of the event.
    """
    if tenant and event.tenant_id != tenant and not event.station_refused.unknown_tenant_id:
        return f"it uses the URL of tenant {event.tenant_id}, and is watched in tenant {tenant}: correct its URL"
    hint = _HINTS.get(event.station_refused.reason, "")
    # Also for the default tenant, because commands require --tenant if there are several.
    option = f"--tenant {event.tenant_id} " if event.tenant_id else ""
    return hint.format(station=event.station_id, tenant=option)
